"""One claim as the Bundle its insurer is sent: built from facts, checked, then encoded by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from payer_gateway.domain.claim import Claim, Relation
from payer_gateway.domain.consultation import Consultation, Coverage
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import Money
from payer_gateway.mapping import bundle_check
from payer_gateway.mapping.canonical import encode_checked, parse_json
from payer_gateway.mapping.facts import facts_of
from payer_gateway.mapping.facts_people import Facts
from payer_gateway.mapping.grammar import Scope
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.speech import Speech, elements
from payer_gateway.mapping.template_source import Odd
from payer_gateway.mapping.update import as_update


@dataclass(frozen=True, slots=True)
class Built:
    """``body`` are the exact bytes to send; ``bundle`` the same as values, to read only."""

    body: bytes = field(repr=False)
    bundle: dict[str, Any] = field(repr=False)
    total: Money


def build(
    profile: Profile,
    consultation: Consultation,
    coverage: Coverage,
    claim: Claim,
    decision: Decision,
    previous: bytes | None = None,
) -> Built:
    """The Bundle of one claim. Same arguments, same bytes. ``previous``: the Bundle, as it was
    sent, of the accepted claim that this one replaces or voids; what the insurer's standard does
    not tell as an update does without.

    Raises MappingError, naming file, key and cure, when the profile does not cover a code or
    lacks a fact it requires, or when what it makes is no sound FHIR R4 Bundle.
    """
    bundle = render(profile, consultation, coverage, claim, decision, previous)
    speech = profile.speeches[claim.use]
    told_as = speech.diagnosis_told_as
    problems = bundle_check.check(bundle, speech.standard, speech.known, told_as)
    if problems:
        raise MappingError(f"{profile.file}: the Bundle is not sound: {'; '.join(problems)}")
    return Built(encode_checked(bundle), bundle, consultation.billed)


def render(
    profile: Profile,
    consultation: Consultation,
    coverage: Coverage,
    claim: Claim,
    decision: Decision,
    previous: bytes | None = None,
) -> dict[str, Any]:
    """The Bundle before it is checked. Raises MappingError for uncovered codes and facts."""
    speech = profile.speeches[claim.use]
    try:
        facts = facts_of(profile.teller, consultation, coverage, claim, decision)
    except MappingError as error:
        raise MappingError(f"{profile.file}: {error}") from None
    try:
        bundle = speech.filling.fill(facts)
    except (Odd, KeyError, TypeError, AttributeError):
        # A fact or a code is not there; the closures say which, and what to do about it.
        bundle = filled(speech, facts, profile.file)
    if previous is not None and speech.update is not None and claim.related is not None:
        is_void = claim.related.relation is Relation.VOID
        as_update(bundle, parse_json(previous), speech.update, void=is_void)
    return bundle


def filled(speech: Speech, facts: Facts, file: str) -> dict[str, Any]:
    """The Bundle by the closures of the grammar: the slow way, that says what is wrong."""
    entries: list[dict[str, Any]] = []
    for entry in speech.entries:
        for scope in elements(facts, entry.of, file):
            element = _element(scope, entry.resource, file)
            resource = {"resourceType": entry.resource, "id": element["id"]}
            filled = entry.fill(scope)
            if isinstance(filled, dict):
                resource.update(filled)
            entries.append({"fullUrl": element["url"], "resource": resource})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "entry": entries}
    envelope = speech.envelope(Scope((facts,)))
    if isinstance(envelope, dict):
        bundle.update(envelope)
    named = facts["bundle"]
    if isinstance(named, Mapping):
        bundle["id"] = named["id"]
    return bundle


def _element(scope: Scope, resource: str, file: str) -> Mapping[str, Any]:
    element = scope.frames[0]
    if not isinstance(element, Mapping) or "url" not in element:
        raise MappingError(
            f"{file}: bundle: {resource}: this fact has no url, so no resource can be made of it"
        )
    return element
