"""Careful hands for JSON from outside: any value in, something of a known type out."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money

MAX_TEXT = 300
_MONTH = re.compile(r"[0-9]{4}(-[0-9]{2})?")


def as_object(value: object) -> Mapping[str, object]:
    # What JSON makes of an object, and what is not there: asking an abstract class takes its time.
    if type(value) is dict:
        return value
    return value if value is not None and isinstance(value, Mapping) else {}


def as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def said(value: object) -> str:
    """A text without control characters, cut to 300; empty for anything that is no text."""
    if not isinstance(value, str):
        return ""
    if len(value) <= MAX_TEXT and value.isascii() and value.isprintable():
        return value.strip()  # nearly everything that is ever said
    clean = "".join(c if c.isprintable() else " " for c in value[: 2 * MAX_TEXT])
    return clean.strip()[:MAX_TEXT].encode("utf-8", "replace").decode()


def named(value: object) -> str | None:
    """A number or name that must be kept whole: None when it is no text, or cannot be kept."""
    clean = said(value)
    return clean if clean and clean == value else None


def codes_of(concept: object) -> list[str]:
    """The codes of a CodeableConcept as ``system|code`` (a bare code without a system)."""
    found = []
    for coding in map(as_object, as_list(as_object(concept).get("coding"))[:20]):
        code, system = said(coding.get("code")), said(coding.get("system"))
        if code:
            found.append(f"{system}|{code}" if system else code)
    return found


def bare_codes_of(concept: object) -> list[str]:
    return [said(as_object(c).get("code")) for c in as_list(as_object(concept).get("coding"))[:20]]


def extensions_of(element: Mapping[str, object], url: str) -> list[Mapping[str, object]]:
    """The extensions of that name, twenty at most."""
    every = map(as_object, as_list(element.get("extension"))[:100])
    return [extension for extension in every if extension.get("url") == url][:20]


def identifier_of(value: object) -> str | None:
    if value is None:
        return None
    identifier = as_object(value)
    system, number = named(identifier.get("system")), named(identifier.get("value"))
    if number is None:
        return None
    return f"{system}|{number}" if system else number


def money_of(value: object) -> Money:
    """A FHIR Money. Raises ValueError saying what is wrong with it."""
    held = as_object(value)
    amount, currency = held.get("value"), held.get("currency")
    if isinstance(amount, int) and not isinstance(amount, bool):
        amount = Decimal(amount)
    if not isinstance(amount, Decimal):
        raise ValueError("the amount is no number")
    if not isinstance(currency, str):
        raise ValueError("the amount has no currency")
    if not amount.is_finite() or abs(amount.adjusted()) > 11:
        raise ValueError("the amount is out of any range")
    try:
        return Money(amount, currency)
    except (ValueError, ArithmeticError):
        raise ValueError("the amount does not fit its currency") from None


def period_of(value: object) -> Period | None:
    """A FHIR Period; a side that is no day or instant is left open."""
    if value is None:
        return None
    held = as_object(value)
    start, end = _moment(held.get("start")), _moment(held.get("end"), is_end=True)
    return None if start is None and end is None else Period(start, end)


def instant_of(value: object) -> datetime | None:
    """A dateTime to the second, with its offset; None for a bare day and anything else."""
    moment = _moment(value)
    return moment if isinstance(moment, datetime) else None


def _moment(value: object, *, is_end: bool = False) -> date | datetime | None:
    """A month or a year alone is its first day, as an end its last (FHIR R4 Period)."""
    if not isinstance(value, str):
        return None
    try:
        if _MONTH.fullmatch(value):
            year, month = int(value[:4]), int(value[5:] or (12 if is_end else 1))
            return date(year, month, monthrange(year, month)[1] if is_end else 1)
        if len(value) == 10:
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
