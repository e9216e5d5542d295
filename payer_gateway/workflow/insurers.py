"""The insurers there are files for, and how traffic to each flows."""

from __future__ import annotations

from typing import Any

from payer_gateway.domain.principal import Act, Principal
from payer_gateway.storage import insurers_mode
from payer_gateway.workflow.services import Services


def listing(s: Services, principal: Principal) -> list[dict[str, Any]]:
    """A row per insurer file: version, stage, whether it has an address, mode and breaker."""
    principal.must_be_allowed(Act.STEER_INSURER)
    with s.database.read() as work:
        modes = {row.id: row for row in insurers_mode.all_of(work, principal.tenant_id)}
    rows = []
    for name in s.shelf.names():
        profile, mode = s.shelf.profile(name), modes.get(name)
        is_open = mode is not None and mode.breaker_failures > 0
        rows.append(
            {
                "insurer": name,
                "version": profile.version,
                "stage": profile.stage,
                "aliases": list(profile.aliases),
                "address": "set" if name in s.addresses else "none",
                "mode": mode.mode if mode else "on",
                "mode_reason": mode.mode_reason if mode else None,
                "breaker": f"open: {mode.breaker_error}" if mode and is_open else "closed",
            }
        )
    return rows
