"""T5: the database is stopped without a goodbye, or cuts its connections, under load."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from faults_lab import Laboratory
from faults_postgresql import PostgreSQL
from faults_verdict import Tally, judge
from faults_workers import Worker, at

Report = Callable[[str, Tally], None]
pytestmark = [pytest.mark.postgres, pytest.mark.slow]

CONDUCT = {"claims": [["slow"], ["drop", "accept"], ["busy", "accept"]], "slow_s": 0.1}
CLAIMS = ("01", "06")


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL of its own, so that no other test is in its way."""
    with tempfile.TemporaryDirectory(prefix="gateway-faults-pg-") as folder:
        running = PostgreSQL(Path(folder) / "data")
        yield running
        running.close()


@pytest.fixture
def lab_on(server: PostgreSQL) -> Iterator[Laboratory]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="gateway-faults-", dir=memory) as folder:
        laboratory = Laboratory(Path(folder), lambda: server.url)
        yield laboratory
        laboratory.close()


def test_a_database_that_dies_again_and_again_loses_nothing_and_bills_nothing_twice(
    lab_on: Laboratory, server: PostgreSQL, full: bool, report: Report
) -> None:
    times, copies = (20, 60) if full else (3, 12)
    with lab_on.house("postgresql", CONDUCT, documents=CLAIMS, bookings=2, copies=copies) as house:
        server.checkpoint()
        worker = house.run("deliver", "--threads", "4")
        for _ in range(times):
            posts = len(house.glance()["posts"])
            _until(
                lambda posts=posts: len(house.glance()["posts"]) > posts or not _moving(house),
                worker,
            )
            server.die()
            server.start()
        survived = worker.runs
        worker.kill()
        house.bring_to_an_end()

        fired = survived and server.deaths == times
        tally = judge(house, "database dies", fired=fired, posts=2 * copies)

    report("T5 database stopped under load", tally)


def test_connections_that_are_cut_lose_nothing_and_bill_nothing_twice(
    lab_on: Laboratory, server: PostgreSQL, full: bool, report: Report
) -> None:
    copies = 60 if full else 10
    over = threading.Event()
    cut: list[int] = []
    with lab_on.house("postgresql", CONDUCT, documents=CLAIMS, bookings=2, copies=copies) as house:

        def cutting() -> None:
            query = (
                b"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                b" WHERE datname LIKE 'case_%' AND pid <> pg_backend_pid()"
            )
            while not over.wait(0.2):
                with psycopg.connect(server.url, autocommit=True) as connection:
                    row = connection.execute(query).fetchone()
                    cut.append(row[0] if row else 0)

        cutter = threading.Thread(target=cutting)
        worker = house.run("deliver", "--threads", "4")
        # A command that cannot open the database says so and ends; this is about one at work.
        _until(lambda: bool(house.glance()["posts"]), worker)
        cutter.start()
        try:
            _until(lambda: sum(cut) >= (200 if full else 20) or not worker.runs)
        finally:
            over.set()
            cutter.join()
        survived = worker.runs
        worker.kill()
        house.bring_to_an_end()

        tally = judge(house, "connections cut", fired=survived, posts=2 * copies)

    report("T5 connections cut under load", tally)


def test_an_answer_that_could_not_be_written_down_is_asked_for(
    lab_on: Laboratory, server: PostgreSQL, report: Report
) -> None:
    with lab_on.house(
        "postgresql", {"claims": [["accept"]]}, documents=("01",), bookings=1, lease_s=6.0
    ) as house:
        server.checkpoint()
        worker = house.run("deliver", "--threads", "1", points=[at("record.before", "STOP")])
        fired = worker.wait_until_frozen()
        server.die()
        worker.signal(signal.SIGCONT)
        time.sleep(1.5)
        server.start()
        house.bring_to_an_end()
        worker.kill()

        tally = judge(house, "answer not written down", fired=fired, posts=1)

    report("T5 database away when the answer is written", tally)


def _moving(house: object) -> bool:
    states = set(house.states().values())  # type: ignore[attr-defined]
    return bool(states - {"accepted", "needs_human"})


def _until(holds: Callable[[], bool], worker: Worker | None = None) -> None:
    """Wait for it; of a worker that ended meanwhile nothing more can come."""
    ends = time.monotonic() + 120
    while not holds():
        told = "" if worker is None else worker.told()
        assert worker is None or worker.runs, f"the worker ended:\n{told}"
        assert time.monotonic() < ends, f"it never came about:\n{told}"
        time.sleep(0.05)
