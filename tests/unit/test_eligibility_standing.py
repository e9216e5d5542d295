"""Whether there is cover at all, and what a plan allows of which how much is used."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from eligibility_questions import CODES, NOTHING_USED, PPO, a_question

from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.eligibility_case import Case, case_of
from payer_gateway.domain.eligibility_question import OtherCoverage, Premium, Snapshot
from payer_gateway.domain.eligibility_standing import Allowance, allowances, is_in_force, standing
from payer_gateway.domain.plan import Limit
from payer_gateway.domain.reasons import Code, Reason

YEAR, THE_YEAR_BEFORE = date(2026, 1, 1), date(2025, 1, 1)
ENDED = Period(date(2025, 1, 1), date(2026, 2, 28))


def a_case(
    *limits: Limit, known: Snapshot = NOTHING_USED, year: tuple[int, int] = (1, 1), **changes: Any
) -> Case:
    plan = replace(PPO, limits=limits, year_starts=year)
    return case_of(a_question(**changes), plan, known, CODES)


def opinions(
    second: int | None, third: int | None, per: str = "condition", term: str = "annual"
) -> Limit:
    return Limit("opinion", per, second, third, None, term)


def money(maximum: str | None, term: str = "annual") -> Limit:
    return Limit("amount", "member", None, None, maximum and Decimal(maximum), term)  # type: ignore[arg-type]


def test_who_is_covered_and_billed_first_has_nothing_found() -> None:
    assert standing(a_case()) == ()


def test_what_is_found_of_the_cover_is_told_with_its_rule_and_its_facts() -> None:
    found = standing(a_case(coverage_period=ENDED))

    assert found == (
        Reason(
            Code.COVERAGE_TERMINATED,
            "coverage-in-force",
            {"service": "2026-03-12", "end": "2026-02-28"},
        ),
    )


def test_the_rules_of_cover_are_asked_in_order_and_those_of_the_opinion_are_not() -> None:
    found = standing(
        a_case(
            coverage_period=ENDED,
            coverage_order=2,
            other_coverage=OtherCoverage("Insurer Z", 1),
            # Neither is a matter of cover: a diagnosis that is none, and an opinion too many.
            diagnosis=Coding("http://hl7.org/fhir/sid/icd-10-cm", "C97"),
            opinion_number=3,
        )
    )

    assert [(each.rule, each.code) for each in found] == [
        ("coverage-in-force", Code.COVERAGE_TERMINATED),
        ("billing-order", Code.SECONDARY_PAYER),
    ]


@pytest.mark.parametrize(
    ("known", "changes", "in_force"),
    [
        ({}, {}, True),
        ({}, {"coverage_period": ENDED}, False),
        ({}, {"coverage_status": "cancelled"}, False),
        ({"member_found": False}, {}, False),
        # Cover goes on in the grace period, and behind another insurer.
        ({}, {"premium": Premium(date(2026, 2, 28), date(2026, 5, 31))}, True),
        ({}, {"coverage_order": 2, "billed_first": "Insurer Z"}, True),
    ],
)
def test_neither_grace_nor_another_insurer_ends_cover(
    known: dict[str, Any], changes: dict[str, Any], in_force: bool
) -> None:
    found = standing(a_case(known=replace(NOTHING_USED, **known), **changes))

    assert is_in_force(found) is in_force


def test_a_refusal_by_a_rule_of_the_opinion_does_not_end_cover() -> None:
    assert is_in_force((Reason(Code.DIAGNOSIS_EXCLUDED, "exclusions"),)) is True
    assert is_in_force((Reason(Code.COVERAGE_TERMINATED, "coverage-in-force"),)) is False


def test_an_allowance_is_told_for_each_number_that_is_asked_for_and_limited() -> None:
    known = replace(NOTHING_USED, opinions_used={("EP-1", 2, YEAR): 1})

    told = list(allowances(a_case(opinions(2, 1), known=known), (2, 3)))
    without_third = list(allowances(a_case(opinions(2, None)), (3, 2)))

    assert told == [
        Allowance(2, Decimal(2), Decimal(1), "condition", "annual"),
        Allowance(3, Decimal(1), Decimal(0), "condition", "annual"),
    ]
    assert without_third == [Allowance(2, Decimal(2), Decimal(0), "condition", "annual")]


def test_of_several_limits_the_one_of_which_the_least_is_left_is_told() -> None:
    used = {("EP-1", 2, YEAR): 1, ("*", 2, YEAR): 3, ("*", 2, THE_YEAR_BEFORE): 1}
    known = replace(NOTHING_USED, opinions_used=used)
    narrow, wide = opinions(1, 1), opinions(9, 9, "member", "lifetime")

    first = list(allowances(a_case(narrow, wide, known=known), (2,)))
    second = list(allowances(a_case(wide, narrow, known=known), (2,)))
    by_member = list(
        allowances(a_case(opinions(3, 3), opinions(3, 3, "member"), known=known), (2,))
    )

    assert first == second == [Allowance(2, Decimal(1), Decimal(1), "condition", "annual")]
    assert by_member == [Allowance(2, Decimal(3), Decimal(3), "member", "annual")]


def test_each_limit_of_money_is_told_after_the_opinions_in_the_plans_order() -> None:
    known = replace(NOTHING_USED, amount_used=Decimal("40.00"), accumulators_of=YEAR)
    limits = (money("500.00"), opinions(1, 1), money(None), money("900.00", "lifetime"))

    assert list(allowances(a_case(*limits, known=known), (2,))) == [
        Allowance(2, Decimal(1), Decimal(0), "condition", "annual"),
        Allowance(None, Decimal("500.00"), Decimal("40.00"), "member", "annual"),
        Allowance(None, Decimal("900.00"), Decimal("40.00"), "member", "lifetime"),
    ]


def test_what_was_paid_in_another_year_counts_for_life_alone() -> None:
    known = replace(NOTHING_USED, amount_used=Decimal("40.00"), accumulators_of=THE_YEAR_BEFORE)
    limits = (money("500.00"), money("900.00", "lifetime"))

    assert [each.used for each in allowances(a_case(*limits, known=known), ())] == [
        Decimal(0),
        Decimal("40.00"),
    ]


def test_nobody_told_what_is_used_is_nothing_used() -> None:
    (told,) = allowances(a_case(money("500.00")), ())

    assert told.used == Decimal(0)
