"""What an insurer's answer sets in motion: facts in the ledger, corrections that take effect, and
what waited for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.answer import Issue, Reading
from payer_gateway.domain.claim import Relation, Use
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import causes, consultations, ledger, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow import waiting
from payer_gateway.workflow.claiming import is_correction

SLOWEST_POLL = timedelta(days=7)
NEVER = timedelta(days=3650)


def accepted(
    work: Work,
    row: Row[Any],
    reading: Reading,
    profile: Profile,
    reply_body_id: str | None,
    by: str,
) -> dict[str, Any]:
    """The insurer has the claim: the acknowledgement and, if it came along, the adjudication.

    Returns the columns to set on the submission that is being moved to accepted.
    """
    ledger.acknowledged(work, row, reading.control_number, reply_body_id, reading.so_far)
    values: dict[str, Any] = {"cause_id": None}
    if reading.control_number is not None:
        values["control_number"] = reading.control_number
    take_its_place(work, row, reply_body_id, by)
    if reading.adjudication is None:
        values["adjudication_due"] = first_poll(work.now, profile)
    else:
        values |= adjudicated(work, row, reading, reply_body_id)
    return values


def take_its_place(work: Work, row: Row[Any], reply_body_id: str | None, by: str) -> None:
    """A replacement or void that the insurer has: the accepted claim it names is superseded."""
    claim_row = consultations.claim_by_id(work, row.tenant_id, row.claim_id)
    if not is_correction(claim_row.relation) or row.follows_id is None:
        return
    replaced = outbox.get(work, row.tenant_id, row.follows_id, lock=True)
    if replaced.state != State.ACCEPTED.value:
        return
    is_void = claim_row.relation == Relation.VOID.value
    outbox.move(work, replaced, State.SUPERSEDED, "voided" if is_void else "replaced", by)
    ledger.corrected(work, replaced, reply_body_id)
    if is_void and row.use == Use.PREAUTHORIZATION.value:
        waiting.authorization_withdrawn(work, replaced)
    elif is_void:
        waiting.no_primary_result(work, replaced, claim_row.coverage_order, "it was withdrawn")


def adjudicated(
    work: Work, row: Row[Any], reading: Reading, reply_body_id: str | None
) -> dict[str, Any]:
    """The insurer's decision: into the ledger, and on to what waited for it.

    The same decision in other words (fetched, and brought as well) is one fact. Two that
    contradict each other are both kept; the one that the insurer dates later stands, and only
    that one sets anything in motion.
    """
    answer = reading.adjudication
    assert answer is not None  # noqa: S101 - callers pass a reading that has one
    control_number = reading.control_number or row.control_number
    stands = ledger.standing(work, row)
    if stands is not None and ledger.says_the_same(work, stands, answer):
        return {"adjudication_due": None}
    ledger.adjudicated(work, row, answer, control_number, reply_body_id)
    if stands is not None and (answer.said_at or work.now) < (stands.said_at or stands.at):
        return {"adjudication_due": None}
    values: dict[str, Any] = {"adjudication_due": None, "adjudicated_at": work.now}
    if stands is not None:
        values["cause_id"] = None
    if answer.outcome == "error":
        # The insurer has it and says, late, that it cannot process it: accepted, and not good.
        # The cause makes a person see it; a replacement mends it.
        issue = reading.issues[0] if reading.issues else None
        refused = OutcomeClass.REJECTED
        values["cause_id"] = causes.record(
            work, row.tenant_id, row.insurer_id, refused, None, issue
        )
    if row.use == Use.PREAUTHORIZATION.value:
        came_too_late = waiting.authorization_answered(work, row, answer)
        if came_too_late:
            values["cause_id"] = _too_late(work, row)
    else:
        waiting.primary_answered(work, row, answer, control_number)
    if control_number is not None:
        values["control_number"] = control_number
    return values


def _too_late(work: Work, row: Row[Any]) -> str:
    """A claim quotes this authorization already, and now it is denied: a person sees to it."""
    issue = Issue("authorization-withdrawn", "", "denied after a claim was made on it")
    return causes.record(work, row.tenant_id, row.insurer_id, OutcomeClass.REJECTED, None, issue)


def first_poll(now: datetime, profile: Profile) -> datetime:
    """When an answer that did not come along is asked for; for insurers that cannot be asked for
    it: never, it comes in by itself."""
    if profile.delivery.answer is None:
        return now + NEVER
    return now + timedelta(seconds=profile.delivery.adjudication_poll_s)


def next_poll(now: datetime, accepted_at: datetime | None, profile: Profile) -> datetime:
    """The profile's pace at first, then ever slower: a quarter of the time it has taken so far."""
    pace = timedelta(seconds=profile.delivery.adjudication_poll_s)
    waited = now - (accepted_at or now)
    return now + max(pace, min(waited / 4, max(pace, SLOWEST_POLL)))
