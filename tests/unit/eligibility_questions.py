"""Questions for the engine, typed by hand: a video opinion on a breast cancer, and what changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from builders import MAPPINGS

from payer_gateway.codes import load_code_sets
from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.eligibility import (
    Decision,
    Leg,
    Question,
    Snapshot,
    decide,
)
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.mapping.plans import PlanShelf

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
SHELF = PlanShelf(MAPPINGS)
PPO, MEDICARE, JAPAN = (SHELF.plan(n) for n in ("US-PPO-2026", "MEDICARE-B-2026", "JP-PRIV-GAN"))
CODES = load_code_sets()
SERVICE = date(2026, 3, 12)
NOTHING_USED = Snapshot(opinions_used={}, deductible_met=None)
BYPASS = {
    "diagnosis": Coding(ICD_10_CM, "I25.110"),
    "procedure": Coding(ICD_10_PCS, "021109W"),
}
TOKYO = ZoneInfo("Asia/Tokyo")
IN_JAPAN = {
    "provider_country": "JP",
    "patient_country": "JP",
    "billed": Money(Decimal(44000), "JPY"),
    "coverage_period": Period(date(2025, 4, 1), date(2027, 3, 31)),
}


def a_question(**changes: Any) -> Question:
    """A video opinion on a breast cancer, in network, under a plan of the calendar year."""
    question = Question(
        opinion_number=2,
        mode="telemedicine",
        legs=(Leg("telemedicine", SERVICE),),
        diagnosis=Coding(ICD_10_CM, "C50.411"),
        procedure=None,
        surgery_on=None,
        benefit=None,
        episode_id="EP-1",
        first_opinion_on=date(2026, 2, 20),
        first_opinion_npi="1555000110",
        first_opinion_organization="98-1000110",
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
        modifiers=(),
        billed=Money(Decimal("420.00"), "USD"),
        agreed_fee=None,
    )
    return replace(question, **changes)


def on(day: date, mode: str = "telemedicine") -> dict[str, Any]:
    return {"legs": (Leg(mode, day),), "mode": mode}


def decided(plan: Plan = PPO, known: Snapshot = NOTHING_USED, **changes: Any) -> Decision:
    return decide(a_question(**changes), plan, known, CODES)


def codes(plan: Plan = PPO, known: Snapshot = NOTHING_USED, **changes: Any) -> list[str]:
    return [reason.code.value for reason in decided(plan, known, **changes).reasons]
