"""Picking: which submission may be worked on now, leased to one worker in one transaction.

PostgreSQL: FOR UPDATE SKIP LOCKED. SQLite: the writer's lock of the whole database does the same.
"Held" (paused, breaker open, no address, older claim of the lane still open) is computed here and
stored nowhere, so that lifting it costs nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, update

from payer_gateway.domain.submission import LEASED, OPEN_IN_LANE, State
from payer_gateway.storage import outbox
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import insurer, submission


@dataclass(frozen=True, slots=True)
class Leased:
    """A submission in our hands: its row as it stands now (state, token), and the attempt."""

    row: Row[Any]
    attempt_n: int
    worker: str


_other = submission.alias("other")
_ITS_INSURER = and_(
    insurer.c.tenant_id == submission.c.tenant_id, insurer.c.id == submission.c.insurer_id
)


def _may_talk(now: Any) -> ColumnElement[bool]:
    """The insurer is on, its breaker is closed (or lets one probe through), a slot is free."""
    inflight = (
        select(func.count())
        .where(
            _other.c.tenant_id == insurer.c.tenant_id,
            _other.c.insurer_id == insurer.c.id,
            _other.c.state.in_([s.value for s in LEASED]),
        )
        .scalar_subquery()
    )
    return and_(
        insurer.c.mode != "paused",
        or_(
            and_(insurer.c.breaker_failures == 0, inflight < insurer.c.max_inflight),
            and_(insurer.c.breaker_failures > 0, insurer.c.breaker_until <= now, inflight == 0),
        ),
    )


def _lane_is_free() -> ColumnElement[bool]:
    """No older submission of the chain can still move by itself (rule: lanes in order)."""
    older = (
        select(_other.c.id)
        .where(
            _other.c.tenant_id == submission.c.tenant_id,
            _other.c.insurer_id == submission.c.insurer_id,
            _other.c.lane_key == submission.c.lane_key,
            _other.c.id < submission.c.id,
            _other.c.state.in_([s.value for s in OPEN_IN_LANE]),
        )
        .exists()
    )
    followed = (
        select(_other.c.id)
        .where(
            _other.c.tenant_id == submission.c.tenant_id,
            _other.c.id == submission.c.follows_id,
            _other.c.state.in_([State.REJECTED.value, State.NEEDS_HUMAN.value]),
        )
        .exists()
    )
    return and_(~older, ~followed)


def _candidates(work: Work, source: State, insurers: Sequence[str]) -> Select[Any]:
    """The oldest submission in ``source`` that is due and held by nothing."""
    due = submission.c.adjudication_due if source is State.ACCEPTED else submission.c.next_at
    conditions: list[ColumnElement[bool]] = [
        submission.c.state == source.value,
        due <= work.now,
        submission.c.lease_token.is_(None),
        submission.c.insurer_id.in_(insurers),
    ]
    if source is State.READY:
        conditions += [_may_talk(work.now), _lane_is_free()]
    else:
        conditions += [
            insurer.c.mode != "paused",
            or_(insurer.c.breaker_failures == 0, insurer.c.breaker_until <= work.now),
        ]
    return (
        select(submission)
        .join(insurer, _ITS_INSURER)
        .where(*conditions)
        .order_by(due, submission.c.id)
        .limit(1)
    )


def is_there_work(work: Work, source: State, insurers: Sequence[str]) -> bool:
    """Whether ``pick`` would find something now. Locks nothing: an idle worker that only looks
    must not make the one writer of a SQLite database wait."""
    return work.conn.execute(_candidates(work, source, insurers)).first() is not None


def pick(
    work: Work,
    source: State,
    *,
    insurers: Sequence[str],
    worker: str,
    lease: timedelta,
) -> Leased | None:
    """Lease the oldest due submission in ``source``: ready ones to send, in-doubt ones to ask
    about, accepted ones whose adjudication is due to fetch it. None when there is nothing."""
    row = work.conn.execute(
        # Both rows: two workers must not both take an insurer's last slot or its one probe.
        _candidates(work, source, insurers).with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None or (source is State.READY and not _may_still_go(work, row)):
        return None
    return _lease(work, row, worker, lease)


def _may_still_go(work: Work, row: Row[Any]) -> bool:
    """Asked again once both rows are ours. PostgreSQL counted what is under way as it was when the
    statement began, so a worker that picked and committed since is only seen now."""
    if not work.is_postgresql:
        return True
    found = work.conn.execute(
        select(submission.c.id)
        .join(insurer, _ITS_INSURER)
        .where(
            submission.c.tenant_id == row.tenant_id,
            submission.c.insurer_id == row.insurer_id,
            submission.c.id == row.id,
            _may_talk(work.now),
            _lane_is_free(),
        )
    )
    return found.first() is not None


def _lease(work: Work, row: Row[Any], worker: str, lease: timedelta) -> Leased:
    token, until = str(uuid.uuid4()), work.now + lease
    sends = row.state == State.READY.value
    number = outbox.open_attempt(
        work,
        row,
        kind="send" if sends else "inquire",
        worker=worker,
        lease_token=token,
        request_body_id=row.body_id if sends else None,
    )
    held: dict[str, Any] = {"lease_token": token, "lease_until": until, "exchanges": number}
    if sends:
        held |= {"attempts": row.attempts + 1, "trigger": "auto"}
        outbox.move(work, row, State.SENDING, "picked", worker, attempt_n=number, **held)
    elif row.state == State.IN_DOUBT.value:
        outbox.move(work, row, State.INQUIRING, "asking", worker, attempt_n=number, **held)
    else:
        outbox.change(work, row, **held)
    return Leased(outbox.get(work, row.tenant_id, row.id), number, worker)


def expired_leases(work: Work, limit: int = 100) -> Sequence[Row[Any]]:
    """Held by a worker that is gone, frozen or too slow."""
    return work.conn.execute(
        select(submission)
        .where(submission.c.lease_until < work.now)
        .order_by(submission.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def due_in(work: Work, states: Sequence[State], limit: int = 200) -> Sequence[Row[Any]]:
    """Rows in these states whose time has come."""
    return work.conn.execute(
        select(submission)
        .where(submission.c.state.in_([s.value for s in states]), submission.c.next_at <= work.now)
        .order_by(submission.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def out_of_budget(work: Work, states: Sequence[State], today: Any) -> Sequence[Row[Any]]:
    """Rows whose retry budget or filing deadline (business day) is spent."""
    return work.conn.execute(
        select(submission)
        .join(
            insurer,
            and_(
                insurer.c.tenant_id == submission.c.tenant_id,
                insurer.c.id == submission.c.insurer_id,
            ),
        )
        .where(
            submission.c.state.in_([s.value for s in states]),
            or_(
                submission.c.filing_due < today,
                and_(
                    submission.c.budget_until < work.now,
                    # What was never tried, or is held by a pause, has spent nothing.
                    insurer.c.mode != "paused",
                    or_(submission.c.retries > 0, submission.c.state == State.IN_DOUBT.value),
                ),
            ),
        )
        .limit(200)
        .with_for_update(skip_locked=True, of=submission)
    ).all()


def free_lease(work: Work, row: Row[Any], **values: Any) -> None:
    """An accepted submission whose answer was asked for is free again."""
    outbox.change(work, row, lease_token=None, lease_until=None, **values)


def answers_due_now(work: Work, insurers: Sequence[str]) -> bool:
    """Whether an adjudication is due and neither fetched nor held by a pause."""
    found = work.conn.execute(
        _unanswered(insurers).where(submission.c.adjudication_due <= work.now).limit(1)
    )
    return found.first() is not None


def unanswered(work: Work, insurers: Sequence[str]) -> list[str]:
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
        .where(
            submission.c.state == State.ACCEPTED.value,
            submission.c.adjudication_due.is_not(None),
            submission.c.insurer_id.in_(insurers),
            insurer.c.mode != "paused",
        )
    )
