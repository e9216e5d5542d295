"""How fast one worker empties the outbox, beside a bare loop that keeps no books.

    python benchmarks/emission.py [--claims 2000] [--threads 16] [--rounds 5] [--database sqlite]

In one run, in turns, one process each, the same stored bytes to the same sink with the same number
of threads:

    session   a loop over requests.Session.post, one session per thread; reads and records nothing
    adapter   requests' own limit: HTTPAdapter.send of requests that were prepared beforehand
    ours      payer_gateway's worker: attempt committed before, fence before the first byte, answer
              read by the profile, recorded with its bytes, ledger and history; fsync on

The bar: ours >= 1.0 x session. We aim at 0.75 x adapter.

``--processes 1,2,4`` drains the same job once more by ``payer-gateway deliver`` in that many
processes that share the threads; they stand ready before the claims come.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from arrange import (
    WORKER,
    a_database,
    a_house,
    a_sink,
    clone,
    environ_of,
    mappings_with,
    model_submission,
)
from requests.adapters import HTTPAdapter
from sqlalchemy import func, select

from payer_gateway.domain.submission import State
from payer_gateway.storage import workers
from payer_gateway.storage.tables import submission
from payer_gateway.workflow import crew
from payer_gateway.workflow.delivery import Delivery
from payer_gateway.workflow.services import Services

INSURER = "sink-mutual"
HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}


def told(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def shared_out(bodies: list[bytes], threads: int, work: object) -> float:
    """Seconds until ``threads`` threads have done ``work`` on all bodies."""
    assert callable(work)
    parts = [bodies[n::threads] for n in range(threads)]
    workers = [threading.Thread(target=work, args=(part,)) for part in parts]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def session(url: str, bodies: list[bytes], threads: int) -> float:
    def loop(part: list[bytes]) -> None:
        with requests.Session() as http:
            for body in part:
                http.post(url, data=body, headers=HEADERS, timeout=20).raise_for_status()

    return shared_out(bodies, threads, loop)


def adapter(url: str, bodies: list[bytes], threads: int) -> float:
    def loop(part: list[bytes]) -> None:
        with closing(HTTPAdapter(pool_connections=1, pool_maxsize=1)) as sender:
            for body in part:
                ready = prepared[body]
                assert sender.send(ready, timeout=20).content

    prepared = {
        body: requests.Request("POST", url, data=body, headers=HEADERS).prepare() for body in bodies
    }
    return shared_out(bodies, threads, loop)


def ours(services: Services, n: int, threads: int) -> float:
    """Seconds until the last of ``n`` answers is recorded."""
    stop, recorded = threading.Event(), 0
    plain = crew.record_some

    def counting(s: Services, results: list[object]) -> bool:
        nonlocal recorded
        done = plain(s, results)  # type: ignore[arg-type]
        recorded += len(results)
        if recorded >= n:
            ended.append(time.perf_counter())
            stop.set()
        return done

    ended: list[float] = []
    crew.record_some = counting  # type: ignore[assignment]
    began = time.perf_counter()
    try:
        Delivery(services, WORKER, threads=threads).run(stop)
    finally:
        crew.record_some = plain
    return ended[0] - began


@dataclass(frozen=True)
class Job:
    """``n`` claims like the model, sent by ``threads`` threads in all."""

    model: dict[str, dict[str, Any]]
    n: int
    threads: int


def by_processes(services: Services, environ: dict[str, str], job: Job, processes: int) -> float:
    """Seconds from the claims' commit until ``processes`` processes have had all acknowledged."""
    command = [str(Path(sys.executable).with_name("payer-gateway")), "deliver"]
    shared = ["--processes", str(processes), "--threads", str(max(1, job.threads // processes))]
    started = subprocess.Popen(
        [*command, *shared],
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until(lambda: _at_work(services) >= processes)
        clone(services, job.model, job.n, INSURER)
        began = time.perf_counter()
        _until(lambda: _open(services) == 0)
        return time.perf_counter() - began
    finally:
        started.terminate()
        started.wait()


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 300
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError("the processes did not get there in five minutes")
        time.sleep(0.05)


def _at_work(services: Services) -> int:
    with services.database.read() as work:
        return len(workers.at_work(work))


def _open(services: Services) -> int:
    states = [State.READY.value, State.SENDING.value]
    with services.database.read() as work:
        return work.conn.execute(
            select(func.count()).where(submission.c.state.in_(states))
        ).scalar_one()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--claims", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--processes", default="", help="such as 1,2,4: drained by commands, too")
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    options = parser.parse_args()
    n, threads = options.claims, options.threads
    took: dict[str, list[float]] = {"session": [], "adapter": [], "ours": []}
    cpu: dict[str, list[float]] = {"session": [], "adapter": [], "ours": []}
    with (
        a_sink() as url,
        a_database(options.database) as database_url,
        tempfile.TemporaryDirectory() as folder,
    ):
        limits = {"max_inflight": str(min(999, 8 * threads))}
        mappings = mappings_with(Path(folder), {INSURER: limits})
        services = a_house(database_url, mappings, {INSURER: url})
        model = model_submission(services, INSURER)
        ours(services, 1, threads)  # the model itself, and every statement compiled
        address = f"{url}/Claim/$submit"
        for _ in range(options.rounds):
            bodies = clone(services, model, n, INSURER)
            for name, run in (
                ("session", lambda b=bodies: session(address, b, threads)),
                ("adapter", lambda b=bodies: adapter(address, b, threads)),
                ("ours", lambda: ours(services, n, threads)),
            ):
                before = time.process_time()
                took[name].append(run())
                cpu[name].append(time.process_time() - before)
        environ = environ_of(database_url, mappings, {INSURER: url})
        job = Job(model, n, threads)
        drained = {
            count: by_processes(services, environ, job, count)
            for count in map(int, filter(None, options.processes.split(",")))
        }
        if options.profile:
            _profile(services, model, n, threads)
        services.client.close()
        services.database.close()
    told(
        f"{n} claims, {threads} threads, {options.database}, {options.rounds} rounds,"
        f" {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    base = statistics.median(took["session"])
    for name, seconds in took.items():
        middle = statistics.median(seconds)
        told(
            f"{name:9} {n / middle:8.0f}/s   {base / middle:5.2f} x session"
            f"   cpu {statistics.median(cpu[name]) / n * 1e6:6.0f} us/claim"
            f"   rounds {' '.join(f'{n / s:.0f}' for s in seconds)}"
        )
    share = statistics.median(took["adapter"]) / statistics.median(took["ours"])
    told(f"share of the library's limit: {share:.2f}")
    for count, took_s in drained.items():
        told(f"{count} processes {n / took_s:8.0f}/s   {base / took_s:5.2f} x session")


def _profile(services: Services, model: dict[str, dict[str, object]], n: int, threads: int) -> None:
    """A profile of every thread of one round, by time of its own."""
    clone(services, model, n, INSURER)
    profiles: list[cProfile.Profile] = []
    plain = threading.Thread.run

    def profiled(self: threading.Thread) -> None:
        profile = cProfile.Profile(time.thread_time)
        profiles.append(profile)
        profile.runcall(plain, self)

    threading.Thread.run = profiled  # type: ignore[method-assign]
    try:
        ours(services, n, threads)
    finally:
        threading.Thread.run = plain  # type: ignore[method-assign]
    stats = pstats.Stats(profiles[0])
    for profile in profiles[1:]:
        stats.add(profile)
    stats.sort_stats("cumulative").print_stats(70)
    stats.sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
