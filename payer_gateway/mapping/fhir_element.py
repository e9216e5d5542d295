"""FHIR JSON read element by element: what is missing or of another kind becomes a fault with its
place, its value and the cure, and reading goes on, so that one answer names all of them.

Types: HL7 FHIR R4, data types (``string``, ``code``, ``date``, ``dateTime``, ``Money``, …).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from payer_gateway.domain.consultation import Coding, Identifier, Period
from payer_gateway.domain.errors import Fault
from payer_gateway.domain.money import MINOR_DIGITS
from payer_gateway.mapping.canonical import canonical_json, shorten

_PART_OF_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
_FAULTS_TOLD = 50


class Faults:
    """Everything found wrong with one input, once each, in the order in which it was come upon."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, path: str, value: object, cure: str) -> None:
        fault = Fault(path, _shown(value), cure)
        if len(self.found) < _FAULTS_TOLD and fault not in self.found:
            self.found.append(fault)


class Element:
    """One JSON object with its place (a FHIRPath such as ``Coverage.period``)."""

    __slots__ = ("faults", "path", "value")

    def __init__(self, value: Mapping[str, object], path: str, faults: Faults) -> None:
        self.value, self.path, self.faults = value, path, faults

    def wrong(self, name: str, cure: str) -> None:
        """Note a fault of one element of this object."""
        self.faults.add(f"{self.path}.{name}", self.value.get(name), cure)

    def has(self, name: str) -> bool:
        return self.value.get(name) is not None

    @property
    def type(self) -> str:
        kind = self.value.get("resourceType")
        return kind if isinstance(kind, str) else ""

    def text(self, name: str) -> str | None:
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.wrong(name, "write text that is not empty")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        value = self.value.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(name, "write true or false")
        return None

    def whole(self, name: str) -> int | None:
        """A positive whole number (FHIR ``positiveInt``)."""
        value = self.value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
            self.wrong(name, "write a whole number from 1 to 2147483647")
            return None
        return value

    def number(self, name: str) -> Decimal | None:
        value = self.value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.wrong(name, "write a number, without quotes")
            return None
        return Decimal(value)

    def child(self, name: str) -> Element | None:
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(name, "write an object")
            return None
        return Element(value, f"{self.path}.{name}", self.faults)

    def children(self, name: str) -> list[Element]:
        """The objects of a list; a single object in place of the list is read as one."""
        value = self.value.get(name)
        if value is None:
            return []
        if isinstance(value, dict):
            return [Element(value, f"{self.path}.{name}", self.faults)]
        if not isinstance(value, list):
            self.wrong(name, "write a list of objects")
            return []
        found = []
        for n, each in enumerate(value):
            path = f"{self.path}.{name}[{n}]"
            if isinstance(each, dict):
                found.append(Element(each, path, self.faults))
            else:
                self.faults.add(path, each, "write an object")
        return found

    def texts(self, name: str) -> list[str]:
        value = self.value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(name, "write a list of text")
            return []
        found = []
        for n, each in enumerate(value):
            if isinstance(each, str) and each.strip():
                found.append(each)
            else:
                self.faults.add(f"{self.path}.{name}[{n}]", each, "write text that is not empty")
        return found

    def concept(self, name: str) -> tuple[Coding, ...]:
        """The codings of a CodeableConcept that carry a code; ``system`` "" where none is named."""
        concept = self.child(name)
        return () if concept is None else codings_of(concept)

    def concepts(self, name: str) -> tuple[Coding, ...]:
        if name not in self.value:
            return ()
        return tuple(c for each in self.children(name) for c in codings_of(each))

    def identifiers(self, name: str = "identifier") -> tuple[Identifier, ...]:
        if name not in self.value:
            return ()
        found = (identifier_of(each) for each in self.children(name))
        return tuple(each for each in found if each is not None)

    def day(self, name: str) -> date | None:
        """A FHIR ``date`` with its day."""
        value = self.value.get(name)
        if value is None:
            return None
        match = _PART_OF_DATE.fullmatch(value) if isinstance(value, str) else None
        day = _day(match, 1) if match is not None and match[3] else None
        if day is None:
            self.wrong(name, "write a day as YYYY-MM-DD")
        return day

    def when(self, name: str, *, at_end: bool = False) -> date | datetime | None:
        """A FHIR ``dateTime``: a day, or an instant with its offset. A month or a year alone is
        its first day, ``at_end`` its last."""
        value = self.value.get(name)
        if value is None:
            return None
        read = _when(value, at_end) if isinstance(value, str) else None
        if read is None:
            self.wrong(name, "write a day (YYYY-MM-DD), or an instant with seconds and offset")
        return read

    def period(self, name: str) -> Period | None:
        period = self.child(name)
        if period is None:
            return None
        start, end = period.when("start"), period.when("end", at_end=True)
        if start is not None and end is not None and _first_day(start) > _first_day(end):
            period.wrong("end", "write an end that is not before the start")
        return Period(start, end)

    def money(self, name: str) -> tuple[Decimal, str] | None:
        """Amount and currency as written; whether they fit each other is a decision's to say."""
        money = self.child(name)
        if money is None:
            return None
        amount, currency = money.number("value"), money.text("currency")
        if amount is None and not money.has("value"):
            money.wrong("value", "add the amount")
        if currency is None and not money.has("currency"):
            money.wrong("currency", "add the ISO 4217 currency, such as USD")
        if currency is not None and currency not in MINOR_DIGITS:
            money.wrong("currency", "write an ISO 4217 currency, such as USD")
            return None
        return None if amount is None or currency is None else (amount, currency)

    def extensions(self, url: str) -> Iterator[Element]:
        if "extension" in self.value:
            for each in self.children("extension"):
                if each.value.get("url") == url:
                    yield each

    def extension(self, url: str) -> Element | None:
        return next(self.extensions(url), None) if "extension" in self.value else None


