"""Is an insurer's file right? Its codes are all there and every golden case still holds.

``mapping check`` prints what this returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import InvalidInput, MappingError
from payer_gateway.mapping.bundle import render
from payer_gateway.mapping.bundle_check import check as bundle_problems
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.goldens import (
    Case,
    ReplyCase,
    load_cases,
    load_replies,
    reading_json,
    reply_folders,
    write_goldens,
)
from payer_gateway.mapping.profile import Profile, Shelf
from payer_gateway.mapping.replies import match_rule
from payer_gateway.mapping.speech import Speech, uncovered_codes

__all__ = [
    "Findings",
    "Goldens",
    "check",
    "check_profile",
    "idle",
    "load_goldens",
    "write_goldens",
]
MAX_DIFFERENCES = 5


@dataclass(frozen=True, slots=True)
class Goldens:
    cases: tuple[Case, ...]
    shared_replies: tuple[ReplyCase, ...]  # of the profile's dialects
    own_replies: tuple[ReplyCase, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """``problems``: what is wrong. ``untested``: what no golden case or reply exercises; it may be
    right. Both in words, with the cure."""

    problems: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()


def check(shelf: Shelf, name: str, fixtures: Path) -> Findings:
    """Everything to be said of the insurer's files and goldens."""
    problems: list[str] = []
    untested: list[str] = []
    try:
        profiles = [shelf.version(name, number) for number in shelf.versions(name)]
        problems += shelf.clashes(name)
    except MappingError as error:
        return Findings((str(error),))
    there = {f"insurers/{name}/v{profile.version}" for profile in profiles}
    for gone in sorted(set(shelf.released()) - there):
        if gone.startswith(f"insurers/{name}/"):
            problems.append(f"mappings/{gone}.yaml: is released and no longer there; restore it")
    for earlier, later in pairwise(profiles):
        if later.use_from <= earlier.use_from:
            problems.append(
                f"{later.file}: use_from: write a day after {earlier.use_from}, from which"
                f" version {earlier.version} is used"
            )
    for profile in profiles:
        try:
            goldens = load_goldens(profile, fixtures)
        except MappingError as error:
            problems.append(str(error))
            continue
        problems += check_profile(profile, goldens)
        untested += idle(profile, goldens)
    return Findings(tuple(problems), tuple(untested))


def load_goldens(profile: Profile, fixtures: Path) -> Goldens:
    folder = fixtures / profile.name / f"v{profile.version}"
    *shared, own = reply_folders(profile, fixtures)
    uses = profile.resolved()["uses"]
    own_codes = {use for use in Use if uses[use.value]["reads_its_own_codes"]}
    return Goldens(
        load_cases(folder),
        tuple(
            reply
            for place in shared
            for reply in load_replies(place)
            if profile.speeches[reply.use].dialect == place.name
            # What it means by statuses and codes of its own is for its own replies to say.
            and reply.reply.status not in profile.status_overrides
            and reply.use not in own_codes
        ),
        load_replies(own),
    )


def check_profile(profile: Profile, goldens: Goldens) -> list[str]:
    """One version against its goldens."""
    problems = [
        f"{profile.file}: {problem}"
        for speech in _speeches(profile)
        for problem in uncovered_codes(speech.codes)
    ]
    for case in goldens.cases:
        problems += _case_problems(profile, case)
    for reply in (*goldens.shared_replies, *goldens.own_replies):
        problems += _reply_problems(profile, reply)
    return problems


def _case_problems(profile: Profile, case: Case) -> Iterator[str]:
    where = f"{case.folder.parent.parent.name}/{case.folder.name}"
    called = case.coverage.insurer.strip().casefold()
    if called not in {each.strip().casefold() for each in (profile.name, *profile.aliases)}:
        yield f"{where}: its coverage names {case.coverage.insurer!r}; add that to aliases"
    fee = profile.agreed_fee(case.consultation.services)
    if (None if fee is None else str(fee)) != case.agreed_fee:
        told = "take agreed_fee out of" if fee is None else f'write "agreed_fee": "{fee}" into'
        yield f"{where}: its claim.json expects the fee {case.agreed_fee}; {told} it"
    for use, claim in case.claims.items():
        speech = profile.speeches[use]
        try:
            before = case.previous.get(use)
            bundle = render(profile, case.consultation, case.coverage, claim, case.decision, before)
            body = canonical_json(bundle)
        except MappingError as error:
            yield f"{where}: {use}: {error}"
            continue
        kept = case.bundles.get(use)
        if kept is not None and body != kept:
            yield from _differences(f"{where}: {use}", parse_json(kept), bundle)
            continue
        told_as = speech.diagnosis_told_as
        problems = bundle_problems(bundle, speech.standard, speech.known, told_as)
        yield from (f"{where}: {use}: {problem}" for problem in problems)


