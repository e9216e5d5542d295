"""Traffic to each insurer: token bucket, breaker and ramp as numbers; the switch that stops
everything; who steered what, when and why; indexes for a pick per insurer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from payer_gateway.storage.types import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = "state IN ('ready','retry_wait','in_doubt')"
BUDGETED = f"{OPEN} AND (retries > 0 OR state = 'in_doubt')"


def upgrade() -> None:
    # They were text and never written.
    for name in ("rate_per_s", "bucket", "bucket_at"):
        op.drop_column("insurer", name)
    for column in (
        sa.Column("rate_per_s", sa.Float()),
        sa.Column("tokens", sa.Float()),
        sa.Column("tokens_at", Instant()),
        sa.Column("not_before", Instant()),
        sa.Column("breaker", sa.Text(), nullable=False, server_default=sa.text("'closed'")),
        sa.Column("failing_run", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("window_from", Instant()),
        sa.Column("window_n", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("window_bad", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("ramp_from", Instant()),
        sa.Column("ramp_sent", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("unreached_at", Instant()),
        sa.Column("answered_at", Instant()),
    ):
        op.add_column("insurer", column)
    op.execute("UPDATE insurer SET breaker = 'open' WHERE breaker_failures > 0")
    for name, kind in (("stopped_at", Instant()), ("stopped_by", sa.Text())):
        op.add_column("tenant", sa.Column(name, kind))
    op.add_column("tenant", sa.Column("stopped_reason", sa.Text()))
    op.create_table(
        "insurer_event",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("insurer_id", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_insurer_event")),
    )
    op.create_index(
        op.f("ix_insurer_event_tenant_id_insurer_id_seq"),
        "insurer_event",
        ["tenant_id", "insurer_id", "seq"],
    )
    op.drop_index("ix_submission_due", table_name="submission")
    for name, columns, where in (
        ("ix_submission_due", ["tenant_id", "insurer_id", "state", "next_at", "id"], OPEN),
        ("ix_submission_retry", ["next_at"], "state = 'retry_wait'"),
        ("ix_submission_filing", ["filing_due"], OPEN),
        ("ix_submission_budget", ["budget_until"], BUDGETED),
    ):
        op.create_index(
            name,
            "submission",
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.drop_index("ix_submission_unanswered", table_name="submission")
    op.create_index(
        "ix_submission_unanswered",
        "submission",
        ["tenant_id", "insurer_id", "adjudication_due"],
        sqlite_where=sa.text("adjudication_due IS NOT NULL"),
        postgresql_where=sa.text("adjudication_due IS NOT NULL"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("""
            CREATE TRIGGER insurer_event_append_only BEFORE UPDATE OR DELETE ON insurer_event
            FOR EACH ROW EXECUTE FUNCTION refuse_change()
        """)
        # The hot tables: room for updates on their own page, swept before dead rows pile up.
        for table in ("submission", "insurer", "attempt"):
            op.execute(
                f"ALTER TABLE {table} SET (fillfactor = 80,"
                " autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)"
            )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(f"""
                CREATE TRIGGER insurer_event_no_{verb.lower()} BEFORE {verb} ON insurer_event
                BEGIN SELECT RAISE(ABORT, 'insurer_event is append-only'); END
            """)


def downgrade() -> None:
    """What was steered is not forgotten: restore a backup instead."""
    raise RuntimeError("this schema is not taken down: restore a backup instead")
