"""Repair by a person: replay, resolve, cancel, decide. Each says who and why; none of them may
send again what the insurer might have booked already."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeGuard

from sqlalchemy import Row

from payer_gateway.domain.claim import WaitsFor
from payer_gateway.domain.errors import Conflict, Fault, InvalidInput, MappingError
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.reasons import Code, Reason, Verdict
from payer_gateway.domain.submission import (
    NEXT,
    WAITS_FOR_PERSON,
    OutcomeClass,
    State,
    retry_budget,
)
from payer_gateway.mapping import decision_json
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, consultations, ledger, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow import following, summary, waiting
from payer_gateway.workflow.claiming import is_correction
from payer_gateway.workflow.doubting import put_in_doubt
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import profile_of

# After one of these nobody knows whether the insurer booked the claim (rule L7: evidence first).
_UNKNOWN = frozenset(
    {
        OutcomeClass.IN_DOUBT.value,
        OutcomeClass.DUPLICATE_REPORTED.value,
        OutcomeClass.DUPLICATE_AT_INSURER.value,
        OutcomeClass.UNREADABLE_ANSWER.value,
    }
)


def replay_one(
    s: Services, principal: Principal, submission_id: str, reason: str
) -> dict[str, Any]:
    """Send a rejected or stuck submission again: the same claim, the same bytes (rule L5).

    Raises Conflict, with the way on, when its state or what is known of it does not allow that.
    """
    principal.must_be_allowed(Act.REPAIR_SUBMISSION)
    must_say(reason, "reason")
    with s.database.write() as work:
        row = outbox.get(work, principal.tenant_id, submission_id, lock=True)
        if State(row.state) not in (State.REJECTED, State.NEEDS_HUMAN):
            raise Conflict(f"submission {row.id} is {row.state}: {_HINT[State(row.state)]}")
        _must_still_correct(work, row)
        profile = profile_of(s, row)
        if is_unknown(row) and row.state == State.REJECTED.value and _can_be_asked(profile):
            # Known once, forgotten by a restore: the insurer can tell.
            put_in_doubt(s, work, row, profile, "replay", principal.subject, reason=reason)
            return summary.of_submission(outbox.get(work, row.tenant_id, row.id), None)
        must_be_known(row)
        values: dict[str, Any] = {"trigger": "manual", **_fresh_start(s, work, row)}
        if row.last_class == OutcomeClass.REJECTED.value and _wants_new_key(s, row):
            # An insurer that remembers keys would hand back the stored rejection.
            number = row.claim_identifier.partition("|")[2]
            values["idempotency_key"] = f"{number}-{row.attempts + 1}"
        outbox.move(work, row, State.READY, "replay", principal.subject, reason=reason, **values)
        return summary.of_submission(outbox.get(work, row.tenant_id, row.id), None)


def resolve(
    s: Services,
    principal: Principal,
    submission_id: str,
    *,
    booked: bool,
    evidence: str,
    control_number: str | None = None,
) -> dict[str, Any]:
    """A person found out whether the insurer booked it. Booked: accepted, with the insurer's own
    number of it where that is known (a void needs it). Not booked: ready."""
    principal.must_be_allowed(Act.REPAIR_SUBMISSION)
    must_say(evidence, "evidence")
    if control_number is not None and (not booked or not 0 < len(control_number.strip()) <= 100):
        cure = "give the insurer's number, 1 to 100 characters, of what it has booked"
        raise InvalidInput((Fault("control_number", control_number[:80], cure),))
    with s.database.write() as work:
        row = outbox.get(work, principal.tenant_id, submission_id, lock=True)
        by = principal.subject
        if State(row.state) is State.REJECTED and is_unknown(row):
            row = _as_unknown(work, row, by)
        if State(row.state) is not State.NEEDS_HUMAN:
            raise Conflict(f"submission {row.id} is {row.state}: only needs_human is resolved")
        if booked:
            number = (control_number or "").strip() or row.control_number
            ledger.acknowledged(work, row, number, None)
            following.take_its_place(work, row, None, by)
            outbox.move(
                work,
                row,
                State.ACCEPTED,
                "resolved as booked",
                by,
                reason=evidence,
                cause_id=None,
                control_number=number,
                adjudication_due=_answer_due(s, work, row),
            )
        else:
            _must_still_correct(work, row)
            outbox.move(
                work,
                row,
                State.READY,
                "resolved as not booked",
                by,
                reason=evidence,
                trigger="manual",
                not_found_count=0,
                crash_count=0,
                **_fresh_start(s, work, row),
            )
        return summary.of_submission(outbox.get(work, row.tenant_id, row.id), None)


def _as_unknown(work: Work, row: Row[Any], by: str) -> Row[Any]:
    """Rejected once, forgotten by a restore: it is resolved as what nobody knows."""
    event = "restored from a backup"
    outbox.move(work, row, State.IN_DOUBT, event, by, next_at=work.now)
    moved = outbox.get(work, row.tenant_id, row.id)
    outbox.move(work, moved, State.NEEDS_HUMAN, event, by)
    return outbox.get(work, row.tenant_id, row.id)


def cancel(
    s: Services,
    principal: Principal,
    submission_id: str,
    reason: str,
    *,
    not_booked: str | None = None,
) -> dict[str, Any]:
    """Take back a submission before anything was booked; what waited for it is closed.

    Where nobody knows whether it is booked, ``not_booked`` is the evidence that it is not: so it
    need not be made ready, and perhaps sent, before it can be taken back.
    """
    principal.must_be_allowed(Act.REPAIR_SUBMISSION)
    must_say(reason, "reason")
    with s.database.write() as work:
        row = outbox.get(work, principal.tenant_id, submission_id, lock=True)
        if State.CANCELLED not in NEXT[State(row.state)]:
            raise Conflict(f"submission {row.id} is {row.state}: {_HINT[State(row.state)]}")
        if not_booked is None:
            must_be_known(row)
        else:
            must_say(not_booked, "not_booked")
            reason = f"{reason} (not booked: {not_booked})"
        outbox.move(work, row, State.CANCELLED, "cancelled", principal.subject, reason=reason)
        waiting.cancelled(work, row)
        return summary.of_submission(outbox.get(work, row.tenant_id, row.id), None)


def decide_by_person(
    s: Services, principal: Principal, consultation_id: str, *, eligible: bool, reason: str
) -> dict[str, Any]:
    """A person decides what waits for one: a new decision supersedes the old one, which stays."""
    principal.must_be_allowed(Act.DECIDE_CONSULTATION)
    must_say(reason, "reason")
    with s.database.write() as work:
        row = consultations.get(work, principal.tenant_id, consultation_id, lock=True)
        waiting = [
            p
            for p in consultations.planned(work, row.tenant_id, row.id)
            if p.state == "open" and p.waits_for == WaitsFor.PERSON.value
        ]
        if not waiting:
            raise Conflict(f"consultation {row.id} does not wait for a person")
        for planned in waiting:
            decision_id = _supersede(work, planned, principal, eligible, reason)
            if eligible:
                consultations.change_planned(
                    work,
                    planned,
                    decision_id=decision_id,
                    waits_for=WaitsFor.SERVICE_DAY.value,
                    closed_cause=None,
                )
            else:
                consultations.change_planned(
                    work, planned, decision_id=decision_id, state="closed", closed_cause=reason
                )
        return summary.of_consultation(work, row.tenant_id, row.id)


def _supersede(
    work: Work, planned: Row[Any], principal: Principal, eligible: bool, reason: str
) -> str:
    old = consultations.decision_by_id(work, planned.tenant_id, planned.decision_id)
    code = Code.DECIDED_BY_PERSON if eligible else Code.REFUSED_BY_PERSON
    decided = decision_json.restated(
        summary.stored_decision(work, old),
        Verdict.ELIGIBLE if eligible else Verdict.NOT_ELIGIBLE,
        (Reason(code, "person", {"reason": reason}),),
    )
    body = decision_json.encode(decided, None, None)
    copied = (
        "tenant_id consultation_id revision coverage_order insurer_id plan plan_version"
        " plan_digest ruleset coverage_source input_sha256 decided_on"
    ).split()
    return consultations.add_decision(
        work,
        {
            **{name: getattr(old, name) for name in copied},
            "verdict": decided.verdict.value,
            "body_id": bodies.put(work, old.tenant_id, body, "application/json"),
            "decided_by": principal.subject,
            "supersedes_id": old.id,
        },
    )


def _fresh_start(s: Services, work: Work, row: Row[Any]) -> dict[str, Any]:
    """A person's send starts a new retry budget; the filing deadline stays what it is."""
    try:
        schedule = s.shelf.version(row.profile, row.profile_version).delivery.retry_after_s
    except MappingError:
        schedule = ()
    return {
        "retries": 0,
        "next_at": work.now,
        "budget_until": work.now + retry_budget(schedule),
        "cause_id": None,
    }


