"""Whether a paused insurer's backlog makes picking slower.

    python benchmarks/backlog.py [--sizes 1000,100000,1000000] [--picks 200] [--database sqlite]

One paused insurer with that many overdue claims beside 19 healthy ones with 50 each. Timed are the
two statements that decide what may begin (find the insurers that may be talked to; pick per
insurer) and the whole transaction that leases a batch of 16. On PostgreSQL it is committed, as a
worker's is (a rollback would make the driver forget its prepared statements), and what was leased
is put back with the triggers off; on SQLite it is rolled back. The bar: <= 1 ms in the median for
the statement that picks, and flat. With the plan of that statement.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from arrange import a_database, a_house, backlog, clone, mappings_with, model_submission
from sqlalchemy import create_engine, delete, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import NullPool

from payer_gateway.domain.submission import State
from payer_gateway.storage import candidates, insurers_mode, picking
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import attempt, submission, transition
from payer_gateway.workflow.services import Services

PAUSED = "paused-mutual"
HEALTHY = [f"healthy-{n}" for n in range(19)]
BATCH = 16


class _Back(Exception):
    """Undo what was picked."""


def told(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def one_pick(services: Services, whole: list[float], lock: list[float], choose: list[float]) -> int:
    """Lease a batch and undo it; how many of the paused insurer's claims were in it."""
    insurers = [PAUSED, *HEALTHY]
    plain_candidates = picking.candidates

    def timed(work: Work, source: State, wanted: Any, limit: int) -> Any:
        began = time.perf_counter()
        found = plain_candidates(work, source, wanted, limit)
        choose.append(time.perf_counter() - began)
        return found

    picking.candidates = timed
    try:
        with services.database.write(planned_once=True) as work:
            began = time.perf_counter()
            candidates.talkable(work, State.READY, insurers, lock=False)
            lock.append(time.perf_counter() - began)
        with suppress(_Back):
            began = time.perf_counter()
            with services.database.write(planned_once=True) as work:
                batch = picking.pick_batch(
                    work,
                    State.READY,
                    insurers=insurers,
                    worker="benchmark",
                    lease=timedelta(seconds=60),
                    room=lambda: BATCH,
                )
                if services.database.is_sqlite:
                    raise _Back
        whole.append(time.perf_counter() - began)
    finally:
        picking.candidates = plain_candidates
    assert len(batch) == BATCH
    if not services.database.is_sqlite:
        put_back(services, [each.row.id for each in batch])
    return sum(each.row.insurer_id == PAUSED for each in batch)


def put_back(services: Services, ids: list[str]) -> None:
    """As if they had never been picked. No worker may do that, so the triggers are off; on another
    connection, for that makes one forget its plans."""
    aside = create_engine(services.database.engine.url, poolclass=NullPool)
    with aside.begin() as conn:
        conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in (attempt, transition):
            mine = table.c.submission_id.in_(ids)
            conn.execute(delete(table).where(mine))
        free = {"state": "ready", "lease_token": None, "lease_until": None}
        conn.execute(
            update(submission)
            .where(submission.c.id.in_(ids))
            .values(**free, attempts=0, exchanges=0)
        )


def plan(services: Services, options: str = "ANALYZE, BUFFERS") -> list[str]:
    """How the database goes about the statement that picks; PostgreSQL runs it for that."""
    with services.database.write(planned_once=True) as work:
        if work.is_postgresql:
            return _plan_of_a_worker(work, options)
        asked: Any = candidates.oldest_of_one(State.READY).compile(dialect=work.conn.dialect)
        values = (None,) * len(asked.positiontup)  # it runs nothing
        found = work.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", values)
        return [str(line[-1]) for line in found]


def _plan_of_a_worker(work: Work, options: str) -> list[str]:
    """The plan that is kept, as a worker's: not one for these values."""
    dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    asked: Any = candidates.per_insurer(State.READY).compile(dialect=dialect)
    wanted = [candidates.Wanted("default", name, 1, 8, 8) for name in HEALTHY]
    values = {**asked.params, **candidates.given(work, wanted, BATCH)}
    driver: Any = work.conn.connection.driver_connection
    with psycopg.ClientCursor(driver) as cursor:
        cursor.execute(f"PREPARE pick AS {asked}")
        marks = ", ".join(["%s"] * len(asked.positiontup))
        explain = f"EXPLAIN ({options}) EXECUTE pick({marks})"
        for _ in range(2):  # the first one makes the plan
            cursor.execute(explain, [values[name] for name in asked.positiontup])
        lines = [str(line) for (line,) in cursor]
        cursor.execute("DEALLOCATE pick")
    return lines


def by_its_own_clock(services: Services, times: int) -> float:
    """Milliseconds that PostgreSQL takes to run the statement that picks, by its own clock, which
    waits for no thread of ours: the median."""
    took = [plan(services, "ANALYZE, TIMING OFF")[-1] for _ in range(times)]
    return statistics.median(float(line.split()[2]) for line in took)


def measure(services: Services, sizes: list[int], picks: int) -> None:
    model = model_submission(services, PAUSED)
    with services.database.write() as work:
        for name in HEALTHY:
            insurers_mode.ensure(work, "default", name, 8)
        insurers_mode.set_mode(work, "default", PAUSED, "paused", "a benchmark", "benchmark")
    for name in HEALTHY:
        clone(services, model, 50, name)
    so_far = 1
    for size in sizes:
        backlog(services, PAUSED, size, so_far)
        so_far = size
        whole: list[float] = []
        lock: list[float] = []
        choose: list[float] = []
        stray = sum(one_pick(services, whole, lock, choose) for _ in range(picks))
        middle = [statistics.median(each) * 1000 for each in (lock, choose, whole)]
        told(
            f"{size:>9} overdue: insurers {middle[0]:.2f} ms, pick {middle[1]:.2f} ms,"
            f" whole transaction for {BATCH} {middle[2]:.2f} ms (medians of {picks});"
            f" paused ones picked: {stray}"
        )
        if not services.database.is_sqlite:
            alone = by_its_own_clock(services, picks)
            told(f"{'':>9} by the database's own clock: {alone:.2f} ms")
    for line in plan(services):
        told(line)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--picks", type=int, default=200)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    options = parser.parse_args()
    with a_database(options.database) as url, tempfile.TemporaryDirectory() as folder:
        mappings = mappings_with(Path(folder), {name: {} for name in (PAUSED, *HEALTHY)})
        nowhere = dict.fromkeys((PAUSED, *HEALTHY), "http://127.0.0.1:9")
        services = a_house(url, mappings, nowhere)
        told(f"{options.database}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        measure(services, sorted(map(int, options.sizes.split(","))), options.picks)
        services.database.close()


if __name__ == "__main__":
    main()
