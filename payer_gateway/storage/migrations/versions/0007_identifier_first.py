"""On PostgreSQL the index that keeps a claim's identifier unique begins with it. It began with the
insurer, so that until the table was first counted the look-up behind each foreign key went through
an insurer's every submission for one of them. SQLite looks up foreign keys by the key itself."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = "uq_submission_tenant_id_insurer_id_claim_identifier"


def upgrade() -> None:
    _unique(["claim_identifier", "tenant_id", "insurer_id"])


def downgrade() -> None:
    _unique(["tenant_id", "insurer_id", "claim_identifier"])


def _unique(columns: Sequence[str]) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_constraint(op.f(NAME), "submission", type_="unique")
    op.create_unique_constraint(op.f(NAME), "submission", list(columns))
