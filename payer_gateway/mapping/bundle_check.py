"""Is a Bundle sound FHIR R4 and sound money? What HL7's validator would refuse, and what it cannot
know: sums, sequences, references within the Bundle. Problems come in words, by path, never with a
value that may name a person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from payer_gateway.domain.money import Money
from payer_gateway.mapping.bundle_structure import structure_problems

Resource = Mapping[str, Any]

# Required bindings of FHIR R4 4.0.1, as far as our resources use them.
CLOSED: Mapping[tuple[str, str], frozenset[str]] = {
    key: frozenset(codes.split())
    for key, codes in {
        ("Bundle", "type"): "collection batch transaction message document",
        ("Claim", "status"): "active cancelled draft entered-in-error",
        ("Claim", "use"): "claim preauthorization predetermination",
        ("ClaimResponse", "status"): "active cancelled draft entered-in-error",
        ("ClaimResponse", "use"): "claim preauthorization predetermination",
        ("ClaimResponse", "outcome"): "queued complete error partial",
        ("Coverage", "status"): "active cancelled draft entered-in-error",
        ("DocumentReference", "status"): "current superseded entered-in-error",
        ("Patient", "gender"): "male female other unknown",
        ("ServiceRequest", "status"): (
            "draft active on-hold revoked completed entered-in-error unknown"
        ),
        ("ServiceRequest", "intent"): (
            "proposal plan directive order original-order reflex-order filler-order instance-order"
            " option"
        ),
        ("ServiceRequest", "priority"): "routine urgent asap stat",
    }.items()
}
CLOSED_CONCEPTS: Mapping[tuple[str, str], frozenset[str]] = {
    ("Condition", "verificationStatus"): frozenset(
        "unconfirmed provisional differential confirmed refuted entered-in-error".split()
    )
}
REQUIRED: Mapping[str, Sequence[str]] = {
    "Claim": (
        "identifier status type use patient created insurer provider priority insurance item total"
        " careTeam"
    ).split(),
    "ServiceRequest": "status intent subject".split(),
    "Coverage": "status beneficiary payor".split(),
}
OPINION_INFO = "https://payer-gateway.example/CodeSystem/opinion-supporting-info"
_DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
_DATETIME = re.compile(
    _DATE.pattern + r"|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
)
_DAYS = frozenset({"birthDate", "servicedDate", "timingDate"})
_MOMENTS = frozenset({"created", "recordedDate", "authoredOn", "occurrenceDateTime"})


def check(bundle: Resource) -> list[str]:
    """Every problem found: the structure first, then ours."""
    problems = [
        problem for resource in _resources(bundle) for problem in structure_problems(resource)
    ]
    return problems or list(own_checks(bundle))


def own_checks(bundle: Resource) -> Iterator[str]:
    """The checks that need no FHIR library."""
    resources = list(_resources(bundle))
    for resource in (bundle, *resources):
        yield from _closed_codes(resource)
        yield from _times(resource, str(resource.get("resourceType")))
    yield from _references(bundle)
    claims = [r for r in resources if r.get("resourceType") == "Claim"]
    if not claims or resources[0] is not claims[0]:
        yield "Bundle.entry: a Claim must be first"
        return
    if len(claims) > 1 + bool(claims[0].get("related")):
        yield "Bundle.entry: one Claim, and beside it only the one that it updates"
    yield from _claim(claims[0])


def _resources(bundle: Resource) -> Iterator[Resource]:
    for entry in bundle.get("entry", ()):
        yield entry["resource"]


def _closed_codes(resource: Resource) -> Iterator[str]:
    kind = str(resource.get("resourceType"))
    for (owner, element), codes in CLOSED.items():
        if owner == kind and element in resource and resource[element] not in codes:
            yield f"{kind}.{element}: {resource[element]!r} is none of {', '.join(sorted(codes))}"
    for (owner, element), codes in CLOSED_CONCEPTS.items():
        if owner == kind and element in resource:
            for coding in resource[element].get("coding", ()):
                if coding.get("code") not in codes:
                    yield f"{kind}.{element}: {coding.get('code')!r} is no code of FHIR R4"
    for element in REQUIRED.get(kind, ()):
        if not resource.get(element):
            yield f"{kind}.{element}: is missing"


def _times(value: object, path: str) -> Iterator[str]:
    """Days and instants anywhere are written as FHIR has them; periods do not end too early."""
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from _times(item, f"{path}[{n}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            where = f"{path}.{key}"
            if isinstance(item, str) and (
                (key in _DAYS and not _DATE.fullmatch(item))
                or (key in _MOMENTS and not _DATETIME.fullmatch(item))
            ):
                yield f"{where}: is no date of FHIR"
            elif key in ("period", "billablePeriod") and isinstance(item, Mapping):
                yield from _period(item, where)
            else:
                yield from _times(item, where)


def _period(period: Mapping[str, Any], where: str) -> Iterator[str]:
    start, end = period.get("start"), period.get("end")
    if any(each is not None and not _DATETIME.fullmatch(each) for each in (start, end)):
        yield f"{where}: is no period of FHIR"
    elif start is not None and end is not None and end[:10] < start[:10]:
        yield f"{where}: ends before it starts"


def _references(bundle: Resource) -> Iterator[str]:
    urls = [entry.get("fullUrl") for entry in bundle.get("entry", ())]
    yield from (f"Bundle.entry: fullUrl {url} twice" for url, n in Counter(urls).items() if n > 1)
    known = frozenset(urls)
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        kind = str(resource.get("resourceType"))
        if entry.get("fullUrl") != f"urn:uuid:{resource.get('id')}":
            yield f"{kind}: fullUrl and id differ"
        for path, reference in _found_references(resource, kind):
            if reference not in known:
                yield f"{path}: leads to no entry of the Bundle"


def _found_references(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("reference"), str):
            yield path, value["reference"]
        for key, item in value.items():
            yield from _found_references(item, f"{path}.{key}")
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _found_references(item, f"{path}[{n}]")


def _claim(claim: Resource) -> Iterator[str]:
    numbers = {
        name: _sequences(claim, name)
        for name in ("item", "careTeam", "diagnosis", "supportingInfo", "insurance")
    }
    for name, found in numbers.items():
        if len(set(found)) != len(found) or any(not isinstance(n, int) or n < 1 for n in found):
            yield f"Claim.{name}.sequence: is not unique and positive"
    if not claim.get("diagnosis") and not any(map(_is_diagnosis, claim.get("supportingInfo", ()))):
        yield "Claim.diagnosis: is missing"
    focal = [each for each in claim.get("insurance", ()) if each.get("focal") is True]
    if len(focal) != 1:
        yield f"Claim.insurance: {len(focal)} are focal, one must be"
    pointers = (
        ("careTeamSequence", "careTeam"),
        ("diagnosisSequence", "diagnosis"),
        ("informationSequence", "supportingInfo"),
    )
    for n, item in enumerate(claim.get("item", ())):
        for pointer, target in pointers:
            if not set(item.get(pointer, ())) <= set(numbers[target]):
                yield f"Claim.item[{n}].{pointer}: points to no {target}"
    yield from _sums(claim)
    period = claim.get("billablePeriod", {})
    for n, item in enumerate(claim.get("item", ())):
        day = item.get("servicedDate")
        if day is not None and not period.get("start", day) <= day <= period.get("end", day):
            yield f"Claim.item[{n}].servicedDate: lies outside billablePeriod"


def _is_diagnosis(info: Mapping[str, Any]) -> bool:
    """What was found, in a code set that the insurer's standard takes for no diagnosis."""
    told_as = info.get("category", {}).get("coding", ())
    return {"system": OPINION_INFO, "code": "diagnosis"} in told_as


