"""Requests for prior authorization as Da Vinci PAS has them: what can be known without Java."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mapping_cases import ROOT, a_claim, a_decision, edited

from payer_gateway.domain.claim import Use
from payer_gateway.mapping.bundle import build
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.profile import Profile

DIALECTS = ("pas-2.2.1", "pas-2.0.1")
EVERY = sorted((*ROOT.glob("fixtures/synthea/*.json"), *ROOT.glob("fixtures/consultations/*.json")))
PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
X12 = "https://codesystem.x12.org/005010"
# What HL7's published examples use; X12's lists are not public.
X12_SEEN = {
    f"{X12}/{code}"
    for code in "1365#3 1525#SC 1322#I 1338#E 1338#U 755#PY 756#EL 98#PR 98#X3 1069#18".split()
}


@cache
def speaking(dialect: str) -> Profile:
    return edited(
        "northwind-ppo", lambda document: document["extends"].update(preauthorization=dialect)
    )


def request(path: Path, dialect: str) -> dict[str, Any]:
    profile = speaking(dialect)
    consultation = read_consultation(path.read_bytes()).consultation
    coverage = consultation.coverages[0]
    claim = a_claim(Use.PREAUTHORIZATION)
    return build(profile, consultation, coverage, claim, a_decision()).bundle


def nodes(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(node for child in value.values() for node in nodes(child))]
    return [node for child in value for node in nodes(child)] if isinstance(value, list) else []


def codes(value: Any, system: str) -> set[str]:
    return {
        f"{n['system']}#{n['code']}"
        for n in nodes(value)
        if "code" in n and str(n.get("system")).startswith(system)
    }


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_every_consultation_becomes_a_sound_request(path: Path, dialect: str) -> None:
    consultation = read_consultation(path.read_bytes()).consultation

    bundle = request(path, dialect)

    claim, *others = (entry["resource"] for entry in bundle["entry"])
    assert (bundle["type"], claim["resourceType"]) == ("collection", "Claim")
    assert bundle["identifier"]["value"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00[+-]\d\d:\d\d", bundle["timestamp"])
    assert (claim["use"], claim["status"]) == ("preauthorization", "active")
    assert [each["focal"] for each in claim["insurance"]] == [True]
    assert len(claim["item"]) == len(consultation.services)
    assert claim["total"]["value"] == consultation.billed.amount
    for item in claim["item"]:
        urls = [extension["url"] for extension in item["extension"]]
        assert {
            f"{PAS}/extension-serviceItemRequestType",
            f"{PAS}/extension-certificationType",
        } <= {*urls}
        assert (
            codes(item["category"], X12)
            == codes(item["productOrService"], X12)
            == {f"{X12}/1365#3"}
        )
        assert item["locationCodeableConcept"]["coding"][0]["code"]
    assert codes(bundle, X12) <= X12_SEEN
    assert all(
        "profile" in other["meta"] for other in others if other["resourceType"] != "Condition"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_found_is_never_lost_and_the_first_opinion_is_no_diagnosis(dialect: str) -> None:
    for path in EVERY:
        consultation = read_consultation(path.read_bytes()).consultation

        bundle = request(path, dialect)

        claim = bundle["entry"][0]["resource"]
        told = [each["diagnosisCodeableConcept"] for each in claim.get("diagnosis", [])]
        beside = {
            info["category"]["coding"][0]["code"]: info["code"]
            for info in claim["supportingInfo"]
            if "code" in info
        }
        if "diagnosis" in beside:
            told.append(beside["diagnosis"])
        assert [concept["coding"][0]["code"] for concept in told] == [
            each.coding.code for each in consultation.diagnoses
        ]
        first = consultation.first_opinion.diagnosis
        assert first is not None
        assert beside["first-opinion-diagnosis"]["coding"][0]["code"] == first.code


def test_the_two_releases_differ_in_documents_and_in_nothing_else() -> None:
    new, old = (request(EVERY[0], dialect)["entry"] for dialect in DIALECTS)

    differing = {
        one["resource"]["resourceType"] for one, other in zip(new, old, strict=True) if one != other
    }

    assert differing == {"DocumentReference"}
    document, earlier = (entries[-1]["resource"] for entries in (new, old))
    assert "url" not in document["content"][0]["attachment"]
    assert earlier["content"][0]["attachment"]["url"] in {
        i["value"] for i in document["identifier"]
    }


def test_no_id_is_used_by_two_requests() -> None:
    seen: set[str] = set()
    for path in EVERY:
        consultation = read_consultation(path.read_bytes()).consultation
        claim = a_claim(Use.PREAUTHORIZATION, id=consultation.source_id)
        bundle = build(
            speaking(DIALECTS[0]), consultation, consultation.coverages[0], claim, a_decision()
        ).bundle
        urls = {entry["fullUrl"] for entry in bundle["entry"]}

        assert len(urls) == len(bundle["entry"])
        assert not urls & seen
        seen |= urls
