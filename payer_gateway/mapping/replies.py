"""What an insurer's answer means: the profile's rules over whatever bytes came.

Every function here takes any bytes and returns a Reading; hostile input ends as a class and a
named issue, never as an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from payer_gateway.domain.answer import Adjudication, Issue, Reading, Review
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass, class_of_status
from payer_gateway.mapping.adjudication import read_adjudication, read_control_number
from payer_gateway.mapping.answers import (
    answers_in,
    echo_faults,
    envelope_issues,
    names_ours,
    resources_in,
)
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.complaints import MAX_ISSUES, issues_in, outcomes_in
from payer_gateway.mapping.hostile import as_list, as_object, identifier_of, said
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.review import review_of
from payer_gateway.mapping.speech import Rule, Speech

MAX_RETRY_AFTER_S = 24 * 3600
_Object = Mapping[str, object]
_BAD = frozenset({"fatal", "error"})


def read_submit(
    profile: Profile,
    use: Use,
    reply: Reply,
    *,
    identifier: str | None = None,
    sent: bytes | None = None,
) -> Reading:
    """The answer to a submission.

    Not 2xx: "duplicate" in an OperationOutcome, then the profile's own statuses, then the
    gateway's. 2xx: no JSON is in doubt; else the first rule of the profile that matches, and
    UNREADABLE_ANSWER when none does. With ``identifier`` (``system|value`` of our claim) an answer
    that names another claim is UNREADABLE_ANSWER too. With ``sent`` (the bytes it answers) its
    lines are held against ours.
    """
    document, is_json = _parse(reply.body)
    speech = profile.speeches[use]
    issues = tuple(issues_in(document, speech))
    retry_after = _retry_after(reply.headers)
    if not 200 <= reply.status < 300:
        outcome = _refused(profile, reply.status, document)
        return Reading(outcome, issues=issues, retry_after_s=retry_after)
    if not is_json and reply.body.strip():
        return Reading(OutcomeClass.IN_DOUBT, retry_after_s=retry_after)
    answer = _answer(document, speech)
    if answer is not None and not _is_about(answer, identifier):
        return Reading(
            OutcomeClass.UNREADABLE_ANSWER, issues=(*issues, _other_claim()), retry_after_s=None
        )
    rule = match_rule(speech, reply.status, document)
    if rule is None:
        # An empty body says nothing at all: like a line cut off, not like an unknown answer.
        if not is_json:
            return Reading(OutcomeClass.IN_DOUBT, issues=issues, retry_after_s=retry_after)
        unread = (*issues, _no_rule(document))[:MAX_ISSUES]
        return Reading(OutcomeClass.UNREADABLE_ANSWER, issues=unread, retry_after_s=retry_after)
    outcome = speech.rules[rule].then
    if answer is None:
        return Reading(outcome, issues=issues, retry_after_s=retry_after)
    if speech.envelope_of_answers is not None:
        issues += tuple(envelope_issues(document, answer, speech.envelope_of_answers))
        if sent is not None:
            issues += tuple(echo_faults(document, _parse(sent)[0]))
    control, more = read_control_number(answer, speech.amounts, identifier)
    issues = (*issues, *more)
    if outcome is not OutcomeClass.ACCEPTED:
        so_far, found = _so_far(answer, speech, use, outcome)
        kept = (*issues, *found)[:MAX_ISSUES]
        return Reading(outcome, control, None, kept, retry_after, so_far)
    adjudication, found = read_adjudication(answer, speech.amounts, use, _lines_of(sent, speech))
    return Reading(outcome, control, adjudication, (*issues, *found)[:MAX_ISSUES], retry_after)


def _so_far(
    answer: _Object, speech: Speech, use: Use, outcome: OutcomeClass
) -> tuple[Adjudication | None, list[Issue]]:
    """What an undecided answer says already, where the dialect reviews lines."""
    if speech.amounts.review is None or outcome is not OutcomeClass.ACCEPTED_ASYNC:
        return None, []
    return read_adjudication(answer, speech.amounts, use)


def _lines_of(sent: bytes | None, speech: Speech) -> dict[int, bool] | None:
    """The numbers of the lines that were sent, and whether each asks for something (a cancelled
    one does not); None where nobody needs or knows them."""
    if sent is None or speech.amounts.review is None:
        return None
    document, _ = _parse(sent)
    claim = next((r for r in resources_in(document) if r.get("resourceType") == "Claim"), {})
    items = map(as_object, as_list(claim.get("item")))
    return {
        n: not _is_cancelled(item, speech)
        for item in items
        if isinstance(n := item.get("sequence"), int)
    }


def _is_cancelled(item: _Object, speech: Speech) -> bool:
    if speech.update is None:
        return False
    modifiers = map(as_object, as_list(item.get("modifierExtension")))
    return any(modifier.get("url") == speech.update.cancelled for modifier in modifiers)


def read_inquiry(
    profile: Profile, use: Use, reply: Reply, *, identifier: str | None = None
) -> Reading:
    """The answer to "did my claim arrive?": FOUND, NOT_FOUND (total 0 and none in it), NO_ANSWER.

    A ClaimResponse beside the claim brings its adjudication. With ``identifier`` only a claim that
    bears it counts, and a searchset full of other claims is NO_ANSWER: that insurer did not search.
    """
    speech = profile.speeches[use]
    document, _ = _parse(reply.body)
    if speech.result != "searchset":
        return _read_operation(document, reply, speech, use, identifier)
    found = _searchset(document, reply.status)
    if found is None:
        return _no_answer(reply, document, speech)
    claims = [r for r in found if r.get("resourceType") == speech.asked_for]
    every = [r for r in found if r.get("resourceType") == speech.answered_by]
    answers = [r for r in every if _is_about(r, identifier)]
    # An insurer may only be asked for its answers; then one about our claim is what is looked for.
    asks_for_answers = speech.asked_for == speech.answered_by
    ours = answers if asks_for_answers else [r for r in claims if _bears(r, identifier)]
    if not ours:
        return _not_found(document, reply, speech, any_left=bool(claims or every))
    return _found(answers, speech, use, identifier)


def read_answer(
    profile: Profile, use: Use, reply: Reply, *, identifier: str | None = None
) -> Reading:
    """The answer to "what did you decide?": FOUND with the adjudication when it is final, FOUND
    without one while it is queued, NOT_FOUND when there is none yet, NO_ANSWER."""
    speech = profile.speeches[use]
    document, _ = _parse(reply.body)
    if speech.result != "searchset":
        return _read_operation(document, reply, speech, use, identifier)
    found = _searchset(document, reply.status)
    if found is None:
        return _no_answer(reply, document, speech)
    every = [r for r in found if r.get("resourceType") == speech.answered_by]
    ours = [r for r in every if _is_about(r, identifier)]
    if not ours:
        return _not_found(document, reply, speech, any_left=bool(every))
    return _found(ours, speech, use, identifier)


def _read_operation(
    document: object, reply: Reply, speech: Speech, use: Use, identifier: str | None
) -> Reading:
    """What the operation $inquire returned: Bundles of answers, bare or in Parameters.

    It finds by patient and provider, so what comes back may be about other claims: only an answer
    that says it is about ours is ours, and one that does not say leaves everything open.
    """
    body = as_object(document)
    if not 200 <= reply.status < 300 or body.get("resourceType") not in ("Parameters", "Bundle"):
        return _no_answer(reply, document, speech)
    if any(said(issue.get("severity")) in _BAD for issue in outcomes_in(document)):
        return _no_answer(reply, document, speech)
    about = [
        (answer, True if identifier is None else names_ours(answer, identifier))
        for answer in answers_in(document, speech)
    ]
    ours = [answer for answer, is_ours in about if is_ours]
    if ours:
        reading = _found(ours, speech, use, identifier)
        if body["resourceType"] != speech.result:
            odd = Issue("inquiry-result", str(body["resourceType"]), f"no {speech.result} came")
            return replace(reading, issues=(*reading.issues, odd)[:MAX_ISSUES])
        return reading
    if any(is_ours is None for _, is_ours in about):
        return _no_answer(reply, document, speech)
    return Reading(OutcomeClass.NOT_FOUND)


def read_notified(profile: Profile, use: Use, answer: Mapping[str, object]) -> Reading:
    """One ClaimResponse that the insurer brought by itself: FOUND, with the adjudication when it
    is final."""
    return _found([answer], profile.speeches[use], use)


def match_rule(speech: Speech, status: int, document: object) -> int | None:
    """The number of the first rule that reads this 2xx answer; None when none does."""
    answer = _answer(document, speech)
    for number, rule in enumerate(speech.rules):
        if rule.http and status not in rule.http:
            continue
        if rule.resource == "none":
            if document is None:
                return number
        elif any(_matches(rule, r, speech) for r in _candidates(document, answer, rule)):
            return number
    return None


def _candidates(document: object, answer: _Object | None, rule: Rule) -> Iterator[_Object]:
    """What the rule may match: the insurer's answer where there is one, whatever stands beside
    it in a Bundle; else the body or the Bundle's entries."""
    for resource in resources_in(document) if answer is None else (answer,):
        if rule.resource is None or resource.get("resourceType") == rule.resource:
            yield resource


