"""Each rule of eligibility on the day, the cent and the hour where it turns (S..: scenarios)."""

from __future__ import annotations

from typing import Any

import pytest
from eligibility_cases import (
    BYPASS,
    COVERED,
    IN_JAPAN,
    answer,
    merge,
    reasons,
)

# -- 1 input form ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "service", "expected"),
    [
        ("2026-03-05T12:00:00Z", "2027-03-05", COVERED),
        ("2026-03-05T12:00:00Z", "2027-03-06", ["DATE_OUT_OF_RANGE"]),  # S61
        # 04:00 UTC is still the evening of the 4th in New York.
        ("2026-03-05T04:00:00Z", "2027-03-05", ["DATE_OUT_OF_RANGE"]),
        ("2028-02-29T12:00:00Z", "2029-02-28", COVERED),
        ("2028-02-29T12:00:00Z", "2029-03-01", ["DATE_OUT_OF_RANGE"]),
    ],
)
def test_twelve_months_ahead_is_as_far_as_one_may_ask(
    asked: str, service: str, expected: list[str]
) -> None:
    period = {"period": {"end": "2030-12-31"}}

    assert reasons(as_of=asked, coverage=period, request={"service": service}) == expected


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("44000.50", "JPY", "CURRENCY_PRECISION"),  # S37
        ("44000.00", "JPY", "CURRENCY_CONVERSION_REQUIRED"),
        ("420.00", "USD", "COVERED_BENEFIT"),
        ("420.001", "USD", "CURRENCY_PRECISION"),
        ("0.0010", "KWD", "CURRENCY_CONVERSION_REQUIRED"),
        ("1", "XAU", "CURRENCY_PRECISION"),
        ("-1", "USD", "CURRENCY_PRECISION"),
        ("NaN", "USD", "CURRENCY_PRECISION"),
        ("1E+30", "USD", "CURRENCY_PRECISION"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(value: str, currency: str, expected: str) -> None:
    found = reasons(request={"billed": {"value": value, "currency": currency}})

    assert found == [expected]


# -- 3 to 5 cover ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("2026-03-31T14:59:59Z", ["COVERAGE_NOT_YET_EFFECTIVE"]),
        ("2026-03-31T15:00:00Z", COVERED),  # S06: midnight in Tokyo
        ("2026-04-01", COVERED),
        ("2027-03-31T14:59:59Z", COVERED),
        ("2027-03-31T15:00:00Z", ["COVERAGE_TERMINATED"]),
    ],
)
def test_cover_begins_and_ends_at_midnight_of_the_plans_zone(
    service: str, expected: list[str]
) -> None:
    period = {"period": {"start": "2026-04-01T00:00:00+09:00", "end": "2027-03-31"}}
    given = merge(IN_JAPAN, {"coverage": period, "request": {"service": service}})

    found = reasons(
        "JP-PRIV-GAN",
        as_of="2026-07-01T00:00:00Z",
        plan_keys={"waiting_period_days": "0"},
        **merge(given, {"request": {"first_opinion": {"date": "2026-03-10"}}}),
    )

    assert found == expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-03-12T15:59:59Z", COVERED),
        ("2026-03-12T16:00:00Z", COVERED),
        ("2026-03-12T16:00:01Z", ["COVERAGE_TERMINATED"]),
    ],
)
def test_an_instant_that_ends_cover_is_its_last_one(instant: str, expected: list[str]) -> None:
    period = {"period": {"end": "2026-03-12T12:00:00-04:00"}}

    assert reasons(coverage=period, request={"service": instant}) == expected


@pytest.mark.parametrize(
    ("born", "service", "relationship", "expected"),
    [
        ("2000-03-03", "2026-03-31", "child", COVERED),  # S08
        ("2000-03-03", "2026-04-01", "child", ["DEPENDENT_AGE_LIMIT"]),
        ("2000-03-31", "2026-03-31", "child", COVERED),
        ("2000-04-01", "2026-04-30", "child", COVERED),
        ("2000-02-29", "2026-03-31", "child", COVERED),  # turns 26 on 1 March
        ("2000-02-28", "2026-03-01", "child", ["DEPENDENT_AGE_LIMIT"]),
        ("1990-01-01", "2026-04-01", "spouse", COVERED),
    ],
)
def test_a_child_is_covered_to_the_end_of_the_month_of_the_birthday(
    born: str, service: str, relationship: str, expected: list[str]
) -> None:
    member = {"birth_date": born, "relationship": relationship}

    assert reasons(member=member, request={"service": service}) == expected


@pytest.mark.parametrize(
    ("ends", "service", "expected"),
    [
        ("plan_end", "2026-12-31", COVERED),
        ("birthday", "2026-06-14", COVERED),
        ("birthday", "2026-06-15", ["DEPENDENT_AGE_LIMIT"]),
        ("month_end", "2026-06-30", COVERED),
        ("month_end", "2026-07-01", ["DEPENDENT_AGE_LIMIT"]),
    ],
)
def test_cover_as_a_child_ends_when_the_plan_says(
    ends: str, service: str, expected: list[str]
) -> None:
    terms = {"dependents": {"age_limit": "26", "ends": ends}}
    member = {"birth_date": "2000-06-15", "relationship": "child", "disabled": "true"}

    assert reasons(plan_keys=terms, member=member, request={"service": service}) == expected


