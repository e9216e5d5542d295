"""Committing what exchanges came to. If a result cannot be written the row stays leased, and the
reaper has the insurer asked (rule L9)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy.exc import DataError

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import causes, outbox, picking, settling
from payer_gateway.storage.database import Work
from payer_gateway.workflow import following, recording, traffic
from payer_gateway.workflow.exchanging import Done
from payer_gateway.workflow.following import NEVER
from payer_gateway.workflow.services import Services

log = logging.getLogger(__name__)


def record_all(s: Services, results: Sequence[Done]) -> None:
    """Record what came, plain acceptances together in one transaction. A result whose lease is
    gone changes nothing, whoever took it goes on."""
    plain = [done for done in results if _may_be_plain(done)]
    recorded = _record_together(s, plain) if len(plain) > 1 else set()
    for done in results:
        if id(done) not in recorded:
            record_one(s, done)


def _may_be_plain(done: Done) -> bool:
    """The insurer took a claim, and decided it well or not yet. The common case by far."""
    reading, row = done.reading, done.held.leased.row
    return (
        done.profile is not None
        and row.use == Use.CLAIM.value
        and isinstance(done.reply, Reply)
        and reading.outcome in (OutcomeClass.ACCEPTED, OutcomeClass.ACCEPTED_ASYNC)
        and (reading.adjudication is None or reading.adjudication.outcome != "error")
    )


def _record_together(s: Services, results: Sequence[Done]) -> set[int]:
    """Record those on which nothing hangs in one go; the ids of what was recorded."""
    try:
        with s.database.write(planned_once=True) as work:
            hanging = settling.hangs_on(work, [done.held.leased.row for done in results])
            plain = [done for done in results if done.held.leased.row.id not in hanging]
            if not plain:
                return set()
            traffic.note_answers(
                work,
                [done.held.leased.row for done in plain],
                {done.held.leased.row.id: done.profile for done in plain if done.profile},
            )
            settling.accept_all(work, [_plain(work, done) for done in plain])
    except (LeaseLost, DataError):
        # One of them is not ours any more, or cannot be kept; each is looked at by itself.
        return set()
    for done in plain:
        say(done, State.ACCEPTED)
    return {id(done) for done in plain}


def _plain(work: Work, done: Done) -> settling.Plain:
    leased, reply, reading = done.held.leased, done.reply, done.reading
    assert isinstance(reply, Reply) and done.profile is not None  # noqa: S101 - see _may_be_plain
    decided = reading.adjudication is not None
    return settling.Plain(
        row=leased.row,
        attempt_n=leased.attempt_n,
        worker=leased.worker,
        outcome=reading.outcome,
        status=reply.status,
        head=recording.head_of(reply),
        reply=reply.body,
        media_type=recording.media_type_of(reply),
        retry_after=reading.retry_after_s,
        control_number=reading.control_number,
        adjudication=reading.adjudication,
        so_far=reading.so_far,
        due=None if decided else following.first_poll(work.now, done.profile),
        decided=work.now if decided else leased.row.adjudicated_at,
    )


def record_one(s: Services, done: Done) -> None:
    """One result, in a transaction of its own."""
    try:
        with s.database.write() as work:
            state = _record(s, work, done)
    except LeaseLost:
        log.warning("lease lost", extra={"submission_id": done.held.leased.row.id})
        return
    except DataError:
        # Words that no column holds: the others of its batch are not to go down with it.
        log.error("cannot be kept", extra={"submission_id": done.held.leased.row.id})
        return
    say(done, state)


def _record(s: Services, work: Work, done: Done) -> State:
    held, leased, profile = done.held, done.held.leased, done.profile
    if held.source is State.READY:
        if done.cannot is not None or profile is None:
            _quarantine(work, done)
            return State.NEEDS_HUMAN
        return recording.record_send(s, work, leased, profile, done.reply, done.reading)
    if done.cannot is not None or profile is None:
        return _cannot_ask(work, done)
    if held.source is State.IN_DOUBT:
        return recording.record_inquiry(s, work, leased, profile, done.reply, done.reading)
    recording.record_answer(work, leased, profile, done.reply, done.reading)
    return State.ACCEPTED


def _cannot_ask(work: Work, done: Done) -> State:
    row, worker = done.held.leased.row, done.held.leased.worker
    outbox.close_attempt(
        work, row, OutcomeClass.NO_ANSWER, lease_token=row.lease_token, error=done.cannot
    )
    if row.state == State.ACCEPTED.value:
        # Its decision comes in by itself; there is nothing to poll.
        picking.free_lease(work, row, adjudication_due=work.now + NEVER)
        return State.ACCEPTED
    outbox.move(work, row, State.IN_DOUBT, "cannot be asked about", worker)
    moved = outbox.get(work, row.tenant_id, row.id)
    outbox.move(work, moved, State.NEEDS_HUMAN, "cannot be asked about", worker)
    return State.NEEDS_HUMAN


def _quarantine(work: Work, done: Done) -> None:
    row, leased, why = done.held.leased.row, done.held.leased, done.cannot or ""
    outbox.close_attempt(
        work, row, OutcomeClass.POISON, lease_token=row.lease_token, error=why[:300]
    )
    outbox.move(
        work,
        row,
        State.NEEDS_HUMAN,
        "poison",
        leased.worker,
        attempt_n=leased.attempt_n,
        reason=why,
        last_class=OutcomeClass.POISON.value,
        cause_id=causes.record(
            work, row.tenant_id, row.insurer_id, OutcomeClass.POISON, None, None
        ),
    )


def say(done: Done, state: State) -> None:
    """One log line per exchange: ids, never people."""
    leased = done.held.leased
    log.info(
        "attempt recorded",
        extra={
            "submission_id": leased.row.id,
            "attempt": leased.attempt_n,
            "status": done.reply.status if isinstance(done.reply, Reply) else None,
            "outcome": done.reading.outcome.value,
            "state": state.value,
        },
    )
