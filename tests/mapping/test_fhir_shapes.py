"""The check by the standards' own definitions: nothing sound is refused, nothing broken passes."""

from __future__ import annotations

import copy
import importlib.util
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mapping_cases import FIXTURES, ROOT

from payer_gateway.mapping.bundle_structure import structure_problems
from payer_gateway.mapping.fhir.invariants import NAMES, RULES
from payer_gateway.mapping.fhir.shapes import STANDARDS, Standard, standard

SHARED = ROOT.parent / "shared" / "data"
GOLDENS = sorted(FIXTURES.glob("*/v*/*/bundle.*.json"))
PUBLISHED = sorted((SHARED / "pas" / "pas-2.2.1").glob("*.json"))
PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/"
Path_ = tuple[str | int, ...]


def read(path: Path) -> Any:
    return json.loads(path.read_bytes(), parse_float=Decimal)


def problems(resource: Any, name: str = "r4") -> list[str]:
    return standard(name).check(resource).problems


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in pairs:
        yield (*path, step)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, step))


def changed(resource: Any, path: Path_, change: Callable[[Any, Any], None]) -> Any:
    out = copy.deepcopy(resource)
    holder = out
    for step in path[:-1]:
        holder = holder[step]
    change(holder, path[-1])
    return out


def put(value: object) -> Callable[[Any, Any], None]:
    return lambda holder, step: holder.__setitem__(step, value)


CHANGES: dict[str, Callable[[Any, Any], None]] = {
    "taken out": lambda holder, step: holder.__delitem__(step),
    "a number": put(7),
    "a truth": put(True),
    "no text": put(""),
    "another text": put("x y"),
    "an empty list": put([]),
    "a stray object": put({"stray": 1}),
}


def test_every_golden_bundle_is_what_fhir_says() -> None:
    found = {path.name: problems(read(path)) for path in GOLDENS if "base" in told(path)}

    assert found
    assert all(not said for said in found.values()), found


def told(path: Path) -> str:
    """Which standard a golden is written in, by what its Claim says of itself."""
    profiles = read(path)["entry"][0]["resource"].get("meta", {}).get("profile", ())
    return "pas" if any("davinci-pas" in each for each in profiles) else "base"


def test_what_the_fhir_library_refuses_never_passes() -> None:
    dice = random.Random(1)  # noqa: S311 - which places are tried, nothing secret
    resources = [
        entry["resource"]
        for path in GOLDENS
        if told(path) == "base"
        for entry in read(path)["entry"]
    ]
    tried, missed = 0, []
    for resource in dice.sample(resources, 30):
        for path in dice.choices(list(places(resource)), k=12):
            for words, change in CHANGES.items():
                broken = changed(resource, path, change)
                if not isinstance(broken.get("resourceType"), str):
                    continue
                tried += 1
                if structure_problems(broken) and not problems(broken):
                    missed.append((resource["resourceType"], path, words))

    assert tried > 1500
    assert missed == []


def test_a_problem_names_the_place_and_never_the_value() -> None:
    bundle = read(GOLDENS[0])
    patient = next(
        n for n, e in enumerate(bundle["entry"]) if e["resource"]["resourceType"] == "Patient"
    )

    broken = changed(bundle, ("entry", patient, "resource", "birthDate"), put("May the 4th"))
    stray = changed(bundle, ("entry", patient, "resource", "familyName"), put("Villarreal"))

    assert problems(broken) == [f"entry[{patient}].Patient.birthDate: is no date of FHIR"]
    assert problems(stray) == [
        f"entry[{patient}].Patient.familyName: there is no such element here"
    ]


