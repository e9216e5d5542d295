"""What a decision says beside its reasons: service type, dates, notes, what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eligibility_cases import BYPASS, FUSION, IN_JAPAN, SERVICE, answer, decided, reasons

from payer_gateway.domain.eligibility import no_coverage
from payer_gateway.domain.money import Money
from payer_gateway.domain.reason_codes import Code
from payer_gateway.domain.reasons import Reason
from payer_gateway.mapping.scenario_file import merged

NO_SURGERY = {"first_opinion": {"recommends_surgery": "false"}}


@pytest.mark.parametrize(
    ("request_", "service_type", "hint"),
    [
        ({}, "20", "SM"),  # the first opinion recommends an operation
        (NO_SURGERY, "3", None),
        ({**BYPASS, **NO_SURGERY}, "20", "SM"),
        ({**FUSION, **NO_SURGERY}, "20", "SM"),
        ({"diagnosis": {"code": "D25.9"}, **NO_SURGERY}, "3", None),
    ],
)
def test_a_second_opinion_on_an_operation_is_a_surgical_one(
    request_: dict[str, Any], service_type: str, hint: str | None
) -> None:
    found = answer(request=request_)

    assert (found["service_type"], found["modifier_hint"]) == (service_type, hint)


@pytest.mark.parametrize(
    ("start", "plan_keys", "since"),
    [
        ("2026-03-13", {}, "2026-03-13"),
        ("2026-03-13", {"waiting_period_days": "30"}, "2026-04-12"),
        ("2026-03-01", {"waiting_period_days": "30"}, "2026-03-31"),
        ("2026-03-01", {}, None),
    ],
)
def test_the_first_day_covered_is_that_after_start_and_wait(
    start: str, plan_keys: dict[str, Any], since: str | None
) -> None:
    found = answer(plan_keys=plan_keys, coverage={"period": {"start": start}})

    assert found["eligible_from"] == since


@pytest.mark.parametrize(
    ("request_", "penalty"),
    [
        (FUSION, "1000.00"),
        ({**FUSION, "proposed_procedure": "021109W"}, None),
        ({**FUSION, "kind": "opinion"}, None),
    ],
)
def test_a_penalty_is_named_where_the_plan_demands_an_opinion(
    request_: dict[str, Any], penalty: str | None
) -> None:
    assert answer("EMP-MANDATORY-2026", price="3000.00", request=request_)["penalty"] == penalty


@pytest.mark.parametrize(
    ("born", "ends", "notes"),
    [
        ("2000-06-15", "plan_end", ["DEPENDENT_COVERAGE_ENDS_2026-12-31"]),
        ("2000-06-15", "month_end", ["DEPENDENT_COVERAGE_ENDS_2026-06-30"]),
        ("2000-06-15", "birthday", ["DEPENDENT_COVERAGE_ENDS_2026-06-14"]),
        ("2001-01-15", "month_end", []),  # next year
        ("1999-01-15", "month_end", ["DEPENDENT_COVERAGE_ENDS_2025-01-31"]),
    ],
)
def test_an_end_of_cover_within_the_benefit_year_is_noted(
    born: str, ends: str, notes: list[str]
) -> None:
    member = {"birth_date": born, "relationship": "child"}

    found = answer(plan_keys={"dependents": {"age_limit": "26", "ends": ends}}, member=member)

    assert found["notes"] == notes


def test_a_disabled_child_is_exempt_where_the_plan_says_so() -> None:
    member = {"birth_date": "1990-01-01", "relationship": "child", "disabled": "true"}
    terms = {"age_limit": "26", "ends": "month_end"}

    exempt = {"dependents": {**terms, "disabled_exempt": "true"}}
    not_exempt = {"dependents": {**terms, "disabled_exempt": "false"}}

    assert reasons(plan_keys=exempt, member=member) == ["COVERED_BENEFIT"]
    assert reasons(plan_keys=not_exempt, member=member) == ["DEPENDENT_AGE_LIMIT"]


def test_the_language_of_an_opinion_abroad_is_noted_and_only_there() -> None:

    from eligibility_cases import CODES, a_scenario

    from payer_gateway.domain.eligibility import decide
    from payer_gateway.mapping.scenario_question import question_of_scenario

    def notes(language: str | None, country: str) -> tuple[str, ...]:
        given = merged(IN_JAPAN, {"provider": {"country": country}})
        scenario = a_scenario("JP-PRIV-GAN", **given)
        asked = question_of_scenario(scenario)
        assert asked is not None
        question, known = asked
        return decide(replace(question, language=language), scenario.plan, known, CODES).notes

    assert notes("de-AT", "US") == ("LANGUAGE_NOT_SUPPORTED_de-AT",)
    assert notes("ja", "US") == ()  # without a region
    assert notes("ja-JP", "US") == notes("de", "JP") == notes(None, "US") == ()


def test_without_coverage_nothing_is_reckoned() -> None:
    decision = no_coverage()

    assert (decision.units, decision.auth_required, decision.cost) == (1, False, None)
    assert decision.number("carc") is None


def test_the_first_reason_that_has_a_standard_code_lends_it_to_the_answer() -> None:
    none, late = no_coverage().reasons[0], Reason(Code.COVERAGE_TERMINATED, "coverage-in-force", {})
    decision = replace(no_coverage(), reasons=(none, late))

    assert (decision.number("carc"), decision.number("eb12")) == ("27", None)


@pytest.mark.parametrize(
    ("value", "is_amount"),
    [
        ("0", True),
        ("0.00", True),
        ("0.000", True),
        ("-0.01", False),
        ("999999999999999", True),
        ("1000000000000000", False),
    ],
)
def test_an_amount_is_nothing_or_more_and_within_reason(value: str, is_amount: bool) -> None:
    found = reasons(request={"billed": {"value": value, "currency": "USD"}})

    assert (found != ["CURRENCY_PRECISION"]) is is_amount


@pytest.mark.parametrize(
    ("used", "number", "expected"),
    [
        ({"C34": {"second": "1"}}, "2", ["COVERED_BENEFIT"]),
        ({"C50": {"third": "1"}}, "2", ["COVERED_BENEFIT"]),
        ({"C50": {"second": "1"}}, "2", ["BENEFIT_LIMIT_REACHED"]),
        ({"C50.9": {"second": "1"}}, "2", ["BENEFIT_LIMIT_REACHED"]),  # the category counts
    ],
)
def test_a_lifetime_allowance_counts_the_condition_and_the_number(
    used: dict[str, Any], number: str, expected: list[str]
) -> None:
    limits = [{"unit": "opinion", "per": "condition", "term": "lifetime", "max_second": "1"}]

    found = reasons(
        plan_keys={"limits": limits},
        accumulators={"accumulator_year": "2020", "opinions_used": used},
        request={"opinion_number": number},
    )

    assert found == expected


def test_what_is_left_is_the_least_that_any_limit_leaves() -> None:
    limits = [
        {"unit": "opinion", "per": "condition", "max_second": "3", "max_third": "1"},
        {"unit": "opinion", "per": "member", "max_second": "4"},
        {"unit": "amount", "per": "member", "max": "500.00"},
        {"unit": "amount", "per": "condition", "term": "lifetime", "max": "600.00"},
    ]
    used = {"C34": {"second": "2"}, "C50": {"second": "1", "third": "5"}}

    now = decided(
        plan_keys={"limits": limits},
        accumulators={"opinions_used": used, "amount_used": "100.00"},
    )
    next_year = decided(
        plan_keys={"limits": limits},
        accumulators={"opinions_used": used, "amount_used": "100.00", "accumulator_year": "2025"},
    )

    assert now.remaining == {2: 1, 3: 0}
    assert str(now.remaining_amount) == "400.00 USD"
    assert next_year.remaining == {2: 3, 3: 1}
    assert str(next_year.remaining_amount) == "500.00 USD"


def test_of_two_amounts_the_lesser_rest_is_paid() -> None:
    limits = [
        {"unit": "amount", "per": "member", "max": "500.00"},
        {"unit": "amount", "per": "condition", "max": "300.00"},
    ]

    found = answer(
        price="420.00", plan_keys={"limits": limits}, accumulators={"amount_used": "100.00"}
    )

    assert found["reasons"] == ["COVERED_BENEFIT", "BENEFIT_LIMIT_PARTIAL"]
    assert found["cost"] == {
        "allowed": "420.00",
        "member": "220.00",
        "plan": "200.00",
        "currency": "USD",
    }


def test_a_hybrid_of_two_networks_is_estimated_at_the_higher_share() -> None:  # S46
    legs = [
        {"mode": "telemedicine", "service": "2026-03-12", "network": "in"},
        {"mode": "in_person", "service": "2026-03-20", "network": "out"},
    ]

    found = answer(price="1500.00", request={"mode": "hybrid", "legs": legs})

    assert found["reasons"] == ["COVERED_BENEFIT", "MIXED_NETWORK"]
    assert found["per_leg_network"] == ["in", "out"]
    assert found["cost"]["member"] == "1200.00"


@pytest.mark.parametrize(
    ("age", "expected"), [(180, "COVERED_BENEFIT"), (181, "SECOND_OPINION_EXPIRED")]
)
def test_an_opinion_too_early_for_a_mandated_operation_is_said_so(age: int, expected: str) -> None:
    from datetime import timedelta

    request = {
        **FUSION,
        "kind": "opinion",
        "mode": "in_person",
        "auth_number": "A1",
        "surgery_date": (SERVICE + timedelta(days=age)).isoformat(),
    }

    assert reasons("EMP-MANDATORY-2026", request=request) == [expected]
    assert reasons("US-PPO-2026", request=request) == ["COVERED_BENEFIT"]
    urgent = {**request, "urgency": "urgent"}
    assert reasons("EMP-MANDATORY-2026", request=urgent) == ["COVERED_BENEFIT"]


def test_a_second_payer_whose_first_is_not_known_still_waits_for_it() -> None:
    found = answer(coverage={"order": "2"})

    assert (found["reasons"], found["bill_first"]) == (["SECONDARY_PAYER"], None)


def test_the_currency_alone_waits_for_a_rate_and_nothing_is_reckoned() -> None:  # S38
    found = answer(request={"billed": {"value": "420.00", "currency": "EUR"}})

    assert (found["reasons"], found["cost"]) == (["CURRENCY_CONVERSION_REQUIRED"], None)
    assert str(Money.zero("USD")) == "0.00 USD"


@pytest.mark.parametrize("code", ["R91.8", "R91.1", "N63.0", "R97.20"])
def test_findings_count_as_oncology_where_the_plan_takes_suspicion(code: str) -> None:
    request = {"diagnosis": {"code": code}}

    assert reasons(request=request) == ["BENEFIT_CATEGORY_MISMATCH"]
    suspicion = {"suspected_cancer": "true"}
    assert reasons(plan_keys=suspicion, request=request)[0] in (
        "COVERED_BENEFIT",
        "DIAGNOSIS_NOT_SPECIFIC",
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, "complex_surgery"),
        ("oncology", "oncology"),
        ("complex_surgery", "complex_surgery"),
    ],
)
def test_the_benefit_is_the_one_asked_for_else_the_first_that_fits(
    asked: str | None, expected: str
) -> None:
    request = {
        "diagnosis": {"code": "C25.0"},
        "proposed_procedure": "0FBG0ZZ",
        "benefit_requested": asked,
        "auth_number": "A3",
    }

    assert answer(request=request)["benefit"] == expected
    order = {"benefit_order": ["oncology"]}
    if asked is None:
        assert answer(plan_keys=order, request=request)["benefit"] == "oncology"


def test_a_second_opinion_already_on_file_is_no_earlier_one_of_itself() -> None:
    same = {"npi": "1555000128", "tin_group": "G-SECOND", "date": "2026-03-20"}

    assert reasons(request={"second_opinion": same}) == ["COVERED_BENEFIT"]


def test_what_is_out_of_order_is_named() -> None:
    second = {"npi": "1555000995", "date": "2026-03-13", "agrees": "false"}

    found = decided(request={"opinion_number": "3", "second_opinion": second}).reasons[0]

    assert found.sentence == (
        "The second opinion is dated 2026-03-13, after the third opinion on 2026-03-12."
    )
