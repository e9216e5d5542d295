"""A consultation as it arrives: JSON bytes in, a frozen value or the whole list of faults out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from marshmallow import ValidationError

from payer_gateway.domain.consultation import Consultation
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.canonical import canonical_json, parse_json, path_text, shorten
from payer_gateway.mapping.consultation_fields import flat
from payer_gateway.mapping.consultation_schema import ConsultationShape

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """``canonical`` are the bytes by which two consultations are the same content; they hold the
    document as received, with nothing filled in or corrected."""

    consultation: Consultation
    canonical: bytes = field(repr=False)
    document: dict[str, Any] = field(repr=False)


def read_consultation(body: bytes) -> Received:
    """The consultation in ``body``. Raises InvalidInput with every fault that can be seen."""
    document = parse_json(body)
    if not isinstance(document, dict):
        raise InvalidInput((Fault("$", _shown(document), f"send {ConsultationShape.what}"),))
    try:
        consultation: Consultation = _shape().load(document)
    except ValidationError as error:
        raise InvalidInput(tuple(_faults(document, flat(error.messages)))) from None
    return Received(consultation, canonical_json(document), document)


@cache
def _shape() -> ConsultationShape:
    return ConsultationShape()


def _faults(document: object, found: Iterable[tuple[_Path, str]]) -> Iterable[Fault]:
    # marshmallow looks at unknown keys in the order of a set; a sender should get one order.
    for path, cure in sorted(set(found), key=lambda each: [*map(_place, each[0])]):
        yield Fault(path_text(path), _shown(_value_at(document, path)), cure)


def _place(step: str | int) -> tuple[int, str]:
    return (step, "") if isinstance(step, int) else (-1, step)


def _value_at(document: object, path: _Path) -> object:
    for step in path:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _shown(value: object) -> object:
    """The value as received, as text of at most 80 characters when it is long or a structure."""
    if isinstance(value, str):
        return shorten(value)
    if value is None or isinstance(value, bool):
        return value
    text = canonical_json(value).decode()
    return value if isinstance(value, int) and len(text) <= 80 else shorten(text)
