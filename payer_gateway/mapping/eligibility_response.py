"""Decisions as a CoverageEligibilityResponse (HL7 FHIR R4), and the sentence that a patient reads.

What stands where, and the extensions: ``docs/fhir-eligibility.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from payer_gateway.domain.days import day_of
from payer_gateway.domain.eligibility_standing import is_in_force
from payer_gateway.domain.reasons import Reason, Verdict
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.decision_json import NO_GUARANTEE
from payer_gateway.mapping.eligibility_asked import Cover
from payer_gateway.mapping.eligibility_item import (
    ItemAnswer,
    error_of,
    item_of,
    reason_extensions,
    unanswered,
)
from payer_gateway.mapping.eligibility_people import EXTENSION, OURS
from payer_gateway.mapping.eligibility_request import Ask, Line
from payer_gateway.mapping.fhir_document import names
from payer_gateway.mapping.fhir_element import Element, identifier_of

JsonObject = dict[str, Any]
_TIERS = {"in": "In your plan's network", "out": "Outside your plan's network"}


@dataclass(frozen=True, slots=True)
class CoverAnswer:
    """One coverage: what its rules found, and an answer per opinion and network."""

    cover: Cover
    source: str  # asserted | roster
    standing: tuple[Reason, ...]
    items: tuple[ItemAnswer, ...]


def response_of(
    ask: Ask, answers: Sequence[CoverAnswer], not_ours: Sequence[Line], now: datetime
) -> JsonObject:
    """The resource as a dict of JSON values, amounts as Decimal."""
    request, insurer = ask.request, answers[0].cover.profile
    errors = _errors(answers, not_ours)
    answered = {
        "resourceType": "CoverageEligibilityResponse",
        "status": "active",
        "purpose": list(ask.purposes),
        "patient": _reference(request.child("patient"), "Patient"),
        **_serviced(request),
        "created": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request": _asked(ask),
        "outcome": _outcome(answers, not_ours),
        "disposition": disposition(ask, answers, not_ours),
        "insurer": {
            **_reference(request.child("insurer"), "Organization"),
            "identifier": {
                "system": insurer.payer_identifier.system,
                "value": insurer.payer_identifier.value,
            },
            "display": insurer.payer_name,
        },
        "insurance": [_insurance(ask, each, not_ours) for each in answers],
    }
    provider = request.child("provider")
    if provider is not None:
        answered["requestor"] = _reference(provider, None)
    if ask.orders.authorization is not None:
        answered["preAuthRef"] = ask.orders.authorization
    if errors:
        answered["error"] = errors
    return answered


def _outcome(answers: Sequence[CoverAnswer], not_ours: Sequence[Line]) -> str:
    """error: nothing could be judged; partial: a part of it, or a person has to look; complete."""
    verdicts = {item.verdict for each in answers for item in each.items}
    standing = {reason.verdict for each in answers for reason in each.standing}
    if not verdicts and not_ours:
        return "error"
    if verdicts == {Verdict.INVALID} or (not verdicts and Verdict.INVALID in standing):
        return "error"
    is_open = {Verdict.INVALID, Verdict.PENDED} & (verdicts or standing)
    return "partial" if is_open or not_ours else "complete"


def _errors(answers: Sequence[CoverAnswer], not_ours: Sequence[Line]) -> list[JsonObject]:
    found: list[Reason] = []
    for each in answers:
        for reasons in (each.standing, *(item.reasons for item in each.items)):
            for reason in reasons:
                if reason.verdict is Verdict.INVALID and reason not in found:
                    found.append(reason)
    return [*(error_of(reason) for reason in found), *(unanswered(line)[1] for line in not_ours)]


def _insurance(ask: Ask, answer: CoverAnswer, not_ours: Sequence[Line]) -> JsonObject:
    plan = answer.cover.plan
    day = day_of(ask.serviced[0], plan.zone)
    told: JsonObject = {
        "extension": [
            {"url": f"{EXTENSION}/plan-version", "valueString": f"{plan.name}/v{plan.version}"},
            {"url": f"{EXTENSION}/coverage-source", "valueCode": answer.source},
            *reason_extensions(answer.standing),
        ],
        "coverage": _coverage(answer.cover),
        "inforce": is_in_force(answer.standing),
        "benefitPeriod": {
            "start": plan.benefit_year(day).isoformat(),
            "end": plan.benefit_year_end(day).isoformat(),
        },
    }
    if ask.asks_for("benefits", "auth-requirements", "discovery"):
        items = [item_of(ask, answer.cover, each) for each in answer.items]
        items += [unanswered(line)[0] for line in not_ours]
        if items:
            told["item"] = items
    return told


def _coverage(cover: Cover) -> JsonObject:
    policy = cover.policy
    if policy.element is not None:
        return _reference(policy.element, "Coverage")
    resource = policy.coverage
    name = names(resource.value) if resource is not None else ""
    if "/" in name:
        return {"reference": name}
    return {"type": "Coverage", "identifier": {"value": cover.member_id}}


def _reference(asked: Element | None, kind: str | None) -> JsonObject:
    """The reference as it was asked with. What points into the request's own ``contained`` leads
    nowhere from here: it is named by its identifier, else by what it was called there."""
    if asked is None:
        return {}
    address = asked.value.get("reference")
    told: JsonObject = {}
    if isinstance(address, str) and not address.startswith("#"):
        told["reference"] = address
    named = asked.child("identifier")
    if named is not None and (found := identifier_of(named)) is not None:
        told["identifier"] = {
            **({"system": found.system} if found.system else {}),
            "value": found.value,
        }
    if not told:
        told["display"] = f"{address or 'as'} in the request"
    if kind is not None and "reference" not in told:
        told["type"] = kind
    return told


def _asked(ask: Ask) -> JsonObject:
    """Which request is answered: by its address, its own identifier, else its content's hash."""
    kind, value = "CoverageEligibilityRequest", ask.request.value
    if ask.full_url is not None:
        return {"reference": ask.full_url}
    name = names(value)
    if "/" in name:
        return {"reference": name}
    for each in ask.request.identifiers():
        found = {"value": each.value}
        return {
            "type": kind,
            "identifier": {"system": each.system, **found} if each.system else found,
        }
    digest = hashlib.sha256(canonical_json(value)).hexdigest()
    return {"type": kind, "identifier": {"system": f"{OURS}/request-sha256", "value": digest}}


