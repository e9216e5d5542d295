"""Tenants and their API clients. A key is shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import bindparam, select

from payer_gateway.domain.errors import Conflict
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.storage.prepared import Prepared
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import client, tenant

_BLIND_KEY = Prepared(
    lambda _: select(tenant.c.blind_key).where(tenant.c.id == bindparam("tenant"))
)


def ensure(work: Work, tenant_id: str) -> None:
    insert_if_absent(
        work,
        tenant,
        {"id": tenant_id, "blind_key": secrets.token_bytes(32), "created_at": work.now},
    )


def blind_key(work: Work, tenant_id: str) -> bytes:
    """The secret under which members and conditions are counted without being readable."""
    ((key,),) = _BLIND_KEY.rows(work, tenant=tenant_id)
    return bytes(key)


def add_client(
    work: Work, tenant_id: str, name: str, role: Role, by: str, insurer_id: str | None = None
) -> str:
    """A new API client; the key is returned this once. 256 random bits need no slow hash."""
    key = "pgw_" + secrets.token_urlsafe(32)
    added = insert_if_absent(
        work,
        client,
        {
            "tenant_id": tenant_id,
            "id": new_id(work.now),
            "name": name,
            "role": role.value,
            "key_sha256": _hash(key),
            "created_at": work.now,
            "created_by": by,
            "insurer_id": insurer_id,
        },
    )
    if not added:
        raise Conflict(f"tenant {tenant_id} has a client {name!r} already; choose another name")
    return key


def principal_of_key(work: Work, key: str) -> Principal | None:
    """Who holds this key; None for an unknown or revoked one. Subject: the client's id."""
    row = work.conn.execute(
        select(client.c.tenant_id, client.c.role, client.c.id, client.c.insurer_id).where(
            client.c.key_sha256 == _hash(key), client.c.revoked_at.is_(None)
        )
    ).one_or_none()
    return Principal(row.tenant_id, Role(row.role), row.id, row.insurer_id) if row else None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
