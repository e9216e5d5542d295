"""Reading submissions: listings, one with its attempts, exact bytes, and why it is not sent now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain import flow
from payer_gateway.domain.errors import NotFound
from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.money import Money
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import State
from payer_gateway.storage import bodies, consultations, insurers_mode, ledger, listings, outbox
from payer_gateway.storage.database import Work
from payer_gateway.storage.listings import Filters
from payer_gateway.workflow import insurer_says, steering, summary
from payer_gateway.workflow.services import Services


def page(s: Services, principal: Principal, filters: Filters) -> list[dict[str, Any]]:
    """One page of submissions, oldest first; the next one starts after the last id."""
    principal.must_be_allowed(Act.READ_SUBMISSION)
    with s.database.read() as work:
        return [
            summary.of_submission(row, row.cause_label)
            for row in listings.submissions(work, principal.tenant_id, filters)
        ]


def listing(
    s: Services,
    principal: Principal,
    *,
    limit: int,
    after: str | None = None,
    state: str | None = None,
    insurer: str | None = None,
    consultation: str | None = None,
    use: str | None = None,
    unanswered: int | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """One page, and the id after which the next one starts; None after the last."""
    filters = Filters(state, insurer, consultation, use, unanswered, after, limit + 1)
    rows = page(s, principal, filters)
    return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None


def all_submissions(
    s: Services, principal: Principal, filters: Filters
) -> Iterator[dict[str, Any]]:
    """Every matching submission, read page by page."""
    while True:
        rows = page(s, principal, filters)
        yield from rows
        if len(rows) < filters.limit:
            return
        filters = replace(filters, after=rows[-1]["id"])


def consultation(s: Services, principal: Principal, consultation_id: str) -> dict[str, Any]:
    principal.must_be_allowed(Act.READ_CONSULTATION)
    with s.database.read() as work:
        return summary.of_consultation(work, principal.tenant_id, consultation_id)


def waiting_for_person(s: Services, principal: Principal) -> list[dict[str, Any]]:
    """Planned claims that a person decides on, oldest due first, each with its reasons."""
    principal.must_be_allowed(Act.DECIDE_CONSULTATION)
    with s.database.read() as work:
        rows = []
        for planned in consultations.waiting_for_person(work, principal.tenant_id):
            decided = consultations.decision_by_id(work, planned.tenant_id, planned.decision_id)
            reasons = summary.stored_decision(work, decided).reasons
            rows.append(
                {
                    "consultation": planned.consultation_id,
                    "source_id": planned.source_id,
                    "insurer": planned.insurer_id,
                    "use": planned.use,
                    "due_on": planned.due_on.isoformat(),
                    "why": planned.closed_cause or " ".join(r.sentence for r in reasons),
                }
            )
        return rows


def one_submission(s: Services, principal: Principal, submission_id: str) -> dict[str, Any]:
    """The row of the listing with ``attempt_list``, ``ledger``, ``insurer_says``,
    ``why_not_sent``."""
    principal.must_be_allowed(Act.READ_SUBMISSION)
    with s.database.read() as work:
        row = outbox.get(work, principal.tenant_id, submission_id)
        label = listings.cause_label(work, row)
        return {
            **summary.of_submission(row, label),
            "lane": row.lane_key,
            "follows": row.follows_id,
            "profile": f"{row.profile}/v{row.profile_version}",
            "profile_digest": row.profile_digest,
            "control_number": row.control_number,
            "next_at": row.next_at.isoformat(),
            "filing_due": row.filing_due.isoformat(),
            "adjudication_due": row.adjudication_due.isoformat() if row.adjudication_due else None,
            "attempt_list": [_attempt(a) for a in outbox.attempts(work, row.tenant_id, row.id)],
            "ledger": [_fact(f) for f in ledger.of_submission(work, row.tenant_id, row.id)],
            "insurer_says": [insurer_says.as_json(e) for e in insurer_says.said_of(s, work, row)],
            "why_not_sent": why_not_sent(s, work, row, label),
        }


def _attempt(a: Row[Any]) -> dict[str, Any]:
    return {
        "n": a.n,
        "kind": a.kind,
        "trigger": a.trigger,
        "started_at": a.started_at.isoformat(),
        "ended_at": a.ended_at.isoformat() if a.ended_at else None,
        "class": a._mapping["class"],
        "http_status": a.http_status,
        "error": a.error,
        "retry_after": a.retry_after,
    }


def _fact(f: Row[Any]) -> dict[str, Any]:
    def money(minor: int | None) -> str | None:
        return None if minor is None else str(Money.from_minor(minor, f.currency).amount)

    return {
        "kind": f.kind,
        "line": f.line,
        "at": f.at.isoformat(),
        "outcome": f.outcome,
        "approved": f.approved,
        "review": f.review,
        "second_opinion": f.second_opinion,
        "currency": f.currency,
        "billed": money(f.billed_minor),
        "allowed": money(f.allowed_minor),
        "payable": money(f.payable_minor),
        "patient": money(f.patient_minor),
        "control_number": f.control_number,
    }


def why_not_sent(s: Services, work: Work, row: Row[Any], cause: str | None) -> str | None:
    """One sentence on why it is not being sent right now; None once the insurer has it."""
    state = State(row.state)
    if state in (State.ACCEPTED, State.SUPERSEDED):
        return None
    if state is State.SENDING:
        return "It is being sent."
    if state in (State.IN_DOUBT, State.INQUIRING):
        return (
            "Whether the insurer has it is unknown; it is asked first, from"
            f" {row.next_at:%Y-%m-%d %H:%M:%S}Z, and sent again only after two answers that it has"
            " not."
        )
    if state is State.RETRY_WAIT:
        return f"It is tried again at {row.next_at:%Y-%m-%d %H:%M:%S}Z ({cause or 'no cause'})."
    if state is State.CANCELLED:
        return "It was cancelled."
    if state is State.REJECTED:
        return f"The insurer rejected it ({cause}); it waits for a person."
    if state is State.NEEDS_HUMAN:
        return f"It waits for a person ({cause or 'see its story: payer-gateway explain'})."
    return _held(s, work, row) or "It is next in line."


def _held(s: Services, work: Work, row: Row[Any]) -> str | None:
    """What holds a ready submission back, the first thing that does."""
    if row.insurer_id not in s.addresses:
        name = row.insurer_id.upper().replace("-", "_")
        return f"Held: the insurer has no address; set PAYER_GATEWAY_INSURER_{name}_URL."
    if (stop := insurers_mode.stopped(work, row.tenant_id)) is not None:
        return f"Held: everything is stopped by {stop.stopped_by}: {stop.stopped_reason}"
    mode = insurers_mode.get(work, row.tenant_id, row.insurer_id)
    if mode is not None and (why := _held_by_insurer(mode, work.now)) is not None:
        return f"Held: {row.insurer_id} {why}"
    if (opens := steering.opens(s, row.insurer_id, work.now)) is not None:
        return f"Held: outside {row.insurer_id}'s calling hours; they begin at {opens:%a %H:%M}Z."
    older = outbox.older_open_in_lane(work, row)
    if older is not None:
        return f"Held: the older claim of its lane, {older.id}, is {older.state}."
    if (followed := outbox.stuck_before(work, row)) is not None:
        return f"Held: the claim it follows from, {followed.id}, is {followed.state}."
    if row.next_at > work.now:
        return f"It is sent at {row.next_at:%H:%M:%S}Z."
    if mode is not None and flow.allowance(insurers_mode.flow_of(mode), work.now) == 0:
        rate = f"{mode.rate_per_s:g} a second" if mode.rate_per_s else "the ramp after an outage"
        return f"Next in line, as fast as {row.insurer_id} takes them ({rate})."
    return None


def _held_by_insurer(mode: Row[Any], now: datetime) -> str | None:
    if mode.mode == "paused":
        return f"is paused by {mode.mode_by}: {mode.mode_reason}"
    if mode.mode == "draining":
        return f"is draining, nothing new is sent, by {mode.mode_by}: {mode.mode_reason}"
    if mode.breaker == Breaker.OPEN:
        when = f"{mode.breaker_until:%H:%M:%S}Z" if mode.breaker_until else "once"
        return f"refuses us ({mode.breaker_error}); the next probe is at {when}."
    if mode.breaker == Breaker.HALF_OPEN:
        return f"refused us ({mode.breaker_error}); one claim at a time tries it again."
    if mode.not_before is not None and mode.not_before > now:
        return f"asked us to wait (Retry-After) until {mode.not_before:%Y-%m-%d %H:%M:%S}Z."
    return None


def exchanged_bytes(s: Services, principal: Principal, submission_id: str, what: str) -> bytes:
    """The exact bytes of the last attempt: ``request`` (before any attempt: what would go) or
    ``reply`` (of the last exchange that had one). Raises NotFound when there is no reply."""
    principal.must_be_allowed(Act.READ_BYTES)
    with s.database.read() as work:
        row = outbox.get(work, principal.tenant_id, submission_id)
        if what == "request":
            return bodies.get(work, row.tenant_id, row.body_id)
        for attempt in reversed(outbox.attempts(work, row.tenant_id, row.id)):
            if attempt.reply_body_id is not None:
                return bodies.get(work, row.tenant_id, attempt.reply_body_id)
    raise NotFound(f"submission {row.id} has no reply")
