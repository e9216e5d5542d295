from __future__ import annotations

import json
import re
from typing import Any

import fastjsonschema
import pytest
from web_surface import CONSULTATIONS, V1, Surface, consultation, problem, settle

from payer_gateway.domain.submission import State


@pytest.fixture
def document(surface: Surface) -> dict[str, Any]:
    answer = surface.client.get(f"{V1}/openapi.json")
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json
    return described


def _check(document: dict[str, Any], name: str, value: object) -> None:
    """fastjsonschema reads draft 7; what we use of 2020-12 reads the same."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": f"#/components/schemas/{name}",
        "components": document["components"],
    }
    fastjsonschema.compile(schema)(value)


def test_the_document_describes_exactly_the_routes_that_there_are(
    surface: Surface, document: dict[str, Any]
) -> None:
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    routed = {
        (method, re.sub("<(.+?)>", r"{\1}", rule.rule))
        for rule in surface.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert described == routed
    assert document["openapi"].startswith("3.1.")


def test_the_document_names_each_parameter_of_its_paths(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall("{(.+?)}", path))


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall("#/components/schemas/([A-Za-z]+)", json.dumps(document)))

    assert names <= document["components"]["schemas"].keys()


def test_money_is_never_a_number(document: dict[str, Any]) -> None:
    assert '"type": "number"' not in json.dumps(document)


@pytest.mark.parametrize("file", sorted(CONSULTATIONS.glob("*.json")), ids=lambda f: f.stem)
def test_every_fixture_is_what_the_document_says_a_consultation_is(  # type: ignore[no-untyped-def]
    document: dict[str, Any], file
) -> None:
    _check(document, "Consultation", json.loads(file.read_text()))


def test_real_answers_are_what_the_document_says(
    surface: Surface, document: dict[str, Any]
) -> None:
    for file in sorted(CONSULTATIONS.glob("*.json")):
        taken = surface.post(f"{V1}/consultations", file.read_bytes())
        _check(document, "ConsultationSummary", taken.json)
    page = surface.get(f"{V1}/submissions?limit=3").json
    _check(document, "SubmissionPage", page)
    submission = page["items"][0]["id"]
    settle(surface, submission, State.NEEDS_HUMAN, "in_doubt")
    resolution = {"booked": True, "evidence": "e"}
    _check(document, "Resolution", resolution)
    resolved = surface.post(f"{V1}/submissions/{submission}/resolve", resolution, role="ops")
    _check(document, "Submission", resolved.json)
    _check(document, "SubmissionDetail", surface.get(f"{V1}/submissions/{submission}").json)
    paused = surface.post(f"{V1}/insurers/sakura-life/pause", {"reason": "r"}, role="ops")
    _check(document, "InsurerMode", paused.json)
    _check(document, "Health", surface.client.get("/healthz").json)
    broken = consultation() | {"mode": 1}
    _check(document, "Problem", problem(surface.post(f"{V1}/consultations", broken), 422))


def test_a_correction_is_what_the_document_says(document: dict[str, Any]) -> None:
    correction = {
        "kind": "replace",
        "submission": "01a206b6-0000-7000-8000-000000000000",
        "reason": "r",
        "consultation": consultation(),
    }

    _check(document, "Correction", correction)
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        _check(document, "Correction", correction | {"colour": "red"})