def _wants_new_key(s: Services, row: Row[Any]) -> bool:
    return s.shelf.version(row.profile, row.profile_version).delivery.key_after_reject == "new"


def _must_still_correct(work: Work, row: Row[Any]) -> None:
    """A replacement or void is only of use while the claim it names stands."""
    relation = consultations.claim_by_id(work, row.tenant_id, row.claim_id).relation
    if not is_correction(relation) or row.follows_id is None:
        return
    named = outbox.get(work, row.tenant_id, row.follows_id)
    if named.state != State.ACCEPTED.value:
        raise Conflict(
            f"submission {row.id} was to {relation} {named.id}, which is {named.state} by now;"
            " cancel it"
        )


def _answer_due(s: Services, work: Work, row: Row[Any]) -> datetime:
    """Fetched at once where it can be; else it comes in by itself."""
    profile = profile_of(s, row)
    if profile is None or profile.delivery.answer is None:
        return work.now + following.NEVER
    return work.now


def is_unknown(row: Row[Any]) -> bool:
    """Whether it waits for a person and nobody knows whether the insurer booked it."""
    return row.last_class in _UNKNOWN and State(row.state) in WAITS_FOR_PERSON


def _can_be_asked(profile: Profile | None) -> TypeGuard[Profile]:
    return profile is not None and profile.delivery.inquire is not None


def must_be_known(row: Row[Any]) -> None:
    """Raise Conflict while it is unknown whether the insurer booked it (rule L7)."""
    if is_unknown(row):
        raise Conflict(
            f"nobody knows whether the insurer booked submission {row.id}; find out, then"
            f" `payer-gateway submission resolve {row.id} --booked|--not-booked --evidence …`"
        )


def must_say(text: str, field: str) -> None:
    """Raise InvalidInput for a blank reason: who repairs says why."""
    if not text.strip():
        raise InvalidInput((Fault(field, text, "say why, in a few words"),))


_HINT: dict[State, str] = {
    State.READY: "it is about to be sent",
    State.SENDING: "it is being sent",
    State.RETRY_WAIT: "it is sent again by itself",
    State.IN_DOUBT: "the insurer is asked about it first; sending it now could bill twice",
    State.INQUIRING: "the insurer is being asked about it",
    State.ACCEPTED: "the insurer has it; correct it by a replacement or a void",
    State.REJECTED: "it was rejected",
    State.NEEDS_HUMAN: "it waits for a person",
    State.CANCELLED: "it was cancelled; submit the consultation again, corrected",
    State.SUPERSEDED: "another claim took its place",
}
