"""What we hold as booked, to be compared with what an insurer lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import submission

_BOOKED = (State.ACCEPTED.value, State.SUPERSEDED.value)
_AT_ONCE = 500


def booked(
    work: Work, tenant_id: str, insurer_id: str, since: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """Submissions made in that time that the insurer has, as far as we know. (A superseded one
    was booked too, or it was edited before: then a ledger fact is missing and it is left out.)"""
    s = submission.c
    return work.conn.execute(
        select(submission)
        .where(
            s.tenant_id == tenant_id,
            s.insurer_id == insurer_id,
            s.state.in_(_BOOKED),
            s.created_at >= since,
            s.created_at < until,
        )
        .order_by(s.id)
    ).all()


def known(work: Work, identifiers: Sequence[str]) -> dict[str, Row[Any]]:
    """Submissions of any tenant and insurer by their claim's identifier: an insurer may list
    what it has from all of them."""
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(identifiers), _AT_ONCE):
        some = identifiers[start : start + _AT_ONCE]
        rows = work.conn.execute(select(submission).where(submission.c.claim_identifier.in_(some)))
        found |= {row.claim_identifier: row for row in rows}
    return found
