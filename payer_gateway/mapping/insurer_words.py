"""What an insurer says in a reply, code by code, in its own words, with a hint for whoever must do
something about it.

The hints are this insurer's (its file's ``hints`` over its dialect's), found by system and code
together: the same code means something else elsewhere. Its own words are always kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from payer_gateway.domain.answer import Issue
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.adjudication import read_adjudication
from payer_gateway.mapping.answers import answers_in, names_ours, resources_in
from payer_gateway.mapping.complaints import issues_in
from payer_gateway.mapping.inquiry_replies import read_notified
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.replies import read_submit
from payer_gateway.mapping.reply_parts import parse_body
from payer_gateway.mapping.speech import Speech

MAX_WORDS = 50


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said. ``place``: an element, or ``line N`` (0: the whole); ``code``:
    ``system|code``; ``text``: the insurer's words (hostile text); ``followup``: its code of what to
    do. ``by``: ``insurer``, or ``gateway`` for what we found wrong with the answer: then ``code``
    is a word of ours, and ``text`` why."""

    place: str
    code: str
    text: str
    hint: str | None
    followup: str | None = None
    followup_hint: str | None = None
    by: Literal["insurer", "gateway"] = "insurer"


def words_of(profile: Profile, use: Use, body: bytes, identifier: str) -> tuple[Said, ...]:
    """All that this reply says with a code, of complaints and of the lines of our claim
    (``system|value``); empty for a reply that says nothing of the kind or cannot be read."""
    document, _ = parse_body(body)
    found = dict.fromkeys(_said(document, profile.speeches[use], use, identifier))
    return tuple(found)[:MAX_WORDS]


def found_in_reply(
    profile: Profile, use: Use, reply: Reply, identifier: str, sent: bytes | None
) -> tuple[Said, ...]:
    """What we found wrong with the reply to a send: why it is no answer, or no clear one."""
    reading = read_submit(profile, use, reply, identifier=identifier, sent=sent)
    document, _ = parse_body(reply.body)
    return _found(reading.issues, document, profile.speeches[use])


def found_in_answer(
    profile: Profile, use: Use, body: bytes, identifier: str, sent: bytes | None
) -> tuple[Said, ...]:
    """What we found wrong with an answer that came later, brought or fetched."""
    document, _ = parse_body(body)
    found: list[Issue] = []
    for answer in answers_in(resources_in(document), profile.speeches[use]):
        if names_ours(answer, identifier) is not False:
            found += read_notified(profile, use, answer, sent=sent).issues
    return _found(found, document, profile.speeches[use])


def _found(issues: Iterable[Issue], document: object, speech: Speech) -> tuple[Said, ...]:
    """Those of ours: what the insurer complains of stands among an issue's own words."""
    theirs = set(issues_in(resources_in(document), speech))
    ours = (each for each in issues if each not in theirs)
    return tuple(Said(each.expression, each.code, each.text, None, by="gateway") for each in ours)


def _said(document: object, speech: Speech, use: Use, identifier: str) -> Iterator[Said]:
    hints, resources = speech.hints, resources_in(document)
    for issue in issues_in(resources, speech):
        yield Said(
            place=issue.expression,
            code=issue.code,
            text=issue.text,
            hint=hints.get(issue.code),
            followup=issue.followup,
            followup_hint=hints.get(issue.followup or ""),
        )
    for answer in answers_in(resources, speech):
        if names_ours(answer, identifier) is False:
            continue
        adjudication, _ = read_adjudication(answer, speech.amounts, use)
        for line in adjudication.lines if adjudication else ():
            notes = "; ".join(line.notes)
            for reason in line.reasons:
                yield Said(f"line {line.line}", reason, notes, hints.get(reason))
