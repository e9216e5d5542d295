"""Calling hours: when an insurer may be called, by the clock on its own wall."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

Hours = tuple[str, str]
"""From and until, as ``("08:00", "18:00")``; until before from runs over midnight."""


def is_open(hours: Hours | None, zone: ZoneInfo, now: datetime) -> bool:
    """Whether ``now`` lies within them. Summer time moves the wall's clock, and the hours with
    it: an hour that does not exist is skipped, one that comes twice counts twice."""
    if hours is None:
        return True
    begins, ends = (time.fromisoformat(each) for each in hours)
    at = now.astimezone(zone).time().replace(tzinfo=None)
    if begins <= ends:
        return begins <= at < ends
    return at >= begins or at < ends


def opens_at(hours: Hours | None, zone: ZoneInfo, now: datetime) -> datetime:
    """The next moment at which they are open; ``now`` itself when they are."""
    if hours is None or is_open(hours, zone, now):
        return now
    begins = time.fromisoformat(hours[0])
    day = now.astimezone(zone).date()
    for ahead in range(3):
        # There and back through UTC: 02:30 on the day that skips it is 03:30.
        wall = datetime.combine(day + timedelta(days=ahead), begins, tzinfo=zone)
        moment = wall.astimezone(now.tzinfo)
        if moment > now:
            return moment
    return now
