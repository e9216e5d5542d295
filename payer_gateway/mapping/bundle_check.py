"""Is a Bundle sound FHIR and sound money? The structure by the standard's own definitions, then
what no definition of FHIR can say: references within the Bundle, sequences, sums.

Every claim goes through here before it is kept. Problems come in words, by path, never with a value
that may name a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from payer_gateway.codes.checkdigits import npi_is_valid
from payer_gateway.domain.money import MINOR_DIGITS, Money
from payer_gateway.mapping.fhir.shapes import Check, standard, told
from payer_gateway.mapping.fhir.source import PATTERNS

Resource = Mapping[str, Any]

NPI = "http://hl7.org/fhir/sid/us-npi"
# What FHIR leaves open and every insurer asks for.
REQUIRED: Mapping[str, Sequence[str]] = {"Claim": "identifier insurer item total careTeam".split()}
# What may be sent; the others are answers and histories.
TYPES_SENT = frozenset("collection batch transaction message document".split())


def check(
    bundle: Resource,
    written_in: str = "r4",
    known: frozenset[int] = frozenset(),
    told_as: Sequence[Resource] = (),
) -> list[str]:
    """Every problem found. ``written_in``: the standard, one of ``fhir.shapes.STANDARDS``;
    ``known``: what is the same in every Bundle (``fhir.acceptance.same_for_all``); ``told_as``:
    the categories under which the insurer's file tells a diagnosis that its standard takes for
    none (``Speech.diagnosis_told_as``)."""
    shapes = standard(written_in)
    found = None if shapes.acceptance.accepts(bundle, known) else shapes.check(bundle)
    if found is not None and found.problems:
        return found.problems
    entries = bundle.get("entry", ())
    resources = [entry.get("resource", {}) for entry in entries]
    problems = list(_entries(bundle, entries, are_guids=found is None))
    if found is not None:
        problems += _references(entries, found)
    problems += _required(resources)
    claims = [each for each in resources if each["resourceType"] == "Claim"]
    if not claims or resources[0] is not claims[0]:
        return [*problems, "Bundle.entry: a Claim must be first"]
    if len(claims) > 1 + bool(claims[0].get("related")):
        problems.append("Bundle.entry: one Claim, and beside it only the one that it updates")
    return [*problems, *_claim(claims[0], told_as)]


def _entries(bundle: Resource, entries: Sequence[Any], *, are_guids: bool) -> Iterator[str]:
    """Addresses within the Bundle."""
    if bundle.get("type") not in TYPES_SENT:
        yield "Bundle.type: no such Bundle is sent"
    is_guid = PATTERNS["uuid"]
    for entry in entries:
        url, resource = entry.get("fullUrl"), entry["resource"]
        if url != f"urn:uuid:{resource.get('id')}":
            yield f"{resource['resourceType']}: fullUrl and id differ"
        elif not are_guids and not is_guid(url):
            yield f"{resource['resourceType']}: fullUrl is no GUID in small letters"
    urls = [entry.get("fullUrl") for entry in entries]
    if len(set(urls)) < len(urls):
        yield from (f"Bundle.entry: fullUrl {u} twice" for u, n in Counter(urls).items() if n > 1)


def _references(entries: Sequence[Any], found: Check) -> Iterator[str]:
    """What the addresses lead to."""
    kinds = {entry.get("fullUrl", ""): entry["resource"]["resourceType"] for entry in entries}
    for reference, targets, at in found.references:
        kind = kinds.get(reference)
        if kind is None:
            yield f"{told(at)}: leads to no entry of the Bundle"
        elif targets is not None and kind not in targets:
            yield f"{told(at)}: leads to a {kind}, which may not stand there"


def _required(resources: Sequence[Resource]) -> Iterator[str]:
    for resource in resources:
        kind = resource["resourceType"]
        for element in REQUIRED.get(kind, ()):
            if element not in resource:
                yield f"{kind}.{element}: is missing"
        if kind in ("Practitioner", "Organization"):
            for each in resource.get("identifier", ()):
                if each.get("system") == NPI and not npi_is_valid(str(each.get("value"))):
                    yield f"{kind}.identifier: the NPI's check digit is wrong"


def _claim(claim: Resource, told_as: Sequence[Resource]) -> Iterator[str]:
    numbers: dict[str, set[object]] = {}
    for name in ("item", "careTeam", "diagnosis", "supportingInfo", "insurance"):
        entries = claim.get(name, ())
        numbers[name] = {each.get("sequence") for each in entries}  # positive, if it is there
        if len(numbers[name]) != len(entries) or None in numbers[name]:
            yield f"Claim.{name}.sequence: is not unique and positive"
    if not claim.get("diagnosis"):
        info = claim.get("supportingInfo", ())
        if not any(each.get("category") in told_as for each in info):
            yield "Claim.diagnosis: is missing"
    for each in claim.get("identifier", ()):
        if not each.get("system") or not each.get("value"):
            yield "Claim.identifier: write system and value"
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
            if pointer in item and not numbers[target].issuperset(item[pointer]):
                yield f"Claim.item[{n}].{pointer}: points to no {target}"
    yield from _sums(claim)
    period = claim.get("billablePeriod", {})
    for n, item in enumerate(claim.get("item", ())):
        day = item.get("servicedDate")
        days = item.get("servicedPeriod", {})
        begins_early = days.get("start", period.get("start", "")) < period.get("start", "")
        if begins_early or days.get("end", "") > period.get("end", days.get("end", "")):
            yield f"Claim.item[{n}].servicedPeriod: lies outside billablePeriod"
        if day is not None and len(day) < len("2026-04-01"):
            yield f"Claim.item[{n}].servicedDate: write the whole day, YYYY-MM-DD"
        elif day is not None and not period.get("start", day) <= day <= period.get("end", day):
            yield f"Claim.item[{n}].servicedDate: lies outside billablePeriod"


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
        if "detail" in item:
            yield from _parts(item["detail"], net, f"Claim.item[{n}]")
        if _is_just_cancelled(item) if is_withdrawn else not _is_cancelled(item):
            added += net.amount
    if added != total.amount:
        yield "Claim.total: is not the sum of the lines"


def _parts(details: Sequence[Mapping[str, Any]], whole: Money, where: str) -> Iterator[str]:
    """The parts of a case rate: their nets make up the line's."""
    added = Decimal(0)
    for n, part in enumerate(details):
        net, price = _money(part.get("net")), _money(part.get("unitPrice"))
        quantity = part.get("quantity", {}).get("value")
        if net is None or price is None or not isinstance(quantity, int | Decimal):
            yield f"{where}.detail[{n}]: net, unitPrice or quantity is missing or no amount"
            return
        if {net.currency, price.currency} != {whole.currency}:
            yield f"{where}.detail[{n}]: another currency than the line"
        if price.amount * quantity != net.amount:
            yield f"{where}.detail[{n}].net: is not quantity times unitPrice"
        added += net.amount
    if added != whole.amount:
        yield f"{where}.net: is not the sum of its parts"
    numbers = [part.get("sequence") for part in details]
    if len(set(numbers)) != len(numbers) or any(type(n) is not int or n < 1 for n in numbers):
        yield f"{where}.detail.sequence: is not unique and positive"


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
        money = Money(amount, currency)
    except (ValueError, ArithmeticError):
        return None
    if money.amount is not amount:  # written otherwise: 44000.00 yen are no yen either
        exponent = amount.as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > MINOR_DIGITS[currency]:
            return None
    return money
