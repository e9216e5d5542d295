"""What a consultation asks of its coverage, field by field: nothing is left out or swapped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from builders import ROOT
from eligibility_cases import SHELF

from payer_gateway.domain.consultation import Coding, Consultation, Period
from payer_gateway.domain.eligibility import (
    Decision,
    Leg,
    Question,
    Trace,
    no_coverage,
    question_of,
)
from payer_gateway.domain.eligibility_question import EarlierOpinion, Member
from payer_gateway.domain.money import Money
from payer_gateway.domain.reasons import Code, Reason, Verdict
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.consultation import read_consultation

PPO = SHELF.plan("US-PPO-2026")
CM = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"


def a_document() -> dict[str, Any]:
    """A hybrid on a transplant of a lung: a call from home, then a visit."""
    document = parse_json((ROOT / "fixtures" / "synthea" / "tony_beer.json").read_bytes())
    assert isinstance(document, dict)
    return document


def read(document: dict[str, Any]) -> Consultation:
    return read_consultation(canonical_json(document)).consultation


def asked(document: dict[str, Any], *, fee: Money | None = None, coverage: int = 0) -> Question:
    consultation = read(document)
    return question_of(consultation, consultation.coverages[coverage], PPO, fee)


def test_every_field_comes_from_its_place_in_the_consultation() -> None:
    fee, document = Money(Decimal("400.00"), "USD"), a_document()
    document["first_opinion"]["recommends_surgery"] = True

    question = asked(document, fee=fee)

    assert question == Question(
        opinion_number=2,
        mode="hybrid",
        legs=(
            Leg("telemedicine", date(2026, 3, 1)),
            Leg("in_person", date(2026, 3, 10)),
        ),
        diagnosis=Coding(CM, "J84.10"),
        procedure=Coding(PCS, "0BYM0Z0"),
        surgery_on=date(2026, 4, 9),
        benefit=None,
        episode_id="EP-tony_beer",
        first_opinion_on=date(2026, 2, 8),
        first_opinion_npi="1830021873",
        first_opinion_organization="98-8085542",
        provider_npi="1555000128",
        provider_organization="98-7654321",
        provider_country="US",
        provider_network="in",
        provider_is_coe=True,
        patient_country="US",
        coverage_order=1,
        coverage_status="active",
        coverage_period=Period(date(2026, 1, 1), date(2026, 12, 31)),
        billed_first=None,
        authorization_number=None,
        authorization_period=None,
        modifiers=("GT", "SM"),
        billed=Money(Decimal("930.00"), "USD"),
        agreed_fee=fee,
        urgency="elective",
        recommends_surgery=True,
        patient_location="US-MA",
        provider_licensed_in=("US-MA",),
        language="en-US",
        member=Member(date(1983, 11, 19), "self"),
    )


def test_what_the_consultation_does_not_say_is_not_known() -> None:
    document = a_document()
    del document["first_opinion"]["organization"], document["first_opinion"]["proposed_procedure"]
    del document["patient"]["address"], document["provider"]["practitioner"]["licensed_in"]
    for key in ("network", "center_of_excellence"):
        del document["provider"]["organization"][key]

    question = asked(document)

    assert question.first_opinion_organization is None
    assert (question.procedure, question.surgery_on) == (None, None)
    assert (question.patient_country, question.patient_location) == (None, None)
    assert question.provider_licensed_in is None
    assert question.agreed_fee is None
    # Nobody says that it is in network, or a centre of excellence: then it is neither.
    assert (question.provider_network, question.provider_is_coe) == ("out", False)


def test_an_authorization_is_asked_about_with_its_period() -> None:
    document = a_document()
    document["authorization"] = {
        "number": "A-1",
        "period": {"start": "2026-02-01", "end": "2026-05-31"},
    }

    question = asked(document)

    assert question.authorization_number == "A-1"
    assert question.authorization_period == Period(date(2026, 2, 1), date(2026, 5, 31))


def test_a_third_opinion_is_asked_with_the_second() -> None:
    document = a_document()
    document["opinion_number"] = 3
    document["second_opinion"] = {
        **document["first_opinion"],
        "given_on": "2026-02-20",
        "practitioner": {"npi": "1555000995", "family": "Doe", "given": ["Ann"]},
        "organization": {"npi": "1423295744", "name": "ELSEWHERE", "tin": "98-1111111"},
        "agrees": False,
    }

    question, alone = asked(document), a_document()
    del document["second_opinion"]["organization"]
    bare = asked(document).second_opinion

    second = EarlierOpinion(date(2026, 2, 20), "1555000995", "98-1111111", False)
    assert (question.opinion_number, question.second_opinion) == (3, second)
    assert bare == replace(second, organization=None)
    assert asked(alone).second_opinion is None


def test_a_service_at_an_instant_is_of_its_day_in_the_plans_zone() -> None:
    document = a_document()
    document["requested_at"] = "2026-02-11T15:00:00Z"
    del document["services"][0]["serviced_on"]
    document["services"][0]["serviced_at"] = "2026-03-02T02:30:00Z"

    first, second = asked(document).legs

    # 21:30 on the first of March in New York.
    assert first == Leg("telemedicine", date(2026, 3, 1), datetime(2026, 3, 2, 2, 30, tzinfo=UTC))
    assert second.at is None


@pytest.mark.parametrize(
    ("place", "mode"), [("02", "telemedicine"), ("10", "telemedicine"), ("11", "in_person")]
)
def test_a_leg_of_a_hybrid_is_remote_by_its_place_of_service(place: str, mode: str) -> None:
    document = a_document()
    document["services"][0]["place_of_service"] = place

    assert asked(document).legs[0].mode == mode


def test_a_consultation_of_one_mode_has_legs_of_that_mode() -> None:
    document = a_document()
    document["mode"] = "in_person"

    assert {leg.mode for leg in asked(document).legs} == {"in_person"}


def test_the_first_coverage_is_billed_first_whatever_its_number() -> None:
    document = a_document()
    (only,) = document["coverages"]
    other = {**only, "insurer": "SAKURA-LIFE", "order": 3, "member_id": "X2"}
    document["coverages"] = [{**only, "order": 2}, other]

    first, second = asked(document), asked(document, coverage=1)

    assert (first.coverage_order, first.billed_first) == (1, None)
    assert (second.coverage_order, second.billed_first) == (3, "NORTHWIND-PPO")


def test_urgency_and_relationship_are_those_that_are_told() -> None:
    document = a_document()
    document["urgency"] = "urgent"
    document["coverages"][0]["relationship"] = "child"

    question = asked(document)

    assert question.urgency == "urgent"
    assert question.member is not None
    assert question.member.relationship == "child"


def test_a_benefit_that_is_asked_for_is_asked_about() -> None:
    consultation = replace(read(a_document()), benefit="oncology")

    assert question_of(consultation, consultation.coverages[0], PPO, None).benefit == "oncology"


def test_a_consultation_without_coverage_is_answered_in_one_way() -> None:
    decision = no_coverage()

    assert decision == Decision(
        verdict=Verdict.NOT_ELIGIBLE,
        reasons=(Reason(Code.NO_COVERAGE, "coverage-in-force"),),
        benefit=None,
        service_type="3",
        auth_required=False,
        cost=None,
        remaining={},
        eligible_from=None,
        notes=(),
        trace=(Trace("coverage-in-force", "NO_COVERAGE", {}),),
    )
