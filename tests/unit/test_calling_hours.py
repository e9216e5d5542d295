"""Calling hours: by the clock on the insurer's wall, over midnight, and when that clock jumps."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from payer_gateway.domain.hours import is_open, opens_at

NEW_YORK, TOKYO = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")
DAY, NIGHT = ("08:00", "18:00"), ("22:00", "06:00")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        (NEW_YORK, "2026-01-15T12:59", False),  # 07:59 in winter
        (NEW_YORK, "2026-01-15T13:00", True),
        (NEW_YORK, "2026-01-15T22:59", True),
        (NEW_YORK, "2026-01-15T23:00", False),
        (NEW_YORK, "2026-07-15T12:00", True),  # summer: an hour earlier by our clock
        (TOKYO, "2026-07-14T23:00", True),  # 08:00 of the next day there
        (TOKYO, "2026-07-15T09:00", False),
    ],
)
def test_they_begin_and_end_by_the_insurers_own_clock(
    zone: ZoneInfo, now: str, expected: bool
) -> None:
    assert is_open(DAY, zone, utc(now)) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-16T02:59", False),  # 21:59
        ("2026-01-16T03:00", True),  # 22:00
        ("2026-01-16T05:00", True),  # midnight
        ("2026-01-16T10:59", True),  # 05:59
        ("2026-01-16T11:00", False),
    ],
)
def test_they_may_run_over_midnight(now: str, expected: bool) -> None:
    assert is_open(NIGHT, NEW_YORK, utc(now)) is expected


def test_without_hours_it_is_always_open() -> None:
    assert is_open(None, TOKYO, utc("2026-01-01T00:00"))


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        (DAY, "2026-01-15T12:00", "2026-01-15T13:00"),
        (DAY, "2026-01-15T23:30", "2026-01-16T13:00"),
        (DAY, "2026-03-07T23:30", "2026-03-08T12:00"),  # the clocks go forward that night
        (DAY, "2026-10-31T23:30", "2026-11-01T13:00"),  # and back
        (("02:30", "03:30"), "2026-03-08T06:00", "2026-03-08T07:30"),  # 02:30 is skipped: 03:30
        (NIGHT, "2026-01-16T11:00", "2026-01-17T03:00"),
        (DAY, "2026-01-15T15:00", "2026-01-15T15:00"),  # open already
    ],
)
def test_the_next_opening_is_known(hours: tuple[str, str], now: str, expected: str) -> None:
    assert opens_at(hours, NEW_YORK, utc(now)) == utc(expected)
