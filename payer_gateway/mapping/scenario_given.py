"""Reads what a scenario gives, value after value; what cannot be read is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.days import aware, day_of
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.domain.money import Money
from payer_gateway.mapping.scenario_file import Scenario, is_nothing

_BIRTHDAY = re.compile(r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_FLAGS = {"true": True, "false": False, "True": True, "False": False}
_T = TypeVar("_T")


class Given:
    """``keys`` takes the place of the scenario's own: a part of it, under another name."""

    def __init__(self, scenario: Scenario, keys: Mapping[str, Any] | None = None) -> None:
        self.scenario, self.plan = scenario, scenario.plan
        self._keys = scenario.merged if keys is None else keys

    def part(self, name: str) -> Mapping[str, Any] | None:
        value = self._keys.get(name)
        return None if is_nothing(value) else value

    def raw(self, path: str) -> Any:
        """The value at a dotted path; None where any step is nothing."""
        value: Any = self._keys
        for step in path.split("."):
            if is_nothing(value):
                return None
            value = value.get(step)
        return None if is_nothing(value) else value

    def _read(self, path: str, read: Callable[[str], _T], cure: str) -> _T | None:
        value = self.raw(path)
        if value is None:
            return None
        return self.read(path, value, read, cure)

    def read(self, path: str, value: Any, read: Callable[[str], _T], cure: str) -> _T:
        try:
            return read(value)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            where = f"{self.scenario.id}.given.{path}"
            raise InvalidInput((Fault(where, value, f"{value!r}: {cure}"),)) from None

    def text(self, path: str) -> str | None:
        return self._read(path, str, "")

    def flag(self, path: str, otherwise: bool = False) -> bool:
        found = self._read(path, _FLAGS.__getitem__, "write true or false")
        return otherwise if found is None else found

    def unsure(self, path: str) -> bool | None:
        return self._read(path, _FLAGS.__getitem__, "write true or false")

    def whole(self, path: str, least: int = 0) -> int | None:
        value = self.raw(path)
        return None if value is None else self.count(path, value, least)

    def count(self, path: str, value: Any, least: int = 0) -> int:
        def read(text: str) -> int:
            if int(text) < least:
                raise ValueError(text)
            return int(text)

        return self.read(path, value, read, f"write a whole number, at least {least}")

    def place(self, path: str) -> str | None:
        """ISO 3166-1 or 3166-2."""

        def read(text: str) -> str:
            if not _PLACE.fullmatch(text):
                raise ValueError(text)
            return text

        return self._read(path, read, "write a country such as JP, or a part of one such as US-NY")

    def choice(self, path: str, *allowed: str) -> str | None:
        table = {each: each for each in allowed}
        return self._read(path, table.__getitem__, f"write {' or '.join(allowed)}")

    def texts(self, path: str) -> tuple[str, ...] | None:
        value = self.raw(path)
        if value is None:
            return None
        return tuple(value) if isinstance(value, list) else (value,)

    def when(self, path: str) -> date | datetime | None:
        return self._read(path, self._when, "write a day 2026-03-12 or an instant with its offset")

    def _when(self, text: str) -> date | datetime:
        if len(text) == 10:
            return date.fromisoformat(text)
        return aware(datetime.fromisoformat(text), self.plan.zone)

    def day(self, path: str) -> date | None:
        when = self.when(path)
        return None if when is None else day_of(when, self.plan.zone)

    def instant(self, path: str) -> datetime | None:
        when = self.when(path)
        if when is None or isinstance(when, datetime):
            return when
        return datetime(when.year, when.month, when.day, tzinfo=self.plan.zone)

    def period(self, path: str) -> Period:
        return Period(self.when(f"{path}.start"), self.when(f"{path}.end"))

    def decimal(self, path: str) -> Decimal | None:
        return self._read(path, Decimal, "write a decimal number such as '420.00'")

    def sum_of_money(self, path: str) -> Money | None:
        """In the plan's currency."""

        def read(text: str) -> Money:
            money = Money(Decimal(text), self.plan.currency)
            if money.amount < 0:
                raise ValueError(text)
            return money

        cure = f"write an amount in {self.plan.currency} such as '420.00' or '44000'"
        return self._read(path, read, cure)

    def birthday(self, path: str) -> str | None:
        def read(text: str) -> str:
            if not _BIRTHDAY.fullmatch(text):
                raise ValueError(text)
            date.fromisoformat(f"2000-{text[-5:]}")  # a leap year: it has every birthday
            return text[-5:]

        return self._read(path, read, "write a month and day such as '02-10'")
