"""HL7's own validator over all that the FHIR surface says: answers, refusals, terminology."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fhir_requests import asked_about, encoded
from fhir_variations import variations
from web_surface import Surface, consultation, opened

VALIDATOR = Path(__file__).parent / "fhir_validate" / "fhir-validate"
SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"
pytestmark = pytest.mark.java


@dataclass
class Said:
    """Bytes that came back, by a name that says where from; and what the validator found."""

    answers: dict[str, bytes] = field(default_factory=dict)
    refusals: dict[str, bytes] = field(default_factory=dict)
    others: dict[str, bytes] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


def heard(surface: Surface) -> Said:
    said = Said()
    for name, body in variations():
        answer = surface.post(SUBMIT, body)
        assert answer.status_code in (200, 422), answer.text
        (said.answers if answer.status_code == 200 else said.refusals)[name] = answer.data
    for path in (
        "/fhir/metadata",
        "/fhir/CodeSystem",
        "/fhir/CodeSystem/eligibility-reason",
        "/fhir/ConceptMap",
        "/fhir/ConceptMap/eligibility-reason-to-carc",
        "/fhir/ConceptMap?url=https://elsewhere.example/none",
    ):
        name = "".join(c if c.isalnum() else "-" for c in path)
        said.others[name] = surface.client.get(path).data
    body = encoded(asked_about(consultation("01")))
    unusual = {
        "no-key": surface.client.post(SUBMIT, data=body),
        "employer": surface.post(SUBMIT, body, role="employer"),
        "no-address": surface.get("/fhir/Patient/1"),
        "no-method": surface.get(SUBMIT),
        "xml": surface.post(SUBMIT, b"<xml/>", Content_Type="application/fhir+xml"),
        "no-json": surface.post(SUBMIT, b"{"),
        "empty": surface.post(SUBMIT, b""),
        "a-list": surface.post(SUBMIT, b"[]"),
        "a-claim": surface.post(SUBMIT, {"resourceType": "Claim"}),
        "bare": surface.post(SUBMIT, {"resourceType": "CoverageEligibilityRequest"}),
        "twice": surface.post(SUBMIT, b'{"resourceType":"Claim","resourceType":"Claim"}'),
        "accept": surface.client.get("/fhir/metadata", headers={"Accept": "application/xml"}),
        "too-large": surface.post(SUBMIT, b'"' + b"x" * (1 << 20) + b'"'),
        "query": surface.client.get("/fhir/CodeSystem?name=x"),
    }
    said.refusals |= {f"unusual-{name}": each.data for name, each in unusual.items()}
    return said


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """One run over everything: starting the validator takes longer than a hundred files."""
    missing = [tool for tool in ("javac", "mvn") if shutil.which(tool) is None]
    if missing:
        reason = f"HL7's validator needs javac and mvn; not on the PATH: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with opened(tmp_path_factory.mktemp("asked")) as surface:
        said = heard(surface)
    folder = tmp_path_factory.mktemp("answered")
    spoilt = json.loads(next(iter(said.answers.values())))
    del spoilt["request"]
    files = said.answers | said.refusals | said.others
    for name, body in (files | {"spoilt": json.dumps(spoilt).encode()}).items():
        (folder / f"{name}.json").write_bytes(body)
    ran = subprocess.run(
        ["bash", VALIDATOR, "--ig", "r4", folder], capture_output=True, text=True, timeout=900
    )
    assert ran.returncode == 1, ran.stderr  # the spoilt one must be noticed
    errors: dict[str, list[str]] = defaultdict(list)
    *lines, last = [json.loads(line) for line in ran.stdout.splitlines()]
    assert last["files"] == len(files) + 1
    for line in lines:
        if line.get("severity") in ("error", "fatal"):
            where = f"{line['id']} at {line['location']}: {line['message']}"
            errors[Path(line["file"]).stem].append(where)
    assert errors.pop("spoilt")
    said.errors = dict(errors)
    return said


def test_many_of_every_kind_were_looked_at(said: Said) -> None:
    outcomes = {json.loads(body)["outcome"] for body in said.answers.values()}
    verdicts = {
        extension["valueCode"]
        for body in said.answers.values()
        for insurance in json.loads(body)["insurance"]
        for item in insurance.get("item", [])
        for extension in item.get("extension", [])
        if extension["url"].endswith("eligibility-decision")
    }

    assert len(said.answers) > 300
    assert outcomes == {"complete", "partial", "error"}
    assert verdicts >= {"INVALID", "NOT_ELIGIBLE", "CONDITIONAL", "ELIGIBLE"}
    assert {json.loads(body)["resourceType"] for body in said.refusals.values()} == {
        "OperationOutcome"
    }


@pytest.mark.parametrize("kind", ["answers", "refusals", "others"])
def test_the_validator_finds_no_error_in(said: Said, kind: str) -> None:
    found = {name: said.errors[name] for name in getattr(said, kind) if name in said.errors}

    assert found == {}
