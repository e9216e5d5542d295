"""Every table: ``intake`` holds what comes in and is decided, ``delivery`` what goes out,
``operations`` what it takes to run it, ``roster`` who is covered."""

from payer_gateway.storage.tables.delivery import (
    attempt,
    cause,
    insurer,
    insurer_event,
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
from payer_gateway.storage.tables.operations import (
    move_tally,
    move_tally_mark,
    notification,
    restore,
    worker,
)
from payer_gateway.storage.tables.roster import (
    roster_import,
    roster_member,
    roster_plan,
    roster_usage,
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
    "insurer_event",
    "ledger",
    "metadata",
    "move_tally",
    "move_tally_mark",
    "notification",
    "planned_claim",
    "restore",
    "roster_import",
    "roster_member",
    "roster_plan",
    "roster_usage",
    "submission",
    "submission_edge",
    "tenant",
    "transition",
    "worker",
]
