"""Golden cases: what a mapping file makes of a consultation, and how it reads an answer, kept under
``fixtures/`` and reviewed by eye. ``profile_check`` holds them against the files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simplejson

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Claim, Use
from payer_gateway.domain.consultation import Consultation, Coverage
from payer_gateway.domain.eligibility import Decision, no_coverage
from payer_gateway.domain.errors import InvalidInput, MappingError
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping import inquiry_replies, replies
from payer_gateway.mapping.bundle import build
from payer_gateway.mapping.bundle_structure import structure_problems
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.claim_json import decode_claim
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.decision_json import plain
from payer_gateway.mapping.file_shape import refuse_misshapen
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.whole_files import write_whole

# What a case's claim.json leaves unsaid.
CLAIM_DEFAULTS: Mapping[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000001",
    "number": "GOLDEN-1",
    "coverage_order": 1,
    "created_on": "2026-04-01",
    "authorization_number": None,
    "authorization_period": None,
    "related": None,
    "prior_result": None,
}
_READERS = {
    "submit": replies.read_submit,
    "inquiry": inquiry_replies.read_inquiry,
    "answer": inquiry_replies.read_answer,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One folder: a consultation, its claims, and the Bundle each becomes."""

    folder: Path
    consultation: Consultation
    claims: Mapping[Use, Claim]  # of the uses that have a stored Bundle; of all where none has
    bundles: Mapping[Use, bytes]  # canonical
    previous: Mapping[Use, bytes]  # the Bundle that was sent before, where this one changes it
    decision: Decision
    agreed_fee: str | None

    @property
    def coverage(self) -> Coverage:
        order = next(iter(self.claims.values())).coverage_order
        return next(each for each in self.consultation.coverages if each.order == order)


@dataclass(frozen=True, slots=True)
class ReplyCase:
    """One file: an answer as it came, and how it is to be read."""

    file: Path
    kind: str  # submit | inquiry | answer
    use: Use
    identifier: str | None
    reply: Reply
    expected: object

    def read(self, profile: Profile) -> Reading:
        return _READERS[self.kind](profile, self.use, self.reply, identifier=self.identifier)


def load_cases(folder: Path) -> tuple[Case, ...]:
    """Every case of one insurer's version. Raises MappingError for a case that cannot be read."""
    found = sorted(folder.glob("*/consultation.json"))
    return tuple(load_case(path.parent) for path in found)


def load_replies(folder: Path) -> tuple[ReplyCase, ...]:
    return tuple(_reply_case(path) for path in sorted(folder.glob("*.json")))


def reading_json(reading: Reading) -> object:
    """A reading as a reply's ``expect`` has it: what is absent is left out."""
    return _without_absent(plain(reading))


def write_goldens(profile: Profile, fixtures: Path, *, missing_only: bool = False) -> list[Path]:
    """Write anew what the files now make of the golden inputs, for a person to look through.

    A case with neither stored Bundle gets both; ``missing_only`` writes those alone. Every Bundle
    is checked before it is written. Raises MappingError when one cannot be made.
    """
    made: list[tuple[Path, object]] = []
    folder = fixtures / profile.name / f"v{profile.version}"
    for path in sorted(folder.glob("*/consultation.json")):
        case = load_case(path.parent)
        if missing_only and case.bundles:
            continue
        for use, claim in case.claims.items():
            before = case.previous.get(use)
            built = build(profile, case.consultation, case.coverage, claim, case.decision, before)
            _refuse_unreadable(built.bundle, f"{path.parent.name}: {use}")
            made.append((_bundle_file(path.parent, use), built.bundle))
    written = [_write(path, bundle) for path, bundle in made]
    if missing_only:
        return written
    *shared, own = reply_folders(profile, fixtures)
    for place in (*shared, own):
        for each in load_replies(place):
            if place != own and profile.speeches[each.use].dialect != place.name:
                continue  # this insurer speaks otherwise for that use
            document: Any = _json(each.file)
            document["expect"] = reading_json(each.read(profile))
            written.append(_write(each.file, document))
    return written


