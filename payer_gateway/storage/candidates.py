"""Candidates: what may begin now, in the databases' words.

The insurers that may be talked to come first, and only those that have something due. Then one
statement picks per insurer, oldest first, no more than its free slots: on PostgreSQL by LATERAL
with SKIP LOCKED, on SQLite insurer by insurer under the writer's lock. However long one insurer's
backlog is, the others' rows are found by one step in an index; and the indexes are found whether
or not the database has counted its rows lately, as an outbox's counts are wrong most of the time.

"Held" (paused, stopped, breaker open, older claim of the lane still open …) is computed here and
stored nowhere, so that lifting it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Row,
    Select,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.submission import PICKED_AS, State
from payer_gateway.storage.database import Work
from payer_gateway.storage.prepared import Prepared, among
from payer_gateway.storage.statements import by_itself, open_in_lane, stands_in
from payer_gateway.storage.tables import insurer, submission, tenant
from payer_gateway.storage.types import Instant

# Statements are put together once: SQLAlchemy takes longer over that than a database over a pick.
_NOW: BindParameter[Any] = bindparam("now", type_=Instant())
_other = submission.alias("other")


def _due(source: State) -> ColumnElement[Any]:
    return submission.c.adjudication_due if source is State.ACCEPTED else submission.c.next_at


def _may_begin(
    source: State, tenant_id: ColumnElement[Any], insurer_id: ColumnElement[Any]
) -> list[ColumnElement[bool]]:
    return [
        submission.c.tenant_id == tenant_id,
        submission.c.insurer_id == insurer_id,
        submission.c.state == literal_column(f"'{source.value}'"),
        _due(source) <= _NOW,
        submission.c.lease_token.is_(None),
    ]


@cache
def _talkable(source: State, *, lock: bool) -> Prepared:
    return Prepared(
        lambda is_postgresql: talkable_insurers(source, lock=lock, is_postgresql=is_postgresql)
    )


def talkable_insurers(source: State, *, lock: bool, is_postgresql: bool) -> Select[Any]:
    """Of ``insurers`` those that no person holds, whose breaker is not open, and that have
    something due ``now``."""
    # Draining: what is in doubt is cleared up and decisions are fetched, nothing new is sent.
    modes = (insurer.c.mode == "on", insurer.c.mode == "draining")
    something = select(submission.c.id).where(
        *_may_begin(source, insurer.c.tenant_id, insurer.c.id)
    )
    if is_postgresql:
        # Looked up for each insurer that is left, by the index that has them in this order. Joined,
        # or read as they lie, a paused one's backlog is gone through first: a million took seconds.
        something = by_itself(something.order_by(_due(source)))
    found = (
        select(insurer)
        .join(tenant, tenant.c.id == insurer.c.tenant_id)
        .where(
            among(insurer.c.id, "insurers", is_postgresql=is_postgresql),
            or_(*(modes[:1] if source is State.READY else modes)),
            tenant.c.stopped_at.is_(None),
            insurer.c.breaker != Breaker.OPEN.value,
            or_(insurer.c.not_before.is_(None), insurer.c.not_before <= _NOW),
            something.exists(),
        )
    )
    return found.with_for_update(skip_locked=True, of=insurer) if lock else found


def talkable(work: Work, source: State, insurers: Sequence[str], *, lock: bool) -> Sequence[Any]:
    """The rows of those insurers with whom such an exchange may begin; ``lock``: ours until the
    transaction ends, without those that another worker has."""
    return _talkable(source, lock=lock).rows(work, insurers=insurers, now=work.now)


def _lane_is_free(*, is_postgresql: bool) -> list[ColumnElement[bool]]:
    """No older submission of the chain can still move by itself (rule: lanes in order)."""
    older = select(_other.c.id).where(
        _other.c.lane_key == submission.c.lane_key,
        _other.c.id < submission.c.id,
        open_in_lane(_other.c.state),
        # Not "=": no planner shall go through an insurer's every row for the few of a lane.
        _other.c.tenant_id.is_not_distinct_from(submission.c.tenant_id),
        _other.c.insurer_id.is_not_distinct_from(submission.c.insurer_id),
    )
    followed = select(_other.c.id).where(
        _other.c.tenant_id == submission.c.tenant_id,
        _other.c.id == submission.c.follows_id,
        stands_in(_other.c.state, (State.REJECTED, State.NEEDS_HUMAN)),
    )
    if is_postgresql:
        older, followed = by_itself(older), by_itself(followed)
    # Most follow from nothing.
    return [~older.exists(), or_(submission.c.follows_id.is_(None), ~followed.exists())]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many of one insurer's submissions may begin: ``n`` by its flow and this batch's share,
    within its ``slots``, of which this kind of exchange may hold ``most``. What is under way is
    subtracted by the statement that picks."""

    tenant_id: str
    insurer_id: str
    n: int
    slots: int
    most: int


