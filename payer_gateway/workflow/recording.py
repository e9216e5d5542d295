"""Recording: what came back from one exchange becomes the submission's next state and its facts,
in one transaction. If this transaction is lost the row stays leased, and the reaper asks (L9)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.domain.submission import AFTER_SEND, OutcomeClass, State
from payer_gateway.mapping.canonical import encode_checked
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, causes, outbox, picking
from payer_gateway.storage.database import Work
from payer_gateway.storage.picking import Leased
from payer_gateway.workflow import following, traffic
from payer_gateway.workflow.services import Services

_OF_SILENCE = {
    NoReplyKind.NOT_SENT: OutcomeClass.NOT_SENT,
    NoReplyKind.TLS: OutcomeClass.ENDPOINT_FAULT,
    NoReplyKind.FENCED: OutcomeClass.FENCED,
    NoReplyKind.UNKNOWN: OutcomeClass.IN_DOUBT,
}
# Headers of a reply that are worth keeping; none of them tells of a person.
_KEPT_HEADERS = ("content-type", "date", "retry-after", "server", "location", "x-request-id")
_DAY_S = 86400


def silence(reply: NoReply) -> Reading:
    """No complete answer is neither failure nor success: how far it had come decides."""
    return Reading(_OF_SILENCE[reply.kind])


def record_send(
    s: Services,
    work: Work,
    leased: Leased,
    profile: Profile,
    reply: Reply | NoReply,
    reading: Reading,
) -> State:
    """Close the attempt and move the submission; raises LeaseLost when it is not ours any more
    (then nothing of this is kept: whoever took it asks the insurer)."""
    row, worker = leased.row, leased.worker
    reply_body_id = _keep(work, row, reply)
    _close(work, leased, reply, reading.outcome, reply_body_id, reading.retry_after_s)
    outcome = reading.outcome
    our_fault = traffic.note(work, row, profile, reply, reading)
    values: dict[str, Any] = {"last_class": outcome.value}
    target = State.RETRY_WAIT if outcome is OutcomeClass.FENCED else AFTER_SEND[outcome]
    can_ask = profile.delivery.inquire is not None
    if outcome is OutcomeClass.DUPLICATE_REPORTED and not can_ask:
        target = State.NEEDS_HUMAN
    if target is State.ACCEPTED:
        values |= following.accepted(work, row, reading, profile, reply_body_id, worker)
    elif outcome is OutcomeClass.FENCED:
        # Our own slowness, nothing left the house: soon again, and no step of the schedule spent.
        values["next_at"] = work.now + timedelta(seconds=1)
    elif target is State.RETRY_WAIT and our_fault:
        # No insurer is reached: our own network. It costs the claim time, and no budget.
        values["next_at"] = _step(work.now, 0, profile)
        values["budget_until"] = row.budget_until + (values["next_at"] - work.now)
    elif target is State.RETRY_WAIT:
        values |= {
            "retries": row.retries + 1,
            "next_at": _next_try(work.now, row, profile, reading),
        }
    elif target is State.READY:
        values["next_at"] = work.now
    elif target is State.IN_DOUBT:
        wait = timedelta(0) if outcome is OutcomeClass.DUPLICATE_REPORTED else s.settle(profile)
        # A 500 that names a time is not asked about before it either.
        wait = max(wait, timedelta(seconds=reading.retry_after_s or 0))
        values |= {
            "settle_from": work.now,
            "next_at": work.now + wait,
            "not_found_count": 0,
        }
    if target in (State.REJECTED, State.NEEDS_HUMAN, State.IN_DOUBT, State.RETRY_WAIT):
        values["cause_id"] = _cause(work, row, reply, reading)
    outbox.move(work, row, target, outcome.value, worker, attempt_n=leased.attempt_n, **values)
    if target is State.IN_DOUBT and not can_ask:
        moved = outbox.get(work, row.tenant_id, row.id)
        outbox.move(
            work,
            moved,
            State.NEEDS_HUMAN,
            "cannot be asked about",
            worker,
            reason="this insurer has no inquiry: a person finds out and resolves it",
        )
        return State.NEEDS_HUMAN
    spends = target is State.RETRY_WAIT and outcome is not OutcomeClass.FENCED and not our_fault
    if spends and row.retries >= len(profile.delivery.retry_after_s):
        moved = outbox.get(work, row.tenant_id, row.id)
        outbox.move(work, moved, State.NEEDS_HUMAN, "retry budget spent", worker)
        return State.NEEDS_HUMAN
    return target


def record_inquiry(
    s: Services,
    work: Work,
    leased: Leased,
    profile: Profile,
    reply: Reply | NoReply,
    reading: Reading,
) -> State:
    """Found: accepted. Not found twice, a settle time apart: it may be sent again (rule L6).
    Anything else says nothing and is asked again."""
    row, worker = leased.row, leased.worker
    reply_body_id = _keep(work, row, reply)
    _close(work, leased, reply, reading.outcome, reply_body_id, reading.retry_after_s)
    traffic.note(work, row, profile, reply, reading)
    values: dict[str, Any] = {}
    if reading.outcome is OutcomeClass.FOUND:
        target, event = State.ACCEPTED, "found"
        values = following.accepted(work, row, reading, profile, reply_body_id, worker)
        values["last_class"] = OutcomeClass.FOUND.value
        if reading.adjudication is None and profile.delivery.answer is not None:
            values["adjudication_due"] = work.now
    elif reading.outcome is OutcomeClass.NOT_FOUND and row.not_found_count >= 1:
        target, event = State.READY, "not found twice"
        values = {
            "not_found_count": 0,
            "last_class": OutcomeClass.NOT_FOUND.value,
            "retries": row.retries + 1,
            "next_at": _next_send(work.now, row, profile),
        }
    elif reading.outcome is OutcomeClass.NOT_FOUND:
        target, event = State.IN_DOUBT, "not found for the first time"
        values = {"not_found_count": 1, "next_at": work.now + s.settle(profile)}
    else:
        target, event = State.IN_DOUBT, "no answer to the inquiry"
        wait = max(s.settle(profile), timedelta(seconds=max(1, reading.retry_after_s or 0)))
        values = {"next_at": work.now + wait}
    outbox.move(work, row, target, event, worker, attempt_n=leased.attempt_n, **values)
    if target is State.READY and row.retries >= len(profile.delivery.retry_after_s):
        moved = outbox.get(work, row.tenant_id, row.id)
        outbox.move(work, moved, State.NEEDS_HUMAN, "retry budget spent", worker)
        return State.NEEDS_HUMAN
    return target


def record_answer(
    work: Work,
    leased: Leased,
    profile: Profile,
    reply: Reply | NoReply,
    reading: Reading,
) -> None:
    """The adjudication of an accepted submission was asked for: it came, or is asked for later."""
    row = leased.row
    reply_body_id = _keep(work, row, reply)
    _close(work, leased, reply, reading.outcome, reply_body_id, reading.retry_after_s)
    traffic.note(work, row, profile, reply, reading)
    if reading.adjudication is not None:
        values = following.adjudicated(work, row, reading, reply_body_id)
    else:
        due = following.next_poll(work.now, row.closed_at, profile)
        if reading.retry_after_s is not None:
            due = max(due, work.now + timedelta(seconds=min(reading.retry_after_s, _DAY_S)))
        values = {"adjudication_due": due}
    picking.free_lease(work, row, **values)


def _next_send(now: datetime, row: Row[Any], profile: Profile) -> datetime:
    """Sent again at once the first time; an insurer that goes on losing claims is given the
    schedule's time."""
    if row.retries == 0:
        return now
    return _step(now, row.retries - 1, profile)


