"""Workers are killed with SIGKILL while they send: nothing is lost and nothing is billed twice.

The insurer of these tests books whatever reaches it, as often as it comes. Between it and the
worker lies a slow line, so that kills land while requests are under way, before and after they
were booked.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import CONSULTATIONS, TWO_COVERAGES, Build, another, environment, take_in
from journeys_hands import both_ledgers_agree, our_identifiers, submissions, wait_for_late_answers
from processes import COMMAND, GENEROUS_S, SandboxInsurer, SlowLine, run

from payer_gateway.domain.submission import OPEN_IN_LANE
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.storage.tables import attempt
from payer_gateway.workflow.services import Services

SEED = 20260415
KILLS = 20
CLAIMS_MORE = 64
TO_THE_END = ("deliver", "--until-idle", "--max-wait", "120", "--threads", "8")


@pytest.mark.slow
def test_twenty_killed_workers_lose_nothing_and_bill_nothing_twice(
    build: Build,
    database_url: str,
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    insurer = SandboxInsurer(tmp_path / "ledger.jsonl")
    line = SlowLine(insurer.url, SEED, at_most_s=0.2)
    try:
        services = build(url=line.url)
        _take_in_a_day(services)
        environ = environment(database_url, url=line.url, lease=1.0)
        chance = random.Random(SEED)  # noqa: S311
        hits = [_killed_while_sending(services, environ, chance) for _ in range(KILLS)]

        ended = run(environ, *TO_THE_END)
        resolved = _resolve_as_a_person_would(services, insurer, environ)

        wait_for_late_answers(services, insurer)
        run(environ, *TO_THE_END)

        rows = submissions(services)
        booked = {r["claim_identifier"]: r["times"] for r in insurer.ledger()}
        expected = {s["claim_identifier"] for s in rows if s["state"] == "accepted"}
        figures = {
            "kills": len(hits),
            "kills_with_open_attempts": sum(1 for open_ones in hits if open_ones),
            "attempts_cut_off": sum(hits),
            "resolved_after_three_crashes": resolved,
            "submissions": len(rows),
        }
        figures |= _outcomes(services)
        for name, figure in figures.items():
            record_testsuite_property(f"{services.database.engine.name}_{name}", figure)
        # Only the fixture that the insurer rejects still waits for a person.
        assert [s["state"] for s in rows if s["state"] != "accepted"] == ["rejected"], ended
        assert set(booked) == expected <= our_identifiers(services)
        assert set(booked.values()) == {1}
        assert both_ledgers_agree(services, insurer)
        # The test itself: kills did land in the middle of things.
        assert sum(1 for open_ones in hits if open_ones) >= KILLS // 2, hits
    finally:
        line.close()
        insurer.stop()


def _take_in_a_day(services: Services) -> None:
    for path in CONSULTATIONS:
        document = parse_json(path.read_bytes())
        assert isinstance(document, dict)
        take_in(services, document)
    for n in range(CLAIMS_MORE):
        take_in(services, another(("01", "02", "06", TWO_COVERAGES)[n % 4]))


def _killed_while_sending(
    services: Services, environ: dict[str, str], chance: random.Random
) -> int:
    """Start a worker, kill it a random while after it began to send; how many exchanges it had
    under way when it died."""
    worker = subprocess.Popen(
        [COMMAND, "deliver", "--threads", "2"],
        env={**os.environ, **environ},
        stderr=subprocess.DEVNULL,
    )
    mine = f"%:{worker.pid}:%"
    try:
        ends = time.monotonic() + GENEROUS_S
        while not _attempts(services, mine) and _any_open(services):
            assert time.monotonic() < ends, "the worker never began"
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.4))
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(GENEROUS_S)
    return _attempts(services, mine, only_open=True)


def _outcomes(services: Services) -> Counter[str]:
    with services.database.read() as work:
        rows = work.conn.execute(attempt.select()).all()
    return Counter(f"{row.kind}_{row._mapping['class']}" for row in rows)


def _attempts(services: Services, worker: str, *, only_open: bool = False) -> int:
    query = attempt.select().where(attempt.c.worker.like(worker))
    if only_open:
        query = query.where(attempt.c.ended_at.is_(None))
    with services.database.read() as work:
        return len(work.conn.execute(query).all())


def _any_open(services: Services) -> bool:
    return any(s["state"] in OPEN_IN_LANE for s in submissions(services))


def _resolve_as_a_person_would(
    services: Services, insurer: SandboxInsurer, environ: dict[str, str]
) -> int:
    """What was in three dying workers' hands waits for a person, who looks into the insurer's
    books; how many there were."""
    resolved = 0
    while stuck := [s for s in submissions(services) if s["state"] == "needs_human"]:
        for each in stuck:
            booked = insurer.times(each["claim_identifier"]) > 0
            how = "--booked" if booked else "--not-booked"
            evidence = f"their ledger lists it {'once' if booked else 'not at all'}"
            told = run(environ, "submission", "resolve", each["id"], how, "--evidence", evidence)
            assert told.returncode == 0, told.stderr
            resolved += 1
        run(environ, *TO_THE_END)
    return resolved
