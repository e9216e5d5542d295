"""Idempotency of what comes in: one stored answer per client and Idempotency-Key, for a day.

Source: IETF draft-ietf-httpapi-idempotency-key-header-07 (409 in progress, 422 reused).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select, update

from payer_gateway.domain.principal import Principal
from payer_gateway.storage import bodies
from payer_gateway.storage.database import Work
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import inbound_key

KEPT = timedelta(hours=24)
# A request that died holding its key frees it after this.
RUNS_AT_MOST = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a key: ``status`` None means that the first request still runs."""

    same_request: bool
    status: int | None
    answer: bytes | None


def begin(work: Work, principal: Principal, key: str, fingerprint: str) -> Stored | None:
    """Take the key for this request (None: go on), or say what is stored under it."""
    work.conn.execute(delete(inbound_key).where(inbound_key.c.expires_at < work.now))
    taken = insert_if_absent(
        work,
        inbound_key,
        {
            "tenant_id": principal.tenant_id,
            "client_id": principal.subject,
            "key": key,
            "fingerprint": fingerprint,
            "locked_until": work.now + RUNS_AT_MOST,
            "expires_at": work.now + KEPT,
        },
    )
    if taken:
        return None
    row = work.conn.execute(
        select(inbound_key).where(*_mine(principal, key)).with_for_update()
    ).one_or_none()
    if row is None:  # released between our insert and our look: as if it still ran
        return Stored(True, None, None)
    same = row.fingerprint == fingerprint
    if same and row.status is None and row.locked_until < work.now:
        work.conn.execute(
            update(inbound_key)
            .where(*_mine(principal, key))
            .values(locked_until=work.now + RUNS_AT_MOST)
        )
        return None
    answer = bodies.get(work, principal.tenant_id, row.answer_body_id) if row.status else None
    return Stored(same, row.status, answer)


def finish(work: Work, principal: Principal, key: str, status: int, answer: bytes) -> None:
    body_id = bodies.put(work, principal.tenant_id, answer, "application/json")
    work.conn.execute(
        update(inbound_key)
        .where(*_mine(principal, key))
        .values(status=status, answer_body_id=body_id)
    )


def release(work: Work, principal: Principal, key: str) -> None:
    """The request failed on our side: the key is free for the client's next try."""
    work.conn.execute(
        delete(inbound_key).where(*_mine(principal, key), inbound_key.c.status.is_(None))
    )


def _mine(principal: Principal, key: str) -> tuple[ColumnElement[bool], ...]:
    c = inbound_key.c
    return c.tenant_id == principal.tenant_id, c.client_id == principal.subject, c.key == key
