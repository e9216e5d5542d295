"""T6: workers whose clocks are an hour off. Leases, retries and settling go by the database's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from faults_cases import CLAIMS_OF_INSURERS, DOCUMENTS
from faults_lab import Laboratory
from faults_verdict import Tally, judge, planned_posts
from faults_workers import LONG_S, RUNNER, at

Report = Callable[[str, Tally], None]


@pytest.mark.slow
@pytest.mark.postgres
def test_workers_an_hour_ahead_and_behind_lose_nothing_and_bill_nothing_twice(
    lab: Laboratory, report: Report
) -> None:
    faketime = shutil.which("faketime")
    if faketime is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must bring faketime; .ci/run installs it")
        pytest.skip("needs libfaketime's faketime command")
    conduct = {"claims": [["drop", "accept"], ["accept"], ["busy", "accept"]]}
    with lab.house("postgresql", conduct, documents=DOCUMENTS, bookings=5, copies=2) as house:
        dead = house.deliver(points=[at("send.body_sent")])
        dead.wait()
        deliver = ["deliver", "--until-idle", "--max-wait", "60", "--threads", "2"]
        workers = [
            subprocess.Popen(
                [faketime, "-f", shift, sys.executable, str(RUNNER), "[]", *deliver],
                env=house.environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for shift in ("+1h", "-1h")
        ]
        codes = [worker.wait(LONG_S * 2) for worker in workers]
        house.bring_to_an_end()

        posts = planned_posts(house, (8, 2))
        fired = dead.was_killed and set(codes) <= {0, 1}
        tally = judge(house, f"clocks an hour off: {codes}", fired=fired, posts=posts)

    assert CLAIMS_OF_INSURERS == (4, 1), "posts are planned for twice as many"
    report("T6 clocks an hour off", tally)
