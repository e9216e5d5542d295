"""What an insurer's answer means: the profile's rules over whatever bytes came.

Every function here takes any bytes and returns a Reading; hostile input ends as a class and a
named issue, never as an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from payer_gateway.domain.answer import Issue, Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass, class_of_status
from payer_gateway.mapping.adjudication import read_adjudication, read_control_number, read_so_far
from payer_gateway.mapping.answers import (
    answer_to,
    answers_in,
    echo_faults,
    envelope_issues,
    resources_in,
)
from payer_gateway.mapping.complaints import MAX_ISSUES, issues_in, outcomes_in
from payer_gateway.mapping.hostile import as_list, as_object, said
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.reply_parts import parse_body, retry_after
from payer_gateway.mapping.review import review_of
from payer_gateway.mapping.sent_lines import Sent
from payer_gateway.mapping.speech import Rule, Speech

_Object = Mapping[str, object]


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
    document, fault = parse_body(reply.body)
    speech = profile.speeches[use]
    resources = resources_in(document)
    issues = tuple(issues_in(resources, speech))
    later = retry_after(reply.headers)
    if not 200 <= reply.status < 300:
        outcome = _refused(profile, reply.status, resources)
        return Reading(outcome, issues=issues, retry_after_s=later)
    if fault is not None and reply.body.strip():
        return Reading(OutcomeClass.IN_DOUBT, issues=(fault,), retry_after_s=later)
    answer, hindrance = answer_to(resources, speech, use, identifier)
    ours = None if answer is None or sent is None else Sent(sent)
    if answer is not None and hindrance is None:
        hindrance = _not_in_force(answer, ours)
    if hindrance is not None:
        unread = (*issues, hindrance)[-MAX_ISSUES:]
        return Reading(OutcomeClass.UNREADABLE_ANSWER, issues=unread)
    rule = match_rule(speech, reply.status, document, answer)
    if rule is None:
        # An empty body says nothing at all: like a line cut off, not like an unknown answer.
        if fault is not None:
            return Reading(OutcomeClass.IN_DOUBT, issues=(fault,), retry_after_s=later)
        unread = (*issues, _no_rule(document, answer))[-MAX_ISSUES:]
        return Reading(OutcomeClass.UNREADABLE_ANSWER, issues=unread, retry_after_s=later)
    outcome = speech.rules[rule].then
    if answer is None:
        return Reading(outcome, issues=issues, retry_after_s=later)
    if speech.envelope_of_answers is not None:
        issues += tuple(envelope_issues(resources, answer, speech.envelope_of_answers))
        if ours is not None:
            issues += tuple(echo_faults(resources, ours.numbered()))
    control, more = read_control_number(answer, speech.amounts, identifier)
    issues = (*issues, *more)
    if outcome is not OutcomeClass.ACCEPTED:
        so_far, found = None, list[Issue]()
        if outcome is OutcomeClass.ACCEPTED_ASYNC:
            so_far, found = read_so_far(answer, speech.amounts, use)
        kept = (*issues, *found)[:MAX_ISSUES]
        return Reading(outcome, control, None, kept, later, so_far)
    # A claim may be answered as a whole, and then it does not matter which lines were sent.
    is_whole = use is Use.CLAIM and "item" not in answer
    lines = None if ours is None or is_whole else ours.lines(speech)
    adjudication, found = read_adjudication(answer, speech.amounts, use, lines)
    return Reading(outcome, control, adjudication, (*issues, *found)[:MAX_ISSUES], later)


def _not_in_force(answer: _Object, ours: Sent | None) -> Issue | None:
    """An answer that the insurer itself calls a draft or a mistake, or has taken back, is none; the
    answer to a claim that was taken back may well say so."""
    status = said(answer.get("status"))
    if status not in ("draft", "entered-in-error", "cancelled"):
        return None
    if status == "cancelled" and (ours is None or ours.status in (None, "cancelled")):
        return None
    return Issue("not-active", "ClaimResponse.status", f"the answer's status is {status}")


def match_rule(
    speech: Speech, status: int, document: object, answer: Mapping[str, object] | None = None
) -> int | None:
    """The number of the first rule that reads this 2xx answer; None when none does. ``answer``: the
    one in it that counts, where that is known."""
    candidates = _candidates(document, speech) if answer is None else [answer]
    for number, rule in enumerate(speech.rules):
        if rule.http and status not in rule.http:
            continue
        if rule.resource == "none":
            if document is None:
                return number
            continue
        for resource in candidates:
            if _matches(rule, resource, speech):
                return number
    return None


def _candidates(document: object, speech: Speech) -> list[_Object]:
    """What a rule may match: the insurer's answer where there is one, whatever stands beside it in
    a Bundle; else the body or the Bundle's entries."""
    resources = resources_in(document)
    return answers_in(resources, speech)[:1] or resources


def _matches(rule: Rule, resource: _Object, speech: Speech) -> bool:
    if rule.resource not in (None, resource.get("resourceType")):
        return False
    if rule.outcome and said(resource.get("outcome")) not in rule.outcome:
        return False
    words = speech.amounts.review
    if rule.review and (words is None or review_of(resource, words) not in rule.review):
        return False
    if not rule.severity and not rule.issue:
        return True
    return resource.get("resourceType") == "OperationOutcome" and any(
        (not rule.severity or said(issue.get("severity")) in rule.severity)
        and (not rule.issue or said(issue.get("code")) in rule.issue)
        for issue in map(as_object, as_list(resource.get("issue")))
    )


def _refused(profile: Profile, status: int, resources: Sequence[_Object]) -> OutcomeClass:
    outcomes = outcomes_in(resources)
    if any(said(issue.get("code")) == "duplicate" for issue in outcomes):
        return OutcomeClass.DUPLICATE_REPORTED
    # class_of_status leaves only 2xx open, and this is none.
    return profile.status_overrides.get(status) or class_of_status(status) or OutcomeClass.IN_DOUBT


def _no_rule(document: object, answer: _Object | None) -> Issue:
    read = as_object(document) if answer is None else answer
    kind = said(read.get("resourceType")) or "no resource"
    words = "no rule of the insurer's file reads this answer"
    if answer is not None:
        words += f": {kind}.outcome is {said(answer.get('outcome')) or 'missing'}"
    return Issue("no-rule", kind, words)
