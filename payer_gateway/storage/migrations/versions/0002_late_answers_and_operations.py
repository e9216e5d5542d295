"""Late answers, restores, workers' heartbeats and counters.

New moves: a submission that was held as not booked may be in doubt after all (restored from a
backup, or the insurer spoke of it), and the insurer's own answer ends a doubt.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from payer_gateway.storage.types import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

EDGES = (
    ("ready", "in_doubt"),
    ("retry_wait", "in_doubt"),
    ("rejected", "in_doubt"),
    ("in_doubt", "accepted"),
)


def upgrade() -> None:
    edges = sa.table("submission_edge", sa.column("source"), sa.column("target"))
    op.bulk_insert(edges, [{"source": s, "target": t} for s, t in EDGES])
    op.add_column("client", sa.Column("insurer_id", sa.Text(), nullable=True))
    op.add_column("ledger", sa.Column("said_at", Instant(), nullable=True))
    op.create_table(
        "notification",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("body_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("claim_identifier", sa.Text(), nullable=True),
        sa.Column("submission_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("became", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("received_from", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "body_id"],
            ["body.tenant_id", "body.id"],
            name=op.f("fk_notification_tenant_id_body_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_notification")),
        sa.UniqueConstraint(
            "tenant_id",
            "insurer_id",
            "body_id",
            "n",
            name=op.f("uq_notification_tenant_id_insurer_id_body_id_n"),
        ),
    )
    op.create_index(
        "ix_notification_unmatched",
        "notification",
        ["tenant_id", "insurer_id", "claim_identifier"],
        sqlite_where=sa.text("submission_id IS NULL"),
        postgresql_where=sa.text("submission_id IS NULL"),
    )
    op.create_table(
        "restore",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("ask_first_until", Instant(), nullable=False),
        sa.Column("doubted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restore")),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
    op.create_table(
        "move_tally",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "insurer_id", "source", "target", "event", name=op.f("pk_move_tally")
        ),
    )
    op.create_table(
        "move_tally_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_move_tally_mark")),
    )
    mark = sa.table("move_tally_mark", sa.column("id"), sa.column("upto"))
    op.bulk_insert(mark, [{"id": 1, "upto": 0}])


def downgrade() -> None:
    """What came in since would be lost."""
    raise RuntimeError("this schema is not taken back: restore a backup instead")
