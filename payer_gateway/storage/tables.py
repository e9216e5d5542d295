"""Every table. ``tenant_id`` stands in every key; what tells of a person stands in ``body`` alone.

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
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from payer_gateway.storage.types import Id, Instant, Name, Sequence

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tenant = Table(
    "tenant",
    metadata,
    Column("id", Name, primary_key=True),
    # Keys the blind indexes below (member, condition): equal people can be counted, not read.
    Column("blind_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

client = Table(
    "client",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("name", Name, nullable=False),
    Column("role", Name, nullable=False),
    Column("key_sha256", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Name, nullable=False),
    Column("revoked_at", Instant),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    UniqueConstraint("tenant_id", "name"),
    UniqueConstraint("key_sha256"),
)

body = Table(
    "body",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("media_type", Name, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    Column("encoding", Name, nullable=False, server_default=text("'identity'")),
    Column("key_id", Name),  # which data key encrypts it; none until the access work
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "sha256"),
)

inbound_key = Table(
    "inbound_key",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("client_id", Id, nullable=False),
    Column("key", Name, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer),  # HTTP status of the stored answer; none while it still runs
    Column("answer_body_id", Id),
    Column("locked_until", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "client_id", "key"),
    Index(None, "expires_at"),
)

consultation = Table(
    "consultation",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("source", Name, nullable=False),
    Column("source_id", Name, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
    UniqueConstraint("tenant_id", "source", "source_id"),
)

consultation_revision = Table(
    "consultation_revision",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("consultation_id", Id, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("body_id", Id, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("received_from", Name, nullable=False),
    PrimaryKeyConstraint("tenant_id", "consultation_id", "revision"),
    ForeignKeyConstraint(
        ["tenant_id", "consultation_id"], ["consultation.tenant_id", "consultation.id"]
    ),
    ForeignKeyConstraint(["tenant_id", "body_id"], ["body.tenant_id", "body.id"]),
)

decision = Table(
    "decision",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("consultation_id", Id, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("coverage_order", Integer),  # none: the consultation names no coverage
    Column("insurer_id", Name),
    Column("plan", Name),
    Column("plan_version", Integer),
    Column("plan_digest", String(64)),
    Column("ruleset", Name, nullable=False),
    Column("coverage_source", Name, nullable=False),  # asserted | roster
    Column("verdict", Name, nullable=False),
    Column("input_sha256", String(64), nullable=False),
    Column("body_id", Id, nullable=False),  # the decision whole: reasons, cost, trace, inputs
    Column("decided_at", Instant, nullable=False),
    Column("decided_on", Date, nullable=False),  # the business day it was judged on
    Column("decided_by", Name, nullable=False),
    Column("supersedes_id", Id),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(
        ["tenant_id", "consultation_id"], ["consultation.tenant_id", "consultation.id"]
    ),
    ForeignKeyConstraint(["tenant_id", "body_id"], ["body.tenant_id", "body.id"]),
    Index(None, "tenant_id", "consultation_id"),
)

claim = Table(
    "claim",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("consultation_id", Id, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("decision_id", Id, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("coverage_order", Integer, nullable=False),
    Column("use", Name, nullable=False),
    Column("claim_identifier", Name, nullable=False),
    Column("body_id", Id, nullable=False),  # the claim in our words
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("relation", Name),
    Column("related_claim_id", Id),
    # Blind (HMAC) keys to count what a member has used; see tenant.blind_key.
    Column("member_key", String(64), nullable=False),
    Column("condition_key", String(64), nullable=False),
    Column("opinion_number", Integer, nullable=False),
    Column("benefit_year", Date, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "insurer_id", "claim_identifier"),
    ForeignKeyConstraint(
        ["tenant_id", "consultation_id"], ["consultation.tenant_id", "consultation.id"]
    ),
    ForeignKeyConstraint(["tenant_id", "decision_id"], ["decision.tenant_id", "decision.id"]),
    ForeignKeyConstraint(["tenant_id", "body_id"], ["body.tenant_id", "body.id"]),
    Index(None, "tenant_id", "member_key", "benefit_year"),
)

planned_claim = Table(
    "planned_claim",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("consultation_id", Id, nullable=False),
    Column("decision_id", Id, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("coverage_order", Integer, nullable=False),
    Column("use", Name, nullable=False),
    Column("waits_for", Name, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("zone", Name, nullable=False),  # whose calendar due_on is read by
    Column("follows_id", Id),  # the submission that asked for the authorization
    Column("carries_body_id", Id),  # authorization number or the primary's result, once known
    Column("state", Name, nullable=False),
    Column("closed_cause", Name),
    Column("submission_id", Id),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
    PrimaryKeyConstraint("tenant_id", "id"),
    CheckConstraint("state IN ('open', 'done', 'closed')", name="state"),
    CheckConstraint(
        "waits_for IN ('service_day', 'authorization', 'primary', 'person')", name="waits_for"
    ),
    ForeignKeyConstraint(
        ["tenant_id", "consultation_id"], ["consultation.tenant_id", "consultation.id"]
    ),
    Index(None, "tenant_id", "consultation_id"),
    Index(
        "ix_planned_claim_open",
        "due_on",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

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
    Column("rate_per_s", Text),
    Column("bucket", Text),
    Column("bucket_at", Instant),
    Column("breaker_failures", Integer, nullable=False, server_default=text("0")),
    Column("breaker_until", Instant),
    Column("breaker_error", Name),
    PrimaryKeyConstraint("tenant_id", "id"),
    CheckConstraint("mode IN ('on', 'paused', 'draining')", name="mode"),
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
    UniqueConstraint("tenant_id", "insurer_id", "claim_identifier"),
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
    Index(
        "ix_submission_due",
        "tenant_id",
        "insurer_id",
        "next_at",
        sqlite_where=text("state IN ('ready','retry_wait','in_doubt')"),
        postgresql_where=text("state IN ('ready','retry_wait','in_doubt')"),
    ),
    Index(
        "ix_submission_leased",
        "lease_until",
        sqlite_where=text("lease_until IS NOT NULL"),
        postgresql_where=text("lease_until IS NOT NULL"),
    ),
    Index(
        "ix_submission_unanswered",
        "adjudication_due",
        sqlite_where=text("adjudication_due IS NOT NULL"),
        postgresql_where=text("adjudication_due IS NOT NULL"),
    ),
    Index(None, "cause_id", "state"),
    Index(None, "tenant_id", "insurer_id", "lane_key", "id"),
    Index(None, "tenant_id", "consultation_id"),
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
    Index(None, "tenant_id", "submission_id"),
)
