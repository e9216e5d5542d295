"""Days and instants as benefit rules read them: in a plan's zone, through the whole of a day.

Nothing here raises at the ends of the calendar: what would lie beyond is its first or last day.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_MOMENT = timedelta(microseconds=1)
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def aware(when: datetime, zone: ZoneInfo) -> datetime:
    """An instant without an offset is a time of ``zone``."""
    return when if when.tzinfo is not None else when.replace(tzinfo=zone)


def day_of(when: date | datetime, zone: ZoneInfo) -> date:
    """The calendar day: an instant is read in ``zone``, a day is what it says."""
    if not isinstance(when, datetime):
        return when
    try:
        return aware(when, zone).astimezone(zone).date()
    except OverflowError:
        return when.date()


def last_day(end: date | datetime, zone: ZoneInfo) -> date:
    """The last day of a period: a day is inclusive to its last moment, an instant ends the period
    at that instant, so midnight is the end of the day before."""
    if not isinstance(end, datetime):
        return end
    try:
        return (aware(end, zone).astimezone(zone) - _MOMENT).date()
    except OverflowError:
        return end.date()


def plus_days(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def plus_months(day: date, months: int) -> date:
    """The same day of the month, or the last one where that month is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return date.max if months > 0 else date.min
    return date(year, month + 1, min(day.day, _length(year, month + 1)))


def month_end(day: date) -> date:
    return day.replace(day=_length(day.year, day.month))


def _length(year: int, month: int) -> int:
    return 29 if month == 2 and isleap(year) else _LENGTHS[month - 1]


def birthday(born: date, years: int) -> date:
    """The day on which that age is reached: born on 29 February, on 1 March of a common year."""
    if born.year + years > 9999:
        return date.max
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)
