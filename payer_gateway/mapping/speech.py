"""How one insurer is spoken to for one use: templates compiled, rules of answers as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from payer_gateway.domain.answer import Review
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.fhir.acceptance import same_for_all
from payer_gateway.mapping.grammar import CodeTable, Context, Node, Scope, compile_template
from payer_gateway.mapping.inquiry import AskWords
from payer_gateway.mapping.our_codes import OPEN, OUR_CODES
from payer_gateway.mapping.profile_file import Document, template_of
from payer_gateway.mapping.review import ReviewWords
from payer_gateway.mapping.template_source import Entry as SourceEntry
from payer_gateway.mapping.template_source import Filling, constant
from payer_gateway.mapping.update import UpdateWords

# Names, among the hints, the codes that an insurer writes without a system.
BARE = "bare"
AMOUNTS = ("billed", "allowed", "payable", "patient")


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of entry of the Bundle: the fact it is made of, and its template."""

    resource: str
    of: tuple[str, ...]
    fill: Node


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to read a 2xx answer; an empty condition matches everything."""

    http: frozenset[int]
    resource: str | None  # "none": an empty body
    outcome: frozenset[str]
    severity: frozenset[str]
    issue: frozenset[str]
    review: frozenset[str]
    then: OutcomeClass


@dataclass(frozen=True, slots=True)
class Amounts:
    """How an adjudication is read; ``kinds``: the insurer's category code → our name of it."""

    final: frozenset[str]
    control_number: str
    number: str
    period: str
    approved: frozenset[str]
    kinds: Mapping[str, str]
    review: ReviewWords | None


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """Extensions of an answer's errors: what to do about one, and where it is."""

    followup: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class AnswerEnvelope:
    """What a Bundle with an answer must be like; what it is not is named, and read all the same."""

    type: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speech:
    dialect: str
    standard: str  # in which it is written: one of fhir.shapes.STANDARDS
    codes: Mapping[str, CodeTable] = field(repr=False)
    envelope: Node = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)
    filling: Filling = field(repr=False)  # all of the above at once
    known: frozenset[int] = field(repr=False)  # what is the same in all Bundles, by identity
    rules: tuple[Rule, ...] = field(repr=False)
    amounts: Amounts = field(repr=False)
    asked_for: str
    answered_by: str
    result: str  # what an inquiry returns: searchset, Parameters or Bundle
    errors: ErrorWords
    envelope_of_answers: AnswerEnvelope | None
    ask: AskWords | None  # when an inquiry is an operation
    update: UpdateWords | None  # when a correction is told as an update
    hints: Mapping[str, str] = field(repr=False)  # what to do about a code, by ``system|code``
    # Categories of information that tells a diagnosis which the standard takes for none.
    diagnosis_told_as: tuple[Mapping[str, Any], ...] = field(repr=False)


def speech(resolved: Document, where: str) -> Speech:
    """Compile one resolved use. Raises MappingError naming the file, the key and the cure."""
    codes = {
        name: CodeTable(name, table.get("system"), table["values"])
        for name, table in resolved["codes"].items()
    }
    context = Context(where, codes, resolved["code_systems"])
    templates = resolved["resources"]
    rules = tuple(_rule(rule) for rule in resolved["responses"])
    said = templates.get("Bundle", {})
    written = [
        SourceEntry(entry["resource"], tuple(entry["of"].split(".")), templates[name], name)
        for entry in resolved["bundle"]
        for name in (template_of(entry),)
    ]
    errors = resolved["adjudication"].get("errors", {})
    envelope = resolved["adjudication"].get("envelope")
    # The closures first: they refuse what is wrong with the file.
    closures = compile_template(said, context, "Bundle")
    entries = tuple(
        Entry(each.resource, each.of, compile_template(each.template, context, each.key))
        for each in written
    )
    fill = Filling(said, written, context)
    return Speech(
        dialect=resolved["dialect"],
        standard=resolved["standard"],
        codes=codes,
        envelope=closures,
        entries=entries,
        filling=fill,
        known=same_for_all(fill.constants),
        ask=_ask(resolved["inquiry"].get("ask")),
        update=_update(resolved.get("update")),
        hints={
            code if system == BARE else f"{system}|{code}": words
            for system, table in resolved["hints"].items()
            for code, words in table.items()
        },
        diagnosis_told_as=_told_as(templates.get("Claim", {}).get("supportingInfo"), context),
        rules=rules,
        amounts=_amounts(resolved["adjudication"], where),
        asked_for=resolved["inquiry"]["request"],
        answered_by=resolved["inquiry"]["answer"],
        result=resolved["inquiry"].get("result", "searchset"),
        errors=ErrorWords(errors.get("followup"), errors.get("path")),
        envelope_of_answers=(
            AnswerEnvelope(envelope["type"], tuple(envelope["needs"])) if envelope else None
        ),
    )


