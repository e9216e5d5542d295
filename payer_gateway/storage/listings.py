"""Listings of submissions, by keyset (never OFFSET), and the counts that ``deliver`` ends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.submission import LEASED, OPEN_IN_LANE, WAITS_FOR_PERSON, State
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import cause, insurer, planned_claim, submission, tenant


@dataclass(frozen=True, slots=True)
class Filters:
    """Any of them, together; ``after`` is the id of the last row seen."""

    state: str | None = None
    insurer: str | None = None
    consultation: str | None = None
    use: str | None = None
    unanswered_days: int | None = None  # accepted so long ago and not decided
    after: str | None = None
    limit: int = 50


def submissions(work: Work, tenant_id: str, filters: Filters) -> Sequence[Row[Any]]:
    """Oldest first, each with the label of its cause."""
    conditions = [submission.c.tenant_id == tenant_id]
    for column, value in (
        (submission.c.state, filters.state),
        (submission.c.insurer_id, filters.insurer),
        (submission.c.consultation_id, filters.consultation),
        (submission.c.use, filters.use),
    ):
        if value is not None:
            conditions.append(column == value)
    if filters.unanswered_days is not None:
        conditions += [
            submission.c.state == State.ACCEPTED.value,
            submission.c.adjudication_due.is_not(None),
            submission.c.closed_at <= work.now - timedelta(days=filters.unanswered_days),
        ]
    if filters.after is not None:
        conditions.append(submission.c.id > filters.after)
    return work.conn.execute(
        select(submission, cause.c.label.label("cause_label"))
        .select_from(
            submission.outerjoin(
                cause,
                and_(
                    cause.c.tenant_id == submission.c.tenant_id, cause.c.id == submission.c.cause_id
                ),
            )
        )
        .where(*conditions)
        .order_by(submission.c.id)
        .limit(filters.limit)
    ).all()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is still to do, by whom. ``moving`` may go on without a person."""

    moving: int
    refused: int  # of those moving: the breaker of their insurer is not closed
    paused: int  # by a person: insurer paused or draining, or everything stopped
    after_hours: int
    unaddressed: int
    for_person: int
    unanswered: int
    worst_probes: int  # probes that failed in a row, of the insurer worst off


def standing(work: Work, addressed: Sequence[str], open_now: Sequence[str]) -> Standing:
    """Counts over all tenants. ``open_now``: the insurers within their calling hours."""
    is_open = submission.c.state.in_([s.value for s in OPEN_IN_LANE])
    # What is on the wire comes to its end whatever holds the rest.
    is_under_way = submission.c.state.in_([s.value for s in LEASED])
    is_paused = and_(
        ~is_under_way,
        or_(
            insurer.c.mode == "paused",
            tenant.c.stopped_at.is_not(None),
            and_(insurer.c.mode == "draining", submission.c.state != State.IN_DOUBT.value),
        ),
    )
    is_addressed = submission.c.insurer_id.in_(addressed)
    is_closed = and_(~is_under_way, submission.c.insurer_id.not_in(open_now))
    moves = and_(is_open, ~is_paused, is_addressed, ~is_closed)

    def n(name: str, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(*conditions).label(name)

    row = work.conn.execute(
        select(
            n("moving", moves),
            n("refused", moves, insurer.c.breaker != Breaker.CLOSED.value),
            n("paused", is_open, is_paused),
            n("unaddressed", is_open, ~is_paused, ~is_addressed),
            n("after_hours", is_open, ~is_paused, is_addressed, is_closed),
            n(
                "for_person",
                or_(
                    submission.c.state.in_([s.value for s in WAITS_FOR_PERSON]),
                    # Accepted, and refused afterwards: see workflow/following.py.
                    and_(
                        submission.c.state == State.ACCEPTED.value,
                        submission.c.cause_id.is_not(None),
                    ),
                ),
            ),
            n(
                "unanswered",
                submission.c.state == State.ACCEPTED.value,
                submission.c.adjudication_due.is_not(None),
            ),
        )
        .select_from(
            submission.join(
                insurer,
                and_(
                    insurer.c.tenant_id == submission.c.tenant_id,
                    insurer.c.id == submission.c.insurer_id,
                ),
            ).join(tenant, tenant.c.id == submission.c.tenant_id)
        )
        .where(or_(submission.c.closed_at.is_(None), submission.c.state != "cancelled"))
    ).one()
    asks_person = work.conn.execute(
        select(func.count()).where(
            planned_claim.c.state == "open", planned_claim.c.waits_for == "person"
        )
    ).scalar_one()
    probes = work.conn.execute(select(func.max(insurer.c.breaker_failures))).scalar_one()
    return Standing(
        moving=row.moving,
        refused=row.refused,
        paused=row.paused,
        after_hours=row.after_hours,
        unaddressed=row.unaddressed,
        for_person=row.for_person + asks_person,
        unanswered=row.unanswered,
        worst_probes=probes or 0,
    )


def cause_label(work: Work, row: Row[Any]) -> str | None:
    """The readable fingerprint of what failed last."""
    if row.cause_id is None:
        return None
    return work.conn.execute(
        select(cause.c.label).where(cause.c.tenant_id == row.tenant_id, cause.c.id == row.cause_id)
    ).scalar_one_or_none()


def planned_days(work: Work) -> Sequence[Row[Any]]:
    """Open planned claims that wait for their service day: (zone, due_on, n). Whether the day has
    come is judged in each plan's own zone, by whoever knows the business day."""
    return work.conn.execute(
        select(planned_claim.c.zone, planned_claim.c.due_on, func.count().label("n"))
        .where(planned_claim.c.state == "open", planned_claim.c.waits_for == "service_day")
        .group_by(planned_claim.c.zone, planned_claim.c.due_on)
    ).all()
