"""Every table: ``intake`` holds what comes in and is decided, ``delivery`` what goes out."""

from payer_gateway.storage.tables.delivery import (
    attempt,
    cause,
    insurer,
    ledger,
    submission,
    submission_edge,
    transition,
)
from payer_gateway.storage.tables.intake import (
    body,
    claim,
    client,
    consultation,
    consultation_revision,
    decision,
    inbound_key,
    metadata,
    planned_claim,
    tenant,
)

__all__ = [
    "attempt",
    "body",
    "cause",
    "claim",
    "client",
    "consultation",
    "consultation_revision",
    "decision",
    "inbound_key",
    "insurer",
    "ledger",
    "metadata",
    "planned_claim",
    "submission",
    "submission_edge",
    "tenant",
    "transition",
]
