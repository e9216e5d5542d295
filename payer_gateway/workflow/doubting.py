"""Doubt that comes from outside an exchange: a restored database, an insurer that speaks of a
claim we hold as not sent. The insurer is asked before anything leaves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import outbox, restores
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services

CANNOT_BE_ASKED = "this insurer has no inquiry: a person finds out and resolves it"


def why_asked_first(
    work: Work, tenant_id: str, insurer_id: str, claim_identifier: str
) -> str | None:
    """Why a claim made just now may have been sent before; None when it cannot have been."""
    if restores.was_spoken_of(work, tenant_id, insurer_id, claim_identifier):
        return "the insurer has answered a claim of this number"
    restored = restores.in_force(work)
    if restored is None:
        return None
    return f"the database was restored at {restored.at:%Y-%m-%d %H:%M}Z; it may be sent already"


def put_in_doubt(
    s: Services,
    work: Work,
    row: Row[Any],
    profile: Profile,
    event: str,
    by: str,
    *,
    reason: str,
) -> None:
    """From ready, retry_wait or rejected into doubt, or to a person where nobody can be asked."""
    outbox.move(
        work,
        row,
        State.IN_DOUBT,
        event,
        by,
        reason=reason,
        last_class=OutcomeClass.IN_DOUBT.value,
        settle_from=work.now,
        next_at=work.now + s.settle(profile),
        not_found_count=0,
    )
    if profile.delivery.inquire is None:
        moved = outbox.get(work, row.tenant_id, row.id)
        event = "cannot be asked about"
        outbox.move(work, moved, State.NEEDS_HUMAN, event, by, reason=CANNOT_BE_ASKED)
