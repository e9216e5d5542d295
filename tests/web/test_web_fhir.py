"""Eligibility over FHIR: asked as a CoverageEligibilityRequest, answered with reasons."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fhir_requests import EXTENSION, alone, asked_about, concept, encoded, request_of
from web_surface import CONSULTATIONS, ROOT, V1, Surface, consultation, outcome
from werkzeug.test import TestResponse

from payer_gateway.domain.reasons import MEANINGS
from payer_gateway.mapping.canonical import canonical_json, parse_json

SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"
EVERY = sorted([*CONSULTATIONS.glob("*.json"), *(ROOT / "fixtures" / "synthea").glob("*.json")])
SHARED = ROOT.parent / "shared" / "data"
PUBLISHED = sorted(
    [
        *SHARED.glob("fhir-r4-core-examples/coverageeligibilityrequest-*.json"),
        *SHARED.glob("fhir-examples/*eligibility_request.json"),
        *SHARED.glob("hcx/*/*CoverageEligibilityRequest*.json"),
    ]
)


def ask(surface: Surface, document: object, role: str = "provider") -> TestResponse:
    return surface.post(SUBMIT, encoded(document), role=role)


def answered(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/fhir+json; charset=utf-8"
    told: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
    assert told["resourceType"] == "CoverageEligibilityResponse"
    return told


def extensions(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [e for e in holder.get("extension", []) if e["url"] == f"{EXTENSION}/{name}"]


def reasons(holder: dict[str, Any]) -> list[str]:
    return [
        e["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
        for e in extensions(holder, "eligibility-reason")
    ]


def estimate(item: dict[str, Any]) -> dict[str, str] | None:
    for found in extensions(item, "cost-estimate"):
        money = {e["url"]: e["valueMoney"] for e in found["extension"]}
        amounts = {name: str(each["value"]) for name, each in money.items()}
        return {**amounts, "currency": money["plan"]["currency"]}
    return None


def test_the_answers_are_those_of_the_same_consultations(surface: Surface) -> None:
    differ = {}
    for file in EVERY:
        checked = surface.post(f"{V1}/eligibility-checks", file.read_bytes()).json
        expected = checked["decisions"][0]

        told = answered(ask(surface, asked_about(json.loads(file.read_text()))))

        (item,) = told["insurance"][0]["item"]
        is_the_same = (
            extensions(item, "eligibility-decision")[0]["valueCode"] == expected["decision"],
            reasons(item) == [reason["code"] for reason in expected["reasons"]],
            item["description"] == " ".join(r["sentence"] for r in expected["reasons"]),
            item.get("excluded") or item["authorizationRequired"] == expected["auth_required"],
            estimate(item) == expected["cost"],
            told["disposition"].startswith(expected["reasons"][0]["patient_sentence"]),
        )
        if not all(is_the_same):
            differ[file.stem] = (is_the_same, told)

    assert len(EVERY) == 50
    assert differ == {}


def test_nothing_of_what_is_asked_is_kept(surface: Surface) -> None:
    surface.headers("provider")
    before = surface.counts()

    answered(ask(surface, asked_about(consultation("01"))))

    assert surface.counts() == before


def test_used_and_allowed_count_the_claims_that_the_insurer_has(surface: Surface) -> None:
    from web_surface import settle

    from payer_gateway.domain.submission import State

    taken = surface.take("01")
    settle(surface, taken["submissions"][0]["id"], State.ACCEPTED, "accepted")

    told = answered(ask(surface, asked_about(consultation("01"))))

    (item,) = told["insurance"][0]["item"]
    assert reasons(item) == ["BENEFIT_LIMIT_REACHED"]
    visit = item["benefit"][0]
    assert (visit["allowedUnsignedInt"], visit["usedUnsignedInt"]) == (1, 1)
    assert told["disposition"].startswith("You have used your plan's allowance")


def test_a_benefit_carries_its_standard_codes_and_the_carc_of_each_reason(surface: Surface) -> None:
    told = answered(ask(surface, asked_about(consultation("03"))))

    (item,) = told["insurance"][0]["item"]
    codings = item["authorizationSupporting"][0]["coding"]
    assert [c["code"] for c in codings] == ["AUTH_REQUIRED", "197"]
    assert item["category"]["coding"][0]["code"] == "20"
    assert item["modifier"][0]["coding"][0]["code"] == "SM"
    assert item["network"]["coding"][0]["code"] == "in"


def test_money_keeps_the_minor_units_of_its_currency(surface: Surface) -> None:
    yen = ask(surface, asked_about(consultation("06"))).text
    dollars = ask(surface, asked_about(consultation("01"))).text

    assert '"currency":"JPY","value":44000}' in yen
    assert '"currency":"USD","value":0.00}' in dollars


@pytest.mark.parametrize("number", ["01", "03", "16"])
def test_the_bytes_are_canonical(surface: Surface, number: str) -> None:
    body = ask(surface, asked_about(consultation(number))).data

    assert body == canonical_json(parse_json(body))


# -- what is asked for ----------------------------------------------------------------------------


def test_validation_alone_says_whether_there_is_cover(surface: Surface) -> None:
    told = answered(ask(surface, asked_about(consultation("01"), "validation")))

    (insurance,) = told["insurance"]
    assert insurance["inforce"] is True
    assert insurance["benefitPeriod"] == {"start": "2026-01-01", "end": "2026-12-31"}
    assert "item" not in insurance
    assert told["outcome"] == "complete"
    assert told["disposition"].startswith("Your cover is in force on 2026-02-24.")


def test_cover_that_has_ended_is_not_in_force(surface: Surface) -> None:
    told = answered(ask(surface, asked_about(consultation("15"), "validation")))

    assert told["insurance"][0]["inforce"] is False
    assert reasons(told["insurance"][0]) == ["COVERAGE_TERMINATED"]
    assert told["disposition"].startswith("Your cover ended on ")


def test_without_an_opinion_the_plans_benefits_are_listed(surface: Surface) -> None:
    bundle = asked_about(consultation("01"), "benefits")
    del request_of(bundle)["item"]

    told = answered(ask(surface, bundle))

    items = told["insurance"][0]["item"]
    assert [i["name"] for i in items] == [
        "Second opinion: oncology",
        "Second opinion: complex surgery",
    ]
    assert [i["authorizationRequired"] for i in items] == [False, True]
    copays = [b for b in items[0]["benefit"] if b["type"]["coding"][0]["code"] == "copay"]
    assert [str(b["allowedMoney"]["value"]) for b in copays] == ["40.00", "0.00"]


def test_a_network_that_nobody_named_is_answered_both_ways(surface: Surface) -> None:
    bundle = asked_about(consultation("01"))
    house = next(e["resource"] for e in bundle["entry"] if e["resource"].get("id") == "house")
    del house["extension"]

    items = answered(ask(surface, bundle))["insurance"][0]["item"]

    assert [i["network"]["coding"][0]["code"] for i in items] == ["in", "out"]
    assert reasons(items[1]) == ["COVERED_BENEFIT", "OUT_OF_NETWORK"]


def test_what_is_no_second_opinion_is_named_as_not_answered(surface: Surface) -> None:
    bundle = asked_about(consultation("01"))
    system = "http://terminology.hl7.org/CodeSystem/ex-benefitcategory"
    request_of(bundle)["item"].append({"category": concept(system, "69")})

    told = answered(ask(surface, bundle))

    assert told["outcome"] == "partial"
    assert told["error"][0]["code"]["coding"][0]["code"] == "not-supported"
    assert "item[3]" in told["error"][0]["code"]["text"]


def test_an_input_that_cannot_be_judged_is_an_error_with_our_code(surface: Surface) -> None:
    bundle = asked_about(consultation("01"))
    for item in request_of(bundle)["item"]:
        item["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0]["code"] = "C50"

    told = answered(ask(surface, bundle))

    assert told["outcome"] == "error"
    assert [c["code"] for c in told["error"][0]["code"]["coding"]] == [
        "DIAGNOSIS_NOT_SPECIFIC",
        "146",
    ]
    assert told["insurance"][0]["inforce"] is True


# -- forms of asking ------------------------------------------------------------------------------


def test_alone_in_a_bundle_and_in_parameters_it_is_the_same_question(surface: Surface) -> None:
    bundle = asked_about(consultation("03"))
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": bundle}],
    }

    answers = [answered(ask(surface, document)) for document in (bundle, parameters, alone(bundle))]

    dispositions = {told["disposition"] for told in answers}
    items = {json.dumps(told["insurance"][0]["item"], default=str) for told in answers}
    assert len(dispositions) == len(items) == 1
    assert "reference" not in answers[2]["patient"]  # no "#p" that leads nowhere


@pytest.mark.parametrize("base", ["https://clinic.example/fhir/", "urn:uuid:", ""])
def test_references_are_found_under_whatever_address_they_have(surface: Surface, base: str) -> None:
    bundle = asked_about(consultation("01"))
    text = encoded(bundle).decode()
    for entry in bundle["entry"]:
        short = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        long = base + (short.replace("/", "-") if base == "urn:uuid:" else short)
        text = text.replace(f'"reference":"{short}"', f'"reference":"{long}"')
        text = text.replace(f'"fullUrl":"{entry["fullUrl"]}"', f'"fullUrl":"{long}"')

    told = answered(surface.post(SUBMIT, text.encode()))

    assert reasons(told["insurance"][0]["item"][0]) == ["COVERED_BENEFIT"]


def test_two_coverages_are_answered_in_their_order(surface: Surface) -> None:
    bundle = asked_about(consultation("13"))
    for insurance in request_of(bundle)["insurance"]:
        del insurance["focal"]

    told = answered(ask(surface, bundle))

    assert [i["coverage"]["reference"] for i in told["insurance"]] == ["Coverage/c0", "Coverage/c1"]
    assert "SECONDARY_PAYER" in reasons(told["insurance"][1]["item"][0])


@pytest.mark.parametrize("kind", ["application/fhir+json", "application/json; charset=utf-8"])
def test_json_may_be_declared_either_way(surface: Surface, kind: str) -> None:
    body = encoded(asked_about(consultation("01")))

    answer = surface.post(SUBMIT, body, Content_Type=kind)

    answered(answer)


@pytest.mark.skipif(not PUBLISHED, reason="the published examples are not beside the repository")
@pytest.mark.parametrize("file", PUBLISHED, ids=lambda f: f.stem)
def test_published_requests_get_an_answer_or_a_refusal_that_says_what_to_change(
    surface: Surface, file: Path
) -> None:
    answer = surface.post(SUBMIT, file.read_bytes())

    if answer.status_code == 200:
        answered(answer)
    else:
        issues = outcome(answer, 422)
        assert all(issue["expression"] for issue in issues)


# -- who may ask ----------------------------------------------------------------------------------


def test_an_insurers_key_asks_about_its_own_coverages_only(surface: Surface) -> None:
    from payer_gateway.domain.principal import Principal, Role
    from payer_gateway.workflow import clients

    operator = Principal("default", Role.OPS, "local:test")
    keys = {
        name: clients.add(surface.services, operator, "default", name, Role.INSURER)["key"]
        for name in ("NORTHWIND", "medicare-b", "nobody known")
    }
    body = encoded(asked_about(consultation("01")))

    def with_key(name: str) -> TestResponse:
        return surface.client.post(
            SUBMIT,
            data=body,
            headers={
                "Authorization": f"Bearer {keys[name]}",
                "Content-Type": "application/fhir+json",
            },
        )

    assert with_key("NORTHWIND").status_code == 200
    assert outcome(with_key("medicare-b"), 403)[0]["code"] == "forbidden"
    assert outcome(with_key("nobody known"), 403)[0]["code"] == "forbidden"


def test_a_stranger_at_any_address_is_told_so_in_fhir(surface: Surface) -> None:
    for path in ("/fhir/Patient", "/fhir/nothing/at/all", SUBMIT):
        (issue,) = outcome(surface.client.get(path), 401)
        assert issue["code"] == "login"


# -- the words it is answered in ------------------------------------------------------------------


def test_every_reason_is_in_the_code_system_and_in_the_map_to_carc(surface: Surface) -> None:
    codes = surface.client.get("/fhir/CodeSystem/eligibility-reason").json
    mapped = surface.client.get("/fhir/ConceptMap/eligibility-reason-to-carc").json

    assert {c["code"] for c in codes["concept"]} == {code.value for code in MEANINGS}
    (group,) = mapped["group"]
    carc = {e["code"]: e["target"][0].get("code") for e in group["element"]}
    assert carc == {code.value: meaning.carc for code, meaning in MEANINGS.items()}
    assert group["source"] == codes["url"]


@pytest.mark.parametrize("kind", ["CodeSystem", "ConceptMap"])
def test_they_are_found_by_their_url(surface: Surface, kind: str) -> None:
    every = surface.client.get(f"/fhir/{kind}").json
    url = every["entry"][0]["resource"]["url"]

    one = surface.client.get(f"/fhir/{kind}", query_string={"url": url}).json
    none = surface.client.get(f"/fhir/{kind}?url=https://elsewhere.example/x").json

    assert (every["type"], every["total"], one["total"], none["total"]) == ("searchset", 1, 1, 0)
    assert one["entry"] == every["entry"]


def test_the_capability_statement_names_what_there_is_and_nothing_else(surface: Surface) -> None:
    statement = surface.client.get("/fhir/metadata").json
    resources = {r["type"]: r for r in statement["rest"][0]["resource"]}

    told = {
        f"/fhir/{kind}/${operation['name']}"
        for kind, r in resources.items()
        for operation in r.get("operation", [])
    }
    for kind, r in resources.items():
        interactions = {i["code"] for i in r.get("interaction", [])}
        told |= {f"/fhir/{kind}"} if "search-type" in interactions else set()
        told |= {f"/fhir/{kind}/<resource_id>"} if "read" in interactions else set()
    # What insurers bring us is no interaction of FHIR's: it stands in the OpenAPI document alone.
    routed = {
        r.rule
        for r in surface.app.url_map.iter_rules()
        if r.rule.startswith("/fhir/") and not r.rule.startswith("/fhir/insurers/")
    }
    assert told | {"/fhir/metadata"} == routed
    assert statement["fhirVersion"] == "4.0.1"