def _sequences(claim: Resource, name: str) -> list[object]:
    return [each.get("sequence") for each in claim.get(name, ())]


def _sums(claim: Resource) -> Iterator[str]:
    """net = quantity times unit price, total = the sum of the nets, in one currency."""
    total = _money(claim.get("total"))
    if total is None:
        yield "Claim.total: is no amount of its currency"
        return
    added = Decimal(0)
    items = claim.get("item", ())
    # What an update has cancelled is told and not asked for; a withdrawal is over what it cancels.
    is_withdrawn = all(map(_is_cancelled, items))
    for n, item in enumerate(items):
        net, price = _money(item.get("net")), _money(item.get("unitPrice"))
        quantity = item.get("quantity", {}).get("value")
        if net is None or price is None or not isinstance(quantity, int | Decimal):
            yield f"Claim.item[{n}]: net, unitPrice or quantity is missing or no amount"
            return
        if {net.currency, price.currency} != {total.currency}:
            yield f"Claim.item[{n}]: another currency than Claim.total"
        if price.amount * quantity != net.amount:
            yield f"Claim.item[{n}].net: is not quantity times unitPrice"
        if _is_just_cancelled(item) if is_withdrawn else not _is_cancelled(item):
            added += net.amount
    if added != total.amount:
        yield "Claim.total: is not the sum of the lines"


def _is_cancelled(item: Mapping[str, Any]) -> bool:
    return any(e.get("valueBoolean") is True for e in item.get("modifierExtension", ()))


def _is_just_cancelled(item: Mapping[str, Any]) -> bool:
    """Cancelled by this very update: marked as changed."""
    return any("valueCode" in extension for extension in item.get("extension", ()))


def _money(value: object) -> Money | None:
    if not isinstance(value, Mapping):
        return None
    amount, currency = value.get("value"), value.get("currency")
    if isinstance(amount, int) and not isinstance(amount, bool):
        amount = Decimal(amount)
    if not isinstance(amount, Decimal) or not isinstance(currency, str):
        return None
    try:
        return Money(amount, currency)
    except (ValueError, ArithmeticError):
        return None
