"""Picking: which submissions may be worked on now, leased to one worker in one transaction.

The insurers that may be talked to are locked first, and only those that have something due; how
many exchanges each may begin is reckoned from their rows (bucket, breaker, ramp). Then one
statement picks per insurer, oldest first, no more than its free slots: on PostgreSQL by LATERAL
with SKIP LOCKED, on SQLite insurer by insurer under the writer's lock. However long one insurer's
backlog is, the others' rows are found by one step in an index.

"Held" (paused, stopped, breaker open, older claim of the lane still open …) is computed here and
stored nowhere, so that lifting it costs nothing.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.types import TypeEngine

from payer_gateway.domain import flow
from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.submission import OPEN_IN_LANE, State
from payer_gateway.storage import insurers_mode, outbox
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import insurer, submission, tenant
from payer_gateway.storage.types import Instant


@dataclass(frozen=True, slots=True)
class Leased:
    """A submission in our hands: its row as it stands now (state, token), and the attempt."""

    row: Row[Any]
    attempt_n: int
    worker: str


# Statements are put together once: SQLAlchemy takes longer over that than a database over a pick.
_NOW: BindParameter[Any] = bindparam("now", type_=Instant())
_other = submission.alias("other")
_ITS_INSURER = and_(
    insurer.c.tenant_id == submission.c.tenant_id, insurer.c.id == submission.c.insurer_id
)
# Of an insurer's slots, the share that questions may take: sends must not starve behind them.
_SHARE = {State.READY: 1, State.IN_DOUBT: 2, State.ACCEPTED: 4}


def _due(source: State) -> ColumnElement[Any]:
    return submission.c.adjudication_due if source is State.ACCEPTED else submission.c.next_at


def _is_due(source: State) -> ColumnElement[bool]:
    return and_(
        submission.c.tenant_id == insurer.c.tenant_id,
        submission.c.insurer_id == insurer.c.id,
        submission.c.state == literal_column(f"'{source.value}'"),
        _due(source) <= _NOW,
        submission.c.lease_token.is_(None),
    )


@cache
def _talkable(source: State, *, lock: bool) -> Select[Any]:
    """Of ``insurers`` those that no person holds, whose breaker is not open, and that have
    something due ``now``."""
    # Draining: what is in doubt is cleared up and decisions are fetched, nothing new is sent.
    modes = ["on"] if source is State.READY else ["on", "draining"]
    found = (
        select(insurer)
        .join(tenant, tenant.c.id == insurer.c.tenant_id)
        .where(
            insurer.c.id.in_(bindparam("insurers", expanding=True)),
            insurer.c.mode.in_(modes),
            tenant.c.stopped_at.is_(None),
            insurer.c.breaker != Breaker.OPEN.value,
            or_(insurer.c.not_before.is_(None), insurer.c.not_before <= _NOW),
            exists().where(_is_due(source)),
        )
    )
    return found.with_for_update(skip_locked=True, of=insurer) if lock else found


def talkable(work: Work, source: State, insurers: Sequence[str], *, lock: bool) -> Sequence[Any]:
    """The rows of those insurers with whom such an exchange may begin; ``lock``: ours until the
    transaction ends, without those that another worker has."""
    statement = _talkable(source, lock=lock)
    return work.conn.execute(statement, {"insurers": insurers, "now": work.now}).all()


def is_there_work(work: Work, source: State, insurers: Sequence[str]) -> bool:
    """Whether ``pick_batch`` might find something now. Locks nothing: an idle worker that only
    looks must not make the one writer of a SQLite database wait."""
    if not insurers:
        return False
    return any(
        flow.allowance(insurers_mode.flow_of(row), work.now) > 0
        for row in talkable(work, source, insurers, lock=False)
    )


def _lane_is_free() -> list[ColumnElement[bool]]:
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
    return [~older, ~followed]


def pick(
    work: Work,
    source: State,
    *,
    insurers: Sequence[str],
    worker: str,
    lease: timedelta,
) -> Leased | None:
    """The next one alone; see ``pick_batch``."""
    batch = pick_batch(work, source, insurers=insurers, worker=worker, lease=lease, limit=1)
    return batch[0] if batch else None


def pick_batch(
    work: Work,
    source: State,
    *,
    insurers: Sequence[str],
    worker: str,
    lease: timedelta,
    limit: int,
    one_at_a_time: frozenset[str] = frozenset(),
) -> list[Leased]:
    """Lease up to ``limit`` due submissions in ``source``: ready ones to send, in-doubt ones to
    ask about, accepted ones whose adjudication is due to fetch it.

    ``one_at_a_time`` names insurers of which a batch holds one at most: they cannot be asked, and
    a worker's death would make each of a batch a question for a person.
    """
    if not insurers or limit < 1:
        return []
    # Two workers must not both take an insurer's last slot, its last token or its one trial.
    free = talkable(work, source, insurers, lock=True)
    locked = {(row.tenant_id, row.id): row for row in free}
    wanted = _wanted(work, source, locked, limit, one_at_a_time)
    if not wanted:
        return []
    chosen = _fairly(candidates(work, source, wanted), limit)
    if not chosen:
        return []
    leased = _lease(work, source, chosen, worker, lease)
    _take_from_flow(work, locked, [each.row for each in leased])
    return leased


def _fairly(found: Sequence[Row[Any]], limit: int) -> list[str]:
    """The oldest of each insurer, then the second of each …; who comes too late this time is
    decided by lot, so that no insurer's backlog starves another."""
    ranked: list[tuple[int, float, str]] = []
    ranks: Counter[tuple[str, str]] = Counter()
    for row in sorted(found, key=lambda row: (row.due, row.id)):
        key = row.tenant_id, row.insurer_id
        ranked.append((ranks[key], random.random(), row.id))  # noqa: S311 - a lot, no secret
        ranks[key] += 1
    return [submission_id for _, _, submission_id in sorted(ranked)[:limit]]


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


