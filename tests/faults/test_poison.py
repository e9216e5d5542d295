"""T7 and T8: what hurts stays with whom it comes from, and everything else flows."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from faults_lab import LEASE_S, Laboratory
from faults_verdict import Tally, judge
from faults_workers import LONG_S, at

Report = Callable[[str, Tally], None]
pytestmark = pytest.mark.slow


def test_answers_that_hurt_a_careless_reader_take_no_worker_down(
    lab: Laboratory, report: Report
) -> None:
    words = ("not_utf8", "recursive", "bomb", "huge_head", "accept")
    conduct = {"claims": [[word, "accept"] for word in words]}
    options = {"documents": ("01",) * len(words), "bookings": len(words)}
    with lab.house("sqlite", conduct, **options) as house:
        worker = house.deliver()
        code = worker.wait()
        house.bring_to_an_end()

        tally = judge(house, "answers that hurt", fired=code in (0, 1), posts=len(words))

    report("T7 answers that hurt", tally)


def test_what_takes_a_worker_down_three_times_is_given_to_a_person_and_the_others_flow(
    lab: Laboratory, report: Report
) -> None:
    options = {"documents": ("01", "06", "06"), "bookings": 3}
    with lab.house("sqlite", {"claims": [["accept"]]}, **options) as house:
        killed = []
        poisonous = at("send.before_fence", insurer="northwind-ppo")
        for _ in range(3):
            worker = house.deliver(points=[poisonous])
            worker.wait()
            killed.append(worker.was_killed)
        fourth = house.deliver(points=[poisonous], max_wait=110)
        survived = fourth.wait() == 1
        stuck = house.rows(
            "SELECT s.state, t.event FROM submission s JOIN transition t ON t.submission_id = s.id"
            " WHERE s.insurer_id = 'northwind-ppo' AND t.target = 'needs_human'"
        )
        house.bring_to_an_end()

        fired = (
            all(killed)
            and survived
            and [tuple(row) for row in stuck] == [("needs_human", "poison")]
        )
        tally = judge(house, f"poison: {killed}, {survived}, {stuck}", fired=fired, posts=3)

    report("T7 poison", tally)


@pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_insurers_that_hang_refuse_or_are_paused_hold_nobody_else_up(
    lab: Laboratory, kind: str, report: Report
) -> None:
    conduct = {
        "claims": [["accept"]],
        "stall_s": LEASE_S,
        "insurers": {"northwind-ppo": [["hang"]], "state-medicaid": [["busy"]]},
    }
    documents = ("01", "02", "06", "11")
    with lab.house(kind, conduct, documents=documents, bookings=2, copies=4) as house:
        paused = house.run("insurer", "pause", "medicare-b", "--reason", "the laboratory")
        paused.wait()
        worker = house.run("deliver", "--threads", "4")
        ends = time.monotonic() + LONG_S
        done = 0
        while done < 4 and time.monotonic() < ends and worker.runs:
            time.sleep(0.1)
            ((done,),) = house.rows(
                "SELECT count(*) FROM submission WHERE insurer_id = 'sakura-life'"
                " AND state = 'accepted'"
            )
        worker.signal(signal.SIGTERM)
        worker.wait()
        by_insurer = {
            row[0]: row[1]
            for row in house.rows(
                "SELECT insurer_id, count(*) FROM submission WHERE state = 'accepted'"
                " GROUP BY insurer_id"
            )
        }

    tally = Tally(cases=1, posts=sum(by_insurer.values()))
    tally.lost = 4 - done
    tally.unexplained = sum(n for name, n in by_insurer.items() if name != "sakura-life")
    report("T8 three insurers in trouble, one healthy", tally)
