"""The decision: each rule at its boundary, their order, and that it always answers.

The plans are the shipped ones; the cases come from the eligibility standard's scenarios (S..),
typed by hand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from eligibility_questions import (
    BYPASS,
    ICD_10_CM,
    ICD_10_PCS,
    IN_JAPAN,
    JAPAN,
    MEDICARE,
    SERVICE,
    TOKYO,
    codes,
    decided,
    on,
)

from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.cost import Cost
from payer_gateway.domain.eligibility import (
    RULES,
    Leg,
    Snapshot,
)
from payer_gateway.domain.eligibility_question import EarlierOpinion
from payer_gateway.domain.money import Money
from payer_gateway.domain.reasons import Code, Verdict


def test_an_oncology_opinion_by_video_is_covered() -> None:  # S01
    decision = decided()

    assert (decision.verdict, decision.benefit) == (Verdict.ELIGIBLE, "oncology")
    assert [r.code for r in decision.reasons] == [Code.COVERED_BENEFIT]
    usd = {a: Money(Decimal(a), "USD") for a in ("420.00", "0.00")}
    assert decision.cost == Cost(usd["420.00"], usd["0.00"], usd["420.00"])
    assert decision.remaining == {2: 1, 3: 1}


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period(SERVICE, SERVICE), "COVERED_BENEFIT"),
        (Period(SERVICE + timedelta(days=1), None), "COVERAGE_NOT_YET_EFFECTIVE"),
        (Period(None, SERVICE), "COVERED_BENEFIT"),
        (Period(None, SERVICE - timedelta(days=1)), "COVERAGE_TERMINATED"),  # S04
        (Period(None, None), "COVERED_BENEFIT"),
        # An instant ends cover at that instant: midnight in New York is the end of the day before.
        (Period(None, datetime(2026, 3, 12, 4, 0, tzinfo=UTC)), "COVERAGE_TERMINATED"),
        (Period(None, datetime(2026, 3, 12, 4, 1, tzinfo=UTC)), "COVERED_BENEFIT"),
        # 04:59 UTC is still the evening before in New York (daylight time began on the 8th).
        (Period(datetime(2026, 3, 13, 3, 59, tzinfo=UTC), None), "COVERED_BENEFIT"),
        (Period(datetime(2026, 3, 13, 4, 0, tzinfo=UTC), None), "COVERAGE_NOT_YET_EFFECTIVE"),
    ],
)
def test_cover_runs_from_the_first_to_the_end_of_the_last_day(
    period: Period, expected: str
) -> None:
    assert codes(coverage_period=period) == [expected]


def test_cover_that_starts_at_midnight_in_tokyo_covers_a_call_an_hour_later() -> None:  # S06
    starts = datetime.fromisoformat("2026-04-01T00:00:00+09:00")
    call = datetime.fromisoformat("2026-03-31T16:30:00Z").astimezone(TOKYO).date()
    plan = replace(JAPAN, waiting_period_days=0)
    covered = IN_JAPAN | {"coverage_period": Period(starts, date(2027, 3, 31))}

    on_the_day = codes(plan, **covered, **on(call))
    on_the_day_before = codes(plan, **covered, **on(call - timedelta(days=1)))

    assert call == date(2026, 4, 1)
    assert on_the_day == ["COVERED_BENEFIT"]
    assert on_the_day_before == ["COVERAGE_NOT_YET_EFFECTIVE"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [(89, "WAITING_PERIOD"), (90, "COVERED_BENEFIT"), (91, "COVERED_BENEFIT")],
)
def test_a_waiting_period_of_ninety_days_ends_before_the_ninetieth_day_after_the_start(
    days: int, expected: str
) -> None:  # S42
    start = date(2026, 4, 1)
    service = start + timedelta(days=days)
    covered = IN_JAPAN | {"coverage_period": Period(start, None)}

    decision = decided(JAPAN, **covered, **on(service))

    assert [r.code.value for r in decision.reasons] == [expected]
    waits = expected == "WAITING_PERIOD"
    assert decision.eligible_from == (date(2026, 6, 30) if waits else None)


@pytest.mark.parametrize("status", ["cancelled", "draft", "entered-in-error"])
def test_a_coverage_that_is_not_active_pays_nothing(status: str) -> None:
    assert codes(coverage_status=status) == ["COVERAGE_NOT_ACTIVE"]


@pytest.mark.parametrize("code", ["C97", "C00-C96", "X", "", "C50.411.1"])
def test_what_is_no_diagnosis_code_is_invalid(code: str) -> None:  # S24, S25
    decision = decided(diagnosis=Coding(ICD_10_CM, code))

    assert decision.verdict is Verdict.INVALID
    assert [r.code for r in decision.reasons] == [Code.DIAGNOSIS_INVALID]


def test_a_code_without_its_dot_in_lower_case_is_read_all_the_same() -> None:  # S28
    assert codes(diagnosis=Coding(ICD_10_CM, "c50411")) == ["COVERED_BENEFIT"]


@pytest.mark.parametrize(
    ("given_on", "expected"),
    [(SERVICE, "COVERED_BENEFIT"), (SERVICE + timedelta(days=1), "OPINION_ORDER")],
)
def test_the_first_opinion_comes_first(given_on: date, expected: str) -> None:  # S62
    assert codes(first_opinion_on=given_on) == [expected]


@pytest.mark.parametrize("code", ["Z41.1", "L57.0", "z411"])
def test_an_excluded_diagnosis_is_not_covered(code: str) -> None:  # S29
    assert codes(diagnosis=Coding(ICD_10_CM, code), procedure=BYPASS["procedure"])[0] == (
        "DIAGNOSIS_EXCLUDED"
    )


def test_a_diagnosis_that_fits_no_benefit_is_not_covered() -> None:  # S30, S32
    benign = codes(diagnosis=Coding(ICD_10_CM, "D25.9"), benefit="oncology")
    simple = codes(diagnosis=Coding(ICD_10_CM, "K80.20"), procedure=Coding(ICD_10_PCS, "0FT44ZZ"))
    unknown = codes(benefit="dental")

    assert benign == simple == unknown == ["BENEFIT_CATEGORY_MISMATCH"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("telemedicine", "COVERED_BENEFIT"),
        ("in_person", "COVERED_BENEFIT"),
        ("hybrid", "COVERED_BENEFIT"),
        ("records_review", "MODE_NOT_COVERED"),
    ],
)
def test_a_mode_that_the_benefit_does_not_list_is_not_covered(mode: str, expected: str) -> None:
    assert codes(mode=mode) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"provider_npi": "1555000110"}, ["NOT_INDEPENDENT"]),
        ({"provider_organization": "98-1000110"}, ["NOT_INDEPENDENT"]),
        ({"provider_npi": None, "first_opinion_npi": None}, ["COVERED_BENEFIT"]),
        (
            {"provider_organization": None, "first_opinion_organization": None},
            ["COVERED_BENEFIT"],
        ),
    ],
)
def test_a_second_opinion_comes_from_somebody_else(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert codes(**changes) == expected


@pytest.mark.parametrize(
    ("surgery", "expected"),
    [
        (SERVICE - timedelta(days=1), "OPINION_AFTER_SURGERY"),
        (SERVICE, "COVERED_BENEFIT"),
        (SERVICE + timedelta(days=1), "COVERED_BENEFIT"),
    ],
)
def test_an_opinion_comes_before_the_operation(surgery: date, expected: str) -> None:  # S47
    assert codes(**BYPASS, authorization_number="A2", surgery_on=surgery) == [expected]


def test_complex_surgery_is_judged_at_a_centre_of_excellence_only() -> None:  # S58
    assert codes(**BYPASS, authorization_number="A4", provider_is_coe=False) == ["COE_REQUIRED"]
    assert codes(MEDICARE, **BYPASS, provider_is_coe=False) == ["COVERED_BENEFIT"]


def test_complex_surgery_needs_an_authorization_and_a_number_is_enough() -> None:  # S02, S03
    without = decided(**BYPASS, **on(SERVICE, "in_person"))
    price = {"billed": Money(Decimal("500.00"), "USD")}
    with_number = decided(
        **BYPASS, **on(SERVICE, "in_person"), **price, authorization_number="AUTH-55A-9921"
    )

    assert (without.verdict, without.auth_required) == (Verdict.CONDITIONAL, True)
    assert [r.code for r in without.reasons] == [Code.AUTH_REQUIRED]
    assert with_number.verdict is Verdict.ELIGIBLE
    assert with_number.cost is not None
    assert (with_number.cost.member.minor, with_number.cost.plan.minor) == (4000, 46000)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (SERVICE, SERVICE, "COVERED_BENEFIT"),
        (SERVICE - timedelta(days=30), SERVICE, "COVERED_BENEFIT"),
        (SERVICE, SERVICE + timedelta(days=30), "COVERED_BENEFIT"),
        (SERVICE + timedelta(days=1), None, "AUTH_EXPIRED"),
        (None, SERVICE - timedelta(days=1), "AUTH_EXPIRED"),
        (None, None, "COVERED_BENEFIT"),
    ],
)
def test_an_authorization_covers_its_first_and_its_last_day(
    start: date | None, end: date | None, expected: str
) -> None:
    assert codes(**BYPASS, authorization_number="A1", authorization_period=Period(start, end)) == [
        expected
    ]


def test_an_authorization_covers_every_leg_or_none() -> None:
    later = SERVICE + timedelta(days=8)
    legs = (Leg("telemedicine", SERVICE), Leg("in_person", later))
    asked = {"mode": "hybrid", "legs": legs, "authorization_number": "A1", **BYPASS}

    whole = codes(**asked, authorization_period=Period(SERVICE, later))
    half = codes(**asked, authorization_period=Period(SERVICE, later - timedelta(days=1)))

    assert (whole, half) == (["COVERED_BENEFIT"], ["AUTH_EXPIRED"])


def test_a_hybrid_opinion_is_inside_cover_with_all_of_its_legs() -> None:
    legs = (Leg("telemedicine", SERVICE), Leg("in_person", SERVICE + timedelta(days=20)))

    ends_between = codes(
        mode="hybrid",
        legs=legs,
        coverage_period=Period(None, SERVICE + timedelta(days=19)),
    )
    starts_between = codes(
        mode="hybrid",
        legs=legs,
        coverage_period=Period(SERVICE + timedelta(days=1), None),
    )

    assert ends_between == ["COVERAGE_TERMINATED"]
    assert starts_between == ["COVERAGE_NOT_YET_EFFECTIVE"]


def test_a_hybrid_opinion_costs_its_highest_copay_once() -> None:  # S44
    legs = (Leg("telemedicine", SERVICE), Leg("in_person", SERVICE + timedelta(days=20)))

    decision = decided(mode="hybrid", legs=legs, billed=Money(Decimal("600.00"), "USD"))

    assert decision.verdict is Verdict.ELIGIBLE
    assert decision.cost is not None
    assert (decision.cost.member.minor, decision.cost.plan.minor) == (4000, 56000)


def used(number: int = 2, n: int = 1, episode: str = "EP-1", year: int = 2026) -> Snapshot:
    return Snapshot(opinions_used={(episode, number, date(year, 1, 1)): n}, deductible_met=None)


@pytest.mark.parametrize(
    ("known", "number", "expected"),
    [
        (used(), 2, "BENEFIT_LIMIT_REACHED"),  # S33
        (used(), 3, "COVERED_BENEFIT"),  # S17: the third opinion has an allowance of its own
        (used(3), 3, "BENEFIT_LIMIT_REACHED"),
        (used(n=0), 2, "COVERED_BENEFIT"),
        (used(episode="EP-2"), 2, "COVERED_BENEFIT"),  # another condition
        (used(year=2025), 2, "COVERED_BENEFIT"),  # S35: last year's
    ],
)
def test_each_condition_has_its_opinions_of_the_year(
    known: Snapshot, number: int, expected: str
) -> None:
    disagreement = EarlierOpinion(on=date(2026, 3, 1), agrees=False)

    found = codes(known=known, opinion_number=number, second_opinion=disagreement)

    assert found == [expected]


def test_a_diagnosis_that_changes_within_the_episode_opens_no_new_allowance() -> None:
    assert codes(known=used(), diagnosis=Coding(ICD_10_CM, "C78.00")) == ["BENEFIT_LIMIT_REACHED"]


@pytest.mark.parametrize(
    ("day", "year"),
    [(date(2026, 3, 31), date(2025, 4, 1)), (date(2026, 4, 1), date(2026, 4, 1))],
)
def test_the_benefit_year_begins_when_the_plan_says(day: date, year: date) -> None:
    known = Snapshot(opinions_used={("EP-1", 2, year): 1}, deductible_met=None)

    assert JAPAN.benefit_year(day) == year
    assert codes(JAPAN, known, **IN_JAPAN, **on(day)) == ["BENEFIT_LIMIT_REACHED"]


def test_what_another_insurer_pays_first_is_a_condition() -> None:  # S12
    decision = decided(coverage_order=2, billed_first="Insurer Z")

    assert (decision.verdict, [r.code for r in decision.reasons]) == (
        Verdict.CONDITIONAL,
        [Code.SECONDARY_PAYER],
    )
    assert decision.reasons[0].sentence == "Insurer Z is billed first."


@pytest.mark.parametrize(
    ("country", "number", "expected"),
    [
        ("US", None, "CROSS_BORDER_AUTH_REQUIRED"),  # S39
        ("US", "JP-XB-2026-0042", "COVERED_BENEFIT"),
        ("TH", None, "CROSS_BORDER_NOT_COVERED"),  # S40
        ("TH", "JP-XB-2026-0042", "CROSS_BORDER_NOT_COVERED"),
        ("JP", None, "COVERED_BENEFIT"),
    ],
)
def test_an_opinion_abroad_is_for_the_named_countries_and_with_leave(
    country: str, number: str | None, expected: str
) -> None:
    abroad = IN_JAPAN | {"provider_country": country}

    assert codes(JAPAN, **abroad, authorization_number=number) == [expected]


def test_a_price_in_another_currency_without_a_rate_waits_for_a_person() -> None:  # S38
    dollars = IN_JAPAN | {"billed": Money(Decimal("420.00"), "USD")}

    decision = decided(JAPAN, **dollars)

    assert (decision.verdict, decision.cost) == (Verdict.PENDED, None)
    assert [r.code for r in decision.reasons] == [Code.CURRENCY_CONVERSION_REQUIRED]


def test_out_of_network_is_covered_at_its_own_cost_share() -> None:  # S56
    decision = decided(
        provider_network="out",
        provider_is_coe=False,
        billed=Money(Decimal("1500.00"), "USD"),
    )

    assert [r.code for r in decision.reasons] == [Code.COVERED_BENEFIT, Code.OUT_OF_NETWORK]
    assert decision.cost is not None
    assert (decision.cost.member.minor, decision.cost.plan.minor) == (120000, 30000)


def test_the_agreed_fee_is_what_is_allowed_whatever_was_billed() -> None:
    decision = decided(agreed_fee=Money(Decimal("260.00"), "USD"))

    assert decision.cost is not None
    assert decision.cost.allowed == Money(Decimal("260.00"), "USD")


def test_an_unknown_deductible_counts_as_unmet_and_is_noted() -> None:
    told = Snapshot(opinions_used={}, deductible_met=Money(Decimal("283.00"), "USD"))

    assumed, known = decided(MEDICARE), decided(MEDICARE, told)

    assert (assumed.notes, known.notes) == (("ASSUMED_DEDUCTIBLE_UNMET",), ())
    assert assumed.cost is not None
    assert known.cost is not None
    # 283.00 + 20 % of 137.00 against 20 % of 420.00.
    assert (assumed.cost.member.minor, known.cost.member.minor) == (31040, 8400)


def test_the_worst_finding_decides_and_the_first_reason_names_it() -> None:
    invalid = decided(diagnosis=Coding(ICD_10_CM, "C97"), coverage_status="cancelled")
    refused = codes(coverage_status="cancelled", known=used(), billed_first="Z", coverage_order=2)
    pended_too = codes(
        JAPAN,
        **IN_JAPAN | {"billed": Money(Decimal("420.00"), "USD")},
        coverage_status="cancelled",
    )
    conditions = codes(**BYPASS, billed_first="Z", coverage_order=2)

    # Only what is wrong with the input, when it cannot be judged at all.
    assert [r.code for r in invalid.reasons] == [Code.DIAGNOSIS_INVALID]
    # In the order of the rules, without conditions that are beside the point.
    assert refused == ["COVERAGE_NOT_ACTIVE", "BENEFIT_LIMIT_REACHED"]
    assert pended_too == ["COVERAGE_NOT_ACTIVE", "CURRENCY_CONVERSION_REQUIRED"]
    assert conditions == ["SECONDARY_PAYER", "AUTH_REQUIRED"]


def test_every_rule_leaves_its_trace() -> None:
    traced = [t.rule for t in decided().trace]

    assert traced == [rule.name for rule in RULES]
    assert [rule.number for rule in RULES] == list(range(1, 19))
