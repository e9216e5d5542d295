"""What the roster says of a member takes the place of what was asserted, field by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from eligibility_questions import JAPAN, NOTHING_USED, PPO, a_question

from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.eligibility_question import Member, OtherCoverage, Premium, Question
from payer_gateway.domain.eligibility_roster import (
    by_roster,
    differences,
    with_membership,
    with_usage,
)
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Limit, Plan
from payer_gateway.domain.roster import Entry, Membership, Usage, Used

BORN = date(1979, 5, 14)
YEAR = date(2026, 1, 1)
# In force through 2026, as the question has it.
MEMBERSHIP = Membership(
    insurer="NORTHWIND-PPO",
    plan="US-PPO-2026",
    member_id="M1",
    birth_date=BORN,
    start=YEAR,
    end=date(2026, 12, 31),
)


def asked(**changes: Any) -> Question:
    return a_question(**{"member": Member(BORN), **changes})


def a_plan(*terms: str) -> Plan:
    """The plan with one limit of money of each of these terms."""
    limits = tuple(Limit("amount", "member", None, None, Decimal(500), term) for term in terms)
    return replace(PPO, limits=(*PPO.limits, *limits))


def test_every_field_that_the_roster_tells_takes_the_place_of_what_was_asserted() -> None:
    told = replace(
        MEMBERSHIP,
        start=date(2026, 2, 1),
        end=date(2026, 11, 30),
        status="cancelled",
        relationship="child",
        disabled=True,
        residence="CA-ON",
        order=2,
        paid_through=date(2026, 2, 28),
        grace_ends=date(2026, 5, 31),
        change_recorded=date(2026, 4, 15),
        subscriber_birthday="03-09",
        other_payer="Insurer Z",
        other_order=1,
        other_subscriber_birthday="01-02",
    )
    question = asked()

    known = with_membership(question, told, date(2026, 4, 20))

    assert known == replace(
        question,
        member=Member(BORN, "child", True),
        coverage_status="cancelled",
        coverage_period=Period(date(2026, 2, 1), date(2026, 11, 30)),
        coverage_order=2,
        premium=Premium(date(2026, 2, 28), date(2026, 5, 31)),
        coverage_change_recorded=date(2026, 4, 15),
        patient_country="CA",
        subscriber_birthday="03-09",
        other_coverage=OtherCoverage("Insurer Z", 1, "01-02"),
    )


def test_what_the_roster_leaves_out_stays_as_it_was_asserted() -> None:
    question = asked(
        premium=Premium(date(2026, 2, 28)),
        subscriber_birthday="03-09",
        other_coverage=OtherCoverage("Insurer Z", 2),
    )

    assert with_membership(question, MEMBERSHIP) == question


@pytest.mark.parametrize("residence", ["CA-ON", "CA"])
def test_a_member_is_at_home_in_the_country_of_the_residence(residence: str) -> None:
    known = with_membership(asked(), replace(MEMBERSHIP, residence=residence))

    assert known.patient_country == "CA"


def test_a_roster_that_names_no_day_of_change_is_known_to_change_when_it_was_read() -> None:
    known = with_membership(asked(), MEMBERSHIP, date(2026, 4, 20))

    assert known.coverage_change_recorded == date(2026, 4, 20)


def test_a_roster_puts_a_cover_behind_others_and_never_before_what_is_billed_first() -> None:
    orders = {
        (said, kept): with_membership(
            asked(coverage_order=said), replace(MEMBERSHIP, order=kept)
        ).coverage_order
        for said, kept in ((1, 2), (2, 1), (2, None), (1, None))
    }

    assert orders == {(1, 2): 2, (2, 1): 2, (2, None): 2, (1, None): 1}


@pytest.mark.parametrize(
    ("told", "said", "differs"),
    [
        ({}, {}, []),
        ({}, {"member": None}, []),
        ({}, {"member": Member(None)}, []),
        ({}, {"member": Member(date(1979, 5, 15))}, ["BIRTH_DATE"]),
        ({}, {"member": Member(BORN, "spouse")}, ["RELATIONSHIP"]),
        ({}, {"coverage_status": "draft"}, ["STATUS"]),
        ({"start": date(2026, 2, 1)}, {}, ["PERIOD"]),
        ({"end": None}, {}, ["PERIOD"]),
        ({"end": date(2026, 6, 30)}, {"coverage_period": Period(YEAR, None)}, []),
        ({"start": date(2025, 1, 1)}, {"coverage_period": Period(None, date(2026, 12, 31))}, []),
        ({"order": 1}, {}, []),
        ({"order": 2}, {}, ["ORDER"]),
        ({}, {"coverage_order": 2}, []),
        ({"residence": "US-NY"}, {}, []),
        ({"residence": "US"}, {}, []),
        ({"residence": "CA-ON"}, {}, ["RESIDENCE"]),
        ({"residence": "CA-ON"}, {"patient_country": None}, []),
        ({"status": "cancelled", "residence": "CA"}, {}, ["STATUS", "RESIDENCE"]),
    ],
)
def test_what_was_asserted_otherwise_than_the_roster_says_is_named(
    told: dict[str, Any], said: dict[str, Any], differs: list[str]
) -> None:
    assert list(differences(asked(**said), replace(MEMBERSHIP, **told))) == differs


def test_who_is_not_on_the_roster_is_not_found_and_the_question_stays() -> None:
    question = asked()

    assert by_roster(question, NOTHING_USED, None, PPO) == (
        question,
        replace(NOTHING_USED, member_found=False),
    )


def test_an_entry_tells_membership_use_and_what_differs() -> None:
    usage = Usage(2026, Decimal("100.00"), None, Decimal("40.00"), (Used("*", 1, 0),))
    entry = Entry(replace(MEMBERSHIP, status="cancelled"), (usage,), date(2026, 4, 20))

    question, known = by_roster(asked(), NOTHING_USED, entry, PPO)

    assert question == replace(
        asked(), coverage_status="cancelled", coverage_change_recorded=date(2026, 4, 20)
    )
    assert known == replace(
        NOTHING_USED,
        opinions_used={("*", 2, YEAR): 1},
        deductible_met=Money(Decimal("100.00"), "USD"),
        amount_used=Decimal("40.00"),
        accumulators_of=YEAR,
        roster_differs=("STATUS",),
    )


def test_opinions_of_the_roster_are_added_to_those_that_we_counted() -> None:
    counted = replace(NOTHING_USED, opinions_used={("EP-1", 2, YEAR): 1, ("*", 2, YEAR): 1})
    usage = Usage(2026, opinions_used=(Used("EP-1", 1, 2), Used("EP-2", 3, 0), Used("*", 1, 0)))

    used = with_usage(counted, [usage], asked(), PPO).opinions_used

    assert used == {
        ("EP-1", 2, YEAR): 2,
        ("EP-1", 3, YEAR): 2,
        ("EP-2", 2, YEAR): 3,
        ("*", 2, YEAR): 6,
        ("*", 3, YEAR): 2,
    }


@pytest.mark.parametrize(
    ("written", "episode", "condition"),
    [
        # The category of the diagnosis that is asked about is its episode.
        ("C50", "EP-1", "EP-1"),
        ("c50.911", "EP-1", "EP-1"),
        ("C50", None, "C50"),
        ("C50.911", None, "C50"),
        # Another category is a condition of its own.
        ("C34", "EP-1", "C34"),
        ("c34.10", "EP-1", "C34"),
        # What is no diagnosis code is the name of an episode.
        ("EP-1", "EP-1", "EP-1"),
        ("EP-7", "EP-1", "EP-7"),
        ("C50", "C50", "C50"),
    ],
)
def test_a_roster_counts_by_diagnosis_and_we_by_episode(
    written: str, episode: str | None, condition: str
) -> None:
    usage = Usage(2026, opinions_used=(Used(written, 1, 0),))

    used = with_usage(NOTHING_USED, [usage], asked(episode_id=episode), PPO).opinions_used

    assert used == {(condition, 2, YEAR): 1, ("*", 2, YEAR): 1}


def test_a_diagnosis_as_somebody_types_it_is_of_its_category_too() -> None:
    typed = asked(diagnosis=Coding("http://hl7.org/fhir/sid/icd-10-cm", " c50.411 "))
    usage = Usage(2026, opinions_used=(Used("C50", 1, 0),))

    used = with_usage(NOTHING_USED, [usage], typed, PPO).opinions_used

    assert used == {("EP-1", 2, YEAR): 1, ("*", 2, YEAR): 1}


def test_the_amounts_are_those_of_the_benefit_year_of_the_service() -> None:
    usage = [
        Usage(2025, Decimal("1.00"), None, Decimal("10.00")),
        Usage(2026, Decimal("2.00"), None, Decimal("20.00")),
        Usage(2027, Decimal("3.00"), None, Decimal("30.00")),
    ]

    known = with_usage(NOTHING_USED, usage, asked(), a_plan("annual"))
    of_the_year_before = with_usage(NOTHING_USED, usage[:1], asked(), PPO)
    of_a_year_to_come = with_usage(NOTHING_USED, usage[2:], asked(), PPO)

    assert known.deductible_met == Money(Decimal("2.00"), "USD")
    assert (known.amount_used, known.accumulators_of) == (Decimal("20.00"), YEAR)
    assert of_the_year_before.accumulators_of == date(2025, 1, 1)
    assert of_a_year_to_come == NOTHING_USED


def test_opinions_of_a_year_to_come_are_counted_in_their_year() -> None:
    usage = Usage(2027, opinions_used=(Used("*", 1, 0),))

    known = with_usage(NOTHING_USED, [usage], asked(), PPO)

    assert known == replace(NOTHING_USED, opinions_used={("*", 2, date(2027, 1, 1)): 1})


def test_a_benefit_year_begins_where_the_plan_begins_it_and_its_amounts_are_in_its_money() -> None:
    usage = [Usage(2025, Decimal("44000"), None, Decimal("7000"), (Used("*", 1, 0),))]

    # 12 March 2026 is in the year that began in April 2025.
    known = with_usage(NOTHING_USED, usage, asked(), JAPAN)

    assert known.accumulators_of == date(2025, 4, 1)
    assert known.deductible_met == Money(Decimal(44000), "JPY")
    assert known.opinions_used == {("*", 2, date(2025, 4, 1)): 1}


def test_what_nobody_told_of_the_year_is_not_known() -> None:
    known = with_usage(
        replace(NOTHING_USED, deductible_met=Money(Decimal(9), "USD"), amount_used=Decimal(9)),
        [Usage(2026)],
        asked(),
        PPO,
    )

    assert (known.deductible_met, known.amount_used) == (None, None)


@pytest.mark.parametrize(
    ("terms", "paid"),
    [
        ((), "20.00"),
        (("annual",), "20.00"),
        (("lifetime",), "60.00"),
        (("lifetime", "annual"), "20.00"),
    ],
)
def test_money_for_life_is_what_was_paid_in_every_year(terms: tuple[str, ...], paid: str) -> None:
    usage = [
        Usage(2024, amount_used=None),
        Usage(2025, amount_used=Decimal("40.00")),
        Usage(2026, amount_used=Decimal("20.00")),
    ]

    assert with_usage(NOTHING_USED, usage, asked(), a_plan(*terms)).amount_used == Decimal(paid)
