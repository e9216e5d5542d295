"""Overdue: leases that ran out, retries whose time has come, deadlines and budgets that are over.
What the sweeping looks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BindParameter,
    Row,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
)

from payer_gateway.domain.flow import Breaker
from payer_gateway.storage.database import Work
from payer_gateway.storage.statements import stands_in
from payer_gateway.storage.tables import insurer, submission, tenant
from payer_gateway.storage.types import Instant

_ITS_INSURER = and_(
    insurer.c.tenant_id == submission.c.tenant_id, insurer.c.id == submission.c.insurer_id
)


def expired_leases(work: Work, limit: int = 100) -> Sequence[Row[Any]]:
    """Held by a worker that is gone, frozen or too slow."""
    return work.conn.execute(
        select(submission)
        .where(submission.c.lease_until < work.now)
        .order_by(submission.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def due_to_wake(work: Work, limit: int = 200) -> Sequence[Row[Any]]:
    """Rows that wait for their next try, and whose time has come."""
    return work.conn.execute(
        select(submission)
        .where(
            submission.c.state == literal_column("'retry_wait'"), submission.c.next_at <= work.now
        )
        .order_by(submission.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


_NOW: BindParameter[Any] = bindparam("now", type_=Instant())
_TIME_HAS_WORK = select(
    or_(
        select(submission.c.id).where(submission.c.lease_until < _NOW).exists(),
        select(submission.c.id)
        .where(submission.c.state == literal_column("'retry_wait'"), submission.c.next_at <= _NOW)
        .exists(),
    )
)


def time_has_work(work: Work) -> bool:
    """Whether a lease ran out or a retry is due. Locks nothing."""
    return bool(work.conn.execute(_TIME_HAS_WORK, {"now": work.now}).scalar_one())


def past_filing(work: Work, latest: date, *, lock: bool) -> Sequence[Row[Any]]:
    """Open rows, in nobody's hands, whose filing deadline lies before that day."""
    late = (
        select(submission)
        .where(stands_in(submission.c.state), submission.c.filing_due < latest)
        .order_by(submission.c.filing_due)
        .limit(200)
    )
    return work.conn.execute(late.with_for_update(skip_locked=True) if lock else late).all()


def past_budget(work: Work, *, lock: bool) -> Sequence[Row[Any]]:
    """Rows whose retry budget is spent. What was never tried has spent nothing; what is held by a
    person or an open breaker spends nothing while it is."""
    late = (
        select(submission)
        .join(insurer, _ITS_INSURER)
        .join(tenant, tenant.c.id == submission.c.tenant_id)
        .where(
            stands_in(submission.c.state),
            or_(
                submission.c.retries > literal_column("0"),
                submission.c.state == literal_column("'in_doubt'"),
            ),
            submission.c.budget_until < work.now,
            insurer.c.mode == "on",
            insurer.c.breaker == Breaker.CLOSED.value,
            tenant.c.stopped_at.is_(None),
        )
        .order_by(submission.c.budget_until)
        .limit(200)
    )
    locked = late.with_for_update(skip_locked=True, of=submission)
    return work.conn.execute(locked if lock else late).all()
