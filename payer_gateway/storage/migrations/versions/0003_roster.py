"""The roster: members by blind keys, what they have used, and the imports that brought them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from payer_gateway.storage.types import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "roster_import",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("is_strict", sa.Boolean(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("file_sha256", sa.String(length=64), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=True),
        sa.Column("added", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.BigInteger(), nullable=True),
        sa.Column("is_kept", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_roster_import")),
        _tenant("roster_import"),
    )
    op.create_table(
        "roster_plan",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "insurer_id", "plan", name=op.f("pk_roster_plan")),
        _tenant("roster_plan"),
    )
    op.create_table(
        "roster_member",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("member_key", sa.String(length=64), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("subscriber_key", sa.String(length=64), nullable=True),
        sa.Column("employee_key", sa.String(length=64), nullable=True),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("changed_on", sa.Date(), nullable=True),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "member_key", name=op.f("pk_roster_member")),
    )
    for who in ("subscriber", "employee"):
        is_known = sa.text(f"{who}_key IS NOT NULL")
        op.create_index(
            f"ix_roster_member_{who}",
            "roster_member",
            ["tenant_id", f"{who}_key"],
            sqlite_where=is_known,
            postgresql_where=is_known,
        )
    op.create_table(
        "roster_usage",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("member_key", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "member_key", "year", name=op.f("pk_roster_usage")),
    )


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"))


def downgrade() -> None:
    """A roster is brought again, but what was decided by it is not decided without it."""
    raise RuntimeError("there is no way down: restore a backup instead")
