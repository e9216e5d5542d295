"""Many requests of different form and content, made from the fixtures: what senders may send."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from builders import CONSULTATIONS, MAPPINGS, ROOT
from fhir_requests import alone, asked_about, concept, encoded, request_of, resource

Json = dict[str, Any]
Change = Callable[[Json], None]
EVERY = [*CONSULTATIONS, *sorted((ROOT / "fixtures" / "synthea").glob("*.json"))]
PLANS = sorted(folder.name for folder in (MAPPINGS / "plans").iterdir() if folder.is_dir())
_BENEFITS = "http://terminology.hl7.org/CodeSystem/ex-benefitcategory"
_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"


def _items(change: Callable[[Json], object]) -> Change:
    def changed(bundle: Json) -> None:
        for item in request_of(bundle)["item"]:
            change(item)

    return changed


def _request(**changes: Any) -> Change:
    def changed(bundle: Json) -> None:
        request = request_of(bundle)
        request.update(copy.deepcopy(changes))
        for name in [n for n, value in request.items() if value is None]:
            del request[name]

    return changed


def _moved(days: int) -> Change:
    def changed(bundle: Json) -> None:
        request = request_of(bundle)
        if "servicedDate" in request:
            day = date.fromisoformat(request["servicedDate"]) + timedelta(days=days)
            request["servicedDate"] = day.isoformat()

    return changed


def _without_network(bundle: Json) -> None:
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Organization":
            entry["resource"].pop("extension", None)


def _code(code: str) -> Change:
    def to(item: Json) -> None:
        item["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0]["code"] = code

    return _items(to)


def _plan(name: str) -> Change:
    def changed(bundle: Json) -> None:
        resource(bundle, "Coverage")["class"][0]["value"] = name

    return changed


def _by_identifier(bundle: Json) -> None:
    """Logical references: nothing but identifiers, and no id of its own."""
    request = request_of(bundle)
    del request["id"]
    member = resource(bundle, "Coverage")["identifier"][0]["value"]
    patient = resource(bundle, "Patient")["identifier"][0]
    request["patient"] = {"identifier": patient}
    request["insurance"] = [{"coverage": {"identifier": {"value": member}}}]
    for entry in bundle["entry"]:
        if entry["resource"] is request:
            del entry["fullUrl"]


def _operation(item: Json) -> None:
    item["category"] = concept("https://x12.org/codes/service-type-codes", "2")
    item["productOrService"] = concept(_PCS, "021009W")


def _foreign(bundle: Json) -> None:
    request_of(bundle)["item"].append({"category": concept(_BENEFITS, "69")})


CHANGES: dict[str, Change] = {
    "as-it-is": lambda bundle: None,
    "validation": _request(purpose=["validation"]),
    "auth": _request(purpose=["auth-requirements"]),
    "discovery": _request(purpose=["discovery"], item=None),
    "listed": _request(item=None),
    "all-purposes": _request(purpose=["validation", "benefits", "auth-requirements", "discovery"]),
    "no-network": _without_network,
    "by-identifier": _by_identifier,
    "a-year-on": _moved(365),
    "two-years-back": _moved(-730),
    "header": _code("C50"),
    "benign": _code("Z41.1"),
    "no-code": _code("QQQ"),
    "lower-case": _code("c50411"),
    "third": _items(
        lambda item: item.update(category=concept("https://x12.org/codes/service-type-codes", "21"))
    ),
    "operation": _items(_operation),
    "foreign": _foreign,
    "service-alone": _items(lambda item: item.pop("category")),
    "priceless": _items(lambda item: item.pop("unitPrice")),
    "period": lambda bundle: (
        request_of(bundle).update(
            servicedPeriod={"start": "2026-03", "end": "2026-04-02T10:00:00+09:00"}
        )
        or request_of(bundle).pop("servicedDate", None)
    ),
    **{f"plan-{name}": _plan(name) for name in PLANS},
}


def variations() -> Iterator[tuple[str, bytes]]:
    """(name, body), the same in every run."""
    for n, file in enumerate(EVERY):
        document = json.loads(file.read_text())
        every = list(CHANGES.items())
        # Each change meets fixtures of every kind; all with all would say the same again.
        chosen = every if n % 10 == 0 else [every[(n + k) % len(every)] for k in range(4)]
        for name, change in chosen:
            bundle = asked_about(document)
            change(bundle)
            sent = alone(bundle) if (n + len(name)) % 3 == 0 and name != "by-identifier" else bundle
            yield f"{file.stem}-{name}", encoded(sent)