def test_references_are_collected_with_the_types_they_may_lead_to() -> None:
    bundle = read(GOLDENS[0])

    found = standard("r4").check(bundle).references

    targets = {reference: wanted for reference, wanted, _ in found}
    patient = next(
        e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    assert "Patient" in (targets[patient] or ())


@pytest.mark.skipif(not PUBLISHED, reason="shared/ does not stand beside this checkout")
def test_published_pas_examples_pass() -> None:
    found = {}
    for path in PUBLISHED:
        document = read(path)
        profile = document.get("meta", {}).get("profile", [""])[0]
        if standard("pas-2.2.1").type_of(profile) is None:
            continue
        # Orders of medication, devices and nutrition are not what a second opinion sends.
        said = [p for p in problems(document, "pas-2.2.1") if "no resource that we send" not in p]
        found[path.name] = said

    assert len(found) > 20
    assert {name: said for name, said in found.items() if said} == {}


BROKEN_PAS: dict[str, tuple[Path_, Callable[[Any, Any], None]]] = {
    "use": (("use",), put("claim")),
    "insurer": (("insurer",), CHANGES["taken out"]),
    "created": (("created",), CHANGES["taken out"]),
    "category": (("item", 0, "category"), CHANGES["taken out"]),
    "item extension": (("item", 0, "extension"), CHANGES["taken out"]),
    "focal": (("insurance", 0, "focal"), put(False)),
    "location": (("item", 0, "locationCodeableConcept"), CHANGES["taken out"]),
    "related": (("related",), put([{"relationship": {"text": "prior"}}])),
    "type of choice": (("item", 0, "servicedDate"), put("2026-04")),
}


@pytest.mark.skipif(not PUBLISHED, reason="shared/ does not stand beside this checkout")
@pytest.mark.parametrize("name", BROKEN_PAS)
def test_a_broken_pas_claim_is_refused(name: str) -> None:
    bundle = read(SHARED / "pas" / "pas-2.2.1" / "Bundle-ReferralAuthorizationBundleExample.json")
    claim = bundle["entry"][0]["resource"]
    path, change = BROKEN_PAS[name]

    said = problems(changed(claim, path, change), "pas-2.2.1")

    assert problems(claim, "pas-2.2.1") == []
    assert any(str(path[-1]) in problem or str(path[0]) in problem for problem in said), said


@pytest.mark.parametrize("name", STANDARDS)
def test_hostile_values_are_refused_and_never_break_the_check(name: str) -> None:
    shapes = json.loads(
        (ROOT / "payer_gateway" / "mapping" / "fhir" / f"{name}.json").read_text("utf-8")
    )["shapes"]
    wrong_everywhere: list[Any] = [None, [], {}, [[]], [None], {"coding": 1}, {"extension": "x"}]
    for key, shape in shapes.items():
        if not shape.get("is_resource"):
            continue
        for child in shape["children"]:
            meta = {"profile": [key]}
            for value in (*wrong_everywhere, 1, "x", True):
                resource = {"resourceType": shape["type"], "meta": meta, child["name"]: value}
                said = problems(resource, name)
                assert said or value in (1, "x"), (key, child["name"], value)


def test_every_invariant_of_the_shapes_has_a_rule_and_every_rule_is_used() -> None:
    used: set[str] = set()
    for name in STANDARDS:
        text = (ROOT / "payer_gateway" / "mapping" / "fhir" / f"{name}.json").read_text("utf-8")
        for rules in re.findall(r'"rules":\[([^\]]*)\]', text):
            used |= set(json.loads(f"[{rules}]"))

    assert used == set(RULES)
    assert {name for name in NAMES.values() if name} == set(RULES)


HOLDS: dict[str, tuple[Any, Any]] = {
    "full-date": ("2026-04-01", "2026-04"),
    "per-1": ({"start": "2026-04-01", "end": "2026-04-01"}, {"start": "2026-04", "end": "2026-03"}),
    "us-core-name": ({"given": ["A"]}, {"text": "A"}),
    "pas-immediate": (
        {"extension": []},
        {
            "extension": [
                {
                    "url": f"{PAS}extension-certificationType",
                    "valueCodeableConcept": {"coding": [{"code": "1"}]},
                }
            ]
        },
    ),
    "us-core-15": ({"subscriberId": "1"}, {"identifier": [{"value": "1"}]}),
    "pas-self": ({"relationship": {"coding": [{"code": "18"}]}}, {"relationship": {}}),
    "us-core-16": ({"value": "1234567893"}, {"value": "123456789"}),
    "us-core-17": ({"value": "1234567893"}, {"value": "1234567894"}),
    "us-core-18": ({"value": "12D3456789"}, {"value": "12E3456789"}),
    "us-core-19": ({"value": "12345"}, {"value": "1234"}),
    "us-core-attachment": ({"url": "https://x"}, {"title": "x"}),
    "us-core-13": ({"practitioner": {}}, {"code": []}),
    "pd-1": ({"telecom": []}, {}),
    "claim-first": (
        {"entry": [{"resource": {"resourceType": "Claim"}}]},
        {"entry": [{"resource": {"resourceType": "Patient"}}]},
    ),
    "org-1": ({"name": "x"}, {"active": True}),
    "org-home": ({"use": "work"}, {"use": "home"}),
    "qty-3": ({"value": 1}, {"value": 1, "code": "d"}),
    "att-1": ({"url": "x"}, {"data": "x"}),
    "cpt-2": ({"system": "phone", "value": "1"}, {"value": "1"}),
    "ext-1": ({"url": "x", "valueString": "x"}, {"url": "x"}),
    "prr-1": ({"code": {}}, {"orderDetail": []}),
    "con-4": ({}, {"abatementDateTime": "2026"}),
    "con-5": (
        {"clinicalStatus": {}},
        {
            "clinicalStatus": {},
            "verificationStatus": {"coding": [{"code": "entered-in-error"}]},
        },
    ),
    "bdl-2": ({"type": "searchset", "entry": [{"search": {}}]}, {"entry": [{"search": {}}]}),
    "bdl-3": ({"type": "collection", "entry": [{}]}, {"type": "batch", "entry": [{}]}),
    "bdl-4": (
        {"type": "collection", "entry": [{}]},
        {"type": "collection", "entry": [{"response": {}}]},
    ),
    "bdl-5": ({"resource": {}}, {"fullUrl": "x"}),
    "bdl-7": (
        {"entry": [{"fullUrl": "a"}, {"fullUrl": "b"}]},
        {"entry": [{"fullUrl": "a"}, {"fullUrl": "a"}]},
    ),
    "bdl-8": ({"fullUrl": "urn:uuid:x"}, {"fullUrl": "https://x/Claim/1/_history/2"}),
}


@pytest.mark.parametrize("name", RULES)
def test_an_invariant_tells_what_keeps_it_from_what_breaks_it(name: str) -> None:
    keeps, breaks = HOLDS[name]
    _, rule = RULES[name]

    assert rule(keeps)
    assert not rule(breaks)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the standards' packages are not at hand")
def test_the_shapes_are_what_the_packages_say() -> None:
    path = ROOT / "scripts" / "build_fhir_shapes.py"
    spec = importlib.util.spec_from_file_location("build_fhir_shapes", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)

    assert script.main([str(SHARED / "igs"), "--check"]) == 0


def test_a_shape_is_compiled_only_when_it_is_needed() -> None:
    fresh = Standard("r4")

    fresh.check({"resourceType": "Organization", "name": "x"})

    assert "Organization" in fresh._ready
    assert "Claim" not in fresh._ready