def _matches(rule: Rule, resource: _Object, speech: Speech) -> bool:
    if rule.outcome and said(resource.get("outcome")) not in rule.outcome:
        return False
    words = speech.amounts.review
    if rule.review and (words is None or review_of(resource, words) not in rule.review):
        return False
    if not rule.severity and not rule.issue:
        return True
    return any(
        (not rule.severity or said(issue.get("severity")) in rule.severity)
        and (not rule.issue or said(issue.get("code")) in rule.issue)
        for issue in map(as_object, as_list(resource.get("issue")))
    )


def _parse(body: bytes) -> tuple[object, bool]:
    """The document, and whether there was one."""
    try:
        return parse_json(body), True
    except (InvalidInput, ValueError, RecursionError):
        return None, False


def _entries(bundle: _Object) -> list[_Object]:
    if bundle.get("resourceType") != "Bundle":
        return []
    entries = map(as_object, as_list(bundle.get("entry")))
    return [resource for entry in entries if (resource := as_object(entry.get("resource")))]


def _answer(document: object, speech: Speech) -> _Object | None:
    """The insurer's answer: the body itself or the first one in a Bundle."""
    return next(iter(answers_in(document, speech)), None)


def _refused(profile: Profile, status: int, document: object) -> OutcomeClass:
    outcomes = outcomes_in(document)
    if any(said(issue.get("code")) == "duplicate" for issue in outcomes):
        return OutcomeClass.DUPLICATE_REPORTED
    # class_of_status leaves only 2xx open, and this is none.
    return profile.status_overrides.get(status) or class_of_status(status) or OutcomeClass.IN_DOUBT


