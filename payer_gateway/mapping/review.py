"""Decisions on a prior authorization, line by line, where a dialect has them as review actions.

Source: Da Vinci PAS, extension reviewAction in ``ClaimResponse.item.adjudication`` (X12 306 and
886). The names of the extensions and the meaning of each code stand in the dialect's file; a code
that does not stand there is unclear, and what is unclear is never an approval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from payer_gateway.domain.answer import Issue, Review
from payer_gateway.domain.consultation import Period
from payer_gateway.mapping.hostile import (
    as_list,
    as_object,
    codes_of,
    extensions_of,
    named,
    period_of,
)

_Object = Mapping[str, object]
NO_CODE = "no code"


@dataclass(frozen=True, slots=True)
class ReviewWords:
    """How a dialect says it: addresses and names of extensions, codes by what they mean."""

    action: str
    code: str
    system: str
    number: str
    reasons: str
    second_opinion: str
    line_period: str
    line_number: str
    meanings: Mapping[str, Review]


@dataclass(frozen=True, slots=True)
class Action:
    """What one line was answered. ``second_opinion``: the insurer asks for one."""

    review: Review
    codes: tuple[str, ...]
    number: str | None
    reasons: tuple[str, ...]
    second_opinion: bool | None


def actions_of(adjudication: object, words: ReviewWords) -> list[Action]:
    """The review actions of one line (or of the whole), as the insurer wrote them: all of them, for
    the one left out could be the refusal."""
    return [
        _action(extension, words)
        for each in map(as_object, as_list(adjudication))
        for extension in map(as_object, as_list(each.get("extension")))
        if extension.get("url") == words.action
    ]


def item_actions(item: _Object, words: ReviewWords) -> list[Action]:
    """Those of a line of an answer and of all its details."""
    found = actions_of(item.get("adjudication"), words)
    for part in ("detail", "subDetail"):
        for inner in map(as_object, as_list(item.get(part))):
            found += item_actions(inner, words)
    return found


def _action(held: _Object, words: ReviewWords) -> Action:
    said = [
        _codes(extension.get("valueCodeableConcept"))
        for extension in map(as_object, as_list(held.get("extension")))
        if extension.get("url") == words.code
    ]
    number = next((named(e.get("valueString")) for e in extensions_of(held, words.number)), None)
    flags = [e.get("valueBoolean") for e in extensions_of(held, words.second_opinion)]
    return Action(
        review=_agreed([_meaning(codes, words) for codes in said]),
        codes=tuple(code for codes in said for code in codes),
        number=number,
        reasons=tuple(
            code
            for extension in extensions_of(held, words.reasons)
            for code in codes_of(extension.get("valueCodeableConcept"))
        ),
        second_opinion=next((flag for flag in flags if isinstance(flag, bool)), None),
    )


def _codes(concept: object) -> list[str]:
    """Every code of a review; where none can be read stands one that nobody knows."""
    codings = as_list(as_object(concept).get("coding")) or [{}]
    return [code for each in codings for code in codes_of({"coding": [each]}) or [NO_CODE]]


def _meaning(codes: Iterable[str], words: ReviewWords) -> Review:
    """One meaning, or unclear: two that contradict each other are no answer.

    The codings of one concept say the same thing in several code systems (FHIR R4,
    CodeableConcept). Beside a code of the dialect's own system one of another system is therefore a
    mere translation, unless it is one of our codes and means something else.
    """
    own: list[Review] = []
    translations: list[Review] = []
    for code in codes:
        system, _, bare = code.rpartition("|")
        meaning = words.meanings.get(bare, Review.UNCLEAR)
        if system in ("", words.system):
            own.append(meaning)
        else:
            translations.append(meaning)
    review = _agreed(own)
    known = {meaning for meaning in translations if meaning is not Review.UNCLEAR}
    return review if known <= {review} else Review.UNCLEAR


def _agreed(meanings: Collection[Review]) -> Review:
    found = set(meanings)
    return found.pop() if len(found) == 1 else Review.UNCLEAR


def line_review(actions: list[Action]) -> Review:
    """What a line was answered: the actions agree, or it is unclear."""
    return _agreed([action.review for action in actions])


def overall(lines: Iterable[Review]) -> Review | None:
    """The whole of a request from its lines: decided when all are, granted when all are."""
    found = set(lines)
    if not found:
        return None
    for undecided in (Review.UNCLEAR, Review.PENDED):
        if undecided in found:
            return undecided
    if len(found) == 1:
        return found.pop()
    return Review.MODIFIED if Review.DENIED not in found else Review.PARTLY


def number_in(item: _Object, words: ReviewWords) -> str | None:
    """The authorization's number as a line itself has it."""
    given = (named(e.get("valueString")) for e in extensions_of(item, words.line_number))
    return next(filter(None, given), None)


def period_in(item: _Object, words: ReviewWords) -> Period | None:
    for extension in extensions_of(item, words.line_period):
        return period_of(extension.get("valuePeriod"))
    return None


def review_of(response: _Object, words: ReviewWords) -> Review | None:
    """The whole answer's review; None where it says nothing of the kind. All that is said counts:
    of lines, of lines added, of the whole."""
    # Of the whole it may say a number alone.
    whole = actions_of(response.get("adjudication"), words)
    said = [[action for action in whole if action.codes]]
    said += [
        item_actions(item, words)
        for name in ("item", "addItem")
        for item in map(as_object, as_list(response.get(name)))
    ]
    return overall(line_review(actions) for actions in said if actions)


def echo_issues(
    answered: Iterable[int], sent: Collection[int] | None, where: str = "item"
) -> Iterator[Issue]:
    """Lines answered that were never sent, and lines sent that were not answered (PAS spec-34 and
    spec-46). Nothing is known to be wrong while it is not known what was sent."""
    if sent is None:
        return
    got, ours = set(answered), set(sent)
    for line in sorted(got - ours):
        yield Issue("line-never-sent", f"{where}[{line}]", f"line {line} was never sent")
    for line in sorted(ours - got):
        yield Issue("line-not-answered", f"{where}[{line}]", f"line {line} was not answered")
