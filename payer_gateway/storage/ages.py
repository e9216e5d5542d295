"""How long things have been waiting, by insurer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select

from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import notification, submission


def waiting(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    """(insurer_id, oldest_ready, oldest_doubt) of what is ready or in doubt, None where nothing
    is: since when the oldest could have been sent, and since when the oldest is in doubt."""
    is_ready, is_doubt = State.READY.value, State.IN_DOUBT.value
    s = submission.c
    columns: list[ColumnElement[Any]] = [
        s.insurer_id,
        func.min(case((s.state == is_ready, s.next_at))).label("oldest_ready"),
        func.min(case((s.state == is_doubt, s.settle_from))).label("oldest_doubt"),
    ]
    return work.conn.execute(
        select(*columns)
        .where(
            s.tenant_id == tenant_id,
            s.state.in_([is_ready, State.RETRY_WAIT.value, is_doubt]),
        )
        .group_by(s.insurer_id)
    ).all()


def unanswered(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    """(insurer_id, n, oldest): accepted and not decided, since when the oldest."""
    s = submission.c
    return work.conn.execute(
        select(s.insurer_id, func.count().label("n"), func.min(s.closed_at).label("oldest"))
        .where(
            s.tenant_id == tenant_id,
            s.state == State.ACCEPTED.value,
            s.adjudication_due.is_not(None),
        )
        .group_by(s.insurer_id)
    ).all()


def unmatched(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    """(insurer_id, n): answers that insurers brought about no claim of ours."""
    n = notification.c
    return work.conn.execute(
        select(n.insurer_id, func.count().label("n"))
        .where(n.tenant_id == tenant_id, n.submission_id.is_(None))
        .group_by(n.insurer_id)
    ).all()
