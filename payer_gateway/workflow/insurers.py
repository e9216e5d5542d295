"""The insurers there are files for, and how traffic to each flows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.flow import Breaker
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.storage import insurers_mode
from payer_gateway.workflow import steering
from payer_gateway.workflow.services import Services


def listing(s: Services, principal: Principal) -> list[dict[str, Any]]:
    """A row per insurer file: version, stage, whether it has an address, mode and breaker."""
    principal.must_be_allowed(Act.STEER_INSURER)
    with s.database.read() as work:
        modes = {row.id: row for row in insurers_mode.all_of(work, principal.tenant_id)}
        stop = insurers_mode.stopped(work, principal.tenant_id)
        open_now = steering.callable_now(s, work.now)
    rows = []
    for name in s.shelf.names():
        profile, mode = s.shelf.profile(name), modes.get(name)
        reason = mode.mode_reason if mode else None
        rows.append(
            {
                "insurer": name,
                "version": profile.version,
                "stage": profile.stage,
                "aliases": list(profile.aliases),
                "address": "set" if name in s.addresses else "none",
                "mode": "stopped" if stop else mode.mode if mode else "on",
                "mode_reason": f"everything: {stop.stopped_reason}" if stop else reason,
                "breaker": _breaker(mode),
                "hours": "open" if name in open_now or name not in s.addresses else "closed",
            }
        )
    return rows


def _breaker(mode: Row[Any] | None) -> str:
    if mode is None or mode.breaker == Breaker.CLOSED:
        return "closed"
    return f"{mode.breaker.replace('_', ' ')}: {mode.breaker_error}"
