"""What ``as`` may say in a mapping: how a fact of ours is written in FHIR. Each kind takes its own
types and raises TypeError for every other, so that nothing is turned into text by accident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from payer_gateway.domain.consultation import Coding, Identifier
from payer_gateway.domain.money import Money


def _only(value: object, *types: type) -> None:
    # bool is an int to Python; it is none to us.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise TypeError


def _text(value: object) -> object:
    _only(value, str)
    # A word of one of our own enumerations becomes plain text.
    return str(value)


def _integer(value: object) -> object:
    _only(value, int)
    return value


def _boolean(value: object) -> object:
    _only(value, bool)
    return value


def _date(value: object) -> object:
    _only(value, date)
    if isinstance(value, datetime):
        raise TypeError
    return str(value)


def _datetime(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError
        text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    return _date(value)


def _money(value: object) -> object:
    if not isinstance(value, Money):
        raise TypeError
    return {"value": value.amount, "currency": value.currency}


def _coding(value: object) -> object:
    if not isinstance(value, Coding):
        raise TypeError
    return {"system": value.system, "code": value.code}


def _concept(value: object) -> object:
    return {"coding": [_coding(value)]}


def _identifier(value: object) -> object:
    if not isinstance(value, Identifier):
        raise TypeError
    return {"system": value.system, "value": value.value}


def _quantity(value: object) -> object:
    _only(value, int)
    return {"value": value}


# The closed list of what ``as`` may say.
KINDS: Mapping[str, Callable[[object], object]] = {
    "text": _text,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "money": _money,
    "quantity": _quantity,
    "identifier": _identifier,
    "coding": _coding,
    "concept": _concept,
    "code": _text,
}
