"""The columns of a roster file (``docs/roster.md``), and what one line of it says.

``COLUMNS`` is the format: whatever reads such a file, line by line or by columns, reads it by this
table. One line is one person's cover in one plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.domain.money import MINOR_DIGITS
from payer_gateway.domain.roster import Line, Membership, Usage
from payer_gateway.mapping import roster_values as read

RELATIONSHIPS = ("self", "spouse", "child", "dependent", "parent", "common", "other", "injured")
STATUSES = ("active", "cancelled", "draft", "entered-in-error")
EMPTY = "the file is empty; its first line names the columns"
SAVE_AS_UTF_8 = "save the file as UTF-8 (in a spreadsheet: CSV UTF-8)"
SEXES = ("female", "male", "other", "unknown")


@dataclass(frozen=True, slots=True)
class Column:
    """``field`` is the value's name in Membership or Usage; ``read`` raises ValueError."""

    name: str
    field: str
    read: Callable[[str], Any]
    kind: str  # in words
    meaning: str
    example: str
    cure: str
    is_required: bool = False
    is_usage: bool = False


_TEXT = f"text, at most {read.LONGEST} characters"
_WRITE_TEXT = f"write at most {read.LONGEST} characters on one line"
_DAY, _WRITE_DAY = "day", "write a day as YYYY-MM-DD, such as 2026-03-12"
_WHEN = "day, or instant with its offset"
_WRITE_WHEN = "write a day such as 2026-01-01, or an instant such as 2026-04-01T00:00:00+09:00"
_BIRTHDAY, _WRITE_BIRTHDAY = "month and day", "write a month and day as MM-DD, such as 09-30"
_AMOUNT = "amount in the plan's currency"
_WRITE_AMOUNT = "write an amount without sign, currency or separators, such as 480.00"
_ORDER, _WRITE_ORDER = "whole number, 1 to 9", "write 1 for the plan that is billed first, 2, …"


def _one_of(names: tuple[str, ...]) -> tuple[Callable[[str], str], str, str]:
    return read.one_of(*names), ", ".join(names), f"write one of {', '.join(names)}"


def _text(name: str, meaning: str, example: str, **more: Any) -> Column:
    return Column(name, name, read.text, _TEXT, meaning, example, _WRITE_TEXT, **more)


def _day(name: str, meaning: str, example: str, **more: Any) -> Column:
    return Column(name, name, read.day, _DAY, meaning, example, _WRITE_DAY, **more)


def _when(name: str, field: str, meaning: str, example: str, **more: Any) -> Column:
    return Column(name, field, read.when, _WHEN, meaning, example, _WRITE_WHEN, **more)


def _choice(name: str, names: tuple[str, ...], meaning: str, example: str) -> Column:
    reader, kind, cure = _one_of(names)
    return Column(name, name, reader, kind, meaning, example, cure)


def _birthday(name: str, meaning: str, example: str) -> Column:
    return Column(name, name, read.birthday, _BIRTHDAY, meaning, example, _WRITE_BIRTHDAY)


def _order(name: str, meaning: str, example: str) -> Column:
    return Column(name, name, read.whole(1, 9), _ORDER, meaning, example, _WRITE_ORDER)


def _amount(name: str, meaning: str, example: str) -> Column:
    return Column(name, name, read.amount, _AMOUNT, meaning, example, _WRITE_AMOUNT, is_usage=True)