def _serviced(request: Element) -> JsonObject:
    if request.has("servicedDate"):
        return {"servicedDate": request.value["servicedDate"]}
    period = request.value.get("servicedPeriod")
    if isinstance(period, Mapping):
        return {"servicedPeriod": {k: period[k] for k in ("start", "end") if period.get(k)}}
    return {}


def disposition(ask: Ask, answers: Sequence[CoverAnswer], not_ours: Sequence[Line]) -> str:
    """For the patient: no codes, what is paid, and what can be done."""
    told: list[str] = []
    for each in answers:
        prefix = f"{each.cover.plan.name}: " if len(answers) > 1 else ""
        told += [prefix + sentence for sentence in _of_cover(ask, each)]
    if not_ours:
        told.append("Some of what was asked is not about a second opinion; ask your insurer.")
    return " ".join([*dict.fromkeys(told), NO_GUARANTEE])


def _of_cover(ask: Ask, answer: CoverAnswer) -> list[str]:
    judged = [item for item in answer.items if item.decision is not None]
    if not judged:
        if answer.standing:
            return [answer.standing[0].patient_sentence]
        day = _day(ask.serviced[0], answer)
        told = [f"Your cover is in force on {day}."]
        if answer.items:
            told.append("What your plan covers of a second opinion is listed.")
        return told
    told = []
    for matter in dict.fromkeys(item.matter for item in judged):
        of_matter = [item for item in judged if item.matter == matter]
        said = {item.network: item.patient_sentence for item in of_matter}
        if len(set(said.values())) == 1:
            told.append(next(iter(said.values())))
        else:
            told += [f"{_TIERS[network]}: {sentence}" for network, sentence in said.items()]
    return told


def _day(when: date | datetime, answer: CoverAnswer) -> date:
    return day_of(when, answer.cover.plan.zone)