def _told_as(information: object, context: Context) -> tuple[Mapping[str, Any], ...]:
    """By the insurer's own templates, or its dialect's; one whose category depends on facts is not
    known here."""
    each = information if isinstance(information, list) else [information]
    found = [
        constant(template["category"], context, "Claim.supportingInfo.category")
        for template in each
        if isinstance(template, Mapping)
        and template.get("each") == "diagnoses_elsewhere"
        and "category" in template
    ]
    return tuple(category for category in found if isinstance(category, Mapping))


def uncovered_codes(codes: Mapping[str, CodeTable]) -> list[str]:
    """Every code of ours that a table forgets, every entry that is no code of ours. A table that a
    template needs and that is not there at all has been refused already."""
    problems = []
    for name, table in codes.items():
        ours, values = OUR_CODES[name], table.values
        problems += [
            f"codes.{name}: add {code!r} (or '{code}: unsupported')"
            for code in ours
            if code not in values
        ]
        problems += [
            f"codes.{name}: {code!r} is no code of ours; remove it"
            for code in values
            if code not in ours and name not in OPEN
        ]
    return problems


def elements(facts: Mapping[str, object], path: tuple[str, ...], where: str) -> list[Scope]:
    """The scopes an entry of the Bundle is filled from: none, one, or one per element."""
    root = Scope((facts,))
    try:
        found = root.get(path)
    except KeyError:
        raise MappingError(f"{where}: bundle: there is no fact {'.'.join(path)!r}") from None
    if found is None:
        return []
    return [root.into(each) for each in (found if isinstance(found, list) else [found])]


def _rule(rule: Document) -> Rule:
    when = rule["when"]
    return Rule(
        http=frozenset(int(status) for status in when.get("http", ())),
        resource=when.get("resource"),
        outcome=frozenset(when.get("outcome", ())),
        severity=frozenset(when.get("severity", ())),
        issue=frozenset(when.get("issue", ())),
        review=frozenset(when.get("review", ())),
        then=OutcomeClass(rule["then"]),
    )


def _amounts(a: Document, where: str) -> Amounts:
    kinds: dict[str, str] = {}
    for kind in AMOUNTS:
        for code in a["amounts"][kind]:
            if code in kinds:
                raise MappingError(
                    f"{where}: adjudication.amounts.{kind}: {code!r} is already {kinds[code]}"
                )
            kinds[code] = kind
    return Amounts(
        final=frozenset(a["final"]),
        control_number=a["control_number"],
        number=a["authorization"]["number"],
        period=a["authorization"]["period"],
        approved=frozenset(a["approved"]),
        kinds=kinds,
        review=_review(a["review"], where) if "review" in a else None,
    )


def _ask(a: Document | None) -> AskWords | None:
    if a is None:
        return None
    return AskWords(
        bundle_profile=a["bundle_profile"],
        claim_profile=a["claim_profile"],
        claim=tuple(a["claim"]),
        item=tuple(a["item"]),
        item_extensions=tuple(a["item_extensions"]),
        number_system=a["number_system"],
    )


def _update(u: Document | None) -> UpdateWords | None:
    if u is None:
        return None
    return UpdateWords(
        claim_profile=u["claim_profile"],
        relation=u["relation"],
        changed=u["changed"],
        added_code=u["added_code"],
        changed_code=u["changed_code"],
        cancelled=u["cancelled"],
        certification=u["certification"],
        cancel=u["cancel"],
        trace=u["trace"],
        carries_old=u["carries_old"] == "yes",
    )


def _review(r: Document, where: str) -> ReviewWords:
    meanings: dict[str, Review] = {}
    for review, codes in r["codes"].items():
        for code in codes:
            if code in meanings:
                raise MappingError(
                    f"{where}: adjudication.review.codes.{review}: {code!r} is already"
                    f" {meanings[code]}"
                )
            meanings[code] = Review(review)
    return ReviewWords(
        action=r["action"],
        code=r["code"],
        system=r["system"],
        number=r["number"],
        reasons=r["reasons"],
        second_opinion=r["second_opinion"],
        line_period=r["line_period"],
        line_number=r["line_number"],
        meanings=meanings,
    )
