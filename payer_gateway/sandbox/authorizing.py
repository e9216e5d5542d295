"""The desk for prior authorizations in the sense of Da Vinci PAS: decides, books, can be asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from payer_gateway.sandbox import pas
from payer_gateway.sandbox.bundle import Bundle, dicts, section, text
from payer_gateway.sandbox.intake import Submission
from payer_gateway.sandbox.ledger import Ledger, Numbers, Record
from payer_gateway.sandbox.money import money
from payer_gateway.sandbox.moods import Mood
from payer_gateway.sandbox.notifying import Notifier
from payer_gateway.sandbox.profile import Profile
from payer_gateway.sandbox.refusal import Issue, Refusal
from payer_gateway.sandbox.updates import previous_identifier, update_faults

DECIDES_AFTER = timedelta(seconds=2)
NPI = "http://hl7.org/fhir/sid/us-npi"
_AT_ONCE = {
    Mood.DENY: pas.Decided(pas.DENIED),
    Mood.SECOND: pas.Decided(pas.DENIED, second_opinion=True),
    Mood.MODIFY: pas.Decided(pas.MODIFIED),
    Mood.ERROR: pas.Decided(pas.DENIED, error=True),
}
_LATER = (Mood.PEND, Mood.LATE)


class AuthorizationDesk:
    def __init__(self, ledger: Ledger, profile: Profile, notifier: Notifier) -> None:
        self._ledger, self._profile, self._notifier = ledger, profile, notifier

    def check(self, submission: Submission) -> None:
        """Raises Refusal for an update that is not told as PAS wants it, or that may not be."""
        claim, bundle = submission.claim, submission.bundle
        if bundle is None or not dicts(claim.get("related")):
            return
        earlier = self._newest(previous_identifier(claim) or "")
        booked = None if earlier is None else earlier["claim"]
        carries = self._profile.carries_old
        faults = update_faults(bundle, claim, booked, carries_old=carries)
        if not faults and earlier is not None and not earlier["authorized"]:
            faults = [
                Issue(
                    "business-rule",
                    "A denied request may not be updated; send a new one.",
                    "Claim.related",
                )
            ]
        if faults:
            raise Refusal(422, *faults)

    def record(self, submission: Submission, mood: Mood, numbers: Numbers) -> Record:
        """What is booked: the request, the answer it gets now and the one it gets in the end."""
        now = datetime.now(UTC)
        final = _AT_ONCE.get(mood, pas.Decided(pas.CERTIFIED))
        first = pas.Decided(pas.PENDED) if mood in _LATER else final
        queues = self._profile.queues
        said = [
            self._profile.in_its_words(
                pas.answer(submission, numbers, now, decided, queues=queues), submission.use
            )
            for decided in (final, first)
        ]
        bundle = said[0]
        currency = submission.currency
        billed = sum((line.net for line in submission.lines), money(Decimal(0), currency))
        due = now + DECIDES_AFTER if mood in _LATER else now
        return {
            "claim_identifier": submission.claim_identifier,
            "insurer": submission.insurer_name,
            "use": submission.use,
            "currency": currency,
            "billed": str(billed),
            "payable": str(money(Decimal(0), currency)),
            "claim": submission.claim,
            "response": bundle["entry"][0]["resource"],
            "bundle": bundle,
            "first": said[1],
            "authorized": final.grants,
            "member_id": submission.member_id,
            "npi": sorted(_npis(submission)),
            "traces": list(pas.traces_of(submission.claim)),
            "previous": previous_identifier(submission.claim),
            "member_mood": mood.value,
            "booked_at": now.isoformat(),
            "due_at": due.isoformat(),
        }

    def answer(self, record: Record) -> dict[str, Any]:
        """What is said at once; the decision of a pended request is brought when it is due."""
        if record["member_mood"] in _LATER:
            due = datetime.fromisoformat(record["due_at"])
            self._notifier.at(due, lambda: dict(record["bundle"]))
        first: dict[str, Any] = record["first"]
        return first

    def inquire(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The current answers to what a question is about: member and provider must match (PAS
        spec-53), then the traces of its lines; of an updated request only the latest answer is
        current (spec-47, spec-48). Raises Refusal for a question that names neither."""
        bundle = Bundle(raw)
        claim = bundle.first("Claim") or {}
        member, npis = _member(bundle, claim), _npis_of(bundle, claim)
        if not member or not npis:
            cure = "Name the member by its number and the provider by its NPI."
            raise Refusal(400, Issue("required", cure, "Claim"))
        now = datetime.now(UTC)
        traces = set(pas.traces_of(claim))
        found: dict[str, Record] = {}
        for record in self._requests():
            asked = not traces or traces & set(record["traces"])
            if record["member_id"] == member and npis & set(record["npi"]) and asked:
                found.pop(record["previous"] or "", None)
                found[record["claim_identifier"]] = record
        answers = [
            r["bundle"] if datetime.fromisoformat(r["due_at"]) <= now else r["first"]
            for r in found.values()
        ]
        return pas.inquired(answers, now, self._profile.inquiry_result)

    def _requests(self) -> Iterator[Record]:
        for booking in self._ledger.bookings():
            if booking.use == "preauthorization":
                record = self._ledger.record(booking)
                if "bundle" in record:
                    yield record

    def _newest(self, identifier: str) -> Record | None:
        bookings = self._ledger.of(identifier) if identifier.strip("|") else []
        record = self._ledger.record(bookings[-1]) if bookings else None
        return record if record is not None and "bundle" in record else None


def _npis(submission: Submission) -> set[str]:
    return _npis_of(submission.bundle or Bundle({}), submission.claim)


def _npis_of(bundle: Bundle, claim: dict[str, Any]) -> set[str]:
    """The provider's own number and those of everybody in its care team."""
    references = [section(claim, "provider")]
    references += [section(member, "provider") for member in dicts(claim.get("careTeam"))]
    named = [bundle.follow(reference, claim) for reference in references]
    named += [bundle.follow(section(r, "practitioner"), claim) for r in named]
    return {
        text(each.get("value"))
        for resource in named
        for each in dicts(resource.get("identifier"))
        if each.get("system") == NPI
    }


def _member(bundle: Bundle, claim: dict[str, Any]) -> str:
    insurance = next(iter(dicts(claim.get("insurance"))), {})
    coverage = bundle.follow(section(insurance, "coverage"), claim)
    return text(coverage.get("subscriberId"))