@pytest.mark.parametrize(
    ("coverage", "asked", "expected"),
    [
        ({"paid_through": "2026-03-12"}, "2026-03-05", COVERED),
        ({"paid_through": "2026-03-11", "grace_ends": "2026-03-12"}, "2026-03-05", ["GRACE"]),
        ({"paid_through": "2026-03-11", "grace_ends": "2026-03-11"}, "2026-03-05", ["ENDED"]),
        ({"paid_through": "2026-02-28", "grace_ends": "2026-05-31"}, "2026-05-31", ["GRACE"]),
        ({"paid_through": "2026-02-28", "grace_ends": "2026-05-31"}, "2026-06-01", ["ENDED"]),
        ({"paid_through": "2026-02-28"}, "2026-03-05", ["GRACE"]),
    ],
)
def test_an_unpaid_premium_waits_as_long_as_the_grace_period(
    coverage: dict[str, str], asked: str, expected: list[str]
) -> None:
    names = {"GRACE": "PREMIUM_GRACE_PERIOD", "ENDED": "COVERAGE_TERMINATED"}

    found = reasons(as_of=f"{asked}T12:00:00Z", coverage=coverage)

    assert found == [names.get(each, each) for each in expected]


@pytest.mark.parametrize(
    ("prior", "recorded", "expected"),
    [
        ("ELIGIBLE", "2026-04-15", "RETROACTIVE_TERMINATION"),  # S13
        ("CONDITIONAL", "2026-03-05", "RETROACTIVE_TERMINATION"),
        ("NOT_ELIGIBLE", "2026-04-15", "COVERAGE_TERMINATED"),
        ("ELIGIBLE", "2026-03-04", "COVERAGE_TERMINATED"),
    ],
)
def test_a_termination_after_the_answer_supersedes_it(
    prior: str, recorded: str, expected: str
) -> None:
    found = answer(
        as_of="2026-04-20T09:00:00Z",
        coverage={"period": {"end": "2026-02-28"}, "change_recorded": recorded},
        prior_answer={"decision": prior, "evaluated_at": "2026-03-05T12:00:00Z", "id": "ELG-9"},
    )

    assert found["reasons"] == [expected]
    is_retroactive = expected == "RETROACTIVE_TERMINATION"
    assert ("RESCISSION_REVIEW" in found["notes"]) is is_retroactive
    assert found["supersedes"] == (None if prior == "NOT_ELIGIBLE" else "ELG-9")


@pytest.mark.parametrize(
    ("ours", "theirs", "order", "relationship", "expected"),
    [
        ("09-30", "02-10", None, "child", "Insurer Z"),
        ("1970-09-30", "1990-02-10", None, "child", "Insurer Z"),  # the year does not count
        ("02-10", "09-30", None, "child", None),
        ("02-10", "02-10", None, "child", None),
        ("09-30", "02-10", None, "self", None),  # the rule is for children
        ("02-10", "09-30", "1", "child", None),
        ("09-30", "02-10", "2", "child", None),  # the order on file comes first
    ],
)
def test_the_parent_whose_birthday_comes_first_is_billed_first(
    ours: str, theirs: str, order: str | None, relationship: str, expected: str | None
) -> None:
    found = answer(
        member={"birth_date": "2015-06-01", "relationship": relationship},
        subscriber_birthday=ours,
        other_coverage={"payer": "Insurer Z", "order": order, "subscriber_birthday": theirs},
    )

    assert found["bill_first"] == expected
    assert found["reasons"] == (["SECONDARY_PAYER"] if expected else COVERED)


# -- 9 and 10 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "start", "service", "since"),
    [
        ("C50.411", "2026-02-11", "2026-03-12", "2026-03-13"),  # 30 days at first
        ("C50.411", "2026-02-10", "2026-03-12", None),
        ("M17.11", "2024-03-13", "2026-03-12", "2026-03-13"),  # 24 months
        ("M17.11", "2024-03-12", "2026-03-12", None),
        ("M48.061", "2024-02-29", "2026-02-27", "2026-02-28"),
        ("M48.061", "2024-02-29", "2026-02-28", None),
    ],
)
def test_waits_in_days_and_in_months_end_on_their_day(
    code: str, start: str, service: str, since: str | None
) -> None:
    found = answer(
        "IN-CORP-2026",
        coverage={"period": {"start": start}},
        request=merge(
            BYPASS,
            {"diagnosis": {"code": code}, "service": service},
            {"first_opinion": {"date": "2026-02-01"}, "mode": "in_person"},
        ),
    )

    assert found["eligible_from"] == since
    assert found["reasons"] == (["WAITING_PERIOD"] if since else COVERED)


