"""The first schema.

Frozen: a later change is a later migration. The moves between submission states are copied here
from the table of the domain, and the triggers make the database refuse every other one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from payer_gateway.storage.types import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

EDGES = (
    ("accepted", "superseded"),
    ("in_doubt", "inquiring"),
    ("in_doubt", "needs_human"),
    ("inquiring", "accepted"),
    ("inquiring", "in_doubt"),
    ("inquiring", "ready"),
    ("needs_human", "accepted"),
    ("needs_human", "cancelled"),
    ("needs_human", "ready"),
    ("needs_human", "superseded"),
    ("ready", "cancelled"),
    ("ready", "needs_human"),
    ("ready", "sending"),
    ("rejected", "cancelled"),
    ("rejected", "ready"),
    ("rejected", "superseded"),
    ("retry_wait", "cancelled"),
    ("retry_wait", "needs_human"),
    ("retry_wait", "ready"),
    ("sending", "accepted"),
    ("sending", "in_doubt"),
    ("sending", "needs_human"),
    ("sending", "ready"),
    ("sending", "rejected"),
    ("sending", "retry_wait"),
)

# What was written stays: facts, moves and decisions are never edited or taken away, a closed
# attempt is never edited. (Retention deletes closed attempts, so their deletion is not refused.)
APPEND_ONLY = ("ledger", "transition", "decision", "consultation_revision", "claim")


def upgrade() -> None:
    op.create_table(
        "body",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("encoding", sa.Text(), server_default=sa.text("'identity'"), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_body")),
        sa.UniqueConstraint("tenant_id", "sha256", name=op.f("uq_body_tenant_id_sha256")),
    )
    op.create_table(
        "cause",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("issue_code", sa.Text(), nullable=True),
        sa.Column("expression", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("first_seen", Instant(), nullable=False),
        sa.Column("last_seen", Instant(), nullable=False),
        sa.Column("seen", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_cause")),
        sa.UniqueConstraint(
            "tenant_id", "fingerprint", name=op.f("uq_cause_tenant_id_fingerprint")
        ),
    )
    op.create_table(
        "inbound_key",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer_body_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("locked_until", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", "key", name=op.f("pk_inbound_key")),
    )
    op.create_index(op.f("ix_inbound_key_expires_at"), "inbound_key", ["expires_at"], unique=False)
    op.create_table(
        "insurer",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("mode_reason", sa.Text(), nullable=True),
        sa.Column("mode_by", sa.Text(), nullable=True),
        sa.Column("mode_at", Instant(), nullable=True),
        sa.Column("max_inflight", sa.Integer(), nullable=False),
        sa.Column("rate_per_s", sa.Text(), nullable=True),
        sa.Column("bucket", sa.Text(), nullable=True),
        sa.Column("bucket_at", Instant(), nullable=True),
        sa.Column("breaker_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("breaker_until", Instant(), nullable=True),
        sa.Column("breaker_error", sa.Text(), nullable=True),
        sa.CheckConstraint("mode IN ('on', 'paused', 'draining')", name=op.f("ck_insurer_mode")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_insurer")),
    )
    op.create_table(
        "submission_edge",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "target", name=op.f("pk_submission_edge")),
    )
    op.create_table(
        "tenant",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("blind_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant")),
    )
    op.create_table(
        "client",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_client_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_client")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_client_key_sha256")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_client_tenant_id_name")),
    )
    op.create_table(
        "consultation",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_consultation_tenant_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_consultation")),
        sa.UniqueConstraint(
            "tenant_id",
            "source",
            "source_id",
            name=op.f("uq_consultation_tenant_id_source_source_id"),
        ),
    )
    op.create_table(
        "consultation_revision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("consultation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("received_from", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "body_id"],
            ["body.tenant_id", "body.id"],
            name=op.f("fk_consultation_revision_tenant_id_body_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consultation_id"],
            ["consultation.tenant_id", "consultation.id"],
            name=op.f("fk_consultation_revision_tenant_id_consultation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "consultation_id", "revision", name=op.f("pk_consultation_revision")
        ),
    )
    op.create_table(
        "decision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("consultation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("coverage_order", sa.Integer(), nullable=True),
        sa.Column("insurer_id", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("plan_version", sa.Integer(), nullable=True),
        sa.Column("plan_digest", sa.String(length=64), nullable=True),
        sa.Column("ruleset", sa.Text(), nullable=False),
        sa.Column("coverage_source", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("input_sha256", sa.String(length=64), nullable=False),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("supersedes_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "body_id"],
            ["body.tenant_id", "body.id"],
            name=op.f("fk_decision_tenant_id_body_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consultation_id"],
            ["consultation.tenant_id", "consultation.id"],
            name=op.f("fk_decision_tenant_id_consultation_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_decision")),
    )
    op.create_index(
        op.f("ix_decision_tenant_id_consultation_id"),
        "decision",
        ["tenant_id", "consultation_id"],
        unique=False,
    )
    op.create_table(
        "planned_claim",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("consultation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("decision_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("coverage_order", sa.Integer(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("follows_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("carries_body_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_cause", sa.Text(), nullable=True),
        sa.Column("submission_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'closed')", name=op.f("ck_planned_claim_state")
        ),
        sa.CheckConstraint(
            "waits_for IN ('service_day', 'authorization', 'primary', 'person')",
            name=op.f("ck_planned_claim_waits_for"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consultation_id"],
            ["consultation.tenant_id", "consultation.id"],
            name=op.f("fk_planned_claim_tenant_id_consultation_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_planned_claim")),
    )
    op.create_index(
        "ix_planned_claim_open",
        "planned_claim",
        ["due_on"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_planned_claim_tenant_id_consultation_id"),
        "planned_claim",
        ["tenant_id", "consultation_id"],
        unique=False,
    )
    op.create_table(
        "claim",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("consultation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("coverage_order", sa.Integer(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("claim_identifier", sa.Text(), nullable=False),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("relation", sa.Text(), nullable=True),
        sa.Column("related_claim_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("member_key", sa.String(length=64), nullable=False),
        sa.Column("condition_key", sa.String(length=64), nullable=False),
        sa.Column("opinion_number", sa.Integer(), nullable=False),
        sa.Column("benefit_year", sa.Date(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "body_id"],
            ["body.tenant_id", "body.id"],
            name=op.f("fk_claim_tenant_id_body_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "consultation_id"],
            ["consultation.tenant_id", "consultation.id"],
            name=op.f("fk_claim_tenant_id_consultation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "decision_id"],
            ["decision.tenant_id", "decision.id"],
            name=op.f("fk_claim_tenant_id_decision_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_claim")),
        sa.UniqueConstraint(
            "tenant_id",
            "insurer_id",
            "claim_identifier",
            name=op.f("uq_claim_tenant_id_insurer_id_claim_identifier"),
        ),
    )
    op.create_index(
        op.f("ix_claim_tenant_id_member_key_benefit_year"),
        "claim",
        ["tenant_id", "member_key", "benefit_year"],
        unique=False,
    )
    op.create_table(
        "submission",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("claim_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("claim_identifier", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("lane_key", sa.Text(), nullable=False),
        sa.Column("follows_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("consultation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("decision_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("profile_version", sa.Integer(), nullable=False),
        sa.Column("profile_digest", sa.String(length=64), nullable=False),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("retries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("exchanges", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crash_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_found_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("settle_from", Instant(), nullable=True),
        sa.Column("lease_token", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("last_class", sa.Text(), nullable=True),
        sa.Column("cause_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("trigger", sa.Text(), server_default=sa.text("'auto'"), nullable=False),
        sa.Column("filing_due", sa.Date(), nullable=False),
        sa.Column("budget_until", Instant(), nullable=False),
        sa.Column("adjudication_due", Instant(), nullable=True),
        sa.Column("adjudicated_at", Instant(), nullable=True),
        sa.Column("control_number", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('ready','sending','retry_wait','in_doubt','inquiring','accepted','rejected',"
            "'needs_human','cancelled','superseded')",
            name=op.f("ck_submission_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('sending','inquiring')"
            " OR (lease_token IS NOT NULL AND lease_until IS NOT NULL)",
            name=op.f("ck_submission_leased"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "body_id"],
            ["body.tenant_id", "body.id"],
            name=op.f("fk_submission_tenant_id_body_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "claim_id"],
            ["claim.tenant_id", "claim.id"],
            name=op.f("fk_submission_tenant_id_claim_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "insurer_id"],
            ["insurer.tenant_id", "insurer.id"],
            name=op.f("fk_submission_tenant_id_insurer_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "insurer_id", "id", name=op.f("pk_submission")),
        sa.UniqueConstraint("id", name=op.f("uq_submission_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "insurer_id",
            "claim_identifier",
            name=op.f("uq_submission_tenant_id_insurer_id_claim_identifier"),
        ),
    )
    op.create_index(
        op.f("ix_submission_cause_id_state"), "submission", ["cause_id", "state"], unique=False
    )
    op.create_index(
        "ix_submission_due",
        "submission",
        ["tenant_id", "insurer_id", "next_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready','retry_wait','in_doubt')"),
        postgresql_where=sa.text("state IN ('ready','retry_wait','in_doubt')"),
    )
    op.create_index(
        "ix_submission_leased",
        "submission",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("lease_until IS NOT NULL"),
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_submission_tenant_id_consultation_id"),
        "submission",
        ["tenant_id", "consultation_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_submission_tenant_id_insurer_id_lane_key_id"),
        "submission",
        ["tenant_id", "insurer_id", "lane_key", "id"],
        unique=False,
    )
    op.create_index(
        "ix_submission_unanswered",
        "submission",
        ["adjudication_due"],
        unique=False,
        sqlite_where=sa.text("adjudication_due IS NOT NULL"),
        postgresql_where=sa.text("adjudication_due IS NOT NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("request_body_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("first_byte_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("reply_body_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("reply_head", sa.Text(), nullable=True),
        sa.Column("retry_after", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('send', 'inquire')", name=op.f("ck_attempt_kind")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (class IS NULL)", name=op.f("ck_attempt_closed_once")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "insurer_id", "submission_id"],
            ["submission.tenant_id", "submission.insurer_id", "submission.id"],
            name=op.f("fk_attempt_tenant_id_insurer_id_submission_id"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "insurer_id", "submission_id", "n", name=op.f("pk_attempt")
        ),
    )
    op.create_index(
        "uq_attempt_open",
        "attempt",
        ["submission_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("billed_minor", sa.BigInteger(), nullable=True),
        sa.Column("allowed_minor", sa.BigInteger(), nullable=True),
        sa.Column("payable_minor", sa.BigInteger(), nullable=True),
        sa.Column("patient_minor", sa.BigInteger(), nullable=True),
        sa.Column("control_number", sa.Text(), nullable=True),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.CheckConstraint(
            "kind IN ('acknowledged', 'adjudicated', 'corrected', 'remitted')",
            name=op.f("ck_ledger_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "insurer_id", "submission_id"],
            ["submission.tenant_id", "submission.insurer_id", "submission.id"],
            name=op.f("fk_ledger_tenant_id_insurer_id_submission_id"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger")),
        sa.UniqueConstraint(
            "tenant_id",
            "submission_id",
            "kind",
            "line",
            "body_id",
            name=op.f("uq_ledger_tenant_id_submission_id_kind_line_body_id"),
        ),
    )
    op.create_index(
        op.f("ix_ledger_tenant_id_submission_id"),
        "ledger",
        ["tenant_id", "submission_id"],
        unique=False,
    )
    op.create_table(
        "transition",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("attempt_n", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "insurer_id", "submission_id"],
            ["submission.tenant_id", "submission.insurer_id", "submission.id"],
            name=op.f("fk_transition_tenant_id_insurer_id_submission_id"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_transition")),
    )
    op.create_index(
        op.f("ix_transition_tenant_id_submission_id_seq"),
        "transition",
        ["tenant_id", "submission_id", "seq"],
        unique=False,
    )
    edges = sa.table("submission_edge", sa.column("source"), sa.column("target"))
    op.bulk_insert(edges, [{"source": s, "target": t} for s, t in EDGES])
    if op.get_bind().dialect.name == "postgresql":
        _postgresql_triggers()
    else:
        _sqlite_triggers()


def _sqlite_triggers() -> None:
    op.execute("""
        CREATE TRIGGER submission_starts_ready BEFORE INSERT ON submission
        WHEN NEW.state <> 'ready'
        BEGIN SELECT RAISE(ABORT, 'a submission starts as ready'); END
    """)
    op.execute("""
        CREATE TRIGGER submission_moves BEFORE UPDATE OF state ON submission
        WHEN NEW.state <> OLD.state AND NOT EXISTS (
            SELECT 1 FROM submission_edge WHERE source = OLD.state AND target = NEW.state)
        BEGIN SELECT RAISE(ABORT, 'illegal move of a submission'); END
    """)
    op.execute("""
        CREATE TRIGGER attempt_closed BEFORE UPDATE ON attempt WHEN OLD.ended_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a closed attempt is never edited'); END
    """)
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(f"""
                CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON "{table}"
                BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
            """)


def _postgresql_triggers() -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
    """)
    op.execute("""
        CREATE FUNCTION refuse_illegal_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NEW.state <> 'ready' THEN
                    RAISE EXCEPTION 'a submission starts as ready';
                END IF;
            ELSIF NEW.state <> OLD.state AND NOT EXISTS (
                SELECT 1 FROM submission_edge WHERE source = OLD.state AND target = NEW.state)
            THEN
                RAISE EXCEPTION 'illegal move of a submission: % to %', OLD.state, NEW.state;
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER submission_moves BEFORE INSERT OR UPDATE OF state ON submission
        FOR EACH ROW EXECUTE FUNCTION refuse_illegal_move()
    """)
    op.execute("""
        CREATE TRIGGER attempt_closed BEFORE UPDATE ON attempt
        FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_change()
    """)
    for table in APPEND_ONLY:
        op.execute(f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION refuse_change()
        """)


def downgrade() -> None:
    """There is nothing before the first schema; dropping it would drop claims."""
    raise RuntimeError("the first schema is not taken down: restore a backup instead")
