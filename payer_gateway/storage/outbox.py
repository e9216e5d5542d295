"""The outbox: a submission's row *is* the message. Put, move, and read it.

Every move is one UPDATE that names the state (and the lease) it starts from, with its row in
``transition``, in one transaction; a move that finds something else changes nothing and raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select, update

from payer_gateway.domain.errors import LeaseLost, NotFound
from payer_gateway.domain.submission import (
    CLOSED_FOR_LANE,
    LEASED,
    WAITS_FOR_PERSON,
    OutcomeClass,
    State,
    check_move,
)
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import known_id
from payer_gateway.storage.statements import open_in_lane
from payer_gateway.storage.tables import attempt, submission, transition

# What the reaper writes on an attempt whose worker is gone.
LEASE_EXPIRED = "lease expired"


def put(work: Work, values: dict[str, Any], *, by: str, event: str, reason: str | None) -> None:
    """A new submission, ready at once. In the same transaction as its claim (rule L1)."""
    row = {
        "idempotency_key": values["id"],
        **values,
        "state": State.READY.value,
        "next_at": work.now,
        "created_at": work.now,
    }
    work.conn.execute(submission.insert().values(**row))
    work.conn.execute(
        transition.insert().values(
            tenant_id=values["tenant_id"],
            insurer_id=values["insurer_id"],
            submission_id=values["id"],
            at=work.now,
            target=State.READY.value,
            event=event,
            by=by,
            reason=reason,
        )
    )


def get(work: Work, tenant_id: str, submission_id: str, *, lock: bool = False) -> Row[Any]:
    """Raises NotFound; another tenant's submission is not found either."""
    wanted = known_id(submission_id, "submission")
    query = select(submission).where(submission.c.tenant_id == tenant_id, submission.c.id == wanted)
    row = work.conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no submission {wanted}")
    return row


def of_consultation(work: Work, tenant_id: str, consultation_id: str) -> Sequence[Row[Any]]:
    return work.conn.execute(
        select(submission)
        .where(submission.c.tenant_id == tenant_id, submission.c.consultation_id == consultation_id)
        .order_by(submission.c.id)
    ).all()


def is_on_its_way(work: Work, tenant_id: str, consultation_id: str) -> bool:
    """Whether anything of the consultation was sent or will be. What was cancelled was never booked
    and never will be: it holds nobody to anything."""
    return any(
        row.state != State.CANCELLED.value
        for row in of_consultation(work, tenant_id, consultation_id)
    )


def move(
    work: Work,
    row: Row[Any],
    target: State,
    event: str,
    by: str,
    *,
    attempt_n: int | None = None,
    reason: str | None = None,
    **values: Any,
) -> None:
    """Move ``row`` (as it was read) to ``target``.

    Raises IllegalTransition for a move that the table does not hold, LeaseLost when the row is no
    longer in that state under that lease. A row that leaves a leased state gives its lease back.
    """
    source = State(row.state)
    check_move(source, target)
    if source in LEASED:
        values |= {"lease_token": None, "lease_until": None}
    if target in CLOSED_FOR_LANE:
        values["closed_at"] = work.now
    elif source in CLOSED_FOR_LANE:
        values["closed_at"] = None
    changed = work.conn.execute(
        update(submission)
        .where(
            submission.c.tenant_id == row.tenant_id,
            submission.c.insurer_id == row.insurer_id,
            submission.c.id == row.id,
            submission.c.state == source.value,
            submission.c.lease_token.is_not_distinct_from(row.lease_token),
        )
        .values(state=target.value, **values)
    )
    if changed.rowcount != 1:
        raise LeaseLost(f"submission {row.id} is no longer {source} under this lease")
    work.conn.execute(
        transition.insert().values(
            tenant_id=row.tenant_id,
            insurer_id=row.insurer_id,
            submission_id=row.id,
            at=work.now,
            source=source.value,
            target=target.value,
            event=event,
            by=by,
            attempt_n=attempt_n,
            reason=reason,
        )
    )


