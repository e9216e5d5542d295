"""What eligibility tests ask from: a plain question, and the scenario runner on lines of text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from builders import MAPPINGS, ROOT

from payer_gateway.codes import load_code_sets
from payer_gateway.domain.eligibility import Decision
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.scenario_file import Scenario, merged, read_scenarios
from payer_gateway.mapping.scenarios import answer_of, decide_scenario

FILE = ROOT / "fixtures" / "eligibility" / "scenarios.yaml"
CODES = load_code_sets()
SHELF = PlanShelf(MAPPINGS)
ASKED = datetime(2026, 3, 5, 12, tzinfo=UTC)
SERVICE = date(2026, 3, 12)
GIVEN: dict[str, Any] = {
    "as_of": "2026-03-05T12:00:00Z",
    "member": {"birth_date": "1979-05-14", "relationship": "self", "residence": "US-NY"},
    "coverage": {
        "status": "active",
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "order": "1",
    },
    "provider": {
        "npi": "1555000128",
        "tin_group": "G-SECOND",
        "network": "in",
        "coe": "true",
        "country": "US",
        "licensed_in": ["US-NY", "US-NJ"],
    },
    "request": {
        "opinion_number": "2",
        "mode": "telemedicine",
        "service": "2026-03-12",
        "urgency": "elective",
        "patient_location": "US-NY",
        "diagnosis": {"system": "icd-10-cm", "code": "C50.411"},
        "first_opinion": {
            "npi": "1555000110",
            "tin_group": "G-FIRST",
            "date": "2026-02-20",
            "recommends_surgery": "true",
        },
    },
    "accumulators": {"deductible_met": "0.00", "amount_used": "0.00"},
}
BYPASS = {"diagnosis": {"code": "I25.110"}, "proposed_procedure": "021109W", "auth_number": "A1"}
FUSION = {
    "kind": "surgery_claim",
    "diagnosis": {"code": "M48.061"},
    "proposed_procedure": "0SG1071",
    "surgery_date": "2026-05-02",
}
IN_JAPAN: dict[str, Any] = {
    "member": {"residence": "JP-13"},
    "coverage": {"period": {"start": "2025-04-01", "end": "2027-03-31"}},
    "provider": {"country": "JP", "licensed_in": ["JP"]},
    "request": {"patient_location": "JP-13"},
}


def a_scenario(
    plan: str = "US-PPO-2026",
    *,
    price: str | None = None,
    plan_keys: dict[str, Any] | None = None,
    **given: Any,
) -> Scenario:
    """A video opinion on a breast cancer, in network, with what is given merged into it."""
    from payer_gateway.mapping.plans import plan_from

    found = SHELF.plan(plan)
    if plan_keys:
        found = plan_from(Path("test"), {**SHELF.keys(plan), **plan_keys}, plan, 1)
    return Scenario(
        id="T",
        title="",
        plan=found,
        plan_overrides={},
        caller=None,
        given=given,
        merged=merged(GIVEN, given),
        price=price,
        expect={},
    )


def decided(plan: str = "US-PPO-2026", **given: Any) -> Decision:
    return decide_scenario(a_scenario(plan, **given), CODES)


def reasons(plan: str = "US-PPO-2026", **given: Any) -> list[str]:
    return [reason.code.value for reason in decided(plan, **given).reasons]


def answer(plan: str = "US-PPO-2026", **given: Any) -> dict[str, Any]:
    return answer_of(decided(plan, **given))


def shipped() -> tuple[Scenario, ...]:
    return read_scenarios(FILE, SHELF)


COVERED = ["COVERED_BENEFIT"]


def merge(*parts: dict[str, Any]) -> dict[str, Any]:
    from payer_gateway.mapping.scenario_file import merged

    whole: dict[str, Any] = {}
    for part in parts:
        whole = merged(whole, part)
    return whole
