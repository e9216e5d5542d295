"""What an insurer says when it is asked about a claim, or speaks of one by itself: whether it has
it, and what it decided.

Every function here takes any bytes and returns a Reading, as in ``replies``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC

from payer_gateway.domain.answer import Issue, Reading, Review
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.adjudication import (
    read_adjudication,
    read_control_number,
    read_so_far,
)
from payer_gateway.mapping.answers import answers_in, is_about, names_ours, resources_in
from payer_gateway.mapping.complaints import MAX_ISSUES, issues_in, outcomes_in
from payer_gateway.mapping.hostile import as_list, as_object, identifier_of, instant_of, said
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.reply_parts import parse_body, retry_after
from payer_gateway.mapping.review import review_of
from payer_gateway.mapping.sent_lines import Sent
from payer_gateway.mapping.speech import Speech

_Object = Mapping[str, object]
_BAD = frozenset({"fatal", "error"})


def read_inquiry(
    profile: Profile,
    use: Use,
    reply: Reply,
    *,
    identifier: str | None = None,
    sent: bytes | None = None,
) -> Reading:
    """The answer to "did my claim arrive?": FOUND, NOT_FOUND (total 0 and none in it), NO_ANSWER.

    A ClaimResponse beside the claim brings its adjudication. With ``identifier`` only a claim that
    bears it counts, and a searchset full of other claims is NO_ANSWER: that insurer did not search.
    With ``sent`` (the bytes that were sent) the lines of a decision are held against ours.
    """
    speech = profile.speeches[use]
    return _read_asked(speech, use, reply, _Ours(identifier, sent), speech.asked_for)


def read_answer(
    profile: Profile,
    use: Use,
    reply: Reply,
    *,
    identifier: str | None = None,
    sent: bytes | None = None,
) -> Reading:
    """The answer to "what did you decide?": FOUND with the adjudication when it is final, FOUND
    without one while it is queued, NOT_FOUND when there is none yet, NO_ANSWER."""
    speech = profile.speeches[use]
    return _read_asked(speech, use, reply, _Ours(identifier, sent), speech.answered_by)


def read_notified(
    profile: Profile, use: Use, answer: Mapping[str, object], *, sent: bytes | None = None
) -> Reading:
    """One ClaimResponse that the insurer brought by itself: FOUND, with the adjudication when it
    is final. ``sent`` as for an inquiry."""
    return _found([answer], profile.speeches[use], use, _Ours(None, sent))


@dataclass(frozen=True, slots=True)
class _Ours:
    """Our claim as far as it is known: ``system|value``, and what was sent."""

    identifier: str | None
    sent: bytes | None

    def lines(self, speech: Speech) -> dict[int, bool] | None:
        return None if self.sent is None else Sent(self.sent).lines(speech)


def _read_asked(speech: Speech, use: Use, reply: Reply, asked: _Ours, kind: str) -> Reading:
    """``kind``: the resource that must be there, a claim or an answer."""
    document, _ = parse_body(reply.body)
    if speech.result != "searchset":
        return _read_operation(document, reply, speech, use, asked)
    identifier = asked.identifier
    found = _searchset(document, reply.status)
    if found is None:
        return _no_answer(reply, document, speech)
    asked_for = [r for r in found if r.get("resourceType") == kind]
    every = [r for r in found if r.get("resourceType") == speech.answered_by]
    answers = [r for r in every if is_about(r, use, identifier)]
    # An insurer may only be asked for its answers; then one about our claim is what is looked for.
    is_of_answers = kind == speech.answered_by
    ours = answers if is_of_answers else [r for r in asked_for if _bears(r, identifier)]
    if not ours:
        return _not_found(document, reply, speech, any_left=bool(asked_for or every))
    return _found(answers, speech, use, asked)


def _read_operation(
    document: object, reply: Reply, speech: Speech, use: Use, asked: _Ours
) -> Reading:
    """What the operation $inquire returned: Bundles of answers, bare or in Parameters.

    It finds by patient and provider, so what comes back may be about other claims: only an answer
    that says it is about ours is ours, and one that does not say leaves everything open.
    """
    body = as_object(document)
    kinds = ("Parameters", "Bundle", speech.answered_by)
    if not 200 <= reply.status < 300 or body.get("resourceType") not in kinds:
        return _no_answer(reply, document, speech)
    resources = resources_in(document)
    if any(said(issue.get("severity")) in _BAD for issue in outcomes_in(resources)):
        return _no_answer(reply, document, speech)
    identifier = asked.identifier
    about = [
        (answer, identifier is None or names_ours(answer, identifier))
        if is_about(answer, use, None)
        else (answer, None)
        for answer in answers_in(resources, speech)
    ]
    ours = [answer for answer, is_ours in about if is_ours]
    if ours:
        reading = _found(ours, speech, use, asked)
        if body["resourceType"] != speech.result:
            odd = Issue("inquiry-result", str(body["resourceType"]), f"no {speech.result} came")
            return replace(reading, issues=(*reading.issues, odd)[:MAX_ISSUES])
        return reading
    is_unsure = any(is_ours is None for _, is_ours in about)
    if is_unsure or not (about or _is_empty(body)):
        return _no_answer(reply, document, speech)
    return Reading(OutcomeClass.NOT_FOUND)


def _is_empty(result: _Object) -> bool:
    """A Bundle or Parameters with nothing in it; whatever cannot be read is something."""
    kind = str(result.get("resourceType"))
    held = result.get({"Bundle": "entry", "Parameters": "parameter"}.get(kind, ""))
    if result.get("total", 0) != 0 or not isinstance(held, list | None):
        return False
    return all(_is_empty(as_object(as_object(each).get("resource"))) for each in held or ())


def _searchset(document: object, status: int) -> list[_Object] | None:
    """What a search found; None when this is no result of a search."""
    body = as_object(document)
    if not 200 <= status < 300 or body.get("resourceType") != "Bundle":
        return None
    if body.get("type") != "searchset":
        return None
    entries = _entries(body)
    if any(said(issue.get("severity")) in _BAD for issue in outcomes_in(resources_in(body))):
        return None
    return entries


def _entries(bundle: _Object) -> list[_Object]:
    if bundle.get("resourceType") != "Bundle":
        return []
    entries = map(as_object, as_list(bundle.get("entry")))
    return [resource for entry in entries if (resource := as_object(entry.get("resource")))]


def _not_found(document: object, reply: Reply, speech: Speech, *, any_left: bool) -> Reading:
    total = as_object(document).get("total")
    if total == 0 and isinstance(total, int) and not isinstance(total, bool) and not any_left:
        return Reading(OutcomeClass.NOT_FOUND)
    return _no_answer(reply, document, speech)


def _no_answer(reply: Reply, document: object, speech: Speech) -> Reading:
    issues = tuple(issues_in(resources_in(document), speech))
    if not issues:
        _, fault = parse_body(reply.body)
        kind = said(as_object(document).get("resourceType")) or "no resource"
        told = f"HTTP {reply.status}: this does not say whether it has the claim"
        issues = (fault or Issue("no-result", kind, told),)
    return Reading(OutcomeClass.NO_ANSWER, issues=issues, retry_after_s=retry_after(reply.headers))


def _found(answers: list[_Object], speech: Speech, use: Use, asked: _Ours) -> Reading:
    """The latest final answer decides. Without one the claim is there and nothing is decided, nor
    where two of the same instant contradict each other."""
    final = [a for a in answers if _is_final(a, speech)]
    latest = max(map(_written_at, final or answers), default="")
    chosen = [a for a in final or answers if _written_at(a) == latest]
    if not chosen:
        return Reading(OutcomeClass.FOUND)
    issues = tuple(issues_in(resources_in(chosen[0]), speech))
    control, more = read_control_number(chosen[0], speech.amounts, asked.identifier)
    issues = (*issues, *more)
    lines = asked.lines(speech)
    readings = [read_adjudication(each, speech.amounts, use, lines) for each in chosen]
    if any(adjudication != readings[0][0] for adjudication, _ in readings[1:]):
        words = f"{len(chosen)} answers of {latest or 'one time'} that differ"
        several = Issue("several-answers", "ClaimResponse", words)
        return Reading(OutcomeClass.FOUND, control, issues=(*issues, several)[-MAX_ISSUES:])
    if not final:
        so_far, found = read_so_far(chosen[0], speech.amounts, use)
        kept = (*issues, *found)[:MAX_ISSUES]
        return Reading(OutcomeClass.FOUND, control, None, kept, so_far=so_far)
    adjudication, found = readings[0]
    return Reading(OutcomeClass.FOUND, control, adjudication, (*issues, *found)[:MAX_ISSUES])


def _written_at(answer: _Object) -> str:
    """When an answer says that it was written, in UTC, for putting answers in order."""
    moment = instant_of(answer.get("created"))
    return said(answer.get("created")) if moment is None else moment.astimezone(UTC).isoformat()


def _is_final(answer: _Object, speech: Speech) -> bool:
    if said(answer.get("outcome")) not in speech.amounts.final:
        return False
    if said(answer.get("status")) in ("draft", "entered-in-error"):
        return False
    words = speech.amounts.review
    return words is None or review_of(answer, words) is not Review.PENDED


def _bears(claim: _Object, identifier: str | None) -> bool:
    named = as_list(claim.get("identifier"))
    # An insurer may list what it found without echoing identifiers; it was asked for ours.
    if identifier is None or not named:
        return True
    return any(identifier_of(each) == identifier for each in named)
