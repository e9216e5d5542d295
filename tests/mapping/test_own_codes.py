"""An insurer that has codes of its own for everything: modifiers, places, kinds of service, code
systems, amounts and reviews. Files alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mapping_cases import (
    FIXTURES,
    EditedShelf,
    a_claim,
    a_decision,
    case_of,
    document_of,
    edited,
    file_of,
    goldens_of,
    shipped,
)
from test_forms_of_answers import OURS, SENT, answer, bundle, coding, line

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.bundle import build, render
from payer_gateway.mapping.bundle_check import check
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.profile_check import check_profile, idle, load_goldens
from payer_gateway.mapping.replies import read_submit

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ITS_ICD = "urn:oid:2.16.840.1.113883.6.90"
TABLES = {
    "modifier": {"system": "https://own.example/modifier", "values": {"SM": "M-2", "95": "M-V"}},
    "place": {"system": "https://own.example/place", "values": {"10": "HOME", "11": "OFFICE"}},
    "service_type": {
        "system": "https://own.example/kind",
        "values": {"3": "K-C", "20": "K-2", "21": "K-3"},
    },
}
ITEM = {
    "modifier": {"each": "modifiers", "from": "this", "code": "modifier"},
    "locationCodeableConcept": {"from": "place", "code": "place", "required": "no"},
    "category": {"from": "claim.service_type", "code": "service_type"},
}


def with_own_codes(document: dict[str, Any]) -> None:
    document["codes"] |= TABLES
    document["code_systems"] = {ICD: ITS_ICD}
    document["resources"] = {"Claim": {"item": ITEM}}
    document["extends"]["preauthorization"] = "base-r4"
    document["delivery"].pop("preauthorization")


def written(profile: Profile, name: str) -> Any:
    case = case_of("northwind-ppo", name)
    claim = case.claims[Use.CLAIM]
    made = build(profile, case.consultation, case.coverage, claim, case.decision)
    slowly = render(profile, case.consultation, case.coverage, claim, case.decision)
    assert made.body == canonical_json(slowly)
    return parse_json(made.body)


def test_modifiers_places_kinds_of_service_and_code_systems_are_the_insurers_own() -> None:
    profile = edited("northwind-ppo", with_own_codes)

    sent = written(profile, "oncology-video-with-tumour-board")

    claim = sent["entry"][0]["resource"]
    codes = {
        (each["system"], each["code"])
        for item in claim["item"]
        for concept in (
            *item.get("modifier", ()),
            item["category"],
            item.get("locationCodeableConcept", {"coding": ()}),
        )
        for each in concept["coding"]
    }
    assert codes == {
        ("https://own.example/modifier", "M-2"),
        ("https://own.example/modifier", "M-V"),
        ("https://own.example/kind", "K-C"),
        ("https://own.example/place", "HOME"),
        ("https://own.example/place", "OFFICE"),
    }
    assert claim["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0]["system"] == ITS_ICD
    text = json.dumps(sent, default=str)
    assert ICD not in text
    assert ITS_ICD in text


def test_a_modifier_that_the_insurer_does_not_list_is_an_error_and_never_passed_on() -> None:
    def edit(document: dict[str, Any]) -> None:
        with_own_codes(document)
        document["codes"]["modifier"] = {"system": "urn:x", "values": {"SM": "M-2"}}

    problems = check_profile(edited("northwind-ppo", edit), goldens_of("northwind-ppo"))

    assert any("codes.modifier has no entry for '95'" in each for each in problems)


def test_a_code_system_that_no_golden_has_is_said() -> None:
    def edit(document: dict[str, Any]) -> None:
        document["code_systems"] = {"http://snomed.info/sct": "urn:oid:2.16.840.1.113883.6.96"}

    profile = edited("northwind-ppo", edit)

    assert any(
        "code_systems: http://snomed.info/sct: add a golden case" in each
        for each in idle(profile, goldens_of("northwind-ppo"))
    )


def test_amounts_are_read_by_the_insurers_own_codes_and_the_dialects_are_nothing_then() -> None:
    def edit(document: dict[str, Any]) -> None:
        document["claim"] = {"adjudication": {"amounts": {"payable": ["PAID"]}}}

    def told(code: str) -> bytes:
        amount = {"category": {"coding": [{"code": code}]}, "amount": {"currency": "USD"}}
        body = {"resourceType": "ClaimResponse", "outcome": "complete", "total": [amount]}
        return json.dumps(body).replace('"currency"', '"value": 42.00, "currency"').encode()

    profile = edited("northwind-ppo", edit)
    own, theirs = (
        read_submit(profile, Use.CLAIM, Reply(200, {}, told(code))).adjudication
        for code in ("PAID", "benefit")
    )

    assert own is not None and theirs is not None
    assert str(own.payable) == "42.00 USD"
    assert theirs.payable is None


def test_a_review_is_read_by_the_insurers_own_codes_and_unknown_is_never_leave() -> None:
    def edit(document: dict[str, Any]) -> None:
        own = {"approved": ["A1", "YES"], "denied": ["A3", "NO"]}
        document["preauthorization"] = {"adjudication": {"review": own}}

    profile = edited("northwind-ppo", edit)

    for code, review in (("YES", "approved"), ("NO", "denied"), ("no", "unclear")):
        told = bundle(answer(line(1, coding(code)), line(2, coding(code))))
        reply = Reply(200, {}, json.dumps(told).encode())
        reading = read_submit(profile, Use.PREAUTHORIZATION, reply, identifier=OURS, sent=SENT)
        assert reading.adjudication is not None
        assert reading.adjudication.review == review
        assert reading.adjudication.approved is (review == "approved")


def test_the_dialects_golden_replies_are_not_held_against_codes_of_the_insurers_own() -> None:
    def edit(document: dict[str, Any]) -> None:
        document["claim"] = {"adjudication": {"amounts": {"payable": ["PAID"]}}}

    profile = edited("northwind-ppo", edit)
    goldens = load_goldens(profile, FIXTURES)

    assert check_profile(profile, goldens) == []
    assert {reply.use for reply in goldens.shared_replies} == {Use.PREAUTHORIZATION}
    assert any("responses[0]" in each for each in idle(profile, goldens))


@pytest.mark.parametrize(
    ("key", "said", "words"),
    [
        ("claim", {"adjudication": {"review": {"approved": ["A1"]}}}, "has no review of lines"),
        ("claim", {"adjudication": {"amounts": {"paid": ["x"]}}}, "remove paid"),
        ("claim", {"adjudication": {}}, "claim.adjudication: write {amounts"),
        ("claim", {"adjudication": {"amounts": {"billed": ["benefit"]}}}, "is already"),
        ("code_systems", {"icd": "urn:x"}, "code_systems"),
        ("code_systems", {ICD: "x"}, "write the URI by which the insurer knows"),
    ],
)
def test_own_codes_that_cannot_be_are_told_with_key_and_cure(
    key: str, said: dict[str, Any], words: str
) -> None:
    document = document_of(file_of("northwind-ppo")) | {key: said}

    with pytest.raises(MappingError) as refused:
        EditedShelf({file_of("northwind-ppo"): document}).version("northwind-ppo", 1)

    assert words in str(refused.value)
    assert "northwind-ppo/v1.yaml" in str(refused.value)


def test_a_diagnosis_is_told_whatever_the_insurer_calls_its_category() -> None:
    """Of a code set that PAS takes for no diagnosis: told as information, in a category that the
    insurer's templates name. That somebody else found the same before does not count."""
    (path,) = (FIXTURES / "consultations").glob("16-*.json")
    consultation = read_consultation(path.read_bytes()).consultation
    facts = consultation, consultation.coverages[0], a_claim(Use.PREAUTHORIZATION), a_decision()
    profile = shipped("northwind-ppo")
    made = parse_json(build(profile, *facts).body)
    sent = next(e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == "Claim")
    its = {"coding": [{"system": "https://own.example", "code": "FOUND"}]}
    called = {i["category"]["coding"][0]["code"]: i for i in sent["supportingInfo"]}
    called["diagnosis"]["category"] = its
    called["first-opinion-diagnosis"]["code"] = called["diagnosis"]["code"]

    assert "diagnosis" not in sent
    assert check(made, "pas-2.2.1", told_as=[its]) == []
    by_ours = profile.speeches[Use.PREAUTHORIZATION].diagnosis_told_as
    assert check(made, "pas-2.2.1", told_as=by_ours) == ["Claim.diagnosis: is missing"]
