"""T4: workers that freeze past their lease, wake up and go on as if nothing had happened.

PostgreSQL where workers share the work: SQLite is for one worker.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from faults_cases import CLAIMS_OF_INSURERS, DOCUMENTS, NEEDED
from faults_lab import LEASE_S, SETTLE_S, Laboratory
from faults_steps import STEPS, Step
from faults_verdict import Tally, judge, planned_posts
from faults_workers import at

Report = Callable[[str, Tally], None]
pytestmark = [pytest.mark.postgres, pytest.mark.slow]

# Frozen here, nothing of ours can stop it any more: the fence and the process's own deadline are
# behind it. Only an insurer that recognizes a repeated claim closes this.
PAST_THE_LAST_FENCE = "send.last_instant"
# Long enough for another worker to have asked twice and sent again.
FROZEN_S = LEASE_S + 2 * SETTLE_S + 3.0
_OF_WORKERS = [s for s in STEPS if s.run == "deliver" and s.needs in ("claims", "doubt")]


def _frozen(lab: Laboratory, step: Step, knows: str, seed: int) -> Tally:
    what = f"frozen at {step.name}, insurer knows {knows}, seed {seed}"
    scripts = [NEEDED[step.needs]] if step.needs in NEEDED else []
    conduct = {"claims": [*scripts, ["accept"]], "knows": knows}
    chance = random.Random(what)  # noqa: S311
    with lab.house("postgresql", conduct, documents=DOCUMENTS, bookings=5) as house:
        nth = step.at + (chance.randrange(2) if step.at == 1 and step.needs == "claims" else 0)
        zombie = house.deliver(threads=chance.choice((1, 2)), points=[at(step.name, "STOP", nth)])
        fired = zombie.wait_until_frozen()
        other = house.deliver()
        time.sleep(FROZEN_S)
        zombie.signal(signal.SIGCONT)
        zombie.wait()
        other.wait()
        house.bring_to_an_end()
        residual = step.name == PAST_THE_LAST_FENCE and knows == "nothing"
        posts = planned_posts(house, CLAIMS_OF_INSURERS)
        return judge(house, what, fired=fired, posts=posts, residual=residual)


@pytest.mark.parametrize("knows", ["nothing", "key"])
def test_a_worker_that_freezes_past_its_lease_bills_nothing_twice(
    lab: Laboratory, knows: str, full: bool, report: Report
) -> None:
    steps = _OF_WORKERS if full else [s for s in _OF_WORKERS if s.name in SHORT]
    cases = [(step, seed) for step in steps for seed in range(3 if full else 1)]
    total = Tally()

    with ThreadPoolExecutor(4) as pool:
        for tally in pool.map(lambda case: _frozen(lab, case[0], knows, case[1]), cases):
            total.add(tally)

    report(f"T4 frozen workers, insurer knows {knows}", total)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_claim_taken_from_a_frozen_worker_is_not_sent_by_it_any_more(
    lab: Laboratory, kind: str, report: Report
) -> None:
    """The worker's own clock and its lease would still let it send: only the fence knows that
    somebody else has asked, and sent, meanwhile."""
    conduct = {"claims": [["accept"]], "knows": "nothing"}
    with lab.house(kind, conduct, documents=("01",), bookings=1, lease_s=60.0) as house:
        zombie = house.deliver(points=[at("send.before_fence", "STOP")])
        fired = zombie.wait_until_frozen()
        restored = house.run("db", "after-restore")
        assert restored.wait() == 0, restored.told()
        house.deliver().wait()
        zombie.signal(signal.SIGCONT)
        zombie.wait()
        house.bring_to_an_end()

        tally = judge(house, f"taken from a frozen worker, {kind}", fired=fired, posts=1)

    report(f"T4 taken from a frozen worker, {kind}", tally)


SHORT = frozenset(
    "pick.leased pick.committed send.connected send.before_fence send.after_fence send.last_instant"
    " send.half_body record.before".split()
)


def test_two_workers_that_stop_and_go_all_the_time_bill_nothing_twice(
    lab: Laboratory, full: bool, report: Report
) -> None:
    chance = random.Random(4)  # noqa: S311
    stops, copies = (200, 40) if full else (16, 5)
    conduct = {"claims": [["accept"], ["drop", "accept"], ["busy", "accept"]]}
    with lab.house(
        "postgresql", conduct, documents=("01", "06"), bookings=2, copies=copies
    ) as house:
        workers = [house.run("deliver", "--threads", "2") for _ in range(2)]
        done = 0
        for _ in range(stops):
            worker = chance.choice(workers)
            worker.signal(signal.SIGSTOP)
            done += worker.wait_until_frozen(30)
            time.sleep(chance.choice((0.05, 0.2, LEASE_S + 0.5)))
            worker.signal(signal.SIGCONT)
            worker.thaw()
            time.sleep(chance.uniform(0, 0.3))
        for worker in workers:
            worker.signal(signal.SIGTERM)
            worker.wait()
        house.bring_to_an_end()

        tally = judge(house, "stop and go", fired=done == stops, posts=2 * copies)

    report("T4 two workers, stopped again and again", tally)
