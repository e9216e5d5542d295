"""Accepted submissions whose adjudication has not come, for those who wait for it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, and_, select, update

from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import insurer, submission, tenant

_ITS_INSURER = and_(
    insurer.c.tenant_id == submission.c.tenant_id, insurer.c.id == submission.c.insurer_id
)


def any_due_now(work: Work, insurers: Sequence[str]) -> bool:
    """Whether an adjudication is due and neither fetched nor held by a pause."""
    found = work.conn.execute(
        _unanswered(insurers).where(submission.c.adjudication_due <= work.now).limit(1)
    )
    return found.first() is not None


def all_of(work: Work, insurers: Sequence[str]) -> list[str]:
    """Accepted submissions whose adjudication has not come."""
    return [str(row.id) for row in work.conn.execute(_unanswered(insurers))]


def ask_now(work: Work, submission_ids: Sequence[str]) -> None:
    """Make these adjudications due now instead of when the profile would poll for them."""
    work.conn.execute(
        update(submission)
        .where(submission.c.id.in_(submission_ids), submission.c.adjudication_due > work.now)
        .values(adjudication_due=work.now)
    )


def _unanswered(insurers: Sequence[str]) -> Select[tuple[str]]:
    return (
        select(submission.c.id)
        .join(insurer, _ITS_INSURER)
        .join(tenant, tenant.c.id == submission.c.tenant_id)
        .where(
            submission.c.state == State.ACCEPTED.value,
            submission.c.adjudication_due.is_not(None),
            submission.c.insurer_id.in_(insurers),
            insurer.c.mode != "paused",
            insurer.c.breaker != Breaker.OPEN.value,
            tenant.c.stopped_at.is_(None),
        )
    )
