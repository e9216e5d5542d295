"""The desk: takes a submission in the mood of the day, books it, and answers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from payer_gateway.sandbox import fhir
from payer_gateway.sandbox.authorizing import AuthorizationDesk
from payer_gateway.sandbox.fees import (
    AUTHORIZATION_ABSENT,
    NOT_COVERED,
    added_up,
    adjudicate,
)
from payer_gateway.sandbox.intake import Submission
from payer_gateway.sandbox.ledger import Ledger, Numbers, Record
from payer_gateway.sandbox.money import money
from payer_gateway.sandbox.moods import Mood
from payer_gateway.sandbox.notifying import Notifier
from payer_gateway.sandbox.profile import Profile
from payer_gateway.sandbox.refusal import Issue, Refusal

ANSWERS_LATE_BY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    resource: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LineDropped:
    """Booked, and nobody will be told."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Booked, and answered with something that is no FHIR."""

    body: str = field(default="<html><body><h1>It works!</h1></body></html>")


Answer = Answered | LineDropped | Unreadable


class Desk:
    """One insurer with one ledger. Safe for threads."""

    def __init__(self, ledger: Ledger, profile: Profile, notifier: Notifier) -> None:
        self._ledger, self._profile = ledger, profile
        self._authorizing = AuthorizationDesk(ledger, profile, notifier)
        self._turned_away: set[str] = set()
        self._lock = threading.Lock()

    def take(self, submission: Submission, mood: Mood) -> Answer:
        """Books what it accepts, every time, and answers as the mood says.

        Raises Refusal if the mood is to refuse; then nothing was booked.
        """
        if mood is Mood.REJECT:
            raise Refusal(
                422,
                Issue(
                    "business-rule",
                    "This member's claims are rejected; send another member id.",
                    "Claim.insurance.coverage",
                ),
            )
        if mood is Mood.BUSY:
            self._turn_away_once(submission.claim_identifier)
        is_pas = submission.is_pas
        if is_pas:
            self._authorizing.check(submission)
        write = self._authorizing.record if is_pas else self._record
        booking = self._ledger.book(
            submission.claim_identifier,
            lambda numbers: write(submission, mood, numbers),
            once=mood is Mood.DEDUPE,
        )
        if mood is Mood.DROP and booking.nth_in_mood == 1:
            return LineDropped()
        if mood is Mood.GARBAGE:
            return Unreadable()
        record = self._ledger.record(booking)
        if is_pas:
            return Answered(200, self._authorizing.answer(record))
        response: dict[str, Any] = record["response"]
        return Answered(202, _queued(response)) if mood is Mood.LATE else Answered(200, response)

    def inquire(self, raw: dict[str, Any]) -> dict[str, Any]:
        """What the operation $inquire answers. Raises Refusal for a question without an asker."""
        return self._authorizing.inquire(raw)

    def claims(self, claim_identifier: str) -> list[tuple[str, dict[str, Any]]]:
        """The claims booked under an identifier as they came in, named, one per booking."""
        return [
            (f"{claim_identifier}/{booking.offset}", self._ledger.record(booking)["claim"])
            for booking in self._ledger.of(claim_identifier)
        ]

    def listed(
        self, since: str, until: str, insurer: str, start: int, count: int
    ) -> tuple[list[tuple[str, dict[str, Any]]], int]:
        """A page of the claims made on these days (``YYYY-MM-DD``), and how many there are in all.

        Of one insurer where there are bookings of that name, else of all.
        """
        bookings = self._ledger.every()
        if any(booking.insurer == insurer for booking in bookings):
            bookings = [booking for booking in bookings if booking.insurer == insurer]
        found = [b for b in bookings if since <= b.created[:10] <= until]
        page = [
            (f"{b.claim_identifier}/{b.offset}", self._ledger.record(b)["claim"])
            for b in found[start : start + count]
        ]
        return page, len(found)

    def responses(self, claim_identifier: str) -> list[tuple[str, dict[str, Any]]]:
        """The answers to an identifier that are due, named, one per booking."""
        now = datetime.now(UTC)
        return [
            (f"{claim_identifier}/{booking.offset}", self._ledger.record(booking)["response"])
            for booking in self._ledger.of(claim_identifier)
            if booking.due_at <= now
        ]

    def _turn_away_once(self, claim_identifier: str) -> None:
        with self._lock:
            first = claim_identifier not in self._turned_away
            self._turned_away.add(claim_identifier)
        if first and not self._ledger.of(claim_identifier):
            raise Refusal(
                503,
                Issue("transient", "Too busy; nothing was taken. Send it again in a second."),
                headers={"Retry-After": "1"},
            )

    def _record(self, submission: Submission, mood: Mood, numbers: Numbers) -> Record:
        now = datetime.now(UTC)
        currency = submission.currency
        decided, payable = self._decide(submission, mood, numbers, now)
        response = self._profile.in_its_words(decided, submission.use)
        billed = sum((line.net for line in submission.lines), money(Decimal(0), currency))
        return {
            "claim_identifier": submission.claim_identifier,
            "insurer": submission.insurer_name,
            "use": submission.use,
            "currency": currency,
            "billed": str(billed),
            "payable": str(payable),
            "claim": submission.claim,
            "response": response,
            "member_mood": mood.value,
            "booked_at": now.isoformat(),
            "due_at": (now + ANSWERS_LATE_BY if mood is Mood.LATE else now).isoformat(),
        }

    def _decide(
        self, submission: Submission, mood: Mood, numbers: Numbers, now: datetime
    ) -> tuple[dict[str, Any], Decimal]:
        denied_for, disposition = _denial(submission, mood)
        response = fhir.response_to(
            submission, numbers, now, outcome="complete", disposition=disposition
        )
        nothing = money(Decimal(0), submission.currency)
        if submission.use == "preauthorization":
            if denied_for is None:
                response |= fhir.authorized(submission, numbers, now)
            return response, nothing
        lines = [
            adjudicate(line, submission.currency, self._profile.fees, denied_for)
            for line in submission.lines
        ]
        response |= fhir.adjudicated(lines, submission.currency, now)
        return response, added_up(lines, submission.currency).benefit


def _denial(submission: Submission, mood: Mood) -> tuple[str | None, str]:
    if mood is Mood.DENY:
        return NOT_COVERED, "Denied"
    if mood is Mood.AUTH and submission.use == "claim" and not submission.pre_auth_ref:
        return (
            AUTHORIZATION_ABSENT,
            "Denied: prior authorization is required; ask for one and send its number as"
            " insurance.preAuthRef",
        )
    return None, "Authorized" if submission.use == "preauthorization" else "Paid by fee schedule"


def _queued(final: dict[str, Any]) -> dict[str, Any]:
    """The answer before the answer: nothing of it is decided yet."""
    decided = ("item", "total", "payment", "preAuthRef", "preAuthPeriod")
    early = {key: value for key, value in final.items() if key not in decided}
    return early | {"outcome": "queued", "disposition": "Received; the answer follows"}
