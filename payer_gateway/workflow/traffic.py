"""What exchanges say about the insurer itself: its breaker, its Retry-After, our own network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain import flow
from payer_gateway.domain.answer import Reading
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.domain.flow import Breaker, Came, Flow
from payer_gateway.domain.submission import OutcomeClass, State, class_of_status, retry_budget
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import insurers_mode, outbox
from payer_gateway.storage.database import Work

_OF_OUTCOME: dict[OutcomeClass, Came] = {
    OutcomeClass.ACCEPTED: Came.ANSWERED,
    OutcomeClass.ACCEPTED_ASYNC: Came.ANSWERED,
    OutcomeClass.REJECTED: Came.ANSWERED,
    OutcomeClass.DUPLICATE_REPORTED: Came.ANSWERED,
    OutcomeClass.DUPLICATE_AT_INSURER: Came.ANSWERED,
    OutcomeClass.UNREADABLE_ANSWER: Came.ANSWERED,
    OutcomeClass.FOUND: Came.ANSWERED,
    OutcomeClass.NOT_FOUND: Came.ANSWERED,
    OutcomeClass.REFUSED_TRANSIENT: Came.BUSY,
    OutcomeClass.IN_DOUBT: Came.SILENT,
    OutcomeClass.NOT_SENT: Came.UNREACHED,
    OutcomeClass.ENDPOINT_FAULT: Came.FAULT,
}
_OF_SILENCE = {
    NoReplyKind.NOT_SENT: Came.UNREACHED,
    NoReplyKind.TLS: Came.FAULT,
    NoReplyKind.UNKNOWN: Came.SILENT,
}
_OF_STATUS = {
    OutcomeClass.REFUSED_TRANSIENT: Came.BUSY,
    OutcomeClass.ENDPOINT_FAULT: Came.FAULT,
    OutcomeClass.IN_DOUBT: Came.SILENT,
}


def note(
    work: Work,
    row: Row[Any],
    profile: Profile,
    reply: Reply | NoReply,
    reading: Reading,
) -> bool:
    """Let the insurer's breaker and bucket learn from one exchange about ``row``; True when no
    insurer can be reached just now, so that the fault is our own network's."""
    what = of_exchange(State(row.state), reply, reading)
    if what is None:
        return False
    now = insurers_mode.get(work, row.tenant_id, row.insurer_id)
    if now is not None and learned(work, now, row.state, what, reply, reading) != (
        insurers_mode.flow_of(now)
    ):
        _write(work, row, profile, what, reply, reading)
    if what is not Came.UNREACHED:
        return False
    known = insurers_mode.all_of(work, row.tenant_id)
    return flow.our_network_is_down(map(insurers_mode.flow_of, known), work.now)


def note_answers(work: Work, rows: Sequence[Row[Any]], profiles: Mapping[str, Profile]) -> None:
    """Plain answers about these submissions (with their profiles by id): one look, and a write only
    where an insurer's breaker or window has something to learn."""
    by_insurer: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        by_insurer.setdefault((row.tenant_id, row.insurer_id), []).append(row)
    looked_at = insurers_mode.several(work, by_insurer)
    for (tenant_id, insurer_id), its_rows in sorted(by_insurer.items()):
        known = looked_at.get((tenant_id, insurer_id))
        if known is None or _answered(work, known, len(its_rows)) == insurers_mode.flow_of(known):
            continue
        locked = insurers_mode.lock(work, tenant_id, insurer_id)
        assert locked is not None  # noqa: S101 - it was there a moment ago
        after = _answered(work, locked, len(its_rows))
        insurers_mode.keep(work, locked, after)
        _renew_if_closed(work, locked, after, profiles[its_rows[0].id])


def _answered(work: Work, row: Row[Any], times: int) -> Flow:
    after = insurers_mode.flow_of(row)
    for _ in range(times):
        before, after = after, flow.came(after, Came.ANSWERED, work.now)
        if after == before:
            break  # and so for the rest of them
    return after


def _renew_if_closed(work: Work, before: Row[Any], after: Flow, profile: Profile) -> None:
    """The time it was held counts against nobody."""
    if before.breaker != Breaker.CLOSED and after.breaker == Breaker.CLOSED:
        budget = retry_budget(profile.delivery.retry_after_s)
        outbox.renew_budgets(work, before.tenant_id, before.id, budget)


def _write(
    work: Work,
    row: Row[Any],
    profile: Profile,
    what: Came,
    reply: Reply | NoReply,
    reading: Reading,
) -> None:
    locked = insurers_mode.lock(work, row.tenant_id, row.insurer_id)
    assert locked is not None  # noqa: S101 - a submission's insurer has a row
    after = learned(work, locked, row.state, what, reply, reading)
    insurers_mode.keep(work, locked, after)
    _renew_if_closed(work, locked, after, profile)


def learned(
    work: Work, row: Row[Any], state: str, what: Came, reply: Reply | NoReply, reading: Reading
) -> Flow:
    """The flow of that insurer after one such exchange."""
    said = f"HTTP {reply.status}" if isinstance(reply, Reply) else reply.error[:200]
    if state != State.SENDING:
        said = f"inquiry: {said}"
    return flow.came(
        insurers_mode.flow_of(row),
        what,
        work.now,
        is_send=state == State.SENDING,
        retry_after_s=reading.retry_after_s,
        error=said,
    )


def of_exchange(state: State, reply: Reply | NoReply, reading: Reading) -> Came | None:
    """None when it says nothing about the insurer: it was fenced, or could not be put together."""
    if reading.outcome is not OutcomeClass.NO_ANSWER:
        return _OF_OUTCOME.get(reading.outcome)
    if isinstance(reply, NoReply):
        return _OF_SILENCE.get(reply.kind)
    what = _OF_STATUS.get(class_of_status(reply.status) or OutcomeClass.FOUND, Came.ANSWERED)
    if what is Came.FAULT and state is State.ACCEPTED:
        # It takes claims and is asked about them; that it does not list decisions is no fault.
        return None
    return what


def ensure(work: Work, tenant_id: str, profile: Profile) -> None:
    """The insurer's row, with the limits of its file."""
    insurers_mode.ensure(
        work, tenant_id, profile.name, profile.delivery.max_inflight, rate_of(profile)
    )


def rate_of(profile: Profile) -> float | None:
    rate = profile.delivery.rate_per_s
    return None if rate is None else float(rate)
