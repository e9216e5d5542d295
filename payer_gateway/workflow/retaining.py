"""Retention: old exchanges age out, batch by batch, and never what somebody may still need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.storage import pruning
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services

# Longer than any filing year.
KEPT_DAYS = 400


def retain(s: Services, principal: Principal, days: int, *, dry_run: bool) -> dict[str, Any]:
    """Take away what is older than so many days, of every tenant: {attempts, bodies} counts.
    With ``dry_run`` nothing is, and bodies are those that nothing names already."""
    principal.must_be_allowed(Act.PRUNE)
    if days < 1:
        raise InvalidInput((Fault("older_than", days, "write a day at least, such as 400d"),))
    with s.database.read() as work:
        before = work.now - timedelta(days=days)

    def in_batches(step: Callable[[Work], int]) -> int:
        if dry_run:
            with s.database.read() as work:
                return step(work)
        total = 0
        while True:
            with s.database.write() as work:
                taken = step(work)
            total += taken
            if taken < pruning.AT_ONCE:
                return total

    return {
        "older_than": before.isoformat(),
        "dry_run": dry_run,
        "attempts": in_batches(lambda work: pruning.attempts(work, before, dry_run=dry_run)),
        # Last: what the attempts named is free then.
        "bodies": in_batches(lambda work: pruning.bodies(work, before, dry_run=dry_run)),
    }
