"""Moods: how this insurer behaves towards one member, or one request."""

from __future__ import annotations

from enum import StrEnum


class Mood(StrEnum):
    """A member id that ends in ``-MOOD-<name>`` is treated so; any other is approved."""

    APPROVE = "APPROVE"
    DENY = "DENY"  # booked, nothing payable
    AUTH = "AUTH"  # a claim without a prior authorization's number is denied
    REJECT = "REJECT"  # 422, nothing booked
    BUSY = "BUSY"  # 503 the first time, nothing booked then
    DROP = "DROP"  # booked; the line drops without an answer the first time
    LATE = "LATE"  # booked, 202; the answer can be fetched two seconds later
    GARBAGE = "GARBAGE"  # booked, then an answer that nobody can read
    PEND = "PEND"  # a prior authorization is pended; the leave comes two seconds later
    MODIFY = "MODIFY"  # a prior authorization is given for one unit of each line
    SECOND = "SECOND"  # a prior authorization is denied: a second opinion is wanted first
    ERROR = "ERROR"  # booked, and answered with an error in the ClaimResponse
    DEDUPE = "DEDUPE"  # a repeated identifier gets the first answer and is not booked again


def mood_of(member_id: str, header: str | None = None) -> Mood:
    """The mood a request is in; the header ``X-Sandbox-Mood`` wins over the member id.

    Raises ValueError for a header that names no mood.
    """
    if header is not None and header.strip():
        return Mood(header.strip().upper())
    _, marked, name = member_id.strip().upper().rpartition("-MOOD-")
    return Mood(name) if marked and name in Mood.__members__ else Mood.APPROVE
