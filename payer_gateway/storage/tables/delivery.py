"""The tables of delivery: insurers' modes, submissions, attempts, moves, causes and the ledger.

The moves between submission states are refused by triggers (see the first migration), fed from
``submission_edge``, which a test holds equal to ``domain.submission.EDGES``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from payer_gateway.storage.tables.intake import metadata
from payer_gateway.storage.types import Id, Instant, Name, Sequence

# Queries spell these conditions the same way (``storage/statements.py``: ``stands_in``), or the
# databases do not know their index again.
_OPEN = "state IN ('ready','retry_wait','in_doubt')"
_OPEN_IN_LANE = "state IN ('ready','sending','retry_wait','in_doubt','inquiring')"


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index over the few rows that are looked for again and again."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


insurer = Table(
    "insurer",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Name, nullable=False),
    Column("mode", Name, nullable=False),
    Column("mode_reason", Name),
    Column("mode_by", Name),
    Column("mode_at", Instant),
    Column("max_inflight", Integer, nullable=False),
    # From here on: domain.flow.Flow, name by name.
    Column("rate_per_s", Float),
    Column("tokens", Float),
    Column("tokens_at", Instant),
    Column("not_before", Instant),
    Column("breaker", Name, nullable=False, server_default=text("'closed'")),
    Column("breaker_failures", Integer, nullable=False, server_default=text("0")),
    Column("breaker_until", Instant),
    Column("breaker_error", Name),
    Column("failing_run", Integer, nullable=False, server_default=text("0")),
    Column("window_from", Instant),
    Column("window_n", Integer, nullable=False, server_default=text("0")),
    Column("window_bad", Integer, nullable=False, server_default=text("0")),
    Column("ramp_from", Instant),
    Column("ramp_sent", Integer, nullable=False, server_default=text("0")),
    Column("unreached_at", Instant),
    Column("answered_at", Instant),
    PrimaryKeyConstraint("tenant_id", "id"),
    CheckConstraint("mode IN ('on', 'paused', 'draining')", name="mode"),
)

# Who steered an insurer (None: all of them), and what its breaker did; append-only.
insurer_event = Table(
    "insurer_event",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name),
    Column("at", Instant, nullable=False),
    Column("event", Name, nullable=False),
    Column("reason", Name),
    Column("by", Name, nullable=False),
    Index(None, "tenant_id", "insurer_id", "seq"),
)

submission_edge = Table(
    "submission_edge",
    metadata,
    Column("source", Name, nullable=False),
    Column("target", Name, nullable=False),
    PrimaryKeyConstraint("source", "target"),
)

submission = Table(
    "submission",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("claim_id", Id, nullable=False),
    Column("claim_identifier", Name, nullable=False),
    Column("use", Name, nullable=False),
    Column("lane_key", Name, nullable=False),
    Column("follows_id", Id),
    Column("consultation_id", Id, nullable=False),
    Column("decision_id", Id, nullable=False),
    Column("body_id", Id, nullable=False),
    Column("idempotency_key", Name, nullable=False),
    Column("profile", Name, nullable=False),
    Column("profile_version", Integer, nullable=False),
    Column("profile_digest", String(64), nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("stage", Name, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("state", Name, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # sends
    Column("retries", Integer, nullable=False, server_default=text("0")),  # steps of the schedule
    Column("exchanges", Integer, nullable=False, server_default=text("0")),  # and inquiries
    Column("crash_count", Integer, nullable=False, server_default=text("0")),
    Column("not_found_count", Integer, nullable=False, server_default=text("0")),
    Column("settle_from", Instant),
    Column("lease_token", Id),
    Column("lease_until", Instant),
    Column("last_class", Name),
    Column("cause_id", Id),
    Column("trigger", Name, nullable=False, server_default=text("'auto'")),
    Column("filing_due", Date, nullable=False),
    Column("budget_until", Instant, nullable=False),
    Column("adjudication_due", Instant),
    Column("adjudicated_at", Instant),
    Column("control_number", Name),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
    PrimaryKeyConstraint("tenant_id", "insurer_id", "id"),
    UniqueConstraint("id"),
    # The identifier first: for one submission nobody shall go through an insurer's all (0007).
    UniqueConstraint(
        "claim_identifier",
        "tenant_id",
        "insurer_id",
        name="uq_submission_tenant_id_insurer_id_claim_identifier",
    ),
    ForeignKeyConstraint(["tenant_id", "claim_id"], ["claim.tenant_id", "claim.id"]),
    ForeignKeyConstraint(["tenant_id", "body_id"], ["body.tenant_id", "body.id"]),
    ForeignKeyConstraint(["tenant_id", "insurer_id"], ["insurer.tenant_id", "insurer.id"]),
    CheckConstraint(
        "state IN ('ready','sending','retry_wait','in_doubt','inquiring','accepted','rejected',"
        "'needs_human','cancelled','superseded')",
        name="state",
    ),
    CheckConstraint(
        "state NOT IN ('sending','inquiring')"
        " OR (lease_token IS NOT NULL AND lease_until IS NOT NULL)",
        name="leased",
    ),
    # One for each kind of pick: the state in the key would be compared with every entry of a page.
    *(
        _partial(
            f"ix_submission_{state}",
            "tenant_id",
            "insurer_id",
            "next_at",
            "id",
            where=f"state = '{state}'",
        )
        for state in ("ready", "in_doubt")
    ),
    _partial("ix_submission_retry", "next_at", where="state = 'retry_wait'"),
    _partial("ix_submission_filing", "filing_due", where=_OPEN),
    _partial(
        "ix_submission_budget",
        "budget_until",
        where=f"{_OPEN} AND (retries > 0 OR state = 'in_doubt')",
    ),
    _partial("ix_submission_leased", "lease_until", where="lease_until IS NOT NULL"),
    _partial(
        "ix_submission_under_way",
        "tenant_id",
        "insurer_id",
        "state",
        where="lease_until IS NOT NULL",
    ),
    # The lane first: a planner that has counted nothing yet must not go through an insurer's all.
    _partial("ix_submission_lane", "lane_key", "id", where=_OPEN_IN_LANE),
    _partial(
        "ix_submission_unanswered",
        "tenant_id",
        "insurer_id",
        "adjudication_due",
        where="adjudication_due IS NOT NULL",
    ),
    Index(None, "cause_id", "state"),
    Index(None, "consultation_id", "tenant_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("submission_id", Id, nullable=False),
    Column("n", Integer, nullable=False),
    Column("kind", Name, nullable=False),
    Column("trigger", Name, nullable=False),
    Column("worker", Name, nullable=False),
    Column("lease_token", Id, nullable=False),
    Column("request_body_id", Id),
    Column("started_at", Instant, nullable=False),
    Column("first_byte_at", Instant),
    Column("ended_at", Instant),
    Column("http_status", Integer),
    Column("class", Name),
    Column("error", Name),
    Column("reply_body_id", Id),
    Column("reply_head", Name),
    Column("retry_after", Integer),
    PrimaryKeyConstraint("tenant_id", "insurer_id", "submission_id", "n"),
    ForeignKeyConstraint(
        ["tenant_id", "insurer_id", "submission_id"],
        ["submission.tenant_id", "submission.insurer_id", "submission.id"],
    ),
    CheckConstraint("kind IN ('send', 'inquire')", name="kind"),
    CheckConstraint("(ended_at IS NULL) = (class IS NULL)", name="closed_once"),
    Index(
        "uq_attempt_open",
        "submission_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

transition = Table(
    "transition",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("submission_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", Name),  # none: it came into being
    Column("target", Name, nullable=False),
    Column("event", Name, nullable=False),
    Column("by", Name, nullable=False),
    Column("attempt_n", Integer),
    Column("reason", Name),
    ForeignKeyConstraint(
        ["tenant_id", "insurer_id", "submission_id"],
        ["submission.tenant_id", "submission.insurer_id", "submission.id"],
    ),
    Index(None, "tenant_id", "submission_id", "seq"),
)

cause = Table(
    "cause",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("class", Name, nullable=False),
    Column("http_status", Integer),
    Column("issue_code", Name),
    Column("expression", Name),
    Column("label", Name, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("seen", Integer, nullable=False, server_default=text("1")),
    Column("state", Name, nullable=False, server_default=text("'open'")),
    Column("note", Name),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "fingerprint"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("submission_id", Id, nullable=False),
    Column("kind", Name, nullable=False),
    Column("line", Integer, nullable=False),  # 0: the claim as a whole
    Column("at", Instant, nullable=False),
    Column("outcome", Name),
    Column("approved", Boolean),
    Column("currency", String(3)),
    Column("billed_minor", BigInteger),
    Column("allowed_minor", BigInteger),
    Column("payable_minor", BigInteger),
    Column("patient_minor", BigInteger),
    Column("control_number", Name),
    Column("body_id", Id),  # the insurer's own words
    Column("review", Name),  # of a prior authorization: domain.answer.Review
    Column("second_opinion", Boolean),  # the insurer wants one before it approves
    Column("said_at", Instant),  # when the insurer says that it decided; none: ``at``
    ForeignKeyConstraint(
        ["tenant_id", "insurer_id", "submission_id"],
        ["submission.tenant_id", "submission.insurer_id", "submission.id"],
    ),
    # 'remitted' is reserved: money received, by claim and line; nothing writes it yet.
    CheckConstraint(
        "kind IN ('acknowledged', 'adjudicated', 'corrected', 'remitted')", name="kind"
    ),
    # The same words of the insurer make the same fact once.
    UniqueConstraint("tenant_id", "submission_id", "kind", "line", "body_id"),
)
