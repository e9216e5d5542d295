"""The diagnoses of the published scenarios stand in the dated table as the scenarios expect."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from payer_gateway.codes import ICD_10_CM, Diagnosis, load_code_sets
from payer_gateway.domain.consultation import Coding

FILE = Path(__file__).parents[2] / "fixtures" / "eligibility" / "scenarios.yaml"
VERDICTS = {
    "DIAGNOSIS_INVALID": "invalid",
    "DIAGNOSIS_NOT_SPECIFIC": "not_specific",
    "DIAGNOSIS_NOT_VALID_ON_DATE": "not_valid_on_date",
}


def diagnoses() -> Iterator[Any]:
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    usual = document["defaults"]["request"]
    for scenario in document["scenarios"]:
        request = usual | scenario["given"].get("request", {})
        zone = zone_of(scenario["plan"], document["plans"])
        assert request["diagnosis"]["system"] == "icd-10-cm"
        for leg in request.get("legs", [request]):
            yield pytest.param(
                request["diagnosis"]["code"],
                day_of(leg["service"], zone),
                scenario["expect"],
                id=f"{scenario['id']}-{leg['service']}",
            )


def zone_of(plan: str, plans: dict[str, Any]) -> ZoneInfo:
    while "timezone" not in plans[plan]:
        plan = plans[plan]["inherit"]
    return ZoneInfo(plans[plan]["timezone"])


def day_of(service: str, zone: ZoneInfo) -> date:
    if "T" in service:
        return datetime.fromisoformat(service).astimezone(zone).date()
    return date.fromisoformat(service)


@pytest.mark.parametrize(("code", "on", "expect"), list(diagnoses()))
def test_a_diagnosis_of_a_scenario_is_judged_as_expected(
    code: str, on: date, expect: dict[str, Any]
) -> None:
    verdicts = [VERDICTS[reason] for reason in expect.get("reasons", []) if reason in VERDICTS]

    found: Diagnosis = load_code_sets().diagnosis(Coding(ICD_10_CM, code), on)

    assert found.verdict == (verdicts[0] if verdicts else "valid")
    assert found.code == expect.get("normalized", found.code)
    assert found.prefix == expect.get("suggestion_prefix")
