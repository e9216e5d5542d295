"""Whether a paused insurer's backlog makes picking slower, on PostgreSQL.

    python benchmarks/backlog.py [--sizes 1000,100000,1000000] [--picks 200]

One paused insurer with that many overdue claims beside 19 healthy ones with 50 each. Timed are the
two statements that decide what may begin (lock the insurers that may be talked to; pick per
insurer) and the whole transaction that leases a batch of 16, each rolled back. The bar: <= 1 ms in
the median for the statement that picks, and flat. With the plan of that statement.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from arrange import a_database, a_house, clone, mappings_with, model_submission
from sqlalchemy import text

from payer_gateway.domain.submission import State
from payer_gateway.storage import candidates, picking
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services

PAUSED = "paused-mutual"
HEALTHY = [f"healthy-{n}" for n in range(19)]
BATCH = 16


class _Back(Exception):
    """Undo what was picked."""


def told(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def grow(services: Services, n: int, so_far: int) -> None:
    """Bring the paused insurer's backlog up to ``n`` overdue claims, by the database itself."""
    with services.database.write() as work:
        for table, changed in (
            ("claim", {"id": "gen_random_uuid()", "claim_identifier": "'u|c' || g"}),
            (
                "submission",
                {
                    "id": "gen_random_uuid()",
                    "claim_identifier": "'u|c' || g",
                    "idempotency_key": "'c' || g",
                    "lane_key": "'lane' || g",
                    "next_at": "clock_timestamp() - interval '1 day' + g * interval '1 ms'",
                },
            ),
        ):
            names = (
                work.conn.execute(
                    text(
                        "SELECT column_name FROM information_schema.columns"
                        " WHERE table_name = :t AND table_schema = 'public'"
                    ),
                    {"t": table},
                )
                .scalars()
                .all()
            )
            chosen = ", ".join(changed.get(name, f't."{name}"') for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            work.conn.execute(
                text(
                    f"INSERT INTO {table} ({columns}) SELECT {chosen} FROM"  # noqa: S608 - our names
                    f" (SELECT * FROM {table} WHERE insurer_id = :i LIMIT 1) t,"
                    f" generate_series({so_far + 1}, {n}) g"
                ),
                {"i": PAUSED},
            )
    with services.database.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))


def one_pick(services: Services, whole: list[float], lock: list[float], choose: list[float]) -> int:
    """Lease a batch and undo it; how many of the paused insurer's claims were in it."""
    insurers = [PAUSED, *HEALTHY]
    plain_candidates = picking.candidates

    def timed(work: Work, source: State, wanted: Any) -> Any:
        began = time.perf_counter()
        found = plain_candidates(work, source, wanted)
        choose.append(time.perf_counter() - began)
        return found

    picking.candidates = timed
    try:
        with services.database.write() as work:
            began = time.perf_counter()
            candidates.talkable(work, State.READY, insurers, lock=False)
            lock.append(time.perf_counter() - began)
            began = time.perf_counter()
            batch = picking.pick_batch(
                work,
                State.READY,
                insurers=insurers,
                worker="benchmark",
                lease=timedelta(seconds=60),
                limit=BATCH,
            )
            whole.append(time.perf_counter() - began)
            raise _Back
    except _Back:
        assert len(batch) == BATCH
        return sum(each.row.insurer_id == PAUSED for each in batch)
    finally:
        picking.candidates = plain_candidates


def plan(services: Services) -> list[str]:
    with services.database.read() as work:
        wanted = [candidates.Wanted("default", name, 1, 8, 8) for name in HEALTHY]
        query = candidates.per_insurer(State.READY)
        compiled = query.compile(work.conn, compile_kwargs={"render_postcompile": True})
        lines = work.conn.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS) {compiled}",
            {**compiled.params, **candidates.given(work, wanted)},
        )
        return [str(line[0]) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--picks", type=int, default=200)
    options = parser.parse_args()
    with a_database("postgresql") as url, tempfile.TemporaryDirectory() as folder:
        mappings = mappings_with(Path(folder), {name: {} for name in (PAUSED, *HEALTHY)})
        nowhere = dict.fromkeys((PAUSED, *HEALTHY), "http://127.0.0.1:9")
        services = a_house(url, mappings, nowhere)
        model = model_submission(services, PAUSED)
        with services.database.write() as work:
            work.conn.execute(
                text(
                    "INSERT INTO insurer (tenant_id, id, mode, max_inflight)"
                    " SELECT 'default', 'healthy-' || g, 'on', 8 FROM generate_series(0, 18) g"
                )
            )
            work.conn.execute(
                text("UPDATE insurer SET mode = 'paused' WHERE id = :i"), {"i": PAUSED}
            )
        for name in HEALTHY:
            clone(services, model, 50, name)
        so_far = 1
        for size in map(int, options.sizes.split(",")):
            grow(services, size, so_far)
            so_far = size
            whole: list[float] = []
            lock: list[float] = []
            choose: list[float] = []
            stray = sum(one_pick(services, whole, lock, choose) for _ in range(options.picks))
            middle = [statistics.median(each) * 1000 for each in (lock, choose, whole)]
            told(
                f"{size:>9} overdue: insurers {middle[0]:.2f} ms, pick {middle[1]:.2f} ms,"
                f" whole transaction for {BATCH} {middle[2]:.2f} ms (medians of {options.picks});"
                f" paused ones picked: {stray}"
            )
        for line in plan(services):
            told(line)
        services.database.close()


if __name__ == "__main__":
    main()