def _refuse_unreadable(bundle: Mapping[str, Any], where: str) -> None:
    """What a Bundle is in a public model of FHIR, beside our own check: a second opinion."""
    for entry in bundle["entry"]:
        if problems := structure_problems(entry["resource"]):
            raise MappingError(f"{where}: {'; '.join(problems)}")


def reply_folders(profile: Profile, fixtures: Path) -> list[Path]:
    """Where replies stand: those of the profile's dialects, then its own."""
    dialects = sorted({speech.dialect for speech in profile.speeches.values()})
    own = fixtures / profile.name / f"v{profile.version}" / "replies"
    return [*(fixtures / "replies" / dialect for dialect in dialects), own]


def load_case(folder: Path) -> Case:
    """One case. Raises MappingError for one that cannot be read."""
    try:
        consultation = read_consultation((folder / "consultation.json").read_bytes()).consultation
    except InvalidInput as error:
        raise MappingError(f"{folder}/consultation.json: {error}") from None
    facts = _claim_facts(folder / "claim.json")
    service_type, fee = facts.pop("service_type", "3"), facts.pop("agreed_fee", None)
    orders = {each.order for each in consultation.coverages}
    if (order := {**CLAIM_DEFAULTS, **facts}["coverage_order"]) not in orders:
        raise MappingError(
            f"{folder}/claim.json: coverage_order: the consultation has no coverage of order"
            f" {order}; write one of {', '.join(map(str, sorted(orders))) or 'those it will have'}"
        )
    kept = [use for use in Use if _bundle_file(folder, use).exists()]
    return Case(
        folder=folder,
        consultation=consultation,
        claims={use: _claim(folder, facts, use) for use in kept or Use},
        bundles={use: canonical_json(_json(_bundle_file(folder, use))) for use in kept},
        previous={
            use: canonical_json(_json(path))
            for use in Use
            if (path := folder / f"previous.{use.value}.json").exists()
        },
        decision=dataclasses.replace(no_coverage(), service_type=service_type),
        agreed_fee=fee,
    )


def _claim_facts(path: Path) -> dict[str, Any]:
    """What a case says of its claim beside the defaults."""
    if not path.exists():
        return {}
    told: Any = _json(path)
    refuse_misshapen("golden-claim", told, str(path))
    return dict(told)


def _claim(folder: Path, facts: Mapping[str, Any], use: Use) -> Claim:
    try:
        return decode_claim(canonical_json({**CLAIM_DEFAULTS, **facts, "use": use.value}))
    except (ValueError, ArithmeticError) as error:
        raise MappingError(f"{folder}/claim.json: {error}; correct it") from None


def _bundle_file(folder: Path, use: Use) -> Path:
    return folder / f"bundle.{use.value}.json"


def _reply_case(path: Path) -> ReplyCase:
    document: Any = _json(path)
    refuse_misshapen("golden-reply", document, str(path))
    body = document["body"]
    if isinstance(body, str):
        sent = body.encode()
    else:
        sent = b"" if body is None else canonical_json(body)
    return ReplyCase(
        file=path,
        kind=document["kind"],
        use=Use(document["use"]),
        identifier=document.get("identifier"),
        reply=Reply(document["http"], document.get("headers", {}), sent),
        expected=document["expect"],
    )


def _json(path: Path) -> object:
    try:
        return parse_json(path.read_bytes())
    except InvalidInput as error:
        raise MappingError(f"{path}: {error}") from None


def _write(path: Path, document: object) -> Path:
    # Indented for the eye; the bytes that count are the canonical ones of the same document.
    text = simplejson.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    write_whole(path, text + "\n")
    return path


def _without_absent(value: object) -> object:
    if isinstance(value, dict):
        held = {key: _without_absent(item) for key, item in value.items()}
        return {key: item for key, item in held.items() if item is not None and item != []}
    if isinstance(value, list):
        return [_without_absent(item) for item in value]
    return value
