"""Sweeping: what time alone sets in motion. Any number of workers may do it at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import causes, outbox, picking
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.waiting import promote_planned

# A submission that was in a worker's hands each time it died is not given to a fourth worker.
MAX_CRASHES = 3
# Asking again bills nobody, so it is given up later.
MAX_CRASHES_ASKING = 10


def sweep(s: Services, worker: str) -> int:
    """Reap expired leases, wake what waited, stop what is out of time, promote planned claims;
    how many rows moved."""
    with s.database.write() as work:
        moved = _reap(s, work, worker)
        moved += _wake(work, worker)
        moved += _stop_overdue(s, work, worker)
    return moved + promote_planned(s, worker)


def _reap(s: Services, work: Work, worker: str) -> int:
    """Rule L8: a lease that ran out while sending leads to doubt, never back to ready."""
    rows = picking.expired_leases(work)
    for row in rows:
        profile = profile_of(s, row)
        settle = s.settle(profile) if profile else timedelta(minutes=2)
        if row.state == State.SENDING.value:
            _reap_sending(work, row, profile, settle, worker)
        elif row.state == State.INQUIRING.value:
            outbox.close_attempt(
                work, row, OutcomeClass.NO_ANSWER, lease_token=None, error=outbox.LEASE_EXPIRED
            )
            outbox.move(
                work, row, State.IN_DOUBT, "lease expired", worker, next_at=work.now + settle
            )
            died = outbox.inquiries_cut_off(work, row)
            if died >= MAX_CRASHES_ASKING:
                # An answer that takes every worker down is a person's to read.
                moved = outbox.get(work, row.tenant_id, row.id)
                reason = f"{died} workers died or froze while they asked about it"
                outbox.move(work, moved, State.NEEDS_HUMAN, "poison", worker, reason=reason)
        else:
            outbox.close_attempt(
                work, row, OutcomeClass.NO_ANSWER, lease_token=None, error=outbox.LEASE_EXPIRED
            )
            picking.free_lease(work, row, adjudication_due=work.now + settle)
    return len(rows)


def _reap_sending(
    work: Work, row: Row[Any], profile: Profile | None, settle: timedelta, worker: str
) -> None:
    crashes = row.crash_count + 1
    poison = crashes >= MAX_CRASHES
    outcome = OutcomeClass.POISON if poison else OutcomeClass.IN_DOUBT
    outbox.close_attempt(work, row, outcome, lease_token=None, error=outbox.LEASE_EXPIRED)
    values: dict[str, Any] = {
        # Either way nobody knows whether it was booked.
        "last_class": OutcomeClass.IN_DOUBT.value,
        "crash_count": crashes,
        "settle_from": work.now,
        "next_at": work.now + settle,
        "not_found_count": 0,
        "cause_id": causes.record(work, row.tenant_id, row.insurer_id, outcome, None, None),
    }
    if poison:
        reason = f"{crashes} workers died or froze while they held it"
        outbox.move(work, row, State.NEEDS_HUMAN, "poison", worker, reason=reason, **values)
        return
    outbox.move(work, row, State.IN_DOUBT, "lease expired", worker, **values)
    if profile is None or profile.delivery.inquire is None:
        moved = outbox.get(work, row.tenant_id, row.id)
        outbox.move(work, moved, State.NEEDS_HUMAN, "cannot be asked about", worker)


def _wake(work: Work, worker: str) -> int:
    rows = picking.due_in(work, [State.RETRY_WAIT])
    for row in rows:
        outbox.move(work, row, State.READY, "time to retry", worker)
    return len(rows)


def _stop_overdue(s: Services, work: Work, worker: str) -> int:
    """Retry budget (database clock) or filing deadline (business day) spent: a person decides."""
    stopped = 0
    states = [State.READY, State.RETRY_WAIT, State.IN_DOUBT]
    # The latest calendar day there is anywhere bounds the search; the insurer's zone decides.
    latest = s.today or (work.now + timedelta(hours=14)).date()
    for row in picking.out_of_budget(work, states, latest):
        profile = profile_of(s, row)
        today = s.business_day(work.now, profile.zone) if profile else latest
        if row.filing_due < today:
            event, reason = "filing deadline passed", f"it was {row.filing_due}"
        elif row.budget_until < work.now and (row.retries or row.state == State.IN_DOUBT.value):
            event, reason = "retry budget spent", f"it ended {row.budget_until:%Y-%m-%d %H:%M}Z"
        else:
            continue
        outbox.move(work, row, State.NEEDS_HUMAN, event, worker, reason=reason)
        stopped += 1
    return stopped


def profile_of(s: Services, row: Row[Any]) -> Profile | None:
    """The frozen profile version a submission was made with, as it holds for its use; None when
    its file is gone."""
    try:
        return s.shelf.version(row.profile, row.profile_version).for_use(Use(row.use))
    except MappingError:
        return None
