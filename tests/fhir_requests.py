"""A consultation asked about as a CoverageEligibilityRequest, in a Bundle with all that it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from payer_gateway.domain.consultation import OPINION_SERVICE

OURS = "https://payer-gateway.example"
EXTENSION = f"{OURS}/StructureDefinition"
PLACES = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
NPI = "http://hl7.org/fhir/sid/us-npi"
EIN = "urn:oid:2.16.840.1.113883.4.4"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SERVICE_TYPE = "https://x12.org/codes/service-type-codes"

Json = dict[str, Any]


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def asked_about(consultation: Json, *purposes: str) -> Json:
    """The Bundle; its services must be on one day, as a request has one day for all."""
    c = consultation
    days = sorted(s.get("serviced_on") or s["serviced_at"] for s in c["services"])
    request: Json = {
        "resourceType": "CoverageEligibilityRequest",
        "id": c["id"],
        "status": "active",
        "purpose": list(purposes or ("benefits", "validation", "auth-requirements")),
        "patient": {"reference": "Patient/p"},
        "created": c["requested_at"],
        "provider": {"reference": "PractitionerRole/role"},
        "insurer": {"reference": "Organization/insurer-0"},
        "insurance": [
            {"focal": n == 0, "coverage": {"reference": f"Coverage/c{n}"}}
            for n in range(len(c["coverages"]))
        ],
        "item": [_item(c, service) for service in c["services"]],
        "supportingInfo": [],
    }
    if len(set(days)) == 1 and "T" not in days[0]:
        request["servicedDate"] = days[0]
    else:
        request["servicedPeriod"] = {"start": days[0], "end": days[-1]}
    entries = [_order(c), _patient(c), *_provider(c), *_earlier(c, request)]
    for n, coverage in enumerate(c["coverages"]):
        entries += _coverage(n, coverage)
    if authorization := c.get("authorization"):
        request["supportingInfo"].append(
            {"sequence": 1, "information": {"reference": "ClaimResponse/auth"}}
        )
        period = {k: v for k, v in (authorization.get("period") or {}).items() if v}
        entries.append(
            {
                "resourceType": "ClaimResponse",
                "id": "auth",
                "preAuthRef": authorization["number"],
                **({"preAuthPeriod": period} if period else {}),
            }
        )
    if not request["supportingInfo"]:
        del request["supportingInfo"]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"https://clinic.example/fhir/{r['resourceType']}/{r['id']}", "resource": r}
            for r in (request, *entries)
        ],
    }


def _item(c: Json, service: Json) -> Json:
    principal = next(d for d in c["diagnoses"] if d["role"] == "principal")
    price = service["unit_price"]
    item: Json = {
        "category": concept(SERVICE_TYPE, "21" if c["opinion_number"] == 3 else "3"),
        "productOrService": concept(OPINION_SERVICE, service["code"]["code"]),
        "quantity": {"value": service["quantity"]},
        "unitPrice": {"value": Number(price["value"]), "currency": price["currency"]},
        "diagnosis": [
            {"diagnosisCodeableConcept": concept(principal["system"], principal["code"])}
        ],
    }
    if service.get("modifiers"):
        item["modifier"] = [concept(HCPCS, m) for m in service["modifiers"]]
    return item


class Number(str):
    """A decimal exactly as it is to stand in the JSON."""


def _order(c: Json) -> Json:
    order: Json = {
        "resourceType": "ServiceRequest",
        "id": "order",
        "status": "active",
        "intent": "order",
        "requisition": {"system": f"{OURS}/episode", "value": c["episode_id"]},
        "priority": {"elective": "routine", "urgent": "urgent", "emergency": "stat"}[c["urgency"]],
        "code": concept("http://terminology.hl7.org/CodeSystem/v2-0336", "S"),
        "subject": {"reference": "Patient/p"},
        "orderDetail": [
            concept(f"{OURS}/CodeSystem/consultation-mode", c["mode"].replace("_", "-"))
        ],
    }
    operation = c.get("planned_surgery") or c["first_opinion"].get("proposed_procedure")
    if operation:
        order["orderDetail"].append(concept(operation["system"], operation["code"]))
        if operation.get("planned_on"):
            order["occurrenceDateTime"] = operation["planned_on"]
    return order


def _patient(c: Json) -> Json:
    p = c["patient"]
    patient: Json = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": p["identifiers"],
        "birthDate": p["birth_date"],
        "name": [{"family": p["family"], "given": p["given"]}],
    }
    if address := p.get("address"):
        patient["address"] = [
            {k: v for k, v in address.items() if k in ("city", "state", "country") and v}
        ]
    if c.get("language"):
        patient["communication"] = [{"language": concept("urn:ietf:bcp:47", c["language"])}]
    return patient


def _provider(c: Json) -> list[Json]:
    doctor, house = c["provider"]["practitioner"], c["provider"]["organization"]
    extensions = []
    if house.get("network"):
        extensions.append({"url": f"{EXTENSION}/provider-network", "valueCode": house["network"]})
    if house.get("center_of_excellence") is not None:
        extensions.append(
            {
                "url": f"{EXTENSION}/center-of-excellence",
                "valueBoolean": house["center_of_excellence"],
            }
        )
    return [
        {
            "resourceType": "PractitionerRole",
            "id": "role",
            "practitioner": {"reference": "Practitioner/doctor"},
            "organization": {"reference": "Organization/house"},
        },
        _doctor("doctor", doctor),
        {**_house("house", house), **({"extension": extensions} if extensions else {})},
    ]


def _doctor(name: str, doctor: Json) -> Json:
    made: Json = {
        "resourceType": "Practitioner",
        "id": name,
        "name": [{"family": doctor["family"]}],
    }
    if doctor.get("npi"):
        made["identifier"] = [{"system": NPI, "value": doctor["npi"]}]
    if doctor.get("licensed_in"):
        url = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition"
        made["qualification"] = [
            {
                "code": {"text": "licence"},
                "extension": [
                    {
                        "url": f"{url}/practitioner-qualification",
                        "extension": [
                            {
                                "url": "whereValid",
                                "valueCodeableConcept": concept("urn:iso:std:iso:3166:-2", place),
                            }
                        ],
                    }
                ],
            }
            for place in doctor["licensed_in"]
        ]
    return made


def _house(name: str, house: Json) -> Json:
    made: Json = {"resourceType": "Organization", "id": name, "name": house["name"]}
    if house.get("tin"):
        made["identifier"] = [{"system": EIN, "value": house["tin"]}]
    if house.get("country"):
        made["address"] = [{"country": house["country"]}]
    return made


def _earlier(c: Json, request: Json) -> list[Json]:
    made: list[Json] = []
    for number, key in ((1, "first_opinion"), (2, "second_opinion")):
        opinion = c.get(key)
        if not opinion:
            continue
        parts: list[Json] = [
            {"url": "number", "valuePositiveInt": number},
            {"url": "date", "valueDate": opinion["given_on"]},
            {"url": "doctor", "valueReference": {"reference": f"Practitioner/earlier-{number}"}},
        ]
        made.append(_doctor(f"earlier-{number}", opinion["practitioner"]))
        if house := opinion.get("organization"):
            where = {"reference": f"Organization/earlier-{number}"}
            parts.append({"url": "practice", "valueReference": where})
            made.append(_house(f"earlier-{number}", house))
        for name, field in (("agrees", "agrees"), ("recommends-surgery", "recommends_surgery")):
            if opinion.get(field) is not None:
                parts.append({"url": name, "valueBoolean": opinion[field]})
        request.setdefault("extension", []).append(
            {"url": f"{EXTENSION}/earlier-opinion", "extension": parts}
        )
    return made


def _coverage(n: int, coverage: Json) -> list[Json]:
    period = {k: v for k, v in (coverage.get("period") or {}).items() if v}
    return [
        {
            "resourceType": "Coverage",
            "id": f"c{n}",
            "status": coverage.get("status", "active"),
            "identifier": [
                {
                    "type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MB"),
                    "value": coverage["member_id"],
                }
            ],
            "beneficiary": {"reference": "Patient/p"},
            "relationship": concept(
                "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
                coverage.get("relationship", "self"),
            ),
            **({"period": period} if period else {}),
            "payor": [{"reference": f"Organization/insurer-{n}"}],
            "class": [
                {
                    "type": concept("http://terminology.hl7.org/CodeSystem/coverage-class", "plan"),
                    "value": coverage["plan"],
                }
            ],
            "order": coverage["order"],
        },
        {
            "resourceType": "Organization",
            "id": f"insurer-{n}",
            "name": coverage["insurer"],
        },
    ]


def encoded(document: Any) -> bytes:
    """JSON bytes; what is a Number stands there as the number that it is."""

    def plain(value: Any) -> str:
        if isinstance(value, Number):
            return str.__str__(value)
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(k)}:{plain(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(plain(v) for v in value) + "]"
        return json.dumps(value)

    return plain(document).encode()


def resource(bundle: Json, kind: str) -> Json:
    found: Json = next(
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind
    )
    return found


def request_of(bundle: Json) -> Json:
    return resource(bundle, "CoverageEligibilityRequest")


def at(kind: str, name: str, value: Any) -> Callable[[Json], None]:
    """A change of a Bundle: that element of its resource of that kind."""

    def change(bundle: Json) -> None:
        resource(bundle, kind)[name] = value

    return change


def asking(name: str, value: Any) -> Callable[[Json], None]:
    return at("CoverageEligibilityRequest", name, value)


def first_item(name: str, value: Any) -> Callable[[Json], None]:
    def change(bundle: Json) -> None:
        request_of(bundle)["item"][0][name] = value

    return change


def alone(bundle: Json) -> Json:
    """The same, as one resource that contains the others."""
    request = request_of(bundle)
    others = [e["resource"] for e in bundle["entry"] if e["resource"] is not request]
    text = encoded({**request, "contained": others}).decode()
    for other in others:
        kind, name = other["resourceType"], other["id"]
        text = text.replace(f'"reference":"{kind}/{name}"', f'"reference":"#{kind}-{name}"')
        text = text.replace(
            f'"resourceType":"{kind}","id":"{name}"',
            f'"resourceType":"{kind}","id":"{kind}-{name}"',
        )
    loaded: Json = json.loads(text)
    return loaded
