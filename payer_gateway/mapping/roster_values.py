"""How one cell of a roster file is read: text to value. Each reader raises ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from payer_gateway.domain.roster import Used

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_BIRTHDAY = re.compile(r"(?:[0-9]{4}-)?([0-9]{2}-[0-9]{2})")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_USED = re.compile(r"\s*([^=;]{1,100}?)\s*=\s*([0-9]{1,3})\s*/\s*([0-9]{1,3})\s*")
_FLAGS = {"true": True, "false": False}
LONGEST = 200  # characters of a text


def text(value: str) -> str:
    if len(value) > LONGEST or not value.isprintable():
        raise ValueError(value)
    return value


# Days repeat from line to line; most of a file's time would go into reading them anew.
@lru_cache(maxsize=65536)
def day(value: str) -> date:
    if not _DAY.fullmatch(value):
        raise ValueError(value)
    return date.fromisoformat(value)


@lru_cache(maxsize=65536)
def when(value: str) -> date | datetime:
    """A day, or an instant with its offset."""
    if _DAY.fullmatch(value):
        return date.fromisoformat(value)
    if not _INSTANT.fullmatch(value):
        raise ValueError(value)
    return datetime.fromisoformat(value)


def birthday(value: str) -> str:
    """Month and day, ``MM-DD``, of a day or of a bare month and day."""
    found = _BIRTHDAY.fullmatch(value)
    if found is None:
        raise ValueError(value)
    date.fromisoformat(f"2000-{found[1]}")  # a leap year: 02-29 is a birthday
    return found[1]


@lru_cache(maxsize=4096)
def amount(value: str) -> Decimal:
    if not _AMOUNT.fullmatch(value):
        raise ValueError(value)
    return Decimal(value)


def place(value: str) -> str:
    found = value.upper()
    if not _PLACE.fullmatch(found):
        raise ValueError(value)
    return found


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(value)
        return int(value)

    return read


def flag(value: str) -> bool:
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise ValueError(value) from None


def one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError(value)
        return value.lower()

    return read


@lru_cache(maxsize=4096)
def opinions(value: str) -> tuple[Used, ...]:
    """``C50=1/0;C78=0/1``: condition = second/third, each condition once."""
    found = []
    for part in value.split(";"):
        each = _USED.fullmatch(part)
        if each is None or not part.isprintable():
            raise ValueError(value)
        found.append(Used(each[1], int(each[2]), int(each[3])))
    if len({each.condition for each in found}) != len(found):
        raise ValueError(value)
    return tuple(found)
