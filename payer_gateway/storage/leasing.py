"""Leasing: the attempt, the move and the lease of a whole batch, before a byte leaves (rule L3),
with the bytes that are or were sent.

On PostgreSQL this is one statement: after each a thread waits for the server, and then for Python's
lock. On SQLite, where a statement is a call, it is one for each table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Insert,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from payer_gateway.domain.submission import PICKED_AS, State, check_move
from payer_gateway.storage import bodies
from payer_gateway.storage.database import Work
from payer_gateway.storage.prepared import Prepared, among
from payer_gateway.storage.statements import by_itself
from payer_gateway.storage.tables import attempt, body, submission, transition
from payer_gateway.storage.types import Id, Instant

# The statements are put together once; what differs from batch to batch is bound.
_NOW: BindParameter[Any] = bindparam("now", type_=Instant())
_TOKEN: BindParameter[Any] = bindparam("token", type_=Id)
_WORKER: BindParameter[Any] = bindparam("worker", type_=Text())
_Values = Mapping[str, ColumnElement[Any]]


def lease_all(
    work: Work,
    source: State,
    ids: Sequence[str],
    *,
    worker: str,
    lease_token: str,
    lease_until: datetime,
) -> list[tuple[Row[Any], bytes | None]]:
    """Lease those of ``ids`` that stand in ``source`` and are free, and open an attempt for each:
    what is ready moves to sending, what is in doubt to inquiring, what is accepted stays, only its
    answer is fetched. Their rows as they stand now, in no order, each with its bytes (None:
    retention has expunged them). Are they fewer than ``ids``, what is written is to be undone."""
    given = {"ids": ids, "token": lease_token, "worker": worker, "now": work.now}
    if work.is_postgresql:
        found = _at_once(source).rows(work, **given, until=lease_until)
        return [(row, row.stored_bytes) for row in found]
    _opening(source).changed(work, **given)
    rows = _taking(source).rows(work, ids=ids, token=lease_token, until=lease_until)
    if source in PICKED_AS:
        _moving(source).changed(work, ids=ids, worker=worker, now=work.now)
    stored = bodies.many(work, [(row.tenant_id, row.body_id) for row in rows])
    return [(row, stored.get((row.tenant_id, row.body_id))) for row in rows]


@cache
def _at_once(source: State) -> Prepared:
    return Prepared(lambda _: _whole(source))


@cache
def _opening(source: State) -> Prepared:
    # Before the row is taken: it counts its exchanges and forgets what set this one off.
    row = submission.c
    facts = _attempt_of(source, submission, row.exchanges + 1, row.trigger)
    return Prepared(lambda _: _insert(attempt, facts, _of_batch(is_postgresql=False)))


@cache
def _taking(source: State) -> Prepared:
    return Prepared(lambda _: _taken(source, is_postgresql=False))


@cache
def _moving(source: State) -> Prepared:
    facts = _move_of(source, submission)
    return Prepared(lambda _: _insert(transition, facts, _of_batch(is_postgresql=False)))


def _whole(source: State) -> Select[Any]:
    """PostgreSQL's statement. Each part of it sees the tables as they were before."""
    taken = _taken(source, is_postgresql=True).cte("taken")
    before = submission.alias("before")
    trigger = select(before.c.trigger).where(before.c.id == taken.c.id).scalar_subquery()
    facts = _attempt_of(source, taken, taken.c.exchanges, trigger)
    parts = [_insert(attempt, facts).cte("opened")]
    if source in PICKED_AS:
        parts.append(_insert(transition, _move_of(source, taken)).cte("moved"))
    # One by one by their key: for a list PostgreSQL may rather read a tenant's every row.
    found = (
        select(body.c.bytes.label("stored_bytes"))
        .where(body.c.tenant_id == taken.c.tenant_id, body.c.id == taken.c.body_id)
        .correlate(taken)
    )
    stored = by_itself(found).lateral("stored")
    # Ids as they are written: reading them costs us more than the server.
    columns = (cast(c, Text).label(c.name) if isinstance(c.type, Uuid) else c for c in taken.c)
    whole = taken.outerjoin(stored, true())
    return select(*columns, stored.c.stored_bytes).select_from(whole).add_cte(*parts)


def _of_batch(*, is_postgresql: bool) -> ColumnElement[bool]:
    return among(submission.c.id, "ids", is_postgresql=is_postgresql)


def _taken(source: State, *, is_postgresql: bool) -> ReturningUpdate[Any]:
    held: dict[Any, Any] = {
        submission.c.lease_token: _TOKEN,
        submission.c.lease_until: bindparam("until", type_=Instant()),
        submission.c.exchanges: submission.c.exchanges + 1,
    }
    target = PICKED_AS.get(source)
    if target is not None:
        check_move(source, target)
        held[submission.c.state] = target.value
    if target is State.SENDING:
        held |= {submission.c.attempts: submission.c.attempts + 1, submission.c.trigger: "auto"}
    return (
        update(submission)
        .where(
            _of_batch(is_postgresql=is_postgresql),
            # Not "=": by an index of states no planner shall go through all that are ready.
            submission.c.state.is_not_distinct_from(source.value),
            submission.c.lease_token.is_(None),
        )
        .values(held)
        .returning(submission)
    )


def _attempt_of(
    source: State, row: FromClause, n: ColumnElement[Any], trigger: ColumnElement[Any]
) -> _Values:
    facts: dict[str, ColumnElement[Any]] = {
        "tenant_id": row.c.tenant_id,
        "insurer_id": row.c.insurer_id,
        "submission_id": row.c.id,
        "n": n,
        "kind": literal("send" if source is State.READY else "inquire"),
        "trigger": trigger,
        "worker": _WORKER,
        "lease_token": _TOKEN,
        "started_at": _NOW,
    }
    return {**facts, "request_body_id": row.c.body_id} if source is State.READY else facts


def _move_of(source: State, row: FromClause) -> _Values:
    target = PICKED_AS[source]
    return {
        "tenant_id": row.c.tenant_id,
        "insurer_id": row.c.insurer_id,
        "submission_id": row.c.id,
        "at": _NOW,
        "source": literal(source.value),
        "target": literal(target.value),
        "event": literal("picked" if target is State.SENDING else "asking"),
        "by": _WORKER,
        "attempt_n": row.c.exchanges,
    }


def _insert(table: Table, facts: _Values, *of: ColumnElement[bool]) -> Insert:
    return table.insert().from_select(list(facts), select(*facts.values()).where(*of))