COLUMNS: tuple[Column, ...] = (
    _text(
        "insurer",
        "the insurer's file or one of its aliases; case does not count",
        "acme-health",
        is_required=True,
    ),
    _text("plan", "the plan's file; case does not count", "US-PPO-2026", is_required=True),
    _text(
        "member_id",
        "the person's own number in that plan; upper and lower case, spaces and hyphens are equal."
        " Where a family shares a number, write it with the person's suffix",
        "W0768884AE",
        is_required=True,
    ),
    _day("birth_date", "of the member", "1979-05-14", is_required=True),
    _when(
        "cover_start",
        "start",
        "first day covered, in the plan's zone; or the instant at which cover begins",
        "2026-01-01",
        is_required=True,
    ),
    _when(
        "cover_end",
        "end",
        "last day covered, inclusive; or the instant at which cover ends. Empty: no end is known",
        "2026-12-31",
    ),
    _choice("status", STATUSES, "of the cover; empty: active", "active"),
    _text("employer_id", "who the cover comes from; together with employee_id", "ACME"),
    _text("employee_id", "the employee's number at that employer, of dependents too", "E-10042"),
    _choice("relationship", RELATIONSHIPS, "of the member to the subscriber; empty: self", "child"),
    _text(
        "subscriber_id",
        "member_id of the subscriber in the same plan; links a dependent to the subscriber",
        "W0768884AF",
    ),
    _choice("sex", SEXES, "administrative sex; kept and compared, not judged", "female"),
    Column(
        "disabled",
        "disabled",
        read.flag,
        "true or false",
        "whether a plan's age limit for dependents does not apply; empty: false",
        "false",
        "write true or false",
    ),
    Column(
        "residence",
        "residence",
        read.place,
        "ISO 3166-2, or the country",
        "where the member is at home; decides what is abroad",
        "US-NY",
        "write a country such as JP, or country and part such as US-NY",
    ),
    _order("order", "1 if this plan is billed first, 2 second, …; empty: not known", "1"),
    _text("network", "name of the plan's network; kept, not judged", "US-PPO-NET"),
    _day("paid_through", "last day the premium is paid for; empty: not told", "2026-02-28"),
    _day("grace_ends", "last day of the grace period of an unpaid premium", "2026-05-31"),
    _day(
        "change_recorded",
        "the day on which the insurer recorded the latest change of this cover. An end recorded"
        " after we said that the member is covered is a retroactive termination",
        "2026-04-15",
    ),
    _birthday(
        "subscriber_birthday", "of the subscriber, for the birthday rule of a child", "09-30"
    ),
    _text("other_payer", "name of another insurer of the same member", "Insurer Z"),
    _order("other_order", "the place of that insurer in the order of billing", "1"),
    _birthday("other_subscriber_birthday", "of the subscriber of that other cover", "02-10"),
    Column(
        "accumulator_year",
        "year",
        read.whole(1900, 2199),
        "year, four digits",
        "the year in which the benefit year begins that the columns below were counted in;"
        " required where one of them is filled",
        "2026",
        "write the year in which the benefit year begins, such as 2026",
        is_usage=True,
    ),
    _amount("deductible_met", "what the member has paid of the deductible", "250.00"),
    _amount("out_of_pocket_met", "what the member has paid in all; kept, not judged", "410.00"),
    _amount("amount_used", "what the plan has paid of an allowance in money", "0.00"),
    Column(
        "opinions_used",
        "opinions_used",
        read.opinions,
        "condition=second/third, separated by semicolons",
        "opinions used elsewhere (those claimed through this gateway are counted by itself), per"
        " condition: an ICD-10 category or code, an episode id, or * where it is not known",
        "C50=1/0;C78=0/1",
        "write condition=second/third such as C50=1/0, several separated by ; and each once",
        is_usage=True,
    ),
)
BY_NAME: Mapping[str, Column] = {column.name: column for column in COLUMNS}


def read_header(cells: Sequence[str]) -> tuple[Column, ...]:
    """The columns that a file's first line names. Raises InvalidInput with every fault: a name that
    is no column, one named twice, one that is missing."""
    names = [cell.strip().lower() for cell in cells]
    if not any(name in BY_NAME for name in names):
        # One fault, not one a column and one more for each that is missing.
        if any(mark in name for name in names for mark in ";\t"):
            raise no_roster("separate the columns by commas, not by semicolons or tabs")
        required = ",".join(column.name for column in COLUMNS if column.is_required)
        raise no_roster(f"it names no column of a roster; it begins like {required}")
    faults = [
        Fault(f"column {at}", name, _unknown(name))
        for at, name in enumerate(names, start=1)
        if name not in BY_NAME
    ]
    faults += [
        Fault(f"column {at}", name, "it is named twice; leave one of the two out")
        for at, name in enumerate(names, start=1)
        if name in BY_NAME and name in names[: at - 1]
    ]
    faults += [
        Fault(column.name, None, f"the column is missing; add it ({column.meaning})")
        for column in COLUMNS
        if column.is_required and column.name not in names
    ]
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(BY_NAME[name] for name in names)


