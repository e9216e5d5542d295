"""Whatever is sent to the FHIR surface is answered or refused, and never breaks it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fhir_requests import alone, asked_about, encoded, request_of, resource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_surface import Surface, consultation, opened, outcome

SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"
BUNDLE = asked_about(consultation("03"))
WHOLE = json.loads(encoded(BUNDLE))
ALONE = json.loads(encoded(alone(BUNDLE)))
often = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with opened(tmp_path_factory.mktemp("hostile")) as running:
        yield running


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if not isinstance(value, dict | list):
        return
    for step, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, step)
        yield from paths(below, (*path, step))


def put(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return changed


GONE = object()
PLACES = [(document, path) for document in (WHOLE, ALONE) for path in paths(document)]
STRANGE: list[Any] = [
    GONE,
    None,
    True,
    0,
    -1,
    2**63,
    1.5,
    "",
    " ",
    "x",
    "\x00",
    "\u017f" * 3,
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59.999-14:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30",
    "2026",
    "#",
    "#Patient-p",
    "Coverage/c0",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"coding": [{"code": "C50.411"}]},
    {"reference": "#"},
    {"reference": "PractitionerRole/role"},
    [{"reference": "CoverageEligibilityRequest/FX-2026-0003"}],
    {"value": 1e300, "currency": "USD"},
    {"value": 0.001, "currency": "JPY"},
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "code", "system", "value", "reference", "extension", "url"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def holds(surface: Surface, body: bytes) -> int:
    """Answered, or refused with what to change; never broken."""
    answer = surface.post(SUBMIT, body)
    if answer.status_code != 200:
        assert answer.status_code in (400, 422), (body, answer.text)
        outcome(answer, answer.status_code)
    else:
        assert json.loads(answer.data)["resourceType"] == "CoverageEligibilityResponse"
    return answer.status_code


def test_every_leaf_may_be_missing_or_of_another_type(surface: Surface) -> None:
    statuses = set()
    for n, (document, path) in enumerate(PLACES):
        # Every place meets a part of the values, so that each value meets every kind of place.
        for value in (GONE, *(STRANGE[(n * 7 + k) % len(STRANGE)] for k in range(1))):
            body = json.dumps(put(document, path, value)).encode()
            statuses.add(holds(surface, body))

    assert statuses == {200, 422}


@often
@given(st.sampled_from(PLACES), anything)
def test_any_value_may_stand_anywhere(surface: Surface, place: Any, value: Any) -> None:
    document, path = place

    holds(surface, json.dumps(put(document, path, value)).encode())


@often
@given(anything)
def test_any_document_is_refused(surface: Surface, document: Any) -> None:
    assert holds(surface, json.dumps(document).encode()) in (400, 422)


@often
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(surface: Surface, body: bytes) -> None:
    assert holds(surface, body) in (400, 422)


WHOLE_TEXT = encoded(BUNDLE).decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"unitPrice":{"value":420.00', '"unitPrice":{"value":NaN'),
        ('"unitPrice":{"value":420.00', '"unitPrice":{"value":Infinity'),
        ('"unitPrice":{"value":420.00', '"unitPrice":{"value":1e99999999'),
        ('"unitPrice":{"value":420.00', '"unitPrice":{"value":' + "9" * 5000),
        ('"status":"active"', '"status":"active","status":"draft"'),
        ('"status":"active"', '"status":"\\ud800"'),
        ('"status":"active"', '"status":' + "[" * 60 + "]" * 60),
        ('"status":"active"', '"status":' + "[" * 100_000 + "]" * 100_000),
    ],
)
def test_json_that_readers_read_differently_is_unreadable(
    surface: Surface, old: str, new: str
) -> None:
    assert old in WHOLE_TEXT

    assert holds(surface, WHOLE_TEXT.replace(old, new, 1).encode()) == 400


def test_a_price_as_large_as_json_allows_is_told_as_no_amount(surface: Surface) -> None:
    body = WHOLE_TEXT.replace('"value":420.00', '"value":' + "9" * 300).encode()

    told = json.loads(surface.post(SUBMIT, body).data)

    assert told["error"][0]["code"]["coding"][0]["code"] == "CURRENCY_PRECISION"


def test_resources_that_point_at_each_other_come_to_an_end(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    role = resource(bundle, "PractitionerRole")
    role["practitioner"] = role["organization"] = {"reference": "PractitionerRole/role"}

    holds(surface, encoded(bundle))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"resourceType": "EligibilityRequest"}, "entry"),
        ({"status": "draft"}, "status"),
        ({"status": "banana"}, "status"),
        ({"purpose": ["all"]}, "purpose[0]"),
        ({"purpose": []}, "purpose"),
        ({"patient": None}, "patient"),
        ({"created": "yesterday"}, "created"),
        ({"servicedPeriod": {"start": "2026-02-01"}}, "servicedPeriod"),
        ({"event": []}, "event"),  # R5
        ({"implicitRules": "https://rules.example"}, "implicitRules"),
        ({"modifierExtension": [{"url": "https://x.example"}]}, "modifierExtension"),
        (
            {"meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/Claim"]}},
            "meta.profile[0]",
        ),
        (
            {
                "meta": {
                    "profile": [
                        "http://hl7.org/fhir/5.0/StructureDefinition/CoverageEligibilityRequest"
                    ]
                }
            },
            "meta.profile[0]",
        ),
        ({"item": [{}] * 51}, "item"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    surface: Surface, change: dict[str, Any], place: str
) -> None:
    bundle = copy.deepcopy(WHOLE)
    request_of(bundle).update(change)

    issues = outcome(surface.post(SUBMIT, bundle), 422)

    assert any(issue["expression"][0].endswith(place) for issue in issues), issues


def test_a_request_that_comes_with_no_coverage_is_told_to_add_one(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    del request_of(bundle)["insurance"]
    kept = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "Coverage"]

    (issue,) = outcome(surface.post(SUBMIT, {**bundle, "entry": kept}), 422)

    assert issue["code"] == "required"
    assert issue["expression"] == ["Bundle.entry[0].resource.insurance"]


def without_a_diagnosis(bundle: dict[str, Any]) -> None:
    for entry in bundle["entry"]:
        entry["resource"].pop("reasonCode", None)
        entry["resource"].pop("reasonReference", None)
    for item in request_of(bundle)["item"]:
        item["diagnosis"] = [{"diagnosisCodeableConcept": {"text": "cancer of the breast"}}]


def without_a_member_number(bundle: dict[str, Any]) -> None:
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Coverage":
            entry["resource"].pop("identifier", None)
            entry["resource"].pop("subscriberId", None)


def in_a_status_of_no_coverage(bundle: dict[str, Any]) -> None:
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Coverage":
            entry["resource"]["status"] = "banana"


@pytest.mark.parametrize(
    ("change", "place", "cure"),
    [
        (without_a_diagnosis, "item[0].diagnosis", "as an ICD-10 code"),
        (without_a_member_number, ".identifier", "add the member number"),
        (in_a_status_of_no_coverage, ".status", "write one of active, cancelled"),
    ],
)
def test_what_cannot_be_answered_without_is_asked_for(
    surface: Surface, change: Callable[[dict[str, Any]], None], place: str, cure: str
) -> None:
    bundle = copy.deepcopy(WHOLE)
    change(bundle)

    issues = outcome(surface.post(SUBMIT, bundle), 422)

    assert all(issue["expression"][0].endswith(place) for issue in issues), issues
    assert all(cure in issue["diagnostics"] for issue in issues), issues


def test_whether_there_is_cover_is_answered_without_a_diagnosis(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    without_a_diagnosis(bundle)
    request_of(bundle)["purpose"] = ["validation"]

    answer = surface.post(SUBMIT, bundle)

    assert answer.status_code == 200
    assert answer.get_json()["insurance"][0]["inforce"] is True


def test_a_fault_that_is_come_upon_twice_is_told_once(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    request_of(bundle)["purpose"] = [None, "benefits"]

    (issue,) = outcome(surface.post(SUBMIT, bundle), 422)

    assert issue["expression"] == ["Bundle.entry[0].resource.purpose[0]"]


def test_all_faults_are_told_at_once(surface: Surface) -> None:
    bundle = copy.deepcopy(WHOLE)
    request_of(bundle).update({"status": "draft", "created": 1, "purpose": ["x"], "event": 1})

    issues = outcome(surface.post(SUBMIT, bundle), 422)

    assert len(issues) == 4


@pytest.mark.parametrize(
    "url", ["https://nrces.in/ndhm/fhir/r4/StructureDefinition/", "https://x/"]
)
def test_a_profile_of_this_resource_is_welcome(surface: Surface, url: str) -> None:
    bundle = copy.deepcopy(WHOLE)
    request_of(bundle)["meta"] = {"profile": [f"{url}CoverageEligibilityRequest|1.0"]}

    assert surface.post(SUBMIT, bundle).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/fhir+xml"}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Content_Type": "application/fhir+json; fhirVersion=5.0"}, 400),
    ],
)
def test_another_format_or_version_is_refused_in_fhir(
    surface: Surface, headers: dict[str, str], status: int
) -> None:
    outcome(surface.post(SUBMIT, WHOLE, **headers), status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", SUBMIT, 405),
        ("DELETE", "/fhir/metadata", 405),
        ("GET", "/fhir/Patient", 404),
        ("GET", "/fhir/CodeSystem/other", 404),
        ("GET", "/fhir/CodeSystem?name=x", 400),
        ("GET", "/fhir/CodeSystem?_format=xml", 406),
    ],
)
def test_every_error_under_fhir_is_an_operation_outcome(
    surface: Surface, method: str, path: str, status: int
) -> None:
    answer = surface.client.open(path, method=method, headers=surface.headers())

    outcome(answer, status)


def test_a_body_that_is_too_large_is_refused_in_fhir(surface: Surface) -> None:
    outcome(surface.post(SUBMIT, b'"' + b"x" * (1 << 20) + b'"'), 413)


def test_a_fault_of_ours_is_an_outcome_with_its_incident(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    from payer_gateway.workflow import asking

    def broken(*_: object) -> None:
        raise RuntimeError("member NW4410021")

    monkeypatch.setattr(asking, "read_request", broken)

    (issue,) = outcome(surface.post(SUBMIT, WHOLE), 500)

    assert issue["code"] == "exception"
    assert "incident" in issue["diagnostics"]
    assert "NW4410021" not in issue["diagnostics"]