def _reply_problems(profile: Profile, case: ReplyCase) -> Iterator[str]:
    got = reading_json(case.read(profile))
    where = f"{case.file.parent.name}/{case.file.name}"
    if not case.expected and got:
        whole = canonical_json(got).decode()
        yield f'{where}: nothing is expected; if it is read rightly, write "expect": {whole}'
    elif got != case.expected:
        yield from _differences(where, case.expected, got)


def idle(profile: Profile, goldens: Goldens) -> Iterator[str]:
    """What no golden exercises: it could be wrong and nobody would know."""
    if not goldens.cases:
        yield f"{profile.file}: add a golden case: a folder with consultation.json"
    for case in goldens.cases:
        if not case.bundles:
            yield (
                f"{case.folder.parent.parent.name}/{case.folder.name}: keeps no Bundle yet; render"
                " it and read it: `mapping release` keeps what it makes"
            )
    submits = [
        case
        for case in (*goldens.shared_replies, *goldens.own_replies)
        if case.kind == "submit" and 200 <= case.reply.status < 300
    ]
    for speech in _speeches(profile):
        used = {
            match_rule(speech, case.reply.status, _document(case.reply.body))
            for case in submits
            if profile.speeches[case.use] is speech
        }
        for number, rule in enumerate(speech.rules):
            if number not in used:
                yield f"{profile.file}: responses[{number}] ({rule.then}): add a golden reply"
    kept = b"".join(body for case in goldens.cases for body in case.bundles.values())
    for ours, theirs in profile.resolved()["uses"][Use.CLAIM.value]["code_systems"].items():
        if theirs.encode() not in kept:
            yield f"{profile.file}: code_systems: {ours}: add a golden case with a code of it"
    named = {case.coverage.insurer.strip().casefold() for case in goldens.cases}
    for alias in profile.aliases:
        if alias.strip().casefold() not in named:
            yield f"{profile.file}: aliases: {alias!r}: add a golden case that says so"
    for status in profile.status_overrides:
        if all(case.reply.status != status for case in goldens.own_replies):
            yield f"{profile.file}: statuses.{status}: add a golden reply with it"
    served = {
        service.code
        for case in goldens.cases
        if case.agreed_fee is not None
        for service in case.consultation.services
    }
    for service in profile.fees:
        if service not in served:
            yield f"{profile.file}: fees.{service}: add a golden case with an agreed_fee"


def _speeches(profile: Profile) -> list[Speech]:
    """Each once: both uses may share one dialect."""
    return list({id(speech): speech for speech in profile.speeches.values()}.values())


def _document(body: bytes) -> object:
    try:
        return parse_json(body)
    except InvalidInput:
        return None


def _differences(where: str, expected: object, got: object) -> list[str]:
    found = list(_differ("", expected, got))
    more = len(found) - MAX_DIFFERENCES
    shown = [f"{where}: {line}" for line in found[:MAX_DIFFERENCES]]
    return [*shown, f"{where}: and {more} more"] if more > 0 else shown


def _differ(path: str, expected: object, got: object) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in sorted({*expected, *got}):
            inner = f"{path}.{key}" if path else str(key)
            if key not in got:
                yield f"{inner}: expected {_show(expected[key])}, got nothing"
            elif key not in expected:
                yield f"{inner}: expected nothing, got {_show(got[key])}"
            else:
                yield from _differ(inner, expected[key], got[key])
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{path}: expected {len(expected)} entries, got {len(got)}"
        for n, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from _differ(f"{path}[{n}]", one, other)
    elif _show(expected) != _show(got):
        yield f"{path}: expected {_show(expected)}, got {_show(got)}"


def _show(value: object) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 120 else f"{text[:119]}…"