def no_roster(cure: str) -> InvalidInput:
    """The refusal of a file that cannot be a roster, by what its first line says."""
    return InvalidInput((Fault("the first line", None, f"{cure}; see docs/roster.md"),))


def _unknown(name: str) -> str:
    if not name:
        return "it has no name; give it one, or take the column out (a comma too many?)"
    return f"{name!r} is no column of a roster; take it out, or see docs/roster.md for the names"


def read_line(cells: Mapping[str, str]) -> Line:
    """What one line says, by column name; an empty or absent cell says nothing.

    Raises InvalidInput with every fault, each at the name of its column.
    """
    line, faults = line_of(tuple(BY_NAME[name] for name in cells), tuple(cells.values()))
    faults += tuple(
        _missing(column) for column in COLUMNS if column.is_required and column.name not in cells
    )
    if line is None or faults:
        raise InvalidInput(faults)
    return line


def line_of(
    columns: Sequence[Column], cells: Sequence[str]
) -> tuple[Line | None, tuple[Fault, ...]]:
    """The line that these cells say under these columns, or every fault of it."""
    cover: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    faults: list[Fault] = []
    for column, cell in zip(columns, cells, strict=True):
        if not cell or not (value := cell.strip()):
            if column.is_required:
                faults.append(_missing(column))
            continue
        try:
            (usage if column.is_usage else cover)[column.field] = column.read(value)
        except ValueError:
            faults.append(Fault(column.name, value[:80], column.cure))
    if faults:
        return None, tuple(faults)
    faults += _that_do_not_fit(cover, usage)
    if faults:
        return None, tuple(faults)
    return Line(Membership(**cover), Usage(**usage) if len(usage) > 1 else None), ()


def _missing(column: Column) -> Fault:
    return Fault(column.name, "", f"it is required; {column.cure}")


def _that_do_not_fit(cover: Mapping[str, Any], usage: Mapping[str, Any]) -> list[Fault]:
    """Cells that are well written and contradict each other."""
    faults = []
    get = cover.get
    end, grace, born = get("end"), get("grace_ends"), cover.get("birth_date")
    if end is not None and _calendar_day(end) < _calendar_day(cover["start"]):
        cure = "cover ends before it starts; correct cover_start or cover_end"
        faults.append(Fault("cover_end", str(end), cure))
    if born is not None and end is not None and _calendar_day(end) < born:
        cure = "the member is born after cover has ended; correct one of the two"
        faults.append(Fault("birth_date", str(born), cure))
    if grace is not None and (get("paid_through") is None or grace < get("paid_through")):
        cure = "a grace period follows paid_through; fill that column, or correct one of the two"
        faults.append(Fault("grace_ends", str(grace), cure))
    if (get("employer_id") is None) != (get("employee_id") is None):
        missing = "employee_id" if get("employee_id") is None else "employer_id"
        cure = "employer_id and employee_id go together; fill both or neither"
        faults.append(Fault(missing, "", cure))
    own = get("relationship", "self") == "self"
    if own and get("subscriber_id") not in (None, cover.get("member_id")):
        cure = "relationship self is the subscriber; write the relationship, or leave this empty"
        faults.append(Fault("subscriber_id", get("subscriber_id"), cure))
    if usage and "year" not in usage:
        cure = "say in which benefit year the member has used this: the year in which it begins"
        faults.append(Fault("accumulator_year", "", cure))
    return faults


def _calendar_day(when: date | datetime) -> date:
    return when.date() if isinstance(when, datetime) else when


def unfit_amounts(usage: Usage | None, currency: str) -> tuple[Fault, ...]:
    """Amounts that cannot be written in the plan's currency: 0.50 yen."""
    if usage is None:
        return ()
    digits = MINOR_DIGITS[currency]
    found = []
    for name in ("deductible_met", "out_of_pocket_met", "amount_used"):
        value = getattr(usage, name)
        if value is not None and value != round(value, digits):
            cure = f"write an amount in {currency}, which has {digits} digits after the point"
            found.append(Fault(name, str(value), cure))
    return tuple(found)