def _wanted(
    work: Work,
    source: State,
    locked: Mapping[tuple[str, str], Row[Any]],
    limit: int,
    one_at_a_time: frozenset[str],
) -> list[Wanted]:
    share = -(-limit // max(1, len(locked)))
    wanted = []
    for (tenant_id, insurer_id), row in locked.items():
        traffic = insurers_mode.flow_of(row)
        n = min(share, flow.allowance(traffic, work.now))
        if insurer_id in one_at_a_time:
            n = min(n, 1)
        if n > 0:
            # Half open: one exchange, and nothing else under way beside it.
            slots = 1 if traffic.breaker == Breaker.HALF_OPEN else int(row.max_inflight)
            most = max(1, slots // _SHARE[source])
            wanted.append(Wanted(tenant_id, insurer_id, n, slots, most))
    return wanted


def candidates(work: Work, source: State, wanted: Sequence[Wanted]) -> Sequence[Row[Any]]:
    """(tenant_id, insurer_id, id, due) of what may begin: per insurer the oldest due first, held
    by nothing, locked. The insurers' rows are ours already, so this statement's count of what is
    under way is the truth."""
    if work.is_postgresql:
        return work.conn.execute(per_insurer(source), given(work, wanted)).all()
    busy = {(row.tenant_id, row.insurer_id): row for row in work.conn.execute(_under_way(source))}
    found: list[Row[Any]] = []
    for each in wanted:
        held = busy.get((each.tenant_id, each.insurer_id))
        total, alike = (held.total, held.alike) if held else (0, 0)
        n = min(each.n, each.slots - total, each.most - alike)
        if n > 0:
            its_own = {"tenant_id": each.tenant_id, "insurer_id": each.insurer_id}
            asked = {**its_own, "now": work.now, "n": n}
            found += work.conn.execute(_oldest_of_one(source), asked)
    return found


def given(work: Work, wanted: Sequence[Wanted]) -> dict[str, Any]:
    """What ``per_insurer`` is asked with: a list per column."""
    lists = {name: [getattr(each, name) for each in wanted] for name in _WANTED}
    return {**lists, "now": work.now}


_WANTED: dict[str, TypeEngine[Any]] = {
    "tenant_id": Text(),
    "insurer_id": Text(),
    "n": Integer(),
    "slots": Integer(),
    "most": Integer(),
}


@cache
def per_insurer(source: State) -> Select[Any]:
    """The pick of PostgreSQL as one statement."""
    i = (
        func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _WANTED.items()))
        .table_valued(*_WANTED, name="i")
        .render_derived()
    )
    busy = _under_way(source).subquery("busy")
    free = func.least(
        i.c.n,
        i.c.slots - func.coalesce(busy.c.total, 0),
        i.c.most - func.coalesce(busy.c.alike, 0),
    )
    oldest = (
        _oldest(source, i.c.tenant_id, i.c.insurer_id)
        .correlate(i, busy)
        .limit(func.greatest(0, free))
        .with_for_update(skip_locked=True, of=submission)
        .lateral("oldest")
    )
    its_own = and_(busy.c.tenant_id == i.c.tenant_id, busy.c.insurer_id == i.c.insurer_id)
    return select(oldest).select_from(i.outerjoin(busy, its_own).join(oldest, true()))


