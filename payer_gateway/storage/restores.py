"""Restores of the database: until when a new claim may be one that was sent before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.storage.tables import notification, restore


def add(work: Work, by: str, ask_first_until: datetime, doubted: int) -> None:
    work.conn.execute(
        restore.insert().values(
            id=new_id(work.now),
            at=work.now,
            by=by,
            ask_first_until=ask_first_until,
            doubted=doubted,
        )
    )


def in_force(work: Work) -> Row[Any] | None:
    """The restore after which new claims are still asked about first; None when there is none."""
    return work.conn.execute(
        select(restore)
        .where(restore.c.ask_first_until > work.now)
        .order_by(restore.c.at.desc())
        .limit(1)
    ).one_or_none()


def lift(work: Work) -> int:
    """New claims are sent at once again; how many restores were in force."""
    changed = work.conn.execute(
        update(restore).where(restore.c.ask_first_until > work.now).values(ask_first_until=work.now)
    )
    return changed.rowcount


def was_spoken_of(work: Work, tenant_id: str, insurer_id: str, claim_identifier: str) -> bool:
    """Whether the insurer has answered a claim of this number that we did not know of then."""
    found = work.conn.execute(
        select(notification.c.id)
        .where(
            notification.c.tenant_id == tenant_id,
            notification.c.insurer_id == insurer_id,
            notification.c.claim_identifier == claim_identifier,
            notification.c.submission_id.is_(None),
        )
        .limit(1)
    )
    return found.first() is not None
