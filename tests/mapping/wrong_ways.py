"""Ways in which a real Bundle of each standard is wrong, each with the place to be named."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from mapping_cases import FIXTURES, a_claim, a_decision, shipped

from payer_gateway.domain.claim import Use
from payer_gateway.mapping.bundle import build
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.fhir.shapes import STANDARDS

Json = dict[str, Any]
Spoil = Callable[[Json, Json], object]
"""Changes a Bundle in place; the second argument is its Claim."""

NOWHERE = "urn:uuid:00000000-0000-4000-8000-000000000000"
SNOMED = {"coding": [{"system": "http://snomed.info/sct", "code": "363406005"}]}
SPEAKS = {
    "r4": ("northwind-ppo", Use.CLAIM),
    "pas-2.2.1": ("northwind-ppo", Use.PREAUTHORIZATION),
    "pas-2.0.1": ("state-medicaid", Use.PREAUTHORIZATION),
}


@cache
def _emitted(standard: str) -> Json:
    insurer, use = SPEAKS[standard]
    profile = shipped(insurer)
    path = FIXTURES / "consultations" / "05-us-oncology-hybrid.json"
    asked = read_consultation(path.read_bytes()).consultation
    made = build(profile, asked, asked.coverages[0], a_claim(use), a_decision())
    assert profile.speeches[use].standard == standard
    sent: Any = parse_json(made.body)
    return dict(sent)


def emitted(standard: str) -> Json:
    """A Bundle as it goes over the line, parsed; a fresh copy."""
    return copy.deepcopy(_emitted(standard))


def first(bundle: Json, kind: str) -> Any:
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


def address(bundle: Json, kind: str) -> str:
    return str(next(e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind))


def without(element: str) -> Spoil:
    return lambda bundle, claim: claim.pop(element)


def of_first(kind: str, spoil: Callable[[Any], object]) -> Spoil:
    return lambda bundle, claim: spoil(first(bundle, kind))


def of_line(spoil: Callable[[Any], object]) -> Spoil:
    return lambda bundle, claim: spoil(claim["item"][0])


def twice(element: str) -> Spoil:
    """The same sequence number on two entries."""

    def spoil(bundle: Json, claim: Json) -> None:
        if len(claim[element]) < 2:
            claim[element].append(copy.deepcopy(claim[element][0]))
        claim[element][1]["sequence"] = claim[element][0]["sequence"]

    return spoil


def drop_extension(holder: Callable[[Json], Any], name: str) -> Spoil:
    def spoil(bundle: Json, claim: Json) -> None:
        element = holder(claim)
        kept = [each for each in element["extension"] if not each["url"].endswith(name)]
        assert len(kept) < len(element["extension"])
        if kept:
            element["extension"] = kept
        else:
            del element["extension"]

    return spoil


def wrong_npi(bundle: Json, claim: Json) -> None:
    """The last digit, which is there to find such an error, is another."""
    number = first(bundle, "Practitioner")["identifier"][0]
    number["value"] = number["value"][:-1] + str((int(number["value"][-1]) + 1) % 10)


def add(amount: Json, cents: str) -> None:
    amount["value"] += Decimal(cents)


def no_guid(bundle: Json, claim: Json) -> None:
    """An address of somebody's own invention, in all places alike."""
    old = first(bundle, "Coverage")["id"]

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return value.replace(old, "coverage-1") if isinstance(value, str) else value

    bundle.update(renamed(bundle))


