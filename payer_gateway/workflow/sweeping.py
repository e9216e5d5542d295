"""Sweeping: what time alone sets in motion. Any number of workers may do it at once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import causes, outbox, overdue, picking
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.waiting import promote_planned

# A submission that was in a worker's hands each time it died is not given to a fourth worker.
MAX_CRASHES = 3
# Asking again bills nobody, so it is given up later.
MAX_CRASHES_ASKING = 10


# Deadlines and planned claims go by days; they are looked at less often than leases.
_DAYS_EVERY_S = 2.0


@dataclass(slots=True)
class Sweeper:
    """Sweeps again and again: leases and retries each time, deadlines now and then. Looks before
    it writes, so that an idle worker does not take a SQLite database's one writer's turn."""

    services: Services
    worker: str
    _days_at: float = field(default=float("-inf"))

    def sweep(self) -> bool:
        """Whether anything moved."""
        s, moved = self.services, 0
        with s.database.read() as work:
            something = overdue.time_has_work(work)
        if something:
            moved += reap_and_wake(s, self.worker)
        if time.monotonic() - self._days_at >= _DAYS_EVERY_S:
            self._days_at = time.monotonic()
            with s.database.read() as work:
                late = _overdue(s, work, lock=False)
            if late:
                moved += stop_overdue(s, self.worker)
            moved += promote_planned(s, self.worker)
        return moved > 0


def sweep(s: Services, worker: str) -> int:
    """Reap expired leases, wake what waited, stop what is out of time, promote planned claims;
    how many rows moved."""
    moved = reap_and_wake(s, worker) + stop_overdue(s, worker)
    return moved + promote_planned(s, worker)


def reap_and_wake(s: Services, worker: str) -> int:
    with s.database.write() as work:
        return _reap(s, work, worker) + _wake(work, worker)


def stop_overdue(s: Services, worker: str) -> int:
    """Retry budget (database clock) or filing deadline (business day) spent: a person decides."""
    with s.database.write() as work:
        late = _overdue(s, work, lock=True)
        for row, event, reason in late:
            outbox.move(work, row, State.NEEDS_HUMAN, event, worker, reason=reason)
    return len(late)


def _reap(s: Services, work: Work, worker: str) -> int:
    """Rule L8: a lease that ran out while sending leads to doubt, never back to ready."""
    rows = overdue.expired_leases(work)
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
    rows = overdue.due_to_wake(work)
    for row in rows:
        outbox.move(work, row, State.READY, "time to retry", worker)
    return len(rows)


def _overdue(s: Services, work: Work, *, lock: bool) -> list[tuple[Row[Any], str, str]]:
    """Rows that are out of time, with the event and its reason."""
    # The latest calendar day there is anywhere bounds the search; the insurer's zone decides.
    latest = s.today or (work.now + timedelta(hours=14)).date()
    late: dict[str, tuple[Row[Any], str, str]] = {}
    for row in overdue.past_budget(work, lock=lock):
        reason = f"it ended {row.budget_until:%Y-%m-%d %H:%M}Z"
        late[row.id] = row, "retry budget spent", reason
    for row in overdue.past_filing(work, latest, lock=lock):
        profile = profile_of(s, row)
        today = s.business_day(work.now, profile.zone) if profile else latest
        if row.filing_due < today:
            late[row.id] = row, "filing deadline passed", f"it was {row.filing_due}"
    return list(late.values())


def profile_of(s: Services, row: Row[Any]) -> Profile | None:
    """The frozen profile version a submission was made with, as it holds for its use; None when
    its file is gone."""
    try:
        return s.shelf.version(row.profile, row.profile_version).for_use(Use(row.use))
    except MappingError:
        return None
