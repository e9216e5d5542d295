"""Whether insurers in trouble slow down the healthy ones.

    python benchmarks/isolation.py [--backlog 1000000] [--pairs 5] [--database sqlite]

Four healthy insurers are given claims at a steady rate, whether or not earlier ones came back, and
one worker process delivers them: once with nothing else to do, once beside an insurer that never
answers, one that answers 503 to everything, and a paused one with a large overdue backlog. In
pairs, in turns, each in a database of its own. The bar: the p99 from ready to accepted, by the
database's clock, <= 1.2 x the undisturbed one in the median of the pairs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arrange import (
    a_database,
    a_house,
    a_sink,
    backlog,
    clone,
    environ_of,
    mappings_with,
    model_submission,
)
from sqlalchemy import select

from payer_gateway.storage import insurers_mode
from payer_gateway.storage.tables import submission
from payer_gateway.workflow.services import Services

HEALTHY = [f"healthy-{n}" for n in range(4)]
HANGING, BUSY, PAUSED = "hanging-mutual", "busy-mutual", "paused-mutual"
EVERYONE = (*HEALTHY, HANGING, BUSY, PAUSED)
COMMAND = Path(sys.executable).with_name("payer-gateway")
Model = Mapping[str, Mapping[str, Any]]


def told(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def a_worker(environ: Mapping[str, str], threads: int) -> Iterator[None]:
    command = [str(COMMAND), "deliver", "--threads", str(threads)]
    worker = subprocess.Popen(command, env={**os.environ, **environ}, stderr=subprocess.DEVNULL)
    try:
        yield
        assert worker.poll() is None, "the worker ended"
    finally:
        worker.terminate()
        worker.wait()


def p99_ms(services: Services, model: Model, rate: float, seconds: float) -> float:
    """Milliseconds from ready to accepted: the 99th percentile of what left by the clock."""
    with services.database.read() as work:
        begins = work.now
    began, n = time.monotonic(), 0
    while (due := began + n / rate) < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        clone(services, model, 1, HEALTHY[n % len(HEALTHY)])
        n += 1
    mine = select(submission.c.created_at, submission.c.closed_at).where(
        submission.c.insurer_id.in_(HEALTHY), submission.c.created_at > begins
    )
    ends = time.monotonic() + 60
    while True:
        with services.database.read() as work:
            rows = work.conn.execute(mine).all()
        if all(row.closed_at is not None for row in rows):
            break
        assert time.monotonic() < ends, "healthy insurers' claims are still open after a minute"
        time.sleep(0.2)
    took = sorted((row.closed_at - row.created_at).total_seconds() * 1000 for row in rows)
    return took[min(len(took) - 1, int(len(took) * 0.99))]


def in_trouble(services: Services, model: Model, n: int) -> None:
    """The paused insurer with its backlog; something to send to the other two."""
    with services.database.write() as work:
        for name in EVERYONE:
            insurers_mode.ensure(work, "default", name, 8)
        insurers_mode.set_mode(work, "default", PAUSED, "paused", "a benchmark", "benchmark")
    clone(services, model, 1, PAUSED)
    backlog(services, PAUSED, n, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--rate", type=float, default=20.0, help="claims a second, all healthy ones"
    )
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    asked = parser.parse_args()
    ratios = []
    with (
        a_sink() as sink,
        a_database(asked.database) as quiet_url,
        a_database(asked.database) as troubled_url,
        tempfile.TemporaryDirectory() as folder,
    ):
        mappings = mappings_with(Path(folder), {name: {} for name in EVERYONE})
        urls = dict.fromkeys(EVERYONE, sink) | {HANGING: f"{sink}/hang", BUSY: f"{sink}/busy"}
        houses = []
        for url in (quiet_url, troubled_url):
            services = a_house(url, mappings, urls)
            model = model_submission(services, HEALTHY[0])
            in_trouble(services, model, asked.backlog if url == troubled_url else 1)
            houses.append((services, environ_of(url, mappings, urls), model))
        (quiet, quiet_environ, quiet_model), (troubled, troubled_environ, model) = houses
        told(f"{asked.database}, {asked.backlog} overdue, load {os.getloadavg()[0]:.1f}")
        for pair in range(asked.pairs):
            with a_worker(quiet_environ, asked.threads):
                p99_ms(quiet, quiet_model, asked.rate, 2)  # it has started
                undisturbed = p99_ms(quiet, quiet_model, asked.rate, asked.seconds)
            clone(troubled, model, 50, HANGING)
            clone(troubled, model, 50, BUSY)
            with a_worker(troubled_environ, asked.threads):
                p99_ms(troubled, model, asked.rate, 2)
                disturbed = p99_ms(troubled, model, asked.rate, asked.seconds)
            ratios.append(disturbed / undisturbed)
            told(
                f"pair {pair + 1}: p99 {undisturbed:.0f} ms undisturbed, {disturbed:.0f} ms beside"
                f" the three: {ratios[-1]:.2f} x"
            )
        for services, _, _ in houses:
            services.client.close()
            services.database.close()
    told(f"median of {asked.pairs} pairs: {statistics.median(ratios):.2f} x")


if __name__ == "__main__":
    main()
