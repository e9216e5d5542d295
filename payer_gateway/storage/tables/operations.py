"""The tables of running it: insurers' late answers, restores, workers' heartbeats, counters."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from payer_gateway.storage.tables.intake import metadata
from payer_gateway.storage.types import Id, Instant, Name

notification = Table(
    "notification",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("body_id", Id, nullable=False),  # the whole body as it came
    Column("n", Integer, nullable=False),  # which of its answers, from 1
    Column("claim_identifier", Name),  # as the insurer wrote it; none: it named no claim
    Column("submission_id", Id),  # none: no claim of ours
    Column("outcome", Name),
    Column("became", Name, nullable=False),  # see workflow/notified.py
    Column("received_at", Instant, nullable=False),
    Column("received_from", Name, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id", "body_id"], ["body.tenant_id", "body.id"]),
    # The same body is the same answers.
    UniqueConstraint("tenant_id", "insurer_id", "body_id", "n"),
    Index(
        "ix_notification_unmatched",
        "tenant_id",
        "insurer_id",
        "claim_identifier",
        sqlite_where=text("submission_id IS NULL"),
        postgresql_where=text("submission_id IS NULL"),
    ),
)

restore = Table(
    "restore",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", Name, nullable=False),
    # Until then a new claim may be one that was sent before the restore: it is asked about first.
    Column("ask_first_until", Instant, nullable=False),
    Column("doubted", Integer, nullable=False),
)

worker = Table(
    "worker",
    metadata,
    Column("name", Name, primary_key=True),
    Column("version", Name, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

# Counted moves of submissions up to ``move_tally_mark.upto`` of ``transition.seq``.
move_tally = Table(
    "move_tally",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("source", Name, nullable=False),  # empty: it came into being
    Column("target", Name, nullable=False),
    Column("event", Name, nullable=False),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "insurer_id", "source", "target", "event"),
)

move_tally_mark = Table(
    "move_tally_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
)
