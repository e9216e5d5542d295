"""What an insurer complains of: issues of an OperationOutcome, errors of a ClaimResponse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from payer_gateway.domain.answer import Issue
from payer_gateway.mapping.answers import error_place
from payer_gateway.mapping.hostile import as_list, as_object, codes_of, extensions_of, said
from payer_gateway.mapping.speech import Speech

MAX_ISSUES = 50
_Object = Mapping[str, object]


def outcomes_in(resources: Iterable[_Object]) -> list[_Object]:
    """The issues of every OperationOutcome in the answer."""
    return [
        as_object(issue)
        for resource in resources
        if resource.get("resourceType") == "OperationOutcome"
        for issue in as_list(resource.get("issue"))
    ][:MAX_ISSUES]


def issues_in(resources: Sequence[_Object], speech: Speech) -> Iterator[Issue]:
    for issue in outcomes_in(resources):
        details = as_object(issue.get("details"))
        words = _words(details) or said(issue.get("diagnostics"))
        codes = codes_of(details)
        where = as_list(issue.get("expression")) or as_list(issue.get("location"))
        yield Issue(
            code=codes[0] if codes else said(issue.get("code")),
            expression=said(where[0]) if where else "",
            text=words,
        )
    for resource in resources:
        for error in map(as_object, as_list(resource.get("error"))[:MAX_ISSUES]):
            codes = codes_of(error.get("code"))
            text = _words(error.get("code")) or said(resource.get("disposition"))
            place = error_place(error, speech.errors)
            yield Issue(codes[0] if codes else "error", place, text, _followup(error, speech))


def _words(concept: object) -> str:
    """A code in words, as the insurer wrote them."""
    held = as_object(concept)
    codings = map(as_object, as_list(held.get("coding"))[:20])
    shown = (said(coding.get("display")) for coding in codings)
    return said(held.get("text")) or next(filter(None, shown), "")


def _followup(error: _Object, speech: Speech) -> str | None:
    """What the insurer asks to be done about an error, as its code."""
    if speech.errors.followup is None:
        return None
    for extension in extensions_of(error, speech.errors.followup):
        return next(iter(codes_of(extension.get("valueCodeableConcept"))), None)
    return None
