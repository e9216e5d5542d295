"""What Da Vinci PAS says of requests and updates and no profile can hold: its statements are listed
in tests/conformance/pas_statements.yaml."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import pytest
from pas_conversation import SPOKEN_BY, conversation

from payer_gateway.mapping.canonical import parse_json

PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
RELEASES = tuple(SPOKEN_BY)
STEPS = ("initial", "added", "modified", "withdrawn")
PAIRS = list(itertools.pairwise(STEPS))


@cache
def _said(release: str) -> dict[str, bytes]:
    return conversation(SPOKEN_BY[release])


def bundle(release: str, step: str) -> Any:
    return parse_json(_said(release)[f"update-{step}"])


def claim(release: str, step: str) -> Any:
    return bundle(release, step)["entry"][0]["resource"]


def entries(release: str, step: str) -> list[Any]:
    """Lines and supporting information."""
    told = claim(release, step)
    return [*told["item"], *told["supportingInfo"]]


def resources(release: str, step: str, kind: str) -> list[tuple[str, Any]]:
    found = ((e["fullUrl"], e["resource"]) for e in bundle(release, step)["entry"])
    return [(url, resource) for url, resource in found if resource["resourceType"] == kind]


def extension(element: Any, name: str) -> Any:
    return next(
        (e for e in element.get("extension", ()) if e["url"] == f"{PAS}/extension-{name}"), None
    )


def is_cancelled(element: Any) -> bool:
    return any(
        e["url"] == f"{PAS}/modifierextension-infoCancelled" and e["valueBoolean"] is True
        for e in element.get("modifierExtension", ())
    )


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("step", STEPS)
def test_units_are_told_without_a_code(release: str, step: str) -> None:
    for line in claim(release, step)["item"]:
        assert line["quantity"]["unit"]
        assert line["quantity"]["value"] > 0
        assert "code" not in line["quantity"]


@pytest.mark.parametrize("release", RELEASES)
def test_the_claim_points_to_every_paper(release: str) -> None:
    papers = {url for url, _ in resources(release, "initial", "DocumentReference")}

    pointed_to = {
        info["valueReference"]["reference"]
        for info in claim(release, "initial")["supportingInfo"]
        if "valueReference" in info
    }

    assert papers
    assert pointed_to == papers


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("step", STEPS)
def test_a_doctor_stands_in_a_request_once(release: str, step: str) -> None:
    numbers = [str(doctor["identifier"]) for _, doctor in resources(release, step, "Practitioner")]

    assert len(numbers) >= 2
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_an_update_keeps_all_that_was_ever_sent(release: str, before: str, after: str) -> None:
    for kind in ("item", "supportingInfo"):
        kept = {each["sequence"] for each in claim(release, before)[kind]}
        now = [each["sequence"] for each in claim(release, after)[kind]]

        assert kept <= set(now)
        assert len(set(now)) == len(now)


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_cancelled_is_flagged_and_its_line_certified_so(release: str) -> None:
    cancelled = {
        step: [each for each in entries(release, step) if is_cancelled(each)] for step in STEPS
    }

    assert [bool(cancelled[step]) for step in STEPS] == [False, False, True, True]
    assert all(map(is_cancelled, claim(release, "withdrawn")["item"]))
    for step in ("modified", "withdrawn"):
        for line in claim(release, step)["item"]:
            code = extension(line, "certificationType")["valueCodeableConcept"]["coding"][0]["code"]
            assert (code == "3") is is_cancelled(line)
    withdrawn = extension(claim(release, "withdrawn"), "certificationType")
    assert withdrawn["valueCodeableConcept"]["coding"][0]["code"] == "3"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_what_differs_is_marked_as_added_or_changed(release: str, before: str, after: str) -> None:
    def plain(element: Any) -> Any:
        kept = [e for e in element.get("extension", ()) if e["url"] != CHANGED]
        return {**element, "extension": kept}

    for kind in ("item", "supportingInfo"):
        old = {each["sequence"]: plain(each) for each in claim(release, before)[kind]}
        for each in claim(release, after)[kind]:
            mark = extension(each, "infoChanged")
            number = each["sequence"]
            expected = (
                "added" if number not in old else "changed" if plain(each) != old[number] else None
            )
            assert (mark and mark["valueCode"]) == expected, (kind, number)


CHANGED = f"{PAS}/extension-infoChanged"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_grandparent_of_an_update_is_not_sent(release: str, before: str, after: str) -> None:
    (url, updating), *older = resources(release, after, "Claim")

    (related,) = updating["related"]
    assert len(older) <= 1
    if older:
        assert related["claim"]["reference"] == older[0][0]
        assert older[0][1]["identifier"] == claim(release, before)["identifier"]
        assert "reference" not in str(older[0][1].get("related", ""))
    assert url != related["claim"].get("reference")