def _searchset(document: object, status: int) -> list[_Object] | None:
    """What a search found; None when this is no result of a search."""
    body = as_object(document)
    if not 200 <= status < 300 or body.get("resourceType") != "Bundle":
        return None
    if body.get("type") != "searchset":
        return None
    entries = _entries(body)
    if any(said(issue.get("severity")) in _BAD for issue in outcomes_in(body)):
        return None
    return entries


def _not_found(document: object, reply: Reply, speech: Speech, *, any_left: bool) -> Reading:
    total = as_object(document).get("total")
    if total == 0 and isinstance(total, int) and not isinstance(total, bool) and not any_left:
        return Reading(OutcomeClass.NOT_FOUND)
    return _no_answer(reply, document, speech)


def _no_answer(reply: Reply, document: object, speech: Speech) -> Reading:
    return Reading(
        OutcomeClass.NO_ANSWER,
        issues=tuple(issues_in(document, speech)),
        retry_after_s=_retry_after(reply.headers),
    )


def _found(
    answers: list[_Object], speech: Speech, use: Use, identifier: str | None = None
) -> Reading:
    """The latest final answer decides; without one the claim is there and nothing is decided."""
    final = [a for a in answers if _is_final(a, speech)]
    chosen = max(final or answers, key=lambda a: said(a.get("created")), default=None)
    if chosen is None:
        return Reading(OutcomeClass.FOUND)
    issues = tuple(issues_in(chosen, speech))
    control, more = read_control_number(chosen, speech.amounts, identifier)
    issues = (*issues, *more)
    if not final:
        so_far, found = _so_far(chosen, speech, use, OutcomeClass.ACCEPTED_ASYNC)
        kept = (*issues, *found)[:MAX_ISSUES]
        return Reading(OutcomeClass.FOUND, control, None, kept, so_far=so_far)
    adjudication, found = read_adjudication(chosen, speech.amounts, use)
    return Reading(OutcomeClass.FOUND, control, adjudication, (*issues, *found)[:MAX_ISSUES])


def _is_final(answer: _Object, speech: Speech) -> bool:
    if said(answer.get("outcome")) not in speech.amounts.final:
        return False
    words = speech.amounts.review
    return words is None or review_of(answer, words) is not Review.PENDED


def _bears(claim: _Object, identifier: str | None) -> bool:
    named = as_list(claim.get("identifier"))
    # An insurer may list what it found without echoing identifiers; it was asked for ours.
    if identifier is None or not named:
        return True
    return any(identifier_of(each) == identifier for each in named)


def _is_about(answer: _Object, identifier: str | None) -> bool:
    """Unless the answer names another claim than ours, it is about ours."""
    if identifier is None:
        return True
    named = identifier_of(as_object(answer.get("request")).get("identifier"))
    return named is None or named == identifier


def _no_rule(document: object) -> Issue:
    kind = said(as_object(document).get("resourceType")) or "no resource"
    return Issue("no-rule", kind, "no rule of the insurer's file reads this answer")


def _other_claim() -> Issue:
    return Issue("other-claim", "ClaimResponse.request", "the answer names another claim")


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds, or a date counted from the answer's own Date: no clock is read here."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:10]), MAX_RETRY_AFTER_S)
    until, sent = _http_date(text), _http_date(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return max(0, min(int((until - sent).total_seconds()), MAX_RETRY_AFTER_S))


def _http_date(text: str) -> datetime | None:
    try:
        value = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