def _step(now: datetime, retries: int, profile: Profile) -> datetime:
    schedule = profile.delivery.retry_after_s
    step = schedule[min(retries, len(schedule) - 1)]
    return now + timedelta(seconds=step * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


def _close(
    work: Work,
    leased: Leased,
    reply: Reply | NoReply,
    outcome: OutcomeClass,
    reply_body_id: str | None,
    retry_after: int | None,
) -> None:
    facts: dict[str, Any] = {"reply_body_id": reply_body_id, "retry_after": retry_after}
    if isinstance(reply, Reply):
        facts |= {"http_status": reply.status, "reply_head": head_of(reply)}
    else:
        facts["error"] = reply.error[:300]
    outbox.close_attempt(work, leased.row, outcome, lease_token=leased.row.lease_token, **facts)


def _keep(work: Work, row: Row[Any], reply: Reply | NoReply) -> str | None:
    if not isinstance(reply, Reply):
        return None
    return bodies.put(work, row.tenant_id, reply.body, media_type_of(reply))


def head_of(reply: Reply) -> str:
    """The headers that are kept, as JSON."""
    head = {k: reply.headers[k][:200] for k in _KEPT_HEADERS if k in reply.headers}
    return encode_checked(head).decode()


def media_type_of(reply: Reply) -> str:
    return reply.headers.get("content-type", "application/octet-stream")[:100]


def _next_try(now: datetime, row: Row[Any], profile: Profile, reading: Reading) -> datetime:
    """The insurer's Retry-After in full (a day at most), else the schedule with full jitter."""
    if reading.retry_after_s is not None:
        return now + timedelta(seconds=min(reading.retry_after_s, _DAY_S))
    return _step(now, row.retries, profile)


def _cause(work: Work, row: Row[Any], reply: Reply | NoReply, reading: Reading) -> str:
    return causes.record(
        work,
        row.tenant_id,
        row.insurer_id,
        reading.outcome,
        reply.status if isinstance(reply, Reply) else None,
        reading.issues[0] if reading.issues else None,
    )
