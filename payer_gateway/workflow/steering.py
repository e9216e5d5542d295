"""Steering traffic: pause, resume, drain, stop everything. Held, never dropped; who did it and
why is kept in the history."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from payer_gateway.domain import flow
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.hours import is_open, opens_at
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import retry_budget
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import insurers_mode, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow.repair import must_say
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.traffic import ensure, rate_of


def set_mode(
    s: Services, principal: Principal, insurer: str, mode: str, reason: str | None
) -> None:
    """Pause, drain or resume (``on``) an insurer's traffic; a reason is needed to hold it."""
    principal.must_be_allowed(Act.STEER_INSURER)
    name = s.shelf.find(insurer)
    profile = s.shelf.profile(name)
    if mode != "on":
        must_say(reason or "", "reason")
    with s.database.write() as work:
        ensure(work, principal.tenant_id, profile)
        if mode == "on":
            _release(work, principal.tenant_id, profile, principal.subject)
        insurers_mode.set_mode(work, principal.tenant_id, name, mode, reason, principal.subject)


def stop_everything(s: Services, principal: Principal, reason: str) -> None:
    """The red switch: nothing is sent, asked or fetched for this tenant until it is lifted,
    whichever insurers there are. What is on the wire ends by itself."""
    principal.must_be_allowed(Act.STEER_INSURER)
    must_say(reason, "reason")
    with s.database.write() as work:
        insurers_mode.stop_all(work, principal.tenant_id, reason, principal.subject)


def start_everything(s: Services, principal: Principal, reason: str | None) -> None:
    """Lift the stop. Insurers that are paused one by one stay paused."""
    principal.must_be_allowed(Act.STEER_INSURER)
    with s.database.write() as work:
        insurers_mode.start_all(work, principal.tenant_id, reason, principal.subject)
        for row in insurers_mode.all_of(work, principal.tenant_id):
            profile = newest(s, row.id)
            if profile is not None and row.mode == "on":
                _release(work, principal.tenant_id, profile, principal.subject)


def drain_everything(s: Services, principal: Principal, reason: str) -> None:
    """Drain every insurer that is on: before an upgrade, or before the lights go out."""
    principal.must_be_allowed(Act.STEER_INSURER)
    must_say(reason, "reason")
    with s.database.write() as work:
        for row in insurers_mode.all_of(work, principal.tenant_id):
            if row.mode == "on":
                insurers_mode.set_mode(
                    work, principal.tenant_id, row.id, "draining", reason, principal.subject
                )


def under_way(s: Services, principal: Principal, insurer: str | None) -> int:
    """How many submissions are on the wire or in doubt; None: of all insurers."""
    principal.must_be_allowed(Act.STEER_INSURER)
    name = None if insurer is None else s.shelf.find(insurer)
    with s.database.read() as work:
        return insurers_mode.under_way(work, principal.tenant_id, name)


def wait_until_drained(
    s: Services, principal: Principal, insurer: str | None, seconds: float
) -> int:
    """Wait at most so long until nothing is under way; what still is."""
    ends = time.monotonic() + seconds
    while (left := under_way(s, principal, insurer)) and time.monotonic() < ends:
        time.sleep(0.2)
    return left


def history(
    s: Services, principal: Principal, insurer: str | None, limit: int = 100
) -> list[dict[str, Any]]:
    """Who paused, drained, stopped and resumed what, and what the breakers did; oldest first."""
    principal.must_be_allowed(Act.STEER_INSURER)
    name = None if insurer is None else s.shelf.find(insurer)
    with s.database.read() as work:
        return [
            {
                "at": row.at.isoformat(),
                "insurer": row.insurer_id,
                "event": row.event,
                "reason": row.reason,
                "by": row.by,
            }
            for row in insurers_mode.history(work, principal.tenant_id, name, limit)
        ]


def follow_files(s: Services) -> None:
    """A worker starts: the limits that the files state now hold for rows that are there."""
    with s.database.write() as work:
        for name in s.shelf.names():
            profile = newest(s, name)
            if profile is not None:
                inflight = profile.delivery.max_inflight
                insurers_mode.limit_to(work, name, inflight, rate_of(profile))


def callable_now(s: Services, now: datetime) -> list[str]:
    """Insurers that have an address and whose calling hours are open at that moment."""
    return [name for name in s.addresses if opens(s, name, now) is None]


def opens(s: Services, insurer: str, now: datetime) -> datetime | None:
    """When an insurer that is closed just now may be called again; None while it is open."""
    profile = newest(s, insurer)
    if profile is None or is_open(profile.delivery.calling_hours, profile.zone, now):
        return None
    return opens_at(profile.delivery.calling_hours, profile.zone, now)


def cannot_be_asked(s: Services) -> frozenset[str]:
    """Insurers without an inquiry."""
    return frozenset(
        name
        for name in s.addresses
        if (profile := newest(s, name)) is not None and profile.delivery.inquire is None
    )


def newest(s: Services, insurer: str) -> Profile | None:
    """The insurer's newest file, by which it is called; None when it has none any more."""
    try:
        return s.shelf.profile(insurer)
    except MappingError:
        return None


def _release(work: Work, tenant_id: str, profile: Profile, by: str) -> None:
    outbox.renew_budgets(
        work, tenant_id, profile.name, retry_budget(profile.delivery.retry_after_s)
    )
    row = insurers_mode.lock(work, tenant_id, profile.name)
    if row is not None:
        insurers_mode.keep(work, row, flow.released(insurers_mode.flow_of(row)), by)
