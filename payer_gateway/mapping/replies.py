"""What an insurer's answer means: the profile's rules over whatever bytes came.

Every function here takes any bytes and returns a Reading; hostile input ends as a class and a
named issue, never as an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from payer_gateway.domain.answer import Issue, Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass, class_of_status
from payer_gateway.mapping.adjudication import read_adjudication, read_control_number
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.hostile import as_list, as_object, codes_of, identifier_of, said
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.speech import Rule, Speech

MAX_RETRY_AFTER_S = 24 * 3600
MAX_ISSUES = 50
_Object = Mapping[str, object]
_BAD = frozenset({"fatal", "error"})


def read_submit(
    profile: Profile, use: Use, reply: Reply, *, identifier: str | None = None
) -> Reading:
    """The answer to a submission.

    Not 2xx: "duplicate" in an OperationOutcome, then the profile's own statuses, then the
    gateway's. 2xx: no JSON is in doubt; else the first rule of the profile that matches, and
    UNREADABLE_ANSWER when none does. With ``identifier`` (``system|value`` of our claim) an answer
    that names another claim is UNREADABLE_ANSWER too.
    """
    document, is_json = _parse(reply.body)
    issues = tuple(_issues(document))
    retry_after = _retry_after(reply.headers)
    if not 200 <= reply.status < 300:
        outcome = _refused(profile, reply.status, document)
        return Reading(outcome, issues=issues, retry_after_s=retry_after)
    if not is_json and reply.body.strip():
        return Reading(OutcomeClass.IN_DOUBT, retry_after_s=retry_after)
    speech = profile.speeches[use]
    answer = _answer(document, speech)
    if answer is not None and not _is_about(answer, identifier):
        return Reading(
            OutcomeClass.UNREADABLE_ANSWER, issues=(*issues, _other_claim()), retry_after_s=None
        )
    rule = match_rule(speech, reply.status, document)
    if rule is None:
        # An empty body says nothing at all: like a line cut off, not like an unknown answer.
        silent = not is_json
        outcome = OutcomeClass.IN_DOUBT if silent else OutcomeClass.UNREADABLE_ANSWER
        return Reading(outcome, issues=issues, retry_after_s=retry_after)
    outcome = speech.rules[rule].then
    if answer is None:
        return Reading(outcome, issues=issues, retry_after_s=retry_after)
    control, more = read_control_number(answer, speech.amounts)
    if outcome is not OutcomeClass.ACCEPTED:
        return Reading(outcome, control, None, (*issues, *more)[:MAX_ISSUES], retry_after)
    adjudication, found = read_adjudication(answer, speech.amounts, use)
    return Reading(
        outcome, control, adjudication, (*issues, *more, *found)[:MAX_ISSUES], retry_after
    )


def read_inquiry(
    profile: Profile, use: Use, reply: Reply, *, identifier: str | None = None
) -> Reading:
    """The answer to "did my claim arrive?": FOUND, NOT_FOUND (total 0 and none in it), NO_ANSWER.

    A ClaimResponse beside the claim brings its adjudication. With ``identifier`` only a claim that
    bears it counts, and a searchset full of other claims is NO_ANSWER: that insurer did not search.
    """
    speech = profile.speeches[use]
    document, _ = _parse(reply.body)
    found = _searchset(document, reply.status)
    if found is None:
        return _no_answer(reply, document)
    claims = [r for r in found if r.get("resourceType") == speech.asked_for]
    every = [r for r in found if r.get("resourceType") == speech.answered_by]
    answers = [r for r in every if _is_about(r, identifier)]
    # An insurer may only be asked for its answers; then one about our claim is what is looked for.
    asks_for_answers = speech.asked_for == speech.answered_by
    ours = answers if asks_for_answers else [r for r in claims if _bears(r, identifier)]
    if not ours:
        return _not_found(document, reply, any_left=bool(claims or every))
    return _found(answers, speech, use)


def read_answer(
    profile: Profile, use: Use, reply: Reply, *, identifier: str | None = None
) -> Reading:
    """The answer to "what did you decide?": FOUND with the adjudication when it is final, FOUND
    without one while it is queued, NOT_FOUND when there is none yet, NO_ANSWER."""
    speech = profile.speeches[use]
    document, _ = _parse(reply.body)
    found = _searchset(document, reply.status)
    if found is None:
        return _no_answer(reply, document)
    every = [r for r in found if r.get("resourceType") == speech.answered_by]
    ours = [r for r in every if _is_about(r, identifier)]
    if not ours:
        return _not_found(document, reply, any_left=bool(every))
    return _found(ours, speech, use)


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
        elif any(_matches(rule, r) for r in _candidates(document, answer, rule)):
            return number
    return None


def _candidates(document: object, answer: _Object | None, rule: Rule) -> Iterator[_Object]:
    """What the rule may match: the insurer's answer where there is one, whatever stands beside
    it in a Bundle; else the body or the Bundle's entries."""
    body = as_object(document)
    for resource in (body, *_entries(body)) if answer is None else (answer,):
        if rule.resource is None or resource.get("resourceType") == rule.resource:
            yield resource


