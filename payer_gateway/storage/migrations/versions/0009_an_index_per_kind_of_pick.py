"""What is ready and what is in doubt is picked by an index of its own. In one for all that is open
the state stood in the key and was compared with every entry of a page, at every pick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ALL_OPEN = "ix_submission_due"
OPEN = "state IN ('ready','retry_wait','in_doubt')"
PICKED = {f"ix_submission_{state}": f"state = '{state}'" for state in ("ready", "in_doubt")}


def upgrade() -> None:
    op.drop_index(ALL_OPEN, table_name="submission")
    for name, where in PICKED.items():
        _create(name, ["tenant_id", "insurer_id", "next_at", "id"], where)


def downgrade() -> None:
    for name in PICKED:
        op.drop_index(name, table_name="submission")
    _create(ALL_OPEN, ["tenant_id", "insurer_id", "state", "next_at", "id"], OPEN)


def _create(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        name,
        "submission",
        columns,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )
