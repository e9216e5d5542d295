"""What an insurer brings of its own accord: late answers, in the shapes they come in.

A ClaimResponse; a Bundle that holds ClaimResponses, beside other things or in Bundles of its own
(Da Vinci PAS response); a subscription notification (Bundle of type history, first entry Parameters
with the SubscriptionStatus), with full resources or with nothing but "something happened". Source:
HL7 FHIR R4 ClaimResponse, Bundle; Subscriptions R5 Backport; Da Vinci PAS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from payer_gateway.domain.claim import CLAIM_SYSTEM
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.canonical import shorten
from payer_gateway.mapping.hostile import as_list, as_object, identifier_of, said

_Object = Mapping[str, object]
_Found = tuple[str, _Object, Mapping[str, _Object]]
MAX_ANSWERS = 500
_DEEPEST = 4
_OUTCOMES = ("queued", "complete", "error", "partial")


@dataclass(frozen=True, slots=True)
class Notice:
    """One ClaimResponse, and how it names the claim it answers: ``identifiers`` as
    ``system|value``, ``urls`` (of its request), the insurer's own ``numbers`` of the case."""

    answer: _Object = field(repr=False)
    outcome: str
    is_active: bool
    identifiers: tuple[str, ...]
    urls: tuple[str, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """``asks_to_look``: an event without its content; what is due should be fetched now."""

    answers: tuple[Notice, ...]
    asks_to_look: bool


def read_notices(document: object) -> Notices:
    """Raises InvalidInput naming each thing that is no answer, its place and the cure."""
    body = as_object(document)
    kind = body.get("resourceType")
    found: list[_Found]
    event = None
    if kind == "ClaimResponse":
        found = [("ClaimResponse", body, {})]
    elif kind == "Bundle":
        found = list(_answers(body, "Bundle", 0))
        event = _event(body)
        if len(found) > MAX_ANSWERS:
            cure = f"send at most {MAX_ANSWERS} ClaimResponses in one Bundle"
            raise InvalidInput((Fault("Bundle.entry", len(found), cure),))
        if not found and event is None:
            cure = "add the ClaimResponse that says what was decided"
            raise InvalidInput((Fault("Bundle.entry", None, cure),))
    else:
        cure = "send a ClaimResponse, or a Bundle that holds one"
        told = shorten(kind) if isinstance(kind, str) else None
        raise InvalidInput((Fault("resourceType", told, cure),))
    faults: list[Fault] = []
    notices = tuple(_notice(answer, path, claims, faults) for path, answer, claims in found)
    if faults:
        raise InvalidInput(tuple(faults[:50]))
    return Notices(notices, asks_to_look=not found and event == "event-notification")


def _answers(bundle: _Object, path: str, depth: int) -> Iterator[_Found]:
    """Every ClaimResponse with its place, and the Claims beside it by their address."""
    entries = [as_object(each) for each in as_list(bundle.get("entry"))]
    resources = [as_object(entry.get("resource")) for entry in entries]
    claims = {
        said(entry.get("fullUrl")): resource
        for entry, resource in zip(entries, resources, strict=True)
        if resource.get("resourceType") == "Claim"
    }
    for n, resource in enumerate(resources):
        place = f"{path}.entry[{n}].resource"
        if resource.get("resourceType") == "ClaimResponse":
            yield place, resource, claims
        elif resource.get("resourceType") == "Bundle" and depth < _DEEPEST:
            yield from _answers(resource, place, depth + 1)


def _event(bundle: _Object) -> str | None:
    """The type of a subscription notification; None for any other Bundle."""
    entries = as_list(bundle.get("entry"))
    first = as_object(as_object(entries[0]).get("resource")) if entries else {}
    if first.get("resourceType") == "SubscriptionStatus":
        return said(first.get("type")) or None
    if first.get("resourceType") != "Parameters":
        return None
    for parameter in map(as_object, as_list(first.get("parameter"))):
        if parameter.get("name") == "type":
            return said(parameter.get("valueCode")) or None
    return None


def _notice(
    answer: _Object, path: str, claims: Mapping[str, _Object], faults: list[Fault]
) -> Notice:
    outcome = said(answer.get("outcome"))
    if outcome not in _OUTCOMES:
        cure = f"write one of {', '.join(_OUTCOMES)}"
        faults.append(Fault(f"{path}.outcome", outcome or None, cure))
    request = as_object(answer.get("request"))
    named = [identifier_of(request.get("identifier"))]
    url = said(request.get("reference"))
    if url in claims:
        named += map(identifier_of, as_list(claims[url].get("identifier"))[:10])
    elif url.startswith("Claim/"):
        named.append(url.removeprefix("Claim/").partition("/")[0])
    numbers = [identifier_of(each) for each in as_list(answer.get("identifier"))[:10]]
    # Some send our own number back as the number of their answer (a habit of PAS servers).
    named += [each for each in numbers if each and each.startswith(f"{CLAIM_SYSTEM}|")]
    identifiers = tuple(dict.fromkeys(_whole(each) for each in named if each))
    if not identifiers and not url and not any(numbers):
        cure = f"add identifier: system {CLAIM_SYSTEM} and the claim's number, as it was sent"
        faults.append(Fault(f"{path}.request", None, cure))
    return Notice(
        answer=answer,
        outcome=outcome,
        is_active=said(answer.get("status")) in ("active", ""),
        identifiers=identifiers,
        urls=(url,) if url else (),
        numbers=tuple(each.rpartition("|")[2] for each in numbers if each),
    )


def _whole(identifier: str) -> str:
    """A bare number is one of ours."""
    return identifier if "|" in identifier else f"{CLAIM_SYSTEM}|{identifier}"
