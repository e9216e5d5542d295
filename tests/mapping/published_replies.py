"""The published replies, what a person says that each means, and how ours are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mapping_cases import INSURERS, ROOT, shipped

from payer_gateway.domain.answer import Reading, Review
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.inquiry_replies import read_inquiry, read_notified
from payer_gateway.mapping.notices import read_notices
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.replies import read_submit
from payer_gateway.mapping.yamlfile import load_yaml

PUBLISHED = ROOT.parent / "shared" / "data"
JUDGED: dict[str, Any] = load_yaml(Path(__file__).with_name("published_replies.yaml"))
ANSWERS = ("ClaimResponse", "OperationOutcome")
# Insurers by how they speak; base R4 is spoken for both uses, PAS for prior authorization alone.
EVERY = tuple(shipped(insurer) for insurer in INSURERS)
PLAIN = next(profile for profile in EVERY if profile.name == "medicare-b")
PAS = tuple(each for each in EVERY if each.speeches[Use.PREAUTHORIZATION].amounts.review)


def spoken_by(path: str) -> tuple[Profile, ...]:
    return PAS if path.startswith("pas/") else (PLAIN,)


def replies_published() -> list[str]:
    """Every published file that holds an answer to a claim, found by looking into all of them."""
    folders = ("pas", "fhir-r4-core-examples", "fhir-examples")
    paths = [path for each in folders for path in sorted((PUBLISHED / each).rglob("*.json"))]
    return [
        path.relative_to(PUBLISHED).as_posix()
        for path in paths
        if any(r.get("resourceType") in ANSWERS for r in _inside(json.loads(path.read_bytes())))
    ]


def _inside(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(r for inner in value.values() for r in _inside(inner))]
    return [r for inner in value for r in _inside(inner)] if isinstance(value, list) else []


def claim_answered(document: Any) -> bytes:
    """A request with the very lines that an answer speaks of, so that it answers all of it."""
    numbers = {
        item["itemSequence"]
        for answer in _inside(document)
        if answer.get("resourceType") == "ClaimResponse"
        for item in answer.get("item", ())
    }
    lines = [{"sequence": n} for n in sorted(numbers or {1})]
    return canonical_json({"resourceType": "Claim", "status": "active", "item": lines})


def read(profile: Profile, judged: dict[str, Any], body: bytes, sent: bytes) -> Reading:
    use = Use(judged["use"])
    if judged["comes"] == "notice":
        (notice,) = read_notices(parse_json(body)).answers
        return read_notified(profile, use, notice.answer)
    if judged["comes"] == "inquiry":
        return read_inquiry(profile, use, Reply(200, {}, body))
    status = 400 if judged["comes"] == "refusal" else 200
    return read_submit(profile, use, Reply(status, {}, body), sent=sent)


def meaning(reading: Reading) -> str:
    """``error``, ``pended``, for a prior authorization its review, for a claim what is paid; else
    ``nothing``, and then there is a reason that says why."""
    if reading.outcome is OutcomeClass.REJECTED:
        return "error"
    if reading.outcome not in (
        OutcomeClass.ACCEPTED,
        OutcomeClass.ACCEPTED_ASYNC,
        OutcomeClass.FOUND,
    ):
        return "nothing"
    decided = reading.adjudication
    if decided is None:
        return "pended"
    if decided.review is not None:
        assert decided.approved == (decided.review in (Review.APPROVED, Review.MODIFIED))
        return decided.review.value
    if decided.payable is None:
        return "approved" if decided.approved else "denied"
    if decided.authorization_number is not None and decided.approved:
        return "approved"
    return f"pays {decided.payable}" if decided.payable.amount else "pays nothing"
