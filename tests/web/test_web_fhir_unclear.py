"""What could be read in two ways, or would go unheard, is refused with its place and cure."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from fhir_requests import (
    alone,
    asked_about,
    asking,
    at,
    concept,
    encoded,
    first_item,
    request_of,
    resource,
)
from web_surface import V1, Surface, consultation, outcome, paths, problem

SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"
WHOLE = json.loads(encoded(asked_about(consultation("03"))))
ALONE = json.loads(encoded(alone(WHOLE)))
Json = dict[str, Any]
RELATIONSHIP = "http://terminology.hl7.org/CodeSystem/subscriber-relationship"
PLAN = concept("http://terminology.hl7.org/CodeSystem/coverage-class", "plan")


def entry(bundle: Json, kind: str) -> Json:
    return next(e for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


def one_more_patient(bundle: Json, **changes: Any) -> None:
    other = copy.deepcopy(entry(bundle, "Patient"))
    other["resource"] |= {"id": "child", "birthDate": "2015-06-01"}
    other["fullUrl"] = "https://clinic.example/fhir/Patient/child"
    other |= changes
    bundle["entry"].append(other)


def another_at_the_same_address(bundle: Json) -> None:
    one_more_patient(bundle, fullUrl=entry(bundle, "Patient")["fullUrl"])


def another_of_the_same_name(bundle: Json) -> None:
    one_more_patient(bundle, fullUrl="https://elsewhere.example/fhir/Patient/p")
    bundle["entry"][-1]["resource"]["id"] = "p"


def cover_of_somebody_else(bundle: Json) -> None:
    one_more_patient(bundle)
    resource(bundle, "Coverage")["beneficiary"] = {"reference": "Patient/child"}


def cover_of_somebody_not_sent(bundle: Json) -> None:
    resource(bundle, "Coverage")["beneficiary"] = {"reference": "Patient/child"}


def two_items_in_two_currencies(bundle: Json) -> None:
    (item,) = request_of(bundle)["item"]
    other = copy.deepcopy(item)
    item["unitPrice"] = {"value": 100, "currency": "EUR"}
    other["unitPrice"] = {"value": 100, "currency": "USD"}
    request_of(bundle)["item"] = [item, other]


def two_plans(bundle: Json) -> None:
    named = [{"type": PLAN, "value": name} for name in ("US-PPO-2026", "US-HDHP-2026")]
    resource(bundle, "Coverage")["class"] = named


CASES: dict[str, tuple[Callable[[Json], None], str, str]] = {
    "a Bundle of no known type": (
        lambda bundle: bundle.update(type="bag"),
        "Bundle.type",
        "send a Bundle of type collection",
    ),
    "two resources at one address": (
        another_at_the_same_address,
        "fullUrl",
        "an entry before has this one",
    ),
    "two resources of one name": (
        another_of_the_same_name,
        "patient.reference",
        "write the fullUrl",
    ),
    "a patient who is not among those sent": (
        asking("patient", {"reference": "Patient/somebody"}),
        "patient.reference",
        "point at the Patient that is sent along",
    ),
    "a patient of whom only a name is told": (
        asking("patient", {"display": "Marisol"}),
        "patient.reference",
        "point at the Patient that is sent along",
    ),
    "a contained patient who is not there": (
        asking("patient", {"reference": "#p"}),
        "patient.reference",
        "send exactly one resource of this id contained",
    ),
    "cover of another patient": (
        cover_of_somebody_else,
        "beneficiary.reference",
        "the patient's own Coverage",
    ),
    "cover of a patient who was not sent": (
        cover_of_somebody_not_sent,
        "beneficiary.reference",
        "the patient's own Coverage",
    ),
    "an insurer that is a patient": (
        asking("insurer", {"reference": "Patient/p"}),
        "insurer.reference",
        "point at an Organization; this is a Patient",
    ),
    "a provider that is a coverage": (
        asking("provider", {"reference": "Coverage/c0"}),
        "provider.reference",
        "this is a Coverage",
    ),
    "an item's provider that is a patient": (
        first_item("provider", {"reference": "Patient/p"}),
        "item[0].provider.reference",
        "this is a Patient",
    ),
    "a diagnosis that is a patient": (
        first_item("diagnosis", [{"diagnosisReference": {"reference": "Patient/p"}}]),
        "diagnosisReference.reference",
        "point at a Condition",
    ),
    "a member of a reference that FHIR does not know": (
        asking("patient", {"referense": "Patient/p"}),
        "patient.referense",
        "remove 'referense'",
    ),
    "a period with another member": (
        asking("servicedPeriod", {"start": "2026-03-12", "until": "2026-03-13"}),
        "servicedPeriod.until",
        "remove 'until'",
    ),
    "a quantity of less than": (
        first_item("quantity", {"value": 2, "comparator": "<"}),
        "quantity.comparator",
        "remove 'comparator'",
    ),
    "a period with neither end": (
        asking("servicedPeriod", {}),
        "servicedPeriod",
        "add its start",
    ),
    "an id that is none": (
        asking("id", "x" * 65),
        "resource.id",
        "at most 64 letters",
    ),
    "two plans for one coverage": (two_plans, "class", "these name several plans"),
    "a relationship that nobody knows": (
        at("Coverage", "relationship", concept(RELATIONSHIP, "banana")),
        "relationship",
        "write a code of subscriber-relationship",
    ),
    "a member number of a page": (
        at("Coverage", "identifier", [{"value": "9" * 81}]),
        "identifier[0].value",
        "at most 80 characters",
    ),
    "prices in two currencies": (
        two_items_in_two_currencies,
        "item[1].unitPrice.currency",
        "write EUR: all items of a request have one currency",
    ),
    "a request of a year to come": (asking("created", "9999"), "created", "a year from 1900"),
    "a service of the year one": (asking("servicedDate", "0001-01-01"), "servicedDate", "1900"),
    "a period of the year 9999": (
        asking("servicedPeriod", {"start": "9999-12-31"}),
        "servicedPeriod",
        "1900",
    ),
    "a birth in the year one": (at("Patient", "birthDate", "0001-01-01"), "birthDate", "1900"),
}
ONE_DAY = ("servicedDate", "servicedPeriod")


@pytest.mark.parametrize("name", CASES)
def test_what_is_unclear_is_named_with_its_place_and_cure(surface: Surface, name: str) -> None:
    change, place, cure = CASES[name]
    bundle = copy.deepcopy(WHOLE)
    for when in ONE_DAY:
        request_of(bundle).pop(when, None)
    change(bundle)

    issues = outcome(surface.post(SUBMIT, bundle), 422)

    found = [i for i in issues if i["expression"][0].endswith(place) and cure in i["diagnostics"]]
    assert found, issues


def names_in(document: Json, kind: str) -> Json:
    found: Json = next(r for r in document["contained"] if r["resourceType"] == kind)
    return found


def test_two_contained_resources_of_one_id_are_refused(surface: Surface) -> None:
    request = copy.deepcopy(ALONE)
    twin = {**names_in(request, "Patient"), "birthDate": "2015-06-01"}
    request["contained"].append(twin)

    issues = outcome(surface.post(SUBMIT, request), 422)

    assert "exactly one resource of this id" in issues[0]["diagnostics"]


def test_a_second_patient_whom_nobody_points_at_changes_nothing(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    one_more_patient(bundle)

    told = [json.loads(surface.post(SUBMIT, asked).data) for asked in (bundle, WHOLE)]

    assert told[0]["insurance"] == told[1]["insurance"]


def test_a_coverage_that_names_the_patient_by_the_insurers_address_is_theirs(
    surface: Surface,
) -> None:
    bundle = copy.deepcopy(WHOLE)
    elsewhere = {"reference": "https://insurer.example/fhir/Patient/77"}
    resource(bundle, "Coverage")["beneficiary"] = elsewhere

    assert surface.post(SUBMIT, bundle).status_code == 200


@pytest.mark.parametrize(
    "relationship",
    [
        concept(RELATIONSHIP, "child"),
        concept("https://codesystem.x12.org/005010/1069", "19"),
        {"text": "Child"},
    ],
)
def test_a_child_too_old_is_seen_however_the_relationship_is_written(
    surface: Surface, relationship: Json
) -> None:
    bundle = copy.deepcopy(WHOLE)
    resource(bundle, "Coverage")["relationship"] = relationship
    resource(bundle, "Patient")["birthDate"] = "1979-05-14"

    answer = surface.post(SUBMIT, bundle)

    assert answer.status_code == 200
    assert "DEPENDENT_AGE_LIMIT" in answer.text


@pytest.mark.parametrize(
    ("kind", "steps", "place"),
    [
        ("Patient", ("identifier", 0, "value"), "identifier[0].value"),
        ("Patient", ("name", 0, "family"), "name[0].family"),
        ("Coverage", ("identifier", 0, "value"), "identifier[0].value"),
        ("CoverageEligibilityRequest", ("id",), "id"),
    ],
)
@pytest.mark.parametrize("control", ["\x00", "\x08", "\x0c", "\x1f"])
def test_text_with_a_character_that_cannot_be_seen_is_named(
    surface: Surface, kind: str, steps: tuple[str | int, ...], place: str, control: str
) -> None:
    bundle = copy.deepcopy(WHOLE)
    holder: Any = resource(bundle, kind)
    for step in steps[:-1]:
        holder = holder[step]
    holder[steps[-1]] = f"NW44{control}10021"

    (issue,) = outcome(surface.post(SUBMIT, bundle), 422)

    assert issue["expression"][0].endswith(f"resource.{place}")
    assert "remove the characters that cannot be seen" in issue["diagnostics"]
    assert f"NW44\\u{ord(control):04x}10021" in issue["diagnostics"]


def test_a_key_with_a_character_that_cannot_be_seen_is_named_by_its_object(
    surface: Surface,
) -> None:
    bundle = copy.deepcopy(WHOLE)
    resource(bundle, "Patient")["given\x00"] = "x"

    (issue,) = outcome(surface.post(SUBMIT, bundle), 422)

    assert "from this key (received: given\\u0000)" in issue["diagnostics"]


@pytest.mark.parametrize("text", ["one\ntwo\tthree\r", "C:\\b\\u0000", 'say "\\f"'])
def test_line_breaks_tabs_and_backslashes_are_text(surface: Surface, text: str) -> None:
    bundle = copy.deepcopy(WHOLE)
    resource(bundle, "Patient")["name"] = [{"text": text}]

    assert surface.post(SUBMIT, bundle).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "place"),
    [
        ({"Content_Type": "application/fhir+xml"}, 415, "header.Content-Type"),
        ({"Content_Type": "application/json; charset=iso-8859-1"}, 415, "header.Content-Type"),
        ({"Content_Encoding": "gzip"}, 415, "header.Content-Encoding"),
        ({"Accept": "application/fhir+xml"}, 406, "header.Accept"),
        ({"Accept": "application/json;q=0, text/html"}, 406, "header.Accept"),
        ({"Accept": "application/fhir+json; fhirVersion=5.0"}, 406, "header.Accept"),
    ],
)
def test_a_header_that_is_refused_is_named_with_what_came(
    surface: Surface, headers: dict[str, str], status: int, place: str
) -> None:
    (issue,) = outcome(surface.post(SUBMIT, WHOLE, **headers), status)

    assert issue["expression"] == [place]
    assert "(received: " in issue["diagnostics"]


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*;q=0.5", "text/html, application/fhir+json;fhirVersion=4.0;q=0.2", ""],
)
def test_whoever_takes_json_among_others_gets_it(surface: Surface, accept: str) -> None:
    assert surface.post(SUBMIT, WHOLE, Accept=accept).status_code == 200


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("CodeSystem?url=a&url=b", "query.url"),
        ("ConceptMap?url=", "query.url"),
        ("metadata?mode=terminology", "query.mode"),
        ("metadata?mode=", "query.mode"),
    ],
)
def test_a_parameter_that_is_unclear_is_named(surface: Surface, query: str, place: str) -> None:
    (issue,) = outcome(surface.get(f"/fhir/{query}"), 400)

    assert issue["expression"] == [place]


def test_the_folder_itself_speaks_fhir(surface: Surface) -> None:
    outcome(surface.get("/fhir"), 404)


def test_a_wrong_method_is_told_the_right_one(surface: Surface) -> None:
    (issue,) = outcome(surface.get(SUBMIT), 405)

    assert "Send POST" in issue["diagnostics"]


def test_a_check_takes_no_parameters(surface: Surface) -> None:
    told = problem(surface.post(f"{V1}/eligibility-checks?plan=x", consultation()), 400)

    assert paths(told) == ["query.plan"]


def test_a_check_in_another_character_set_is_refused(surface: Surface) -> None:
    answer = surface.post(
        f"{V1}/eligibility-checks", consultation(), Content_Type="application/json; charset=utf-16"
    )

    assert paths(problem(answer, 415)) == ["header.Content-Type"]
