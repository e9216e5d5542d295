"""What is said in a place or a way that nobody reads is named, never left unheard."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from fhir_requests import (
    EXTENSION,
    asked_about,
    asking,
    at,
    concept,
    encoded,
    first_item,
    request_of,
    resource,
)
from web_surface import Surface, consultation, outcome

from payer_gateway.domain.consultation import OPINION_SERVICE

SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"
WHOLE = json.loads(encoded(asked_about(consultation("03"))))
RELATIONSHIP = "http://terminology.hl7.org/CodeSystem/subscriber-relationship"
Json = dict[str, Any]


def an_earlier_opinion(**parts: Any) -> Json:
    """With a number and a day unless ``parts`` say otherwise; None leaves a part out."""
    told = {"number": {"valuePositiveInt": 1}, "date": {"valueDate": "2026-02-11"}} | parts
    return {
        "url": f"{EXTENSION}/earlier-opinion",
        "extension": [
            {"url": name.replace("_", "-"), **value} for name, value in told.items() if value
        ],
    }


LEAVE = {
    "resourceType": "ClaimResponse",
    "id": "leave",
    "status": "active",
    "use": "preauthorization",
    "outcome": "complete",
    "preAuthRef": "AUTH-1",
}
IN_WORDS: dict[str, tuple[Callable[[Json], None], str, str]] = {
    "an extension of ours that is none": (
        asking("extension", [{"url": f"{EXTENSION}/consultation-moood", "valueCode": "hybrid"}]),
        "extension[0].url",
        f"write {EXTENSION}/earlier-opinion or {EXTENSION}/consultation-mode",
    ),
    "an extension of ours in another place": (
        first_item("extension", [an_earlier_opinion()]),
        "item[0].extension[0].url",
        f"write {EXTENSION}/consultation-mode",
    ),
    "an extension without a name": (
        asking("extension", [{"valueCode": "hybrid"}]),
        "extension[0].url",
        "add it: an extension says what it is",
    ),
    "a day that is written as something else": (
        asking("extension", [an_earlier_opinion(date={"valueDateTime": "2026-02-11T00:00:00Z"})]),
        "extension[1].valueDate",
        "add it: the value of date",
    ),
    "a part that nobody reads": (
        asking("extension", [an_earlier_opinion(day={"valueDate": "2026-02-11"})]),
        "extension[2].url",
        "write one of number, date, doctor",
    ),
    "the first opinion twice": (
        asking("extension", [an_earlier_opinion(), an_earlier_opinion()]),
        "extension[1].extension[0].valuePositiveInt",
        "write each earlier opinion once",
    ),
    "a first doctor who is not there": (
        asking(
            "extension",
            [an_earlier_opinion(doctor={"valueReference": {"reference": "Practitioner/gone"}})],
        ),
        "extension[2].valueReference.reference",
        "send along whom it points at",
    ),
    "an order that was taken back": (
        at("ServiceRequest", "status", "revoked"),
        "status",
        "send an order that stands",
    ),
    "an order of no known urgency": (
        at("ServiceRequest", "priority", "whenever"),
        "priority",
        "write one of routine, urgent, asap, stat",
    ),
    "a facility that is a patient": (
        asking("facility", {"reference": "Patient/p"}),
        "facility.reference",
        "point at a Location",
    ),
    "a service of ours that is none": (
        first_item("productOrService", concept(OPINION_SERVICE, "second-opinion-by-pigeon")),
        "item[0].productOrService",
        "write one of our codes: second-opinion-video",
    ),
    "somebody who is not born yet": (
        at("Patient", "birthDate", "2027-01-01"),
        "birthDate",
        "not after the request was created",
    ),
}


@pytest.mark.parametrize("name", IN_WORDS)
def test_what_would_go_unheard_is_named_with_its_place_and_cure(
    surface: Surface, name: str
) -> None:
    change, place, cure = IN_WORDS[name]
    bundle = copy.deepcopy(WHOLE)
    change(bundle)

    issues = outcome(surface.post(SUBMIT, bundle), 422)

    found = [i for i in issues if i["expression"][0].endswith(place) and cure in i["diagnostics"]]
    assert found, issues


def test_a_child_of_whom_only_the_year_of_birth_is_told_is_refused(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    resource(bundle, "Coverage")["relationship"] = concept(RELATIONSHIP, "child")
    resource(bundle, "Patient")["birthDate"] = "2000"

    (issue,) = outcome(surface.post(SUBMIT, bundle), 422)

    assert "write the whole day: a child's cover ends with an age" in issue["diagnostics"]


def test_a_year_of_birth_alone_will_do_for_a_subscriber(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    resource(bundle, "Patient")["birthDate"] = "1979"

    assert surface.post(SUBMIT, bundle).status_code == 200


@pytest.mark.parametrize(
    ("changes", "is_leave"),
    [
        ({}, True),
        ({"outcome": "partial"}, True),
        ({"status": "cancelled"}, False),
        ({"outcome": "error"}, False),
        ({"outcome": "queued"}, False),
        ({"use": "claim"}, False),
    ],
)
def test_only_a_decided_prior_authorization_that_stands_is_leave(
    surface: Surface, changes: Json, is_leave: bool
) -> None:
    bundle = copy.deepcopy(WHOLE)
    bundle["entry"].append(
        {"fullUrl": "https://x/ClaimResponse/leave", "resource": LEAVE | changes}
    )
    information = {"sequence": 1, "information": {"reference": "ClaimResponse/leave"}}
    request_of(bundle)["supportingInfo"] = [information]

    answer = surface.post(SUBMIT, bundle)

    assert answer.status_code == 200
    assert ("AUTH_REQUIRED" not in answer.text) is is_leave


def test_a_number_of_another_list_of_categories_is_no_opinion(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    (item,) = request_of(bundle)["item"]
    item["category"] = concept("https://elsewhere.example/categories", "21")
    del item["productOrService"], item["modifier"]

    told = json.loads(surface.post(SUBMIT, bundle).data)

    assert "not about a second opinion" in told["disposition"]
