"""A consultation as the outside sees it: what was decided, what is on its way, what is planned.

The object of ``submit --json`` and ``POST /api/v1/consultations``; reasons are codes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.money import Money
from payer_gateway.mapping import decision_json
from payer_gateway.storage import bodies, consultations, outbox
from payer_gateway.storage.database import Work


def of_consultation(work: Work, tenant_id: str, consultation_id: str) -> dict[str, Any]:
    row = consultations.get(work, tenant_id, consultation_id)
    judged = [
        (found, stored_decision(work, found))
        for found in consultations.decisions(work, tenant_id, row.id, row.revision)
    ]
    first = judged[0][1]
    return {
        "consultation": row.id,
        "source_id": row.source_id,
        "revision": row.revision,
        "decision": first.verdict.value,
        "reasons": _codes(first),
        "decisions": [
            {
                "coverage": found.coverage_order,
                "insurer": found.insurer_id,
                "plan": found.plan,
                "decision": decision.verdict.value,
                "reasons": _codes(decision),
            }
            for found, decision in judged
            if found.coverage_order is not None
        ],
        "submissions": [
            {"id": s.id, "insurer": s.insurer_id, "use": s.use, "state": s.state}
            for s in outbox.of_consultation(work, tenant_id, row.id)
        ],
        "planned": [
            {"use": p.use, "waits_for": p.waits_for, "due_on": p.due_on.isoformat()}
            for p in consultations.planned(work, tenant_id, row.id)
            if p.state == "open"
        ],
    }


def stored_decision(work: Work, row: Row[Any]) -> Decision:
    return decision_json.decode(bodies.get(work, row.tenant_id, row.body_id))


def of_submission(row: Row[Any], cause: str | None) -> dict[str, Any]:
    """One row of ``submissions --json`` and ``GET /api/v1/submissions``."""
    return {
        "id": row.id,
        "consultation": row.consultation_id,
        "insurer": row.insurer_id,
        "claim_identifier": row.claim_identifier,
        "use": row.use,
        "state": row.state,
        "attempts": row.attempts,
        "amount": str(Money.from_minor(row.amount_minor, row.currency).amount),
        "currency": row.currency,
        "last_class": row.last_class,
        "cause": cause,
    }


def _codes(decision: Decision) -> list[str]:
    return [reason.code.value for reason in decision.reasons]
