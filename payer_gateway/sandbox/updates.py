"""Is an update told as PAS wants it? The rules spec-65 to spec-72 and, stricter than HL7's kit, the
earlier Claim in the Bundle is held against the one that was booked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from payer_gateway.sandbox.bundle import Bundle, dicts, section, text
from payer_gateway.sandbox.pas import CANCELLED, CERTIFICATION, CHANGED, extension, is_cancelled
from payer_gateway.sandbox.refusal import Issue

Resource = dict[str, Any]


def previous_identifier(claim: Resource) -> str | None:
    """The claim that an update updates, as ``system|value``; None for a first request."""
    for related in dicts(claim.get("related")):
        identifier = section(section(related, "claim"), "identifier")
        if text(identifier.get("value")):
            return f"{text(identifier.get('system'))}|{text(identifier.get('value'))}"
    return None


def update_faults(
    bundle: Bundle, claim: Resource, booked: Resource | None, *, carries_old: bool
) -> list[Issue]:
    """What is wrong with an update of ``booked``, each with the rule it breaks. ``carries_old``:
    the earlier Claim must come along (the Bundle of 2.0.1 has no room for it)."""
    return list(_faults(bundle, claim, booked, carries_old))


def _faults(
    bundle: Bundle, claim: Resource, booked: Resource | None, carries_old: bool
) -> Iterator[Issue]:
    related = dicts(claim.get("related"))[0]
    old = bundle.follow(section(related, "claim"), claim)
    if not old and not carries_old:
        old = booked or {}
    if not old:
        yield _broken("65", "refer to the Claim that is updated, and send it along", "related")
        return
    if booked is None:
        yield _broken("65", "the Claim that is updated was never booked here", "related")
        return
    if [i.get("sequence") for i in dicts(old.get("item"))] != [
        i.get("sequence") for i in dicts(booked.get("item"))
    ]:
        yield _broken("65", "the Claim that is updated is not the one that was booked", "related")
    claims = [r for r in bundle.resources if r.get("resourceType") == "Claim"]
    if len(claims) > 2:
        yield _broken("66", "send only the Claim that is updated, none before it", "related")
    withdrawn = extension(claim, CERTIFICATION)
    for part in ("item", "supportingInfo"):
        yield from _entries(part, claim, old)
    if withdrawn and not all(map(is_cancelled, dicts(claim.get("item")))):
        yield _broken("70", "with everything cancelled every line is", "item")


def _entries(part: str, claim: Resource, old: Resource) -> Iterator[Issue]:
    now = {each.get("sequence"): each for each in dicts(claim.get(part))}
    before = {each.get("sequence"): each for each in dicts(old.get(part))}
    for number in before:
        if number not in now:
            cure = f"keep the earlier entry {number}, cancelled where it is gone"
            yield _broken("68", cure, part)
    for number, each in now.items():
        where = f"{part}[{number}]"
        mark = extension(each, CHANGED).get("valueCode")
        earlier = before.get(number)
        if earlier is None:
            if mark != "added":
                yield _broken("72", "mark what is new as added", where)
            continue
        cancelled = is_cancelled(each)
        if part == "item" and cancelled and _certification(each) != "3":
            yield _broken("70", "give a cancelled line certification type 3", where)
        if cancelled == is_cancelled(earlier) and _bare(each) == _bare(earlier):
            if mark is not None:
                yield _broken("71", "mark nothing that has not changed", where)
        elif mark != "changed":
            yield _broken("72", "mark what is different or cancelled as changed", where)


def _certification(item: Resource) -> str:
    concept = section(extension(item, CERTIFICATION), "valueCodeableConcept")
    return next((text(c.get("code")) for c in dicts(concept.get("coding"))), "")


def _bare(entry: Resource) -> Resource:
    """An entry without the marks of an update; pointers may lose what is not told any more."""
    out = {
        key: value
        for key, value in entry.items()
        if key not in ("extension", "modifierExtension") and not key.endswith("Sequence")
    }
    marks = (CHANGED, CERTIFICATION) if is_cancelled(entry) else (CHANGED,)
    out["extension"] = [e for e in dicts(entry.get("extension")) if e.get("url") not in marks]
    out["modifierExtension"] = [
        e for e in dicts(entry.get("modifierExtension")) if e.get("url") != CANCELLED
    ]
    return out


def _broken(rule: str, cure: str, where: str) -> Issue:
    return Issue("business-rule", f"PAS spec-{rule}: {cure}.", f"Claim.{where}")
