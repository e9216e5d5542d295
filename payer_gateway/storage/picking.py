"""Picking: submissions that may be worked on now are leased to one worker in one transaction.

The insurers that may be talked to are locked first; how many exchanges each may begin is reckoned
from their rows (bucket, breaker, ramp); what may begin is found by ``candidates``; attempt and
lease of the whole batch are committed before a byte leaves (rule L3).
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain import flow
from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.submission import State
from payer_gateway.storage import insurers_mode, outbox
from payer_gateway.storage.candidates import Wanted, candidates, talkable
from payer_gateway.storage.database import Work
from payer_gateway.storage.leasing import lease_all

# Of an insurer's slots, the share that questions may take: sends must not starve behind them.
_SHARE = {State.READY: 1, State.IN_DOUBT: 2, State.ACCEPTED: 4}


@dataclass(frozen=True, slots=True)
class Leased:
    """A submission in our hands: its row as it stands now (state, token), the attempt, and the
    bytes that are or were sent (None: retention has expunged them)."""

    row: Row[Any]
    attempt_n: int
    worker: str
    body: bytes | None


def is_there_work(work: Work, source: State, insurers: Sequence[str]) -> bool:
    """Whether ``pick_batch`` might find something now. Locks nothing: an idle worker that only
    looks must not make the one writer of a SQLite database wait."""
    if not insurers:
        return False
    return any(
        flow.allowance(insurers_mode.flow_of(row), work.now) > 0
        for row in talkable(work, source, insurers, lock=False)
    )


def pick(
    work: Work,
    source: State,
    *,
    insurers: Sequence[str],
    worker: str,
    lease: timedelta,
) -> Leased | None:
    """The next one alone; see ``pick_batch``."""
    batch = pick_batch(work, source, insurers=insurers, worker=worker, lease=lease, room=lambda: 1)
    return batch[0] if batch else None


def pick_batch(
    work: Work,
    source: State,
    *,
    insurers: Sequence[str],
    worker: str,
    lease: timedelta,
    room: Callable[[], int],
    one_at_a_time: frozenset[str] = frozenset(),
) -> list[Leased]:
    """Lease as many due submissions in ``source`` as there is ``room`` for: ready ones to send,
    in-doubt ones to ask about, accepted ones whose adjudication is due to fetch it. For how many
    there is room is asked as late as it can be: threads that became free meanwhile count.

    ``one_at_a_time`` names insurers of which a batch holds one at most: they cannot be asked, and
    a worker's death would make each of a batch a question for a person.
    """
    if not insurers:
        return []
    # Two workers must not both take an insurer's last slot, its last token or its one trial.
    free = talkable(work, source, insurers, lock=True)
    locked = {(row.tenant_id, row.id): row for row in free}
    limit = room() if locked else 0
    wanted = _wanted(work, source, locked, limit, one_at_a_time)
    if not wanted:
        return []
    chosen = _fairly(candidates(work, source, wanted, limit), limit)
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
    for row in found:
        key = row.tenant_id, row.insurer_id
        ranked.append((ranks[key], random.random(), row.id))  # noqa: S311 - a lot, no secret
        ranks[key] += 1
    return [submission_id for _, _, submission_id in sorted(ranked)[:limit]]


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
    # Where there is room for one of each at most, the first that have any are taken.
    random.shuffle(wanted)
    return wanted


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
    """Attempt and move of a whole batch, committed before a byte leaves (L3).
    One token serves the batch: the fence asks for it together with the row's own id."""
    rows = lease_all(
        work,
        source,
        ids,
        worker=worker,
        lease_token=str(uuid.uuid4()),
        lease_until=work.now + lease,
    )
    if len(rows) != len(ids):
        raise LeaseLost("a submission was taken by somebody else while it was picked")
    order = {submission_id: n for n, submission_id in enumerate(ids)}
    leased = [Leased(row, int(row.exchanges), worker, body) for row, body in rows]
    return sorted(leased, key=lambda each: order[each.row.id])


def free_lease(work: Work, row: Row[Any], **facts: Any) -> None:
    """An accepted submission whose answer was asked for is free again."""
    outbox.change(work, row, lease_token=None, lease_until=None, **facts)
