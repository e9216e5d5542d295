"""Exact bytes, stored once per tenant and hash. What tells of a person is here, and only here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from payer_gateway.domain.errors import NotFound
from payer_gateway.storage.database import Work
from payer_gateway.storage.driver import look_up
from payer_gateway.storage.ids import new_id, new_ids
from payer_gateway.storage.prepared import Prepared, among
from payer_gateway.storage.statements import insert_all_if_absent, insert_if_absent, insert_many
from payer_gateway.storage.tables import body

_BYTES = Prepared(
    lambda is_postgresql: select(body.c.tenant_id, body.c.id, body.c.bytes).where(
        among(body.c.tenant_id, "tenants", is_postgresql=is_postgresql),
        among(body.c.id, "ids", is_postgresql=is_postgresql),
    )
)
# What is new comes back from the INSERT, what was there from the table as it was before it.
_PUT_POSTGRESQL = """
WITH given AS (
    SELECT * FROM json_to_recordset(%(rows)s::json)
    AS given (tenant_id text, id uuid, sha256 text, media_type text, bytes bytea)
), fresh AS (
    INSERT INTO body (tenant_id, id, sha256, media_type, bytes, created_at)
    SELECT tenant_id, id, sha256, media_type, bytes, %(at)s::timestamptz FROM given
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, sha256, id
)
SELECT tenant_id, sha256, id::text FROM fresh
UNION ALL
SELECT known.tenant_id, known.sha256, known.id::text
FROM given
CROSS JOIN LATERAL (
    SELECT * FROM body
    WHERE sha256 = given.sha256 AND tenant_id IS NOT DISTINCT FROM given.tenant_id OFFSET 0
) AS known
"""
_SAME = Prepared(
    lambda is_postgresql: select(body.c.tenant_id, body.c.sha256, body.c.id).where(
        among(body.c.tenant_id, "tenants", is_postgresql=is_postgresql),
        among(body.c.sha256, "digests", is_postgresql=is_postgresql),
    )
)


def put(work: Work, tenant_id: str, data: bytes, media_type: str) -> str:
    """Store the bytes unless the tenant has them already; the id either way."""
    digest = hashlib.sha256(data).hexdigest()
    insert_if_absent(
        work,
        body,
        {
            "tenant_id": tenant_id,
            "id": new_id(work.now),
            "sha256": digest,
            "media_type": media_type,
            "bytes": data,
            "created_at": work.now,
        },
    )
    return str(
        work.conn.execute(
            select(body.c.id).where(body.c.tenant_id == tenant_id, body.c.sha256 == digest)
        ).scalar_one()
    )


def get(work: Work, tenant_id: str, body_id: str) -> bytes:
    """The bytes as they were stored. Raises NotFound when retention has expunged them."""
    data = kept(work, tenant_id, body_id)
    if data is None:
        raise NotFound("these bytes are no longer kept")
    return data


def kept(work: Work, tenant_id: str, body_id: str) -> bytes | None:
    """The bytes as they were stored; None when retention has expunged them."""
    data = work.conn.execute(
        select(body.c.bytes).where(body.c.tenant_id == tenant_id, body.c.id == body_id)
    ).scalar_one_or_none()
    return None if data is None else bytes(data)


def add_many(work: Work, tenant_id: str, rows: Sequence[tuple[str, bytes]]) -> list[str]:
    """Store many (SHA-256, bytes) of JSON that the tenant does not have yet; their ids."""
    ids = new_ids(work.now, len(rows))
    insert_many(
        work,
        body,
        ("tenant_id", "id", "sha256", "media_type", "bytes", "created_at"),
        [
            (tenant_id, body_id, digest, "application/json", data, work.now)
            for body_id, (digest, data) in zip(ids, rows, strict=True)
        ],
    )
    return ids


def replace_many(work: Work, tenant_id: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
    """Put other bytes, as (id, SHA-256, bytes), where those of a row that changes stood. For rows
    whose body is theirs alone: what is evidence of something is never replaced."""
    work.conn.execute(
        update(body).where(body.c.tenant_id == tenant_id, body.c.id == bindparam("of")),
        [{"of": body_id, "sha256": digest, "bytes": data} for body_id, digest, data in rows],
    )


def many(work: Work, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """The bytes of several (tenant, body); what retention has expunged is left out."""
    if not wanted:
        return {}
    tenants = list({tenant_id for tenant_id, _ in wanted})
    found = _BYTES.rows(work, tenants=tenants, ids=[body_id for _, body_id in wanted])
    known = {(row.tenant_id, row.id): bytes(row.bytes) for row in found}
    return {each: known[each] for each in wanted if each in known}


def put_all(work: Work, wanted: Sequence[tuple[str, bytes, str]]) -> list[str]:
    """``put`` for several (tenant, bytes, media type) at once; the ids, in their order."""
    keys = [(tenant_id, hashlib.sha256(data).hexdigest()) for tenant_id, data, _ in wanted]
    new: dict[tuple[str, str], dict[str, Any]] = {
        key: {
            "tenant_id": tenant_id,
            "id": new_id(work.now),
            "sha256": key[1],
            "media_type": media_type,
            "bytes": data,
            "created_at": work.now,
        }
        for key, (tenant_id, data, media_type) in zip(keys, wanted, strict=True)
    }
    # In one order everywhere, so that two groups with the same new bytes do not deadlock.
    rows = [new[key] for key in sorted(new)]
    if work.is_postgresql:
        given = _as_json(rows)
        put = look_up(work.conn, _PUT_POSTGRESQL, {"rows": given, "at": work.now})
        known = {(tenant_id, digest): body_id for tenant_id, digest, body_id in put}
    else:
        insert_all_if_absent(work, body, rows)
        known = {}
    if len(known) < len(rows):
        # There before; on PostgreSQL by somebody who committed while we waited for their row.
        found = _SAME.rows(
            work,
            tenants=list({tenant_id for tenant_id, _ in keys}),
            digests=list({digest for _, digest in keys}),
        )
        known |= {(row.tenant_id, row.sha256): str(row.id) for row in found}
    return [known[key] for key in keys]


def _as_json(rows: Sequence[dict[str, Any]]) -> str:
    written = [{**row, "bytes": f"\\x{row['bytes'].hex()}"} for row in rows]
    return msgspec.json.encode(written).decode()
