"""Indexes that a pick finds its way by whether or not the database has counted its rows yet: the
open ones of a lane, and what is under way with an insurer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OPEN_IN_LANE = "state IN ('ready','sending','retry_wait','in_doubt','inquiring')"
UNDER_WAY = "lease_until IS NOT NULL"


def upgrade() -> None:
    op.drop_index(op.f("ix_submission_tenant_id_insurer_id_lane_key_id"), table_name="submission")
    for name, columns, where in (
        ("ix_submission_lane", ["lane_key", "id"], OPEN_IN_LANE),
        ("ix_submission_under_way", ["tenant_id", "insurer_id", "state"], UNDER_WAY),
    ):
        op.create_index(
            name,
            "submission",
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    op.drop_index("ix_submission_under_way", table_name="submission")
    op.drop_index("ix_submission_lane", table_name="submission")
    op.create_index(
        op.f("ix_submission_tenant_id_insurer_id_lane_key_id"),
        "submission",
        ["tenant_id", "insurer_id", "lane_key", "id"],
    )
