"""Zones and leap days, swept: a service is of one day in the plan's zone; no wait is a day off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from eligibility_cases import CODES, SHELF, shipped
from hypothesis import example, given, settings
from hypothesis import strategies as st

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.eligibility import Leg, decide
from payer_gateway.domain.plan import Plan
from payer_gateway.mapping.scenario_question import question_of_scenario

PLANS = tuple(SHELF.plan(name) for name in SHELF.names())
ZONES = st.sampled_from(
    [UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")]
)


@given(st.integers(1_704_067_200, 1_861_920_000), ZONES, st.sampled_from(PLANS))
@example(1_709_218_800, UTC, PLANS[2])  # 29 February 2024, midnight in Tokyo
@settings(max_examples=150, deadline=None)
def test_a_service_is_covered_on_its_day_in_the_plans_zone_and_on_no_other(
    second: int, zone: Any, plan: Plan
) -> None:
    at = datetime.fromtimestamp(second, zone)
    day = at.astimezone(plan.zone).date()
    asked = question_of_scenario(shipped()[0])
    assert asked is not None
    question, known = asked[0], replace(asked[1], as_of=None)
    question = replace(question, legs=(Leg("telemedicine", day, at),), first_opinion_on=None)

    def cover(start: date, end: date) -> set[str]:
        within = replace(question, coverage_period=Period(start, end))
        found = decide(within, plan, known, CODES)
        return {str(r.code) for r in found.reasons if r.rule == "coverage-in-force"}

    one = timedelta(days=1)
    assert cover(day, day) == set()
    assert cover(day + one, day + one) == {"COVERAGE_NOT_YET_EFFECTIVE"}
    assert cover(day - one, day - one) == {"COVERAGE_TERMINATED"}


ALL_ZONES = [
    ZoneInfo(name)
    for name in (
        "Pacific/Kiritimati",
        "Pacific/Chatham",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "Europe/London",
        "America/New_York",
        "America/St_Johns",
        "Pacific/Pago_Pago",
    )
]


@pytest.mark.parametrize("zone", ALL_ZONES, ids=str)
def test_every_hour_of_the_awkward_days_is_of_its_day_in_every_zone(zone: ZoneInfo) -> None:
    """Leap days, the turns of the year and of summer time, hour by hour."""
    asked = question_of_scenario(shipped()[0])
    assert asked is not None
    question, known = asked[0], replace(asked[1], as_of=None)
    plan = replace(PLANS[0], zone=zone, waiting_period_days=0, condition_waiting=())
    starts = [(2024, 2, 28), (2028, 2, 28), (2025, 12, 31), (2026, 3, 7), (2026, 3, 28)]
    starts += [(2026, 10, 24), (2026, 10, 31)]
    wrong = []

    for year, month, first in starts:
        for hour in range(72):
            at = datetime(year, month, first, tzinfo=UTC) + timedelta(hours=hour)
            day = at.astimezone(zone).date()
            legs = (Leg("telemedicine", day, at),)
            for start, end, found in (
                (day, day, None),
                (day + timedelta(days=1), None, "COVERAGE_NOT_YET_EFFECTIVE"),
                (None, day - timedelta(days=1), "COVERAGE_TERMINATED"),
            ):
                within = replace(question, legs=legs, coverage_period=Period(start, end))
                trace = decide(within, plan, known, CODES).trace[2]
                if trace.outcome != (found or "pass"):
                    wrong.append((at, start, end, trace.outcome))

    assert wrong == []


def test_a_wait_of_n_days_is_n_days_long_whatever_day_it_begins() -> None:
    asked = question_of_scenario(shipped()[0])
    assert asked is not None
    question, known = asked[0], replace(asked[1], as_of=None)
    begin, one = date(2024, 1, 1), timedelta(days=1)
    plan = replace(PLANS[0], waiting_period_days=90)
    wrong = []

    for n in range(0, 5 * 366):
        start = begin + n * one
        for days, outcome in ((89, "WAITING_PERIOD"), (90, "pass")):
            on = start + days * one
            asks_then = replace(
                question,
                legs=(Leg("telemedicine", on),),
                coverage_period=Period(start, None),
                first_opinion_on=None,
            )
            if decide(asks_then, plan, known, CODES).trace[8].outcome != outcome:
                wrong.append((start, days))

    assert wrong == []
