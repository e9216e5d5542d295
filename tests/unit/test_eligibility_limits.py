"""Limits, authorization, mandates and cost on the day and the cent where they turn (S..)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from eligibility_cases import (
    BYPASS,
    COVERED,
    FUSION,
    IN_JAPAN,
    SERVICE,
    answer,
    decided,
    merge,
    reasons,
)

# -- 15 limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "units", "expected"),
    [(29, 1, COVERED), (30, 1, COVERED), (31, 2, ["HYBRID_WINDOW_EXCEEDED"])],
)
def test_meetings_within_the_window_are_one_opinion(
    days: int, units: int, expected: list[str]
) -> None:  # S44
    later = (SERVICE + timedelta(days=days)).isoformat()
    legs = [
        {"mode": "in_person", "service": later},
        {"mode": "telemedicine", "service": SERVICE.isoformat()},
    ]

    found = answer(price="600.00", request={"mode": "hybrid", "legs": legs})

    assert (found["reasons"], found["units"]) == (expected, units)
    # Each opinion costs its highest copay once: 40 for the visit, nothing for the call.
    assert found["cost"]["member"] == "40.00"


def test_four_visits_in_two_windows_are_two_opinions_and_two_copays() -> None:
    days = ("2026-03-12", "2026-03-20", "2026-04-20", "2026-04-30")
    legs = [{"mode": "in_person", "service": day} for day in days]

    found = answer(price="600.00", request={"mode": "hybrid", "legs": legs})

    assert (found["units"], found["cost"]["member"]) == (2, "80.00")


@pytest.mark.parametrize(
    ("used", "member", "expected"),
    [
        ("0", "0", COVERED),
        ("156000", "0", COVERED),
        ("156001", "1", ["COVERED_BENEFIT", "BENEFIT_LIMIT_PARTIAL"]),
        ("199999", "43999", ["COVERED_BENEFIT", "BENEFIT_LIMIT_PARTIAL"]),
        ("200000", None, ["BENEFIT_LIMIT_REACHED"]),
        ("250000", None, ["BENEFIT_LIMIT_REACHED"]),
    ],
)
def test_a_partly_used_amount_pays_up_to_the_rest(
    used: str, member: str | None, expected: list[str]
) -> None:
    given = merge(IN_JAPAN, {"accumulators": {"amount_used": used}})

    found = answer("JP-PRIV-GAN", price="44000", **given)

    assert found["reasons"] == expected
    assert (found["cost"] and found["cost"]["member"]) == member


def test_a_new_benefit_year_begins_with_nothing_used_and_no_deductible_met() -> None:
    last_year = {
        "accumulator_year": "2025",
        "deductible_met": "3400.00",
        "amount_used": "200000",
        "opinions_used": {"C50": {"second": "1"}},
    }

    found = answer("US-HDHP-2026", price="850.00", accumulators=last_year)

    assert found["reasons"] == COVERED
    assert found["cost"]["member"] == "850.00"


@pytest.mark.parametrize(
    ("per", "condition", "expected"),
    [
        ("condition", "C50", ["BENEFIT_LIMIT_REACHED"]),  # S33
        ("condition", "C34", COVERED),
        ("member", "C34", ["BENEFIT_LIMIT_REACHED"]),
    ],
)
def test_an_allowance_is_that_of_the_condition_or_of_the_member(
    per: str, condition: str, expected: list[str]
) -> None:
    limits = {"limits": [{"unit": "opinion", "per": per, "max_second": "1", "max_third": "1"}]}
    used = {"opinions_used": {condition: {"second": "1"}}}

    assert reasons(plan_keys=limits, accumulators=used) == expected


def test_a_lifetime_allowance_does_not_come_back_with_the_year() -> None:
    limits = {
        "limits": [
            {"unit": "opinion", "per": "condition", "term": "lifetime", "max_second": "1"},
        ]
    }
    used = {"accumulator_year": "2020", "opinions_used": {"C50": {"second": "1"}}}

    assert reasons(plan_keys=limits, accumulators=used) == ["BENEFIT_LIMIT_REACHED"]


# -- 16 to 18 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-12", "2026-03-12", COVERED),
        ("2026-03-13", "2026-04-12", ["AUTH_EXPIRED"]),
        ("2026-02-12", "2026-03-11", ["AUTH_EXPIRED"]),
    ],
)
def test_an_authorization_holds_from_its_first_to_its_last_day(
    start: str, end: str, expected: list[str]
) -> None:
    period = {"auth_period": {"start": start, "end": end}}

    assert reasons(request=merge(BYPASS, period)) == expected


@pytest.mark.parametrize(
    ("opinion", "expected"),
    [
        ("2025-11-03", "COVERED_BENEFIT"),  # 180 days
        ("2025-11-02", "SECOND_OPINION_EXPIRED"),
        ("2026-05-02", "COVERED_BENEFIT"),
        ("2026-05-03", "MANDATORY_SECOND_OPINION_MISSING"),  # after the operation
        (None, "MANDATORY_SECOND_OPINION_MISSING"),  # S51
    ],
)
def test_the_mandated_opinion_is_there_in_time_and_not_too_old(
    opinion: str | None, expected: str
) -> None:
    second = {"date": opinion, "agrees": "false"} if opinion else None

    found = answer(
        "EMP-MANDATORY-2026", price="3000.00", request=merge(FUSION, {"second_opinion": second})
    )

    assert found["reasons"] == [expected]
    is_reduced = expected != "COVERED_BENEFIT"
    assert found["penalty"] == ("1000.00" if is_reduced else "0.00")
    assert found["cost"]["member"] == ("1000.00" if is_reduced else "0.00")


@pytest.mark.parametrize(
    ("price", "penalty"),
    [("1999.98", "999.99"), ("2000.00", "1000.00"), ("2000.02", "1000.00"), ("0.01", "0.01")],
)
def test_the_penalty_stops_at_its_cap(price: str, penalty: str) -> None:
    found = answer("EMP-MANDATORY-2026", price=price, request=FUSION)

    assert found["penalty"] == penalty


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"urgency": "emergency"}, "EMERGENCY_EXEMPT"),
        ({"urgency": "urgent"}, "EMERGENCY_EXEMPT"),
        ({"proposed_procedure": "021109W"}, "COVERED_BENEFIT"),  # a bypass is not on the list
        ({"proposed_procedure": ["021109W", "0SG1071"]}, "MANDATORY_SECOND_OPINION_MISSING"),
    ],
)
def test_what_is_not_mandated_is_paid_in_full(changes: dict[str, Any], expected: str) -> None:
    found = reasons("EMP-MANDATORY-2026", price="3000.00", request=merge(FUSION, changes))

    assert found == [expected]


def test_a_claim_for_an_operation_is_judged_by_the_day_of_the_operation() -> None:
    before = reasons(coverage={"period": {"end": "2026-05-02"}}, request=FUSION)
    after = reasons(coverage={"period": {"end": "2026-05-01"}}, request=FUSION)

    assert (before, after) == (COVERED, ["COVERAGE_TERMINATED"])


def test_a_claim_for_an_operation_is_asked_rules_one_to_seven_and_the_last_two() -> None:
    trace = decided("EMP-MANDATORY-2026", request=FUSION).trace

    asked = [n for n, each in enumerate(trace, start=1) if each.outcome != "not asked"]

    assert asked == [1, 2, 3, 4, 5, 6, 7, 17, 18]


def test_of_several_faults_the_worst_decide_in_the_order_of_the_rules() -> None:
    faults = {
        "coverage": {"period": {"end": "2026-03-01"}},
        "provider": {"npi": "1555000110"},
        "request": {"patient_location": "US-TX"},
        "accumulators": {"opinions_used": {"C50": {"second": "1"}}},
    }
    broken = merge(faults, {"request": {"diagnosis": {"code": "C97"}}, "member_found": "false"})

    assert reasons(**faults) == [
        "COVERAGE_TERMINATED",
        "NOT_INDEPENDENT",
        "BENEFIT_LIMIT_REACHED",
        "PROVIDER_LICENSURE",
    ]
    assert reasons(**broken) == ["MEMBER_NOT_FOUND", "DIAGNOSIS_INVALID"]


def test_an_answer_holds_until_the_day_of_the_service() -> None:
    assert decided().valid_until == SERVICE
    assert decided(coverage={"status": "cancelled"}).valid_until is None
    assert decided(request={"service": "2026-03-13T03:59:59Z"}).valid_until == date(2026, 3, 12)