def change(work: Work, row: Row[Any], **values: Any) -> None:
    """Change facts that are no move (adjudication due, control number, a poll's lease)."""
    changed = work.conn.execute(
        update(submission)
        .where(
            submission.c.tenant_id == row.tenant_id,
            submission.c.insurer_id == row.insurer_id,
            submission.c.id == row.id,
            submission.c.state == row.state,
            submission.c.lease_token.is_not_distinct_from(row.lease_token),
        )
        .values(**values)
    )
    if changed.rowcount != 1:
        raise LeaseLost(f"submission {row.id} was changed by somebody else")


def close_attempt(
    work: Work,
    row: Row[Any],
    outcome: OutcomeClass,
    *,
    lease_token: str | None,
    **facts: Any,
) -> bool:
    """Close the open attempt once and for good; False if there is none under this lease."""
    conditions = [
        attempt.c.tenant_id == row.tenant_id,
        attempt.c.insurer_id == row.insurer_id,
        attempt.c.submission_id == row.id,
        attempt.c.ended_at.is_(None),
    ]
    if lease_token is not None:
        conditions.append(attempt.c.lease_token == lease_token)
    changed = work.conn.execute(
        update(attempt)
        .where(*conditions)
        .values({"ended_at": work.now, "class": outcome.value, **facts})
    )
    return changed.rowcount == 1


def inquiries_cut_off(work: Work, row: Row[Any]) -> int:
    """How many inquiries about it ended with their worker."""
    return work.conn.execute(
        select(func.count()).where(
            attempt.c.tenant_id == row.tenant_id,
            attempt.c.submission_id == row.id,
            attempt.c.kind == "inquire",
            attempt.c.error == LEASE_EXPIRED,
        )
    ).scalar_one()


def attempts(work: Work, tenant_id: str, submission_id: str) -> Sequence[Row[Any]]:
    return work.conn.execute(
        select(attempt)
        .where(attempt.c.tenant_id == tenant_id, attempt.c.submission_id == submission_id)
        .order_by(attempt.c.n)
    ).all()


def transitions(work: Work, tenant_id: str, submission_id: str) -> Sequence[Row[Any]]:
    return work.conn.execute(
        select(transition)
        .where(transition.c.tenant_id == tenant_id, transition.c.submission_id == submission_id)
        .order_by(transition.c.seq)
    ).all()


def older_open_in_lane(work: Work, row: Row[Any]) -> Row[Any] | None:
    """The submission that this one has to wait for, if any."""
    return work.conn.execute(
        select(submission)
        .where(
            submission.c.tenant_id == row.tenant_id,
            submission.c.insurer_id == row.insurer_id,
            submission.c.lane_key == row.lane_key,
            submission.c.id < row.id,
            open_in_lane(submission.c.state),
        )
        .limit(1)
    ).one_or_none()


def stuck_before(work: Work, row: Row[Any]) -> Row[Any] | None:
    """The submission that this one follows from, while that one waits for a person."""
    if row.follows_id is None:
        return None
    return work.conn.execute(
        select(submission).where(
            submission.c.tenant_id == row.tenant_id,
            submission.c.id == row.follows_id,
            submission.c.state.in_([s.value for s in WAITS_FOR_PERSON]),
        )
    ).one_or_none()


def followers(work: Work, row: Row[Any]) -> Sequence[Row[Any]]:
    """Later submissions that follow from this one: its corrections, or the claim made on it."""
    return work.conn.execute(
        select(submission).where(
            submission.c.tenant_id == row.tenant_id, submission.c.follows_id == row.id
        )
    ).all()


def renew_budgets(work: Work, tenant_id: str, insurer_id: str, budget: timedelta) -> None:
    """An insurer flows again: the time it was held is not counted against its submissions."""
    work.conn.execute(
        update(submission)
        .where(
            submission.c.tenant_id == tenant_id,
            submission.c.insurer_id == insurer_id,
            open_in_lane(submission.c.state),
            # What was never tried has no budget to lose; there may be a million of those.
            or_(submission.c.retries > 0, submission.c.state == State.IN_DOUBT.value),
            submission.c.budget_until < work.now + budget,
        )
        .values(budget_until=work.now + budget)
    )
