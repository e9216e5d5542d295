"""The kinds of value a consultation is made of, each with what to write when it is wrong.

Built on marshmallow, but every message is ours: it says what to write, never only what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from marshmallow import Schema, ValidationError, fields, post_load

T = TypeVar("T")

# Control characters, halves of surrogate pairs, line and paragraph separators, marks that reorder
# the text around them, and code points that are no characters.
_UNWRITABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_FURTHEST_ZONE = timedelta(hours=14)
YEARS = (1900, 2200)
DAY = 'a day between 1900 and 2200, such as "2026-03-12"'
INSTANT = 'an instant with its offset from UTC, such as "2026-03-12T09:30:00-05:00"'


class Unknown(str):
    """A message about a key that the object does not have."""

    __slots__ = ()


def _options(what: str, optional: bool, default: object) -> dict[str, Any]:
    told = what.replace("{", "{{").replace("}", "}}")  # marshmallow formats its messages
    if optional:
        null = f"leave it out, or write {told}; null says nothing"
        messages = {"null": null}
        return {"load_default": default, "allow_none": False, "error_messages": messages}
    messages = {"required": f"add it: {told}", "null": f"write {told}; null says nothing"}
    return {"required": True, "allow_none": False, "error_messages": messages}


class Told(fields.Field[T], Generic[T]):
    """A value that says of itself ``what`` to write; ``optional`` ones may be left out."""

    def __init__(
        self, what: str, *, optional: bool = False, default: object = None, **more: Any
    ) -> None:
        super().__init__(**_options(what, optional, default), **more)
        self.what = what

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> T:
        return self.read(value)

    def read(self, value: object) -> T:
        raise NotImplementedError

    def wrong(self, cure: str | None = None) -> ValidationError:
        return ValidationError(cure or f"write {self.what}")


class Text(Told[str]):
    """Text on one line, without spaces around it, by default of at most 200 characters."""

    def __init__(
        self,
        what: str,
        *,
        longest: int = 200,
        shape: str | None = None,
        accept: Callable[[str], bool] | None = None,
        spell: Callable[[str], str] = str,
        **more: Any,
    ) -> None:
        super().__init__(what, **more)
        self._longest, self._accept, self._spell = longest, accept, spell
        self._shape = re.compile(shape) if shape else None

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self.wrong(f"write {self.what}, as text in quotes")
        if _UNWRITABLE.search(value):
            raise self.wrong("remove line breaks, tabs and characters that cannot be seen")
        text = value.strip()
        if not text:
            raise self.wrong(f"it is empty: write {self.what}")
        if len(text) > self._longest:
            raise self.wrong(f"shorten it to at most {self._longest} characters")
        if self._shape and not self._shape.fullmatch(text):
            raise self.wrong()
        if self._accept and not self._accept(text):
            raise self.wrong()
        return self._spell(text)


class Choice(Told[str]):
    """One of a closed list of words."""

    def __init__(self, words: Iterable[str], **more: Any) -> None:
        self.words = tuple(words)
        listed = ", ".join(f'"{word}"' for word in self.words)
        super().__init__(listed if len(self.words) == 1 else f"one of {listed}", **more)

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise self.wrong()
        return value


class Flag(Told[bool]):
    def __init__(self, **more: Any) -> None:
        super().__init__("true or false, without quotes", **more)

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self.wrong()
        return value


class Whole(Told[int]):
    """A whole number, as a JSON number."""

    def __init__(self, least: int, most: int, **more: Any) -> None:
        super().__init__(f"a whole number from {least} to {most}, without quotes", **more)
        self._least, self._most = least, most

    def read(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong()
        if not self._least <= value <= self._most:
            raise self.wrong()
        return value


class Day(Told[date]):
    def __init__(self, what: str = DAY, **more: Any) -> None:
        super().__init__(what, **more)

    def read(self, value: object) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.wrong()
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise self.wrong(f"there is no day {value}: write {self.what}") from None
        if not YEARS[0] <= day.year <= YEARS[1]:
            raise self.wrong()
        return day


class Instant(Told[datetime]):
    def __init__(self, what: str = INSTANT, **more: Any) -> None:
        super().__init__(what, **more)

    def read(self, value: object) -> datetime:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise self.wrong()
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise self.wrong(f"there is no such time: write {self.what}") from None
        offset = instant.utcoffset()
        if offset is None or abs(offset) > _FURTHEST_ZONE:
            raise self.wrong()
        if not YEARS[0] <= instant.year <= YEARS[1]:
            raise self.wrong()
        return instant


class DayOrInstant(Told[date | datetime]):
    def __init__(self, **more: Any) -> None:
        super().__init__(f"{DAY}, or {INSTANT}", **more)
        self._day, self._instant = Day(self.what), Instant(self.what)

    def read(self, value: object) -> date | datetime:
        if isinstance(value, str) and "T" in value:
            return self._instant.read(value)
        return self._day.read(value)


class Shape(Schema):
    """One JSON object: ``what`` it is called in a cure, and what it ``makes`` of its fields."""

    what: ClassVar[str] = "an object"
    makes: ClassVar[Callable[..., object]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        known = ", ".join(sorted(f.data_key or name for name, f in self.fields.items()))
        self.error_messages["type"] = f"write {self.what}"
        self.error_messages["unknown"] = Unknown(f"remove it; known here: {known}")

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> object:
        return self.build(data)

    def build(self, data: dict[str, Any]) -> object:
        return type(self).makes(**data)


class Part(fields.Nested):
    """An object inside the object."""

    def __init__(self, shape: type[Shape], *, optional: bool = False) -> None:
        super().__init__(shape, **_options(shape.what, optional, None))


class Many(fields.List[Any]):
    """A list, as a tuple; ``check`` looks at the items together once each is right."""

    def __init__(
        self,
        each: type[Shape] | Told[Any],
        what: str,
        *,
        least: int = 0,
        most: int = 100,
        check: Callable[[tuple[Any, ...]], None] | None = None,
        optional: bool = False,
    ) -> None:
        inner = each if isinstance(each, fields.Field) else Part(each)
        super().__init__(inner, **_options(what, optional, ()))
        self.what, self._least, self._most, self._check = what, least, most, check

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError(f"write {self.what}, in square brackets")
        if len(value) < self._least:
            raise ValidationError(f"it is empty: write {self.what}, at least {self._least}")
        if len(value) > self._most:
            raise ValidationError(f"write at most {self._most} here; these are {len(value)}")
        items = tuple(super()._deserialize(value, attr, data, **kwargs))
        if self._check:
            self._check(items)
        return items


def at(path: tuple[str | int, ...], cure: str) -> ValidationError:
    """A fault found at ``path`` below the value being read."""
    messages: Any = [cure]
    for step in reversed(path):
        messages = {step: messages}
    return ValidationError(messages)


def refuse_all(faults: Iterable[Mapping[int, Any]]) -> None:
    """Raise for faults found in a list, each as ``{index: messages}``; nothing when none is."""
    found: list[Any] = list(faults)
    if found:
        raise ValidationError(found)


def flat(
    messages: object, path: tuple[str | int, ...] = ()
) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """marshmallow's nested messages as (path, cure)."""
    if isinstance(messages, Mapping):
        for step, inner in messages.items():
            if step != "_schema":
                yield from flat(inner, (*path, step))
                continue
            # marshmallow files what concerns the object itself under this name; a sender may
            # also have used it as a key.
            for where, cure in flat(inner, path):
                yield ((*where, "_schema") if isinstance(cure, Unknown) else where), cure
    elif isinstance(messages, list | tuple):
        for each in messages:
            yield from flat(each, path)
    else:
        yield path, messages if isinstance(messages, str) else str(messages)