@pytest.mark.parametrize(
    ("plan", "agrees", "expected"),
    [
        ("US-PPO-2026", "false", "COVERED_BENEFIT"),  # S17
        ("US-PPO-2026", "true", "THIRD_OPINION_NOT_WARRANTED"),  # S18
        ("US-PPO-2026", None, "THIRD_OPINION_NOT_WARRANTED"),
        ("MEDICARE-B-2026", "false", "COVERED_BENEFIT"),
        ("MEDICARE-B-2026", "true", "MEDICAL_NECESSITY_REVIEW"),
        ("STATE-MEDICAID-2026", "true", "COVERED_BENEFIT"),
    ],
)
def test_a_third_opinion_needs_the_disagreement_that_the_plan_asks_for(
    plan: str, agrees: str | None, expected: str
) -> None:
    second = {"npi": "1555000995", "tin_group": "G-X", "date": "2026-03-01", "agrees": agrees}

    found = answer(plan, request={"opinion_number": "3", "second_opinion": second})

    assert found["reasons"] == [expected]
    assert (found["service_type"], found["modifier_hint"]) == ("21", "SN")


# -- 11 to 14 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "given", "expected"),
    [
        ("same_npi", {"provider": {"npi": "1555000110"}}, "NOT_INDEPENDENT"),  # S48
        ("same_tin_group", {"provider": {"tin_group": "G-FIRST"}}, "NOT_INDEPENDENT"),
        (
            "performing_surgeon",
            {"request": {"performing_surgeon_npi": "1555000128"}},
            "SECOND_OPINION_SURGEON_PERFORMS",
        ),  # S50
    ],
)
def test_each_setting_of_independence_stands_for_itself(
    setting: str, given: dict[str, Any], expected: str
) -> None:
    only = {"independence": {setting: "deny"}}
    every_other = {
        "independence": {
            each: "deny"
            for each in ("same_npi", "same_tin_group", "performing_surgeon")
            if each != setting
        }
    }

    assert reasons(plan_keys=only, **given) == [expected]
    assert reasons(plan_keys=every_other, **given) == COVERED


def test_a_third_opinion_is_independent_of_the_second_too() -> None:
    second = {"npi": "1555000128", "tin_group": "G-X", "date": "2026-03-01", "agrees": "false"}

    found = reasons(request={"opinion_number": "3", "second_opinion": second})

    assert found == ["NOT_INDEPENDENT"]


def test_the_opinions_are_in_the_order_of_their_numbers() -> None:
    second = {"npi": "1555000995", "date": "2026-02-19", "agrees": "false"}

    found = reasons(request={"opinion_number": "3", "second_opinion": second})

    assert found == ["OPINION_ORDER"]


@pytest.mark.parametrize(
    ("location", "licences", "mode", "expected"),
    [
        ("US-TX", ["US-NY"], "telemedicine", ["PROVIDER_LICENSURE"]),  # S59
        ("US-TX", ["US-NY"], "in_person", COVERED),
        ("US-TX", ["us-tx"], "telemedicine", COVERED),
        ("US-TX", ["US"], "telemedicine", ["PROVIDER_LICENSURE"]),
        ("US", ["US-NY"], "telemedicine", COVERED),
        ("US", ["JP"], "telemedicine", ["PROVIDER_LICENSURE"]),
        ("JP-13", ["US-NY"], "telemedicine", ["PROVIDER_LICENSURE"]),
        ("US-TX", [], "telemedicine", ["PROVIDER_LICENSURE"]),
        ("US-TX", None, "telemedicine", COVERED),
        (None, ["US-NY"], "telemedicine", COVERED),
    ],
)
def test_a_call_needs_a_licence_where_the_patient_is(
    location: str | None, licences: list[str] | None, mode: str, expected: list[str]
) -> None:
    found = reasons(
        provider={"licensed_in": licences},
        request={"patient_location": location, "mode": mode},
    )

    assert found == expected


def test_a_licence_of_the_country_does_where_doctors_are_licensed_by_country() -> None:
    given = merge(IN_JAPAN, {"request": {"patient_location": "JP-13"}})
    rule = {"telehealth_requires_license_where_patient_is": "true"}

    assert reasons("JP-PRIV-GAN", plan_keys=rule, **given) == COVERED


def test_a_mandate_makes_out_of_network_cost_what_it_costs_in_network() -> None:
    out = {"provider": {"network": "out"}, "price": "1500.00"}
    referred = {"request": {"written_referral_from_attending": "true"}}
    surgery = {"request": merge(referred["request"], BYPASS)}

    with_referral = answer("US-PPO-NY-INSURED-2026", **out, **referred)
    without = answer("US-PPO-NY-INSURED-2026", **out)
    no_cancer = reasons("US-PPO-NY-INSURED-2026", **out, **surgery)

    assert with_referral["reasons"] == ["COVERED_BENEFIT", "STATE_CANCER_MANDATE"]
    assert with_referral["cost"]["member"] == "0.00"
    assert without["reasons"] == ["COVERED_BENEFIT", "OUT_OF_NETWORK"]
    assert without["cost"]["member"] == "1200.00"
    assert no_cancer == ["COVERED_BENEFIT", "OUT_OF_NETWORK"]