def codings_of(concept: Element) -> tuple[Coding, ...]:
    codings = concept.value.get("coding")
    if codings is None:
        return ()
    if isinstance(codings, list) and len(codings) == 1 and isinstance(codings[0], dict):
        system, code = codings[0].get("system"), codings[0].get("code")
        # By far the most concepts are one plain coding, and these are read here.
        if isinstance(code, str) and isinstance(system, str) and system.strip():
            if plain := code.strip():
                return (Coding(system, plain),)
    found = []
    for each in concept.children("coding"):
        code = each.text("code")
        if code is not None:
            found.append(Coding(each.text("system") or "", code.strip()))
    return tuple(found)


def identifier_of(each: Element) -> Identifier | None:
    """None where it carries no value."""
    value = each.text("value")
    return None if value is None else Identifier(each.text("system") or "", value.strip())


def _when(text: str, at_end: bool) -> date | datetime | None:
    match = _INSTANT.fullmatch(text)
    if match is not None:
        # Finer than a microsecond is of no account; Python reads at most six digits.
        fraction = (match[2] or "")[:7]
        try:
            return datetime.fromisoformat(f"{match[1]}{fraction}{match[3]}")
        except ValueError:
            return None
    part = _PART_OF_DATE.fullmatch(text)
    if part is None:
        return None
    if not at_end:
        return _day(part, 1)
    if part[2] and not part[3]:
        year, month = int(part[1]), int(part[2])
        return _day(part, monthrange(year, month)[1]) if year and 1 <= month <= 12 else None
    return _day(part, 31, month=12)


def _day(part: re.Match[str], day: int, *, month: int = 1) -> date | None:
    try:
        return date(int(part[1]), int(part[2] or month), int(part[3] or day))
    except ValueError:
        return None


def _first_day(when: date | datetime) -> date:
    return when.date() if isinstance(when, datetime) else when


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return shorten(value)
    # What is large is cut before it is written out: an input may be a megabyte.
    if isinstance(value, Mapping | Sequence):
        return "an object" if isinstance(value, Mapping) else "a list"
    return shorten(canonical_json(value).decode())
