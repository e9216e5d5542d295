"""The ledger: an append-only file, one line of JSON per booking, on disk before any answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import simplejson

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers the next booking may give out."""

    control: int
    authorization: int


@dataclass(frozen=True, slots=True)
class Booking:
    """What is kept in memory of a line; the resources stay in the file."""

    claim_identifier: str
    insurer: str
    use: str
    currency: str
    billed: str
    payable: str
    member_mood: str
    due_at: datetime
    created: str  # Claim.created
    nth_in_mood: int  # how often this identifier was booked in this mood, this time included
    offset: int
    length: int


class Ledger:
    """Bookings of one file. Safe for threads; one process per file."""

    def __init__(self, path: Path) -> None:
        """Reads the file back if there is one.

        Raises ValueError if a line other than an unfinished last one cannot be read.
        """
        self._path = path
        self._lock = threading.Lock()
        self._by_claim: dict[str, list[Booking]] = {}
        self._bookings = 0
        self._authorizations = 0
        self._size = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        _sync(path.parent)
        self._load()

    def book(
        self, claim_identifier: str, write: Callable[[Numbers], Record], *, once: bool = False
    ) -> Booking:
        """Writes what ``write`` makes of the next numbers, durably, and returns it.

        With ``once`` an identifier that was booked before is not booked again: the first booking
        comes back.
        """
        with self._lock:
            earlier = self._by_claim.get(claim_identifier)
            if once and earlier:
                return earlier[0]
            record = write(Numbers(self._bookings + 1, self._authorizations + 1))
            line = (simplejson.dumps(record, use_decimal=True) + "\n").encode()
            try:
                self._append(line)
            except OSError:
                # Half a line must not stay: the next one would be glued to it.
                os.truncate(self._path, self._size)
                raise
            return self._remember(record, len(line))

    def every(self) -> list[Booking]:
        """All bookings, in the order in which they were made."""
        with self._lock:
            found = [booking for bookings in self._by_claim.values() for booking in bookings]
        return sorted(found, key=lambda booking: booking.offset)

    def of(self, claim_identifier: str) -> list[Booking]:
        """All bookings of ``system|value``, or of a value in any system, the oldest first."""
        with self._lock:
            if "|" in claim_identifier:
                return list(self._by_claim.get(claim_identifier, ()))
            return [
                booking
                for key, bookings in self._by_claim.items()
                if key.partition("|")[2] == claim_identifier
                for booking in bookings
            ]

    def bookings(self) -> list[Booking]:
        """All there are, the oldest first."""
        with self._lock:
            every = [each for bookings in self._by_claim.values() for each in bookings]
        return sorted(every, key=lambda booking: booking.offset)

    def record(self, booking: Booking) -> Record:
        """The whole line of a booking, amounts with the digits they came with."""
        with self._path.open("rb") as file:
            file.seek(booking.offset)
            record: Record = simplejson.loads(file.read(booking.length), use_decimal=True)
        return record

    def rows(self, insurer: str | None = None) -> list[dict[str, Any]]:
        """One row per claim identifier: what one booking is worth, and how often it stands here."""
        with self._lock:
            return [
                {
                    "claim_identifier": claim_identifier,
                    "insurer": bookings[0].insurer,
                    "use": bookings[0].use,
                    "currency": bookings[0].currency,
                    "billed": bookings[0].billed,
                    "payable": bookings[0].payable,
                    "times": len(bookings),
                }
                for claim_identifier, bookings in self._by_claim.items()
                if insurer is None or bookings[0].insurer == insurer
            ]

    def _append(self, line: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _remember(self, record: Record, length: int) -> Booking:
        bookings = self._by_claim.setdefault(record["claim_identifier"], [])
        mood = record["member_mood"]
        booking = Booking(
            claim_identifier=record["claim_identifier"],
            insurer=record["insurer"],
            use=record["use"],
            currency=record["currency"],
            billed=record["billed"],
            payable=record["payable"],
            member_mood=mood,
            due_at=datetime.fromisoformat(record["due_at"]).astimezone(UTC),
            created=str(record["claim"].get("created", "")),
            nth_in_mood=1 + sum(earlier.member_mood == mood for earlier in bookings),
            offset=self._size,
            length=length,
        )
        bookings.append(booking)
        self._bookings += 1
        self._authorizations += record.get("authorized", "preAuthRef" in record["response"])
        self._size += length
        return booking

    def _load(self) -> None:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    self._remember(simplejson.loads(line, use_decimal=True), len(line))
                except (ValueError, KeyError, TypeError) as fault:
                    raise ValueError(
                        f"line {number} of the sandbox ledger {self._path} is no booking;"
                        " restore the file or start with a new one"
                    ) from fault
        # A kill in the middle of a line: nobody was told of it, so it never happened.
        if self._path.stat().st_size > self._size:
            os.truncate(self._path, self._size)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
