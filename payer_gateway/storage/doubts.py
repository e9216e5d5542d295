"""Everything open put in doubt at once, set by set: a restored database may hold a million rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, literal, select, update

from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import attempt, submission, transition, worker

_RESTORED = "restored from a backup"
_TO_DOUBT = (State.READY, State.RETRY_WAIT, State.SENDING, State.INQUIRING)


def profiles_in_use(work: Work) -> list[tuple[str, int]]:
    """Profile and version of every submission that a restore puts in doubt."""
    found = work.conn.execute(
        select(submission.c.profile, submission.c.profile_version)
        .where(submission.c.state.in_([*_values(_TO_DOUBT), State.IN_DOUBT.value]))
        .distinct()
    )
    return [(row.profile, row.profile_version) for row in found]


def close_open_attempts(work: Work) -> int:
    """Their workers are of the time before."""
    kinds = {"send": OutcomeClass.IN_DOUBT.value}
    outcome = case(kinds, value=attempt.c.kind, else_=OutcomeClass.NO_ANSWER.value)
    changed = work.conn.execute(
        update(attempt)
        .where(attempt.c.ended_at.is_(None))
        .values({"ended_at": work.now, "class": outcome, "error": _RESTORED})
    )
    work.conn.execute(delete(worker))
    return changed.rowcount


def doubt(
    work: Work, made_with: tuple[str, int], by: str, *, ask_from: datetime, budget_until: datetime
) -> int:
    """What was made with this profile version and may have been sent since the backup is in
    doubt from now on; how many. What is in doubt already starts to settle anew."""
    mine = _made_with(made_with)
    opened = and_(mine, submission.c.state.in_(_values(_TO_DOUBT)))
    _tell(work, opened, submission.c.state, State.IN_DOUBT, _RESTORED, by)
    # Both databases hold a restored submission to the table of moves, this statement too.
    work.conn.execute(
        update(submission)
        .where(mine, submission.c.state.in_([*_values(_TO_DOUBT), State.IN_DOUBT.value]))
        .values(
            state=State.IN_DOUBT.value,
            lease_token=None,
            lease_until=None,
            last_class=OutcomeClass.IN_DOUBT.value,
            settle_from=work.now,
            next_at=ask_from,
            not_found_count=0,
            budget_until=case(
                (submission.c.budget_until > budget_until, submission.c.budget_until),
                else_=literal(budget_until, submission.c.budget_until.type),
            ),
        )
    )
    return _count(work, and_(mine, submission.c.state == State.IN_DOUBT.value))


def give_to_person(work: Work, made_with: tuple[str, int], by: str, reason: str) -> int:
    """In doubt, and nobody can be asked: a person finds out; how many."""
    mine = and_(_made_with(made_with), submission.c.state == State.IN_DOUBT.value)
    event = "cannot be asked about"
    _tell(work, mine, literal(State.IN_DOUBT.value), State.NEEDS_HUMAN, event, by, reason)
    changed = work.conn.execute(
        update(submission).where(mine).values(state=State.NEEDS_HUMAN.value, closed_at=work.now)
    )
    return changed.rowcount


def forget_what_is_known(work: Work) -> int:
    """A person may have replayed, resolved or cancelled these since the backup: nobody knows
    whether they are booked until somebody asks. How many."""
    changed = work.conn.execute(
        update(submission)
        .where(submission.c.state.in_([State.REJECTED.value, State.NEEDS_HUMAN.value]))
        .values(last_class=OutcomeClass.IN_DOUBT.value)
    )
    return changed.rowcount


def free_polls(work: Work) -> int:
    """Accepted ones whose answer was being fetched are free again."""
    changed = work.conn.execute(
        update(submission)
        .where(submission.c.state == State.ACCEPTED.value, submission.c.lease_token.is_not(None))
        .values(lease_token=None, lease_until=None)
    )
    return changed.rowcount


def _made_with(profile: tuple[str, int]) -> ColumnElement[bool]:
    name, version = profile
    return and_(submission.c.profile == name, submission.c.profile_version == version)


def _tell(
    work: Work,
    which: ColumnElement[bool],
    source: ColumnElement[Any],
    target: State,
    event: str,
    by: str,
    reason: str | None = None,
) -> None:
    told = select(
        submission.c.tenant_id,
        submission.c.insurer_id,
        submission.c.id,
        literal(work.now, transition.c.at.type),
        source,
        literal(target.value),
        literal(event),
        literal(by),
        literal(reason, transition.c.reason.type),
    ).where(which)
    columns = "tenant_id insurer_id submission_id at source target event by reason".split()
    work.conn.execute(insert(transition).from_select(columns, told))


def _count(work: Work, which: ColumnElement[bool]) -> int:
    return work.conn.execute(select(func.count()).select_from(submission).where(which)).scalar_one()


def _values(states: Sequence[State]) -> list[str]:
    return [state.value for state in states]
