"""Prior authorization as Da Vinci PAS speaks it, from the insurer's side: what is asked, and the
Bundle that answers it. Both releases: what differs comes from the insurer's profile."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from payer_gateway.sandbox.bundle import dicts, section, text
from payer_gateway.sandbox.intake import PAS as BASE
from payer_gateway.sandbox.intake import Submission
from payer_gateway.sandbox.ledger import Numbers

Resource = dict[str, Any]

X12 = "https://codesystem.x12.org/005010"
CONTROL_NUMBER = "https://sandbox.example/control-number"
AUTHORIZED_FOR = timedelta(days=180)
CANCELLED = f"{BASE}/modifierextension-infoCancelled"
CHANGED = f"{BASE}/extension-infoChanged"
CERTIFICATION = f"{BASE}/extension-certificationType"
TRACE = f"{BASE}/extension-itemTraceNumber"
_OURS = uuid.UUID("2f4c4d1e-54d0-4d0e-8a3e-0f5a0c6f2b77")
# X12 306: what is decided of a line.
CERTIFIED, DENIED, PENDED, MODIFIED = "A1", "A3", "A4", "A6"


@dataclass(frozen=True, slots=True)
class Decided:
    """What the answer says of every line; ``modified``: one line is authorized as another service.
    ``second_opinion``: the insurer wants one first. ``error``: it cannot be processed."""

    code: str
    second_opinion: bool = False
    error: bool = False

    @property
    def grants(self) -> bool:
        return self.code in (CERTIFIED, MODIFIED) and not self.error


def extension(element: Resource, url: str) -> Resource:
    return next((e for e in dicts(element.get("extension")) if e.get("url") == url), {})


def is_cancelled(element: Resource) -> bool:
    modifiers = dicts(element.get("modifierExtension"))
    return any(m.get("url") == CANCELLED and m.get("valueBoolean") is True for m in modifiers)


def answer(
    submission: Submission, numbers: Numbers, now: datetime, decided: Decided, *, queues: bool
) -> Resource:
    """The response Bundle: the ClaimResponse first, then who was named, under the same addresses
    and with the same numbers as in the request (PAS spec-33)."""
    response = _claim_response(submission, numbers, now, decided, queues=queues)
    own = uuid.uuid5(_OURS, f"{numbers.control}/{submission.claim_identifier}/{decided.code}")
    response["id"] = str(own)
    entries = [{"fullUrl": own.urn, "resource": response}, *submission.echoed]
    stamp = _stamp(now)
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid5(own, "bundle")),
        "meta": {"profile": [f"{BASE}/profile-pas-response-bundle"]},
        "identifier": {"system": "https://sandbox.example/answer", "value": str(own)},
        "type": "collection",
        "timestamp": stamp,
        "entry": entries,
    }


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _claim_response(
    submission: Submission, numbers: Numbers, now: datetime, decided: Decided, *, queues: bool
) -> Resource:
    claim = submission.claim
    pended = decided.code == PENDED
    response: Resource = {
        "resourceType": "ClaimResponse",
        "meta": {"profile": [f"{BASE}/profile-claimresponse"]},
        "identifier": [{"system": CONTROL_NUMBER, "value": f"SBX-{numbers.control:06d}"}],
        "status": "active",
        "type": submission.type,
        "use": "preauthorization",
        "patient": claim["patient"],
        "created": _stamp(now),
        "insurer": claim["insurer"],
        "requestor": claim["provider"],
        "request": {
            "reference": submission.address,
            "type": "Claim",
            "identifier": submission.identifier,
        },
        "outcome": "error" if decided.error else "queued" if pended and queues else "complete",
    }
    if decided.error:
        response["error"] = [_error()]
        return response
    if decided.grants:
        response["preAuthPeriod"] = _period(submission.serviced, now)
    number = f"AUTH-{numbers.authorization:06d}" if decided.grants else None
    items = dicts(claim.get("item"))
    response["item"] = [_item(item, decided, number, now) for item in items]
    if decided.code == MODIFIED:
        response["addItem"] = [_instead(item, number) for item in items if not is_cancelled(item)]
    if decided.code == DENIED:
        why = "a second opinion is needed first" if decided.second_opinion else "not covered"
        response["processNote"] = [{"number": 1, "type": "display", "text": why}]
    return response


def _error() -> Resource:
    return {
        "extension": [
            {
                "url": f"{BASE}/extension-errorFollowupAction",
                "valueCodeableConcept": _concept("889", "C"),
            },
            {"url": f"{BASE}/extension-errorPath", "valueString": "Bundle.entry[0].Claim.insurer"},
        ],
        "code": _concept("901", "T4"),
    }


def _item(item: Resource, decided: Decided, number: str | None, now: datetime) -> Resource:
    out: Resource = {"itemSequence": item["sequence"]}
    extensions = [trace] if (trace := extension(item, TRACE)) else []
    if number is not None:
        issued = {"url": f"{BASE}/extension-itemPreAuthIssueDate"}
        extensions.append({**issued, "valueDate": now.date().isoformat()})
    if extensions:
        out["extension"] = extensions
    if decided.code == DENIED:
        out["noteNumber"] = [1]
    out["adjudication"] = [_review(decided.code, number, decided)]
    return out


def _instead(item: Resource, number: str | None) -> Resource:
    """One unit of what was asked, whatever was asked."""
    return {
        "itemSequence": [item["sequence"]],
        "productOrService": item["productOrService"],
        "quantity": {"value": 1, "unit": "visit"},
        "adjudication": [_review(CERTIFIED, number, Decided(CERTIFIED))],
    }


def _review(code: str, number: str | None, decided: Decided) -> Resource:
    parts: list[Resource] = []
    if number is not None:
        parts.append({"url": "number", "valueString": number})
    parts.append(
        {"url": f"{BASE}/extension-reviewActionCode", "valueCodeableConcept": _concept("306", code)}
    )
    if decided.second_opinion:
        parts.append({"url": "secondSurgicalOpinionFlag", "valueBoolean": True})
    submitted = "http://terminology.hl7.org/CodeSystem/adjudication"
    return {
        "extension": [{"url": f"{BASE}/extension-reviewAction", "extension": parts}],
        "category": {"coding": [{"system": submitted, "code": "submitted"}]},
    }


def _concept(table: str, code: str) -> Resource:
    return {"coding": [{"system": f"{X12}/{table}", "code": code}]}


def _period(serviced: tuple[date, ...], now: datetime) -> Resource:
    days = (now.date(), *serviced)
    return {"start": min(days).isoformat(), "end": (max(days) + AUTHORIZED_FOR).isoformat()}


def inquired(found: list[Resource], now: datetime, result: str) -> Resource:
    """What $inquire returns: Parameters with a Bundle per answer (2.2.1), or one Bundle (2.0.1)."""
    bundles = [_as_inquiry_answer(bundle) for bundle in found]
    if result == "Parameters":
        parameters: Resource = {"resourceType": "Parameters"}
        if bundles:
            parameters["parameter"] = [{"name": "return", "resource": each} for each in bundles]
        return parameters
    if bundles:
        return bundles[0]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": _stamp(now)}


def _as_inquiry_answer(bundle: Resource) -> Resource:
    first, *others = bundle["entry"]
    response = first["resource"]
    meta = {"profile": [f"{BASE}/profile-claiminquiryresponse"]}
    return {
        **bundle,
        "meta": {"profile": [f"{BASE}/profile-pas-inquiry-response-bundle"]},
        "entry": [{**first, "resource": {**response, "meta": meta}}, *others],
    }


def notification(bundle: Resource, number: int, now: datetime) -> Resource:
    """An event of the subscription, with the whole response Bundle in it (full-resource)."""
    address = f"urn:uuid:{bundle['id']}"
    status = uuid.uuid5(_OURS, f"status/{number}/{bundle['id']}")
    subscription = "https://sandbox.example/Subscription/PAS"
    parameters = {
        "resourceType": "Parameters",
        "id": str(status),
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": subscription}},
            {
                "name": "topic",
                "valueCanonical": "http://hl7.org/fhir/us/davinci-pas/SubscriptionTopic/PASSubscriptionTopic",
            },
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": "event-notification"},
            {
                "name": "notification-event",
                "part": [
                    {"name": "event-number", "valueString": str(number)},
                    {"name": "timestamp", "valueInstant": _stamp(now)},
                    {"name": "focus", "valueReference": {"reference": address}},
                ],
            },
        ],
    }
    return {
        "resourceType": "Bundle",
        "type": "history",
        "timestamp": _stamp(now),
        "entry": [
            _event(status.urn, parameters, f"{subscription}/$status"),
            _event(address, bundle, address),
        ],
    }


def _event(address: str, resource: Resource, url: str) -> Resource:
    return {
        "fullUrl": address,
        "resource": resource,
        "request": {"method": "GET", "url": url},
        "response": {"status": "200"},
    }


def traces_of(claim: Resource) -> Iterator[str]:
    """The trace of every line, as ``system|value``."""
    for item in dicts(claim.get("item")):
        trace = section(extension(item, TRACE), "valueIdentifier")
        if text(trace.get("value")):
            yield f"{text(trace.get('system'))}|{text(trace.get('value'))}"
