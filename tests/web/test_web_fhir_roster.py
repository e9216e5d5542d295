"""Where a plan has a roster, the roster wins over the Coverage that was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fhir_requests import asked_about, encoded, request_of
from roster_files import Imported, a_roster
from web_surface import Surface, consultation, outcome

SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"
MEMBER = {"member_id": "NW4410021"}


def ask(surface: Surface, bundle: dict[str, Any]) -> dict[str, Any]:
    answer = surface.post(SUBMIT, encoded(bundle))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json
    return told


def by_number(number: str) -> dict[str, Any]:
    """Asked with the member number alone: no Coverage is sent along."""
    bundle = asked_about(consultation("01"))
    request_of(bundle)["insurance"] = [{"coverage": {"identifier": {"value": number}}}]
    kept = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "Coverage"]
    return {**bundle, "entry": kept}


def test_cover_that_the_roster_has_ended_is_not_in_force(surface: Surface, tmp_path: Path) -> None:
    Imported(surface.services, a_roster(tmp_path, {**MEMBER, "cover_end": "2026-01-31"}))

    told = ask(surface, asked_about(consultation("01")))

    (insurance,) = told["insurance"]
    assert insurance["inforce"] is False
    assert insurance["extension"][1]["valueCode"] == "roster"
    assert told["disposition"].startswith("Your cover ended on 2026-01-31")


def test_a_member_number_alone_is_found_on_the_roster(surface: Surface, tmp_path: Path) -> None:
    Imported(surface.services, a_roster(tmp_path, MEMBER))

    told = ask(surface, by_number("NW-441 0021"))

    (insurance,) = told["insurance"]
    assert insurance["inforce"] is True
    assert insurance["extension"][0]["valueString"] == "US-PPO-2026/v1"


@pytest.mark.parametrize("sends_coverage", [True, False])
def test_a_member_whom_the_roster_does_not_have_is_refused(
    surface: Surface, tmp_path: Path, sends_coverage: bool
) -> None:
    Imported(surface.services, a_roster(tmp_path, {"member_id": "SOMEBODY-ELSE"}))
    bundle = asked_about(consultation("01")) if sends_coverage else by_number("NW4410021")

    (issue,) = outcome(surface.post(SUBMIT, encoded(bundle)), 422)

    assert issue["code"] == "not-found"
    assert issue["details"]["coding"][0]["code"] == "MEMBER_NOT_FOUND"
    assert "member number" in issue["diagnostics"]