def _matches(rule: Rule, resource: _Object) -> bool:
    if rule.outcome and said(resource.get("outcome")) not in rule.outcome:
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
    body = as_object(document)
    for resource in (body, *_entries(body)):
        if resource.get("resourceType") == speech.answered_by:
            return resource
    return None


def _refused(profile: Profile, status: int, document: object) -> OutcomeClass:
    outcomes = _outcomes(document)
    if any(said(issue.get("code")) == "duplicate" for issue in outcomes):
        return OutcomeClass.DUPLICATE_REPORTED
    # class_of_status leaves only 2xx open, and this is none.
    return profile.status_overrides.get(status) or class_of_status(status) or OutcomeClass.IN_DOUBT


def _outcomes(document: object) -> list[_Object]:
    """The issues of every OperationOutcome in the answer."""
    body = as_object(document)
    return [
        as_object(issue)
        for resource in (body, *_entries(body))
        if resource.get("resourceType") == "OperationOutcome"
        for issue in as_list(resource.get("issue"))
    ][:MAX_ISSUES]


def _issues(document: object) -> Iterator[Issue]:
    for issue in _outcomes(document):
        details = as_object(issue.get("details"))
        words = said(details.get("text")) or said(issue.get("diagnostics"))
        codes = codes_of(details)
        where = as_list(issue.get("expression")) or as_list(issue.get("location"))
        yield Issue(
            code=codes[0] if codes else said(issue.get("code")),
            expression=said(where[0]) if where else "",
            text=words,
        )
    body = as_object(document)
    for resource in (body, *_entries(body)):
        for error in map(as_object, as_list(resource.get("error"))[:MAX_ISSUES]):
            codes = codes_of(error.get("code"))
            path = ".".join(
                f"{part}[{n}]"
                for part in ("item", "detail", "subDetail")
                if isinstance(n := error.get(f"{part}Sequence"), int)
            )
            text = said(as_object(error.get("code")).get("text"))
            yield Issue(codes[0] if codes else "error", path, text)


def _searchset(document: object, status: int) -> list[_Object] | None:
    """What a search found; None when this is no result of a search."""
    body = as_object(document)
    if not 200 <= status < 300 or body.get("resourceType") != "Bundle":
        return None
    if body.get("type") != "searchset":
        return None
    entries = _entries(body)
    if any(said(issue.get("severity")) in _BAD for issue in _outcomes(body)):
        return None
    return entries


def _not_found(document: object, reply: Reply, *, any_left: bool) -> Reading:
    total = as_object(document).get("total")
    if total == 0 and isinstance(total, int) and not isinstance(total, bool) and not any_left:
        return Reading(OutcomeClass.NOT_FOUND)
    return _no_answer(reply, document)


def _no_answer(reply: Reply, document: object) -> Reading:
    return Reading(
        OutcomeClass.NO_ANSWER,
        issues=tuple(_issues(document)),
        retry_after_s=_retry_after(reply.headers),
    )


def _found(answers: list[_Object], speech: Speech, use: Use) -> Reading:
    """The latest final answer decides; without one the claim is there and nothing is decided."""
    final = [a for a in answers if said(a.get("outcome")) in speech.amounts.final]
    chosen = max(final or answers, key=lambda a: said(a.get("created")), default=None)
    if chosen is None:
        return Reading(OutcomeClass.FOUND)
    issues = tuple(_issues(chosen))
    control, more = read_control_number(chosen, speech.amounts)
    if not final:
        return Reading(OutcomeClass.FOUND, control, None, (*issues, *more))
    adjudication, found = read_adjudication(chosen, speech.amounts, use)
    return Reading(OutcomeClass.FOUND, control, adjudication, (*issues, *more, *found)[:MAX_ISSUES])


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
