"""T2 and T3: answers that are lost on the way, and insurers that book late."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_lab import LEASE_S, Laboratory
from faults_line import FAULTS, Line
from faults_verdict import Tally, judge, planned_posts

Report = Callable[[str, Tally], None]
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
CLAIMS = ("01",)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_lose_a_request_or_its_answer_ends_with_one_booking(
    lab: Laboratory, kind: str, full: bool, report: Report
) -> None:
    claims = 168 if full else 30
    # Between two faults one goes through, or the breaker is what is tried here, by the hour.
    once = [each for fault in FAULTS for each in (fault, "pass")]
    script = once * (claims // len(once))
    line = Line(lab.insurer.url, script, stall_s=LEASE_S, lag_s=0.2)
    conduct = {"claims": [["accept"]]}
    options = {"documents": CLAIMS, "bookings": 1, "copies": claims, "line": line.url}
    try:
        with lab.house(kind, conduct, **options) as house:
            house.bring_to_an_end(threads=4)

            tally = judge(house, f"broken line, {kind}", fired=line.has_happened, posts=claims)
    finally:
        line.close()

    report(f"T2 answers lost on the line, {kind}", tally)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_insurer_that_books_and_does_not_say_so_is_asked(
    lab: Laboratory, kind: str, full: bool, report: Report
) -> None:
    words = (
        "drop reset half_head half_chunk short_body gateway_502 gateway_504 garbage not_json lose"
    ).split()
    # Between two that go wrong one goes well, or the breaker is what is tried here, by the hour.
    scripts = [script for word in words for script in ([word, "accept"], ["accept"])]
    copies = 12 if full else 2
    options = {"documents": CLAIMS * len(scripts), "bookings": len(scripts), "copies": copies}
    with lab.house(kind, {"claims": scripts}, **options) as house:
        house.bring_to_an_end(threads=4)

        posts = planned_posts(house, (len(scripts) * copies,))
        tally = judge(house, f"silent insurer, {kind}", posts=posts)

    report(f"T2 answers lost at the insurer, {kind}", tally)


@pytest.mark.slow
@pytest.mark.parametrize("knows", ["nothing", "key", "claim"])
def test_what_is_booked_late_but_within_the_settle_time_is_booked_once(
    lab: Laboratory, knows: str, report: Report
) -> None:
    conduct = {"claims": [["late", "accept"]], "lag_s": LEASE_S, "knows": knows}
    options = {"documents": CLAIMS, "bookings": 1, "copies": 8, "settle_s": LEASE_S + 2.0}
    with lab.house("sqlite", conduct, **options) as house:
        house.bring_to_an_end(threads=4)

        tally = judge(house, f"late booking, insurer knows {knows}", posts=8)

    report("T3 booked late, settle longer than the lag", tally)


@pytest.mark.slow
@pytest.mark.parametrize("knows", ["nothing", "key"])
def test_a_settle_time_shorter_than_the_insurers_lag_is_the_risk_that_we_name(
    lab: Laboratory, knows: str, report: Report
) -> None:
    lag_s = LEASE_S + 4.0
    conduct = {"claims": [["late", "accept"]], "lag_s": lag_s, "knows": knows}
    options = {"documents": CLAIMS, "bookings": 1, "copies": 4, "settle_s": 0.2}
    with lab.house("sqlite", conduct, **options) as house:
        house.bring_to_an_end(threads=4)

        residual = knows == "nothing"
        tally = judge(house, f"settle too short, {knows}", posts=4, residual=residual)

    report("T3 booked late, settle shorter than the lag", tally)