PAS = ("pas-2.2.1", "pas-2.0.1")
NEWER = ("pas-2.2.1",)
# name → (what the problem must name, how it is spoilt, in which standards it is wrong)
WRONG: dict[str, tuple[str, Spoil, Sequence[str]]] = {
    # the Claim
    "a use that is none": ("use", lambda b, c: c.update(use="banana"), STANDARDS),
    "a claim sent as prior authorization": ("use", lambda b, c: c.update(use="claim"), PAS),
    "a status that is none": ("status", lambda b, c: c.update(status="done"), STANDARDS),
    "a draft": ("status", lambda b, c: c.update(status="draft"), PAS),
    "no type": ("type", without("type"), STANDARDS),
    "a type that is none": (
        "type",
        lambda b, c: c["type"]["coding"][0].update(code="banana"),
        NEWER,
    ),
    "no insurer": ("insurer", without("insurer"), STANDARDS),
    "no provider": ("provider", without("provider"), STANDARDS),
    "no patient": ("patient", without("patient"), STANDARDS),
    "no day of creation": ("created", without("created"), STANDARDS),
    "no priority": ("priority", without("priority"), STANDARDS),
    "no identifier": ("identifier", without("identifier"), STANDARDS),
    "an identifier without its system": (
        "identifier",
        lambda b, c: c["identifier"][0].pop("system"),
        STANDARDS,
    ),
    "no coverage": ("insurance", without("insurance"), STANDARDS),
    "no lines": ("item", without("item"), STANDARDS),
    "no total": ("total", without("total"), STANDARDS),
    "nobody responsible": ("careTeam", without("careTeam"), STANDARDS),
    "a first request that follows an earlier one": (
        "related",
        lambda b, c: c.update(related=[{"relationship": {"coding": [{"code": "prior"}]}}]),
        NEWER,
    ),
    "not focal": ("focal", lambda b, c: c["insurance"][0].update(focal=False), STANDARDS),
    "two coverages focal": (
        "focal",
        lambda b, c: c["insurance"].append({**c["insurance"][0], "sequence": 2}),
        STANDARDS,
    ),
    "a diagnosis in SNOMED": (
        "diagnosis",
        lambda b, c: c["diagnosis"][0].update(diagnosisCodeableConcept=SNOMED),
        PAS,
    ),
    "no scope of the doctor": (
        "careTeam",
        drop_extension(lambda c: c["careTeam"][0], "careTeamClaimScope"),
        PAS,
    ),
    # lines
    "no category": ("category", of_line(lambda line: line.pop("category")), PAS),
    "no service": ("productOrService", of_line(lambda i: i.pop("productOrService")), STANDARDS),
    "no place": ("location", of_line(lambda i: i.pop("locationCodeableConcept")), NEWER),
    "no type of request": (
        "requestType",
        drop_extension(lambda c: c["item"][0], "serviceItemRequestType"),
        NEWER,
    ),
    "no type of certification": (
        "certificationType",
        drop_extension(lambda c: c["item"][0], "certificationType"),
        NEWER,
    ),
    "a line twice": ("item.sequence", twice("item"), STANDARDS),
    "a doctor's number twice": ("careTeam.sequence", twice("careTeam"), STANDARDS),
    "a diagnosis twice": ("diagnosis.sequence", twice("diagnosis"), STANDARDS),
    "supporting information twice": ("supportingInfo.sequence", twice("supportingInfo"), STANDARDS),
    "a line 0": ("sequence", of_line(lambda line: line.update(sequence=0)), STANDARDS),
    "a diagnosis that is not there": (
        "diagnosisSequence",
        of_line(lambda line: line.update(diagnosisSequence=[9])),
        STANDARDS,
    ),
    "a quantity in words": (
        "quantity",
        of_line(lambda line: line["quantity"].update(value="one")),
        STANDARDS,
    ),
    "a unit's code without its system": (
        "quantity",
        of_line(lambda line: line["quantity"].update(code="VS")),
        STANDARDS,
    ),
    # days
    "a month for a day": (
        "servicedDate",
        of_line(lambda line: line.update(servicedDate="2026-03")),
        STANDARDS,
    ),
    "a 30 February": (
        "servicedDate",
        of_line(lambda line: line.update(servicedDate="2026-02-30")),
        STANDARDS,
    ),
    "a day in words": ("created", lambda b, c: c.update(created="1 April"), STANDARDS),
    "a month 13": ("created", lambda b, c: c.update(created="2026-13-01"), STANDARDS),
    "an hour without a zone": (
        "authoredOn",
        of_first("ServiceRequest", lambda r: r.update(authoredOn="2026-02-23T15:00:00")),
        STANDARDS,
    ),
    "a period that ends before it starts": (
        "period",
        of_first("Coverage", lambda r: r["period"].update(start="2027-01-01")),
        STANDARDS,
    ),
    # money
    "a total off by a cent": ("total", lambda b, c: add(c["total"], "0.01"), STANDARDS),
    "a line off by a cent": ("net", lambda b, c: add(c["item"][0]["net"], "0.01"), STANDARDS),
    "a tenth of a cent": ("total", lambda b, c: add(c["total"], "0.001"), STANDARDS),
    "two currencies": (
        "currency",
        of_line(lambda i: (i["net"].update(currency="EUR"), i["unitPrice"].update(currency="EUR"))),
        STANDARDS,
    ),
    "a currency that is none": (
        "currency",
        lambda b, c: c["total"].update(currency="XYZ"),
        STANDARDS,
    ),
    "money as text": ("total", lambda b, c: c["total"].update(value="930.00"), STANDARDS),
    # people and who they are
    "a wrong NPI": ("identifier", wrong_npi, STANDARDS),
    "an NPI of nine digits": (
        "identifier",
        of_first("Practitioner", lambda p: p["identifier"][0].update(value="155500012")),
        STANDARDS,
    ),
    "a sex that is none": (
        "gender",
        of_first("Patient", lambda p: p.update(gender="f")),
        STANDARDS,
    ),
    "no sex": ("gender", of_first("Patient", lambda p: p.pop("gender")), PAS),
    "nobody's name": ("name", of_first("Patient", lambda p: p.pop("name")), PAS),
    "a name as one text": ("name", of_first("Patient", lambda p: p.update(name="Lan")), STANDARDS),
    "no member number": ("identifier", of_first("Coverage", lambda c: c.pop("identifier")), NEWER),
    "no relationship": (
        "relationship",
        of_first("Coverage", lambda c: c.pop("relationship")),
        NEWER,
    ),
    "another's policy and no subscriber": (
        "subscriber",
        of_first("Coverage", lambda c: c.pop("subscriber")),
        NEWER,
    ),
    "a coverage of nobody": (
        "beneficiary",
        of_first("Coverage", lambda c: c.pop("beneficiary")),
        STANDARDS,
    ),
    "an insurer without a name": (
        "name",
        of_first("Organization", lambda o: o.pop("name")),
        PAS,
    ),
    "an insurer that is not active": (
        "active",
        of_first("Organization", lambda o: o.update(active=False)),
        NEWER,
    ),
    "a plan for an order": (
        "intent",
        of_first("ServiceRequest", lambda r: r.update(intent="plan")),
        PAS,
    ),
    "an intent that is none": (
        "intent",
        of_first("ServiceRequest", lambda r: r.update(intent="wish")),
        STANDARDS,
    ),
    # references
    "a reference that leads nowhere": (
        "provider",
        lambda b, c: c["provider"].update(reference=NOWHERE),
        STANDARDS,
    ),
    "one that leads nowhere from within": (
        "payor",
        of_first("Coverage", lambda r: r["payor"][0].update(reference="Organization/1")),
        STANDARDS,
    ),
    "a patient that is an organization": (
        "patient",
        lambda b, c: c["patient"].update(reference=address(b, "Organization")),
        STANDARDS,
    ),
    # the Bundle
    "a Bundle of another type": ("type", lambda b, c: b.update(type="searchset"), STANDARDS),
    "a transaction of nothing": (
        "transaction",
        lambda b, c: b.update(type="transaction"),
        STANDARDS,
    ),
    "no identifier of the Bundle": ("identifier", lambda b, c: b.pop("identifier"), PAS),
    "no timestamp": ("timestamp", lambda b, c: b.pop("timestamp"), PAS),
    "the Claim not first": (
        "entry",
        lambda b, c: b["entry"].append(b["entry"].pop(0)),
        STANDARDS,
    ),
    "no Claim": ("entry", lambda b, c: b["entry"].pop(0), STANDARDS),
    "no entries": ("entry", lambda b, c: b.pop("entry"), STANDARDS),
    "an entry without its address": (
        "fullUrl",
        lambda b, c: b["entry"][1].pop("fullUrl"),
        STANDARDS,
    ),
    "an address that is no GUID": ("fullUrl", no_guid, STANDARDS),
    "an entry twice": (
        "fullUrl",
        lambda b, c: b["entry"].append(copy.deepcopy(b["entry"][1])),
        STANDARDS,
    ),
    "an entry without a resource": (
        "resource",
        lambda b, c: b["entry"][-1].pop("resource"),
        STANDARDS,
    ),
    # what no standard knows
    "an unknown element": ("insurerName", lambda b, c: c.update(insurerName="Acme"), STANDARDS),
    "an unknown element deep within": (
        "colour",
        lambda b, c: c["item"][0]["productOrService"]["coding"][0].update(colour="blue"),
        STANDARDS,
    ),
    "an unknown kind of resource": (
        "resource",
        of_first("Patient", lambda p: p.update(resourceType="Person2")),
        STANDARDS,
    ),
    "an empty list": ("diagnosis", lambda b, c: c.update(diagnosis=[]), STANDARDS),
    "null": ("created", lambda b, c: c.update(created=None), STANDARDS),
    "two values of one choice": (
        "timing",
        lambda b, c: c["supportingInfo"][0].update(
            timingDate="2026-03-06", timingPeriod={"start": "2026-03-06"}
        ),
        STANDARDS,
    ),
}
