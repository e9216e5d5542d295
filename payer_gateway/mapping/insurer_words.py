"""What an insurer says in a reply, code by code, in its own words, with a hint for whoever must do
something about it.

The hints are this insurer's (its file's ``hints`` over its dialect's), found by system and code
together: the same code means something else elsewhere. Its own words are always kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.adjudication import read_adjudication
from payer_gateway.mapping.answers import answers_in, names_ours
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.complaints import issues_in
from payer_gateway.mapping.profile import Profile
from payer_gateway.mapping.speech import Speech

MAX_WORDS = 50


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said. ``place``: an element, or ``line N`` (0: the whole); ``code``:
    ``system|code``; ``text``: the insurer's words (hostile text); ``followup``: its code of what to
    do."""

    place: str
    code: str
    text: str
    hint: str | None
    followup: str | None = None
    followup_hint: str | None = None


def words_of(profile: Profile, use: Use, body: bytes, identifier: str) -> tuple[Said, ...]:
    """All that this reply says with a code, of complaints and of the lines of our claim
    (``system|value``); empty for a reply that says nothing of the kind or cannot be read."""
    try:
        document = parse_json(body)
    except InvalidInput:
        return ()
    found = dict.fromkeys(_said(document, profile.speeches[use], use, identifier))
    return tuple(found)[:MAX_WORDS]


def _said(document: object, speech: Speech, use: Use, identifier: str) -> Iterator[Said]:
    hints = speech.hints
    for issue in issues_in(document, speech):
        yield Said(
            place=issue.expression,
            code=issue.code,
            text=issue.text,
            hint=hints.get(issue.code),
            followup=issue.followup,
            followup_hint=hints.get(issue.followup or ""),
        )
    for answer in answers_in(document, speech):
        if names_ours(answer, identifier) is False:
            continue
        adjudication, _ = read_adjudication(answer, speech.amounts, use)
        for line in adjudication.lines if adjudication else ():
            notes = "; ".join(line.notes)
            for reason in line.reasons:
                yield Said(f"line {line.line}", reason, notes, hints.get(reason))