def candidates(
    work: Work, source: State, wanted: Sequence[Wanted], limit: int
) -> Sequence[Row[Any]]:
    """(tenant_id, insurer_id, id) of what may begin: of each insurer the oldest due first, held by
    nothing, locked. The insurers' rows are ours already, so this statement's count of what is under
    way is the truth.

    Where there are more insurers than ``limit``, no more are looked at than it takes to find so
    many: most often one thread has become free. (Each may begin one then.) Else the caller chooses.
    """
    if work.is_postgresql:
        return _per_insurer(source).rows(work, **given(work, wanted, limit))
    busy = {(row.tenant_id, row.insurer_id): row for row in _under_way(source).rows(work)}
    found: list[Row[Any]] = []
    for each in wanted:
        if len(found) == limit < len(wanted):
            break
        held = busy.get((each.tenant_id, each.insurer_id))
        total, alike = (held.total, held.alike) if held else (0, 0)
        n = min(each.n, each.slots - total, each.most - alike)
        if n > 0:
            found += _oldest_of_one(source).rows(
                work, tenant_id=each.tenant_id, insurer_id=each.insurer_id, now=work.now, n=n
            )
    return found


def given(work: Work, wanted: Sequence[Wanted], limit: int) -> dict[str, Any]:
    """What ``per_insurer`` is asked with."""
    columns = {name: [getattr(each, name) for each in wanted] for name in _WANTED}
    return {**columns, "now": work.now, "limit": limit if len(wanted) > limit else None}


_WANTED: dict[str, TypeEngine[Any]] = {
    "tenant_id": Text(),
    "insurer_id": Text(),
    "n": Integer(),
    "slots": Integer(),
    "most": Integer(),
}


def _wanted_table() -> FromClause:
    # Columns as arrays: few and narrow, PostgreSQL reads them faster than JSON (prepared.Given).
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in _WANTED.items()]
    columns = [column(name, kind) for name, kind in _WANTED.items()]
    return func.unnest(*arrays).table_valued(*columns).render_derived(name="wanted")


@cache
def per_insurer(source: State) -> Select[Any]:
    """The pick of PostgreSQL as one statement."""
    i = _wanted_table()
    busy = (
        select(*_counts(source))
        .where(
            submission.c.tenant_id == i.c.tenant_id,
            submission.c.insurer_id == i.c.insurer_id,
            submission.c.lease_until.is_not(None),
        )
        .correlate(i)
        .lateral("busy")
    )
    free = func.least(i.c.n, i.c.slots - busy.c.total, i.c.most - busy.c.alike)
    oldest = (
        _oldest(source, i.c.tenant_id, i.c.insurer_id, is_postgresql=True)
        .correlate(i, busy)
        .limit(func.greatest(literal_column("0"), free))
        .with_for_update(skip_locked=True, of=submission)
        .lateral("oldest")
    )
    # Insurer by insurer, so that a limit ends the looking.
    found = (
        select(i.c.tenant_id, i.c.insurer_id, oldest.c.id, oldest.c.due)
        .select_from(i.join(busy, true()).join(oldest, true()))
        .limit(bindparam("limit", type_=Integer()))
        .subquery("found")
    )
    # An id as it is written: reading it costs us more than the server.
    columns = (found.c.tenant_id, found.c.insurer_id, cast(found.c.id, Text).label("id"))
    return select(*columns).order_by(found.c.due, found.c.id)


@cache
def oldest_of_one(source: State) -> Select[Any]:
    """The pick of SQLite, for one insurer."""
    tenant_id: BindParameter[Any] = bindparam("tenant_id")
    insurer_id: BindParameter[Any] = bindparam("insurer_id")
    return _oldest(source, tenant_id, insurer_id, is_postgresql=False).limit(bindparam("n"))


@cache
def _under_way(source: State) -> Prepared:
    """Exchanges with each insurer that hold a lease now, and those alike."""
    return Prepared(
        lambda _: (
            select(submission.c.tenant_id, submission.c.insurer_id, *_counts(source))
            .where(submission.c.lease_until.is_not(None))
            .group_by(submission.c.tenant_id, submission.c.insurer_id)
        )
    )


@cache
def _per_insurer(source: State) -> Prepared:
    return Prepared(lambda _: per_insurer(source))


@cache
def _oldest_of_one(source: State) -> Prepared:
    return Prepared(lambda _: oldest_of_one(source))


def _counts(source: State) -> list[ColumnElement[int]]:
    held_as = PICKED_AS.get(source, source)
    alike = submission.c.state == literal_column(f"'{held_as.value}'")
    return [func.count().label("total"), func.count().filter(alike).label("alike")]


def _oldest(
    source: State,
    tenant_id: ColumnElement[Any],
    insurer_id: ColumnElement[Any],
    *,
    is_postgresql: bool,
) -> Select[Any]:
    due = _due(source)
    conditions = _may_begin(source, tenant_id, insurer_id)
    if source is State.READY:
        conditions += _lane_is_free(is_postgresql=is_postgresql)
    mine = select(submission.c.tenant_id, submission.c.insurer_id, submission.c.id)
    if is_postgresql:
        mine = mine.add_columns(due.label("due"))  # they are put in order once more
    return mine.where(*conditions).order_by(due, submission.c.id)
