"""Counts of every move that submissions made, cheap to read however many there were.

Moves are append-only and numbered. What is older than a few minutes is added up once, here; the
rest is counted at each reading. So the counters never go back, whatever retention takes away.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select, update

from payer_gateway.storage.database import Work
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import move_tally, move_tally_mark, transition

# Numbers are given out before they are committed: one below the mark may still come in until the
# transaction that has it ends. None of ours takes a second.
SETTLED_AFTER = timedelta(minutes=5)

# insurer, source ("" for none), target, event
Move = tuple[str, str, str, str]


def roll(work: Work) -> None:
    """Add up what has settled since the last time. One at a time."""
    mark = work.conn.execute(
        select(move_tally_mark.c.upto)
        .where(move_tally_mark.c.id == 1)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if mark is None:
        return  # another worker is at it
    live = (transition.c.seq > mark, transition.c.at >= work.now - SETTLED_AFTER)
    first_live = work.conn.execute(select(func.min(transition.c.seq)).where(*live)).scalar_one()
    last = work.conn.execute(select(func.max(transition.c.seq))).scalar_one()
    upto = last if first_live is None else first_live - 1
    if upto is None or upto <= mark:
        return
    for row in work.conn.execute(_counted(mark, upto)).all():
        key = {
            "tenant_id": row.tenant_id,
            "insurer_id": row.insurer_id,
            "source": row.source or "",
            "target": row.target,
            "event": row.event,
        }
        insert_if_absent(work, move_tally, {**key, "n": 0})
        work.conn.execute(update(move_tally).filter_by(**key).values(n=move_tally.c.n + row.n))
    work.conn.execute(update(move_tally_mark).where(move_tally_mark.c.id == 1).values(upto=upto))


def moves(work: Work, tenant_id: str) -> Counter[Move]:
    """How often each move was made, up to now."""
    found: Counter[Move] = Counter()
    for row in work.conn.execute(select(move_tally).where(move_tally.c.tenant_id == tenant_id)):
        found[row.insurer_id, row.source, row.target, row.event] += row.n
    mark = work.conn.execute(select(move_tally_mark.c.upto)).scalar_one()
    for row in work.conn.execute(_counted(mark, None)):
        if row.tenant_id == tenant_id:
            found[row.insurer_id, row.source or "", row.target, row.event] += row.n
    return found


def _counted(after: int, upto: int | None) -> Select[Any]:
    conditions = [transition.c.seq > after]
    if upto is not None:
        conditions.append(transition.c.seq <= upto)
    columns = (
        transition.c.tenant_id,
        transition.c.insurer_id,
        transition.c.source,
        transition.c.target,
        transition.c.event,
    )
    return select(*columns, func.count().label("n")).where(*conditions).group_by(*columns)