@cache
def _oldest_of_one(source: State) -> Select[Any]:
    """The pick of SQLite, for one insurer."""
    return _oldest(source, bindparam("tenant_id"), bindparam("insurer_id")).limit(bindparam("n"))


@cache
def _under_way(source: State) -> Select[Any]:
    """Exchanges with each insurer that hold a lease now, and those alike."""
    held_as = {State.READY: State.SENDING, State.IN_DOUBT: State.INQUIRING}.get(source, source)
    return (
        select(
            submission.c.tenant_id,
            submission.c.insurer_id,
            func.count().label("total"),
            func.count().filter(submission.c.state == held_as.value).label("alike"),
        )
        .where(submission.c.lease_until.is_not(None))
        .group_by(submission.c.tenant_id, submission.c.insurer_id)
    )


def _oldest(
    source: State, tenant_id: ColumnElement[Any], insurer_id: ColumnElement[Any]
) -> Select[Any]:
    due = _due(source)
    conditions = [
        submission.c.tenant_id == tenant_id,
        submission.c.insurer_id == insurer_id,
        submission.c.state == literal_column(f"'{source.value}'"),
        due <= _NOW,
        submission.c.lease_token.is_(None),
    ]
    if source is State.READY:
        conditions += _lane_is_free()
    return (
        select(submission.c.tenant_id, submission.c.insurer_id, submission.c.id, due.label("due"))
        .where(*conditions)
        .order_by(due, submission.c.id)
    )


def _take_from_flow(
    work: Work, locked: Mapping[tuple[str, str], Row[Any]], rows: Sequence[Row[Any]]
) -> None:
    """Take the tokens of what begins, and count it in the ramp after an open breaker."""
    taken = Counter((row.tenant_id, row.insurer_id) for row in rows)
    for key, n in taken.items():
        traffic = insurers_mode.flow_of(locked[key])
        insurers_mode.keep(work, locked[key], flow.began(traffic, n, work.now))


def _lease(
    work: Work, source: State, ids: Sequence[str], worker: str, lease: timedelta
) -> list[Leased]:
    """Attempt and move of a whole batch, a statement each; committed before a byte leaves (L3).
    One token serves the batch: the fence asks for it together with the row's own id."""
    token = str(uuid.uuid4())
    outbox.open_attempts(
        work,
        ids,
        kind="send" if source is State.READY else "inquire",
        worker=worker,
        lease_token=token,
    )
    target = {State.READY: State.SENDING, State.IN_DOUBT: State.INQUIRING}.get(source)
    rows = outbox.take(work, source, target, ids, worker, token, work.now + lease)
    if len(rows) != len(ids):
        raise LeaseLost("a submission was taken by somebody else while it was picked")
    order = {submission_id: n for n, submission_id in enumerate(ids)}
    leased = [Leased(row, int(row.exchanges), worker) for row in rows]
    return sorted(leased, key=lambda each: order[each.row.id])


def free_lease(work: Work, row: Row[Any], **facts: Any) -> None:
    """An accepted submission whose answer was asked for is free again."""
    outbox.change(work, row, lease_token=None, lease_until=None, **facts)


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
