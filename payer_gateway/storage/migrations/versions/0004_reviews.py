"""What an insurer decided on a prior authorization, line by line, and whether it wants a second
opinion before it approves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger", sa.Column("review", sa.Text(), nullable=True))
    op.add_column("ledger", sa.Column("second_opinion", sa.Boolean(), nullable=True))
