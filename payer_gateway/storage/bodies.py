"""Exact bytes, stored once per tenant and hash. What tells of a person is here, and only here."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from payer_gateway.domain.errors import NotFound
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import body


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
    data = work.conn.execute(
        select(body.c.bytes).where(body.c.tenant_id == tenant_id, body.c.id == body_id)
    ).scalar_one_or_none()
    if data is None:
        raise NotFound("these bytes are no longer kept")
    return bytes(data)
