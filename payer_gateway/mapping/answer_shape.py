"""What of an answer is not of the kind that FHIR gives it: a list where an object belongs, text
where a number does, null. Such a thing is not read; here it is named, so that nothing goes unsaid.

Only what is read is looked at (HL7 FHIR R4 ClaimResponse): other mistakes are the insurer's own.
Amounts and numbers are named where they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import GenericAlias
from typing import Any

import msgspec

from payer_gateway.domain.answer import Issue
from payer_gateway.mapping.hostile import period_of

_Object = Mapping[str, object]
MAX_NAMED = 20
_LOOKED_AT = 1000  # elements of one list; a longer one is named elsewhere

# An element of a mapping is an object; of a list holding one, a list of objects.
_IDENTIFIER: Any = {"system": "text", "value": "text"}
_CONCEPT: Any = {"coding": [{"system": "text", "code": "text"}]}
_ADJUDICATION: Any = {"category": _CONCEPT, "reason": _CONCEPT, "extension": [{}]}
_ANSWERED: Any = {"adjudication": [_ADJUDICATION], "extension": [{}]}
_DETAIL: Any = {**_ANSWERED, "subDetail": [_ANSWERED]}
_SHAPE: Any = {
    "identifier": [{}],
    "status": "text",
    "use": "text",
    "created": "text",
    "request": {"identifier": _IDENTIFIER, "reference": "text"},
    "outcome": "text",
    "disposition": "text",
    "preAuthPeriod": "period",
    "item": [{**_ANSWERED, "detail": [_DETAIL]}],
    "addItem": [{**_ANSWERED, "itemSequence": ["whole"], "detail": [_DETAIL]}],
    "adjudication": [_ADJUDICATION],
    "total": [{"category": _CONCEPT}],
    "payment": {},
    "processNote": [{"number": "whole", "text": "text"}],
    "error": [{"code": _CONCEPT, "extension": [{}]}],
}
_KINDS: Mapping[str, tuple[type, str]] = {"text": (str, "text"), "whole": (int, "a whole number")}


def _type_of(shape: Any) -> Any:
    """A shape as a type. A period is looked at by hand."""
    if isinstance(shape, dict):
        fields = [(name, _type_of(inner), None) for name, inner in shape.items()]
        return msgspec.defstruct("Element", fields)
    if isinstance(shape, list):
        return GenericAlias(list, (_type_of(shape[0]),))
    return Any if shape == "period" else _KINDS[shape][0]


_SOUND = _type_of(_SHAPE)
# msgspec gathers what it knows of a type at first use; a second thread that comes meanwhile ends
# the process with a segmentation fault. For a decoder it is gathered here, by one thread.
msgspec.json.Decoder(_SOUND)


def shape_issues(answer: _Object) -> list[Issue]:
    """Each thing of the wrong kind with its place, twenty at most."""
    if _is_sound(answer):
        return []
    found: list[Issue] = []
    for place, wanted in _wrong(answer, _SHAPE, "ClaimResponse"):
        found.append(Issue("shape", place, f"this is not {wanted}"))
        if len(found) == MAX_NAMED:
            break
    return found


def _is_sound(answer: _Object) -> bool:
    """Whether nothing is wrong, as nearly always; what is wrong, and where, takes a walk."""
    try:
        msgspec.convert(answer, _SOUND)
    except msgspec.ValidationError:
        return False
    return "preAuthPeriod" not in answer or not _is_unread(answer["preAuthPeriod"])


def _wrong(value: object, shape: Any, place: str) -> Iterator[tuple[str, str]]:
    """The places, and what belongs there."""
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            yield place, "an object"
            return
        for name, inner in shape.items():
            if name in value:
                yield from _wrong(value[name], inner, f"{place}.{name}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield place, "a list"
            return
        for n, each in enumerate(value[:_LOOKED_AT]):
            yield from _wrong(each, shape[0], f"{place}[{n}]")
    elif shape == "period":
        if _is_unread(value):
            yield place, "a period of days or instants"
    else:
        kind, words = _KINDS[shape]
        if isinstance(value, bool) or not isinstance(value, kind):
            yield place, words


def _is_unread(period: Any) -> bool:
    read = period_of(period)
    return read is None or any(
        side in period and getattr(read, side) is None for side in ("start", "end")
    )
