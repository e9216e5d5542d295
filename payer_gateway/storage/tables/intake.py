"""The tables of what comes in and is decided; ``delivery`` holds those of delivery.

``tenant_id`` stands in every key; what tells of a person stands in ``body`` alone.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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
    UniqueConstraint,
    text,
)

from payer_gateway.storage.types import Id, Instant, Name

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
    # Everything stopped, by whom and why: nothing is sent, asked or fetched for this tenant.
    Column("stopped_at", Instant),
    Column("stopped_by", Name),
    Column("stopped_reason", Name),
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
    Column("insurer_id", Name),  # whose late answers this client may bring
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
    UniqueConstraint("sha256", "tenant_id", name="uq_body_tenant_id_sha256"),  # own key first: 0008
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
    UniqueConstraint(
        "source_id", "source", "tenant_id", name="uq_consultation_tenant_id_source_source_id"
    ),
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
    Index(None, "consultation_id", "tenant_id"),
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
    UniqueConstraint(
        "claim_identifier",
        "insurer_id",
        "tenant_id",
        name="uq_claim_tenant_id_insurer_id_claim_identifier",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "consultation_id"], ["consultation.tenant_id", "consultation.id"]
    ),
    ForeignKeyConstraint(["tenant_id", "decision_id"], ["decision.tenant_id", "decision.id"]),
    ForeignKeyConstraint(["tenant_id", "body_id"], ["body.tenant_id", "body.id"]),
    Index(None, "member_key", "benefit_year", "tenant_id"),
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
