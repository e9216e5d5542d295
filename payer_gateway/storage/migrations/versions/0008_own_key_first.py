"""A row is looked up by what is its own, so the indexes that do so begin with it. They began with
the tenant: to a planner that makes a plan for good while a table is as good as empty, any index of
the tenant's looks as good as the row's own key, and later it goes through a tenant's every row.
And one index that another one begins with goes."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# SQLite looks up by the key itself, and would have to write the table anew.
UNIQUE_ON_POSTGRESQL = {
    ("body", "uq_body_tenant_id_sha256"): ("tenant_id", "sha256"),
    ("consultation", "uq_consultation_tenant_id_source_source_id"): (
        "tenant_id",
        "source",
        "source_id",
    ),
    ("claim", "uq_claim_tenant_id_insurer_id_claim_identifier"): (
        "tenant_id",
        "insurer_id",
        "claim_identifier",
    ),
}
INDEXES = {
    "submission": ("tenant_id", "consultation_id"),
    "decision": ("tenant_id", "consultation_id"),
}
MEMBERS = ("tenant_id", "member_key", "benefit_year")
LEDGER = ("tenant_id", "submission_id")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for (table, name), columns in UNIQUE_ON_POSTGRESQL.items():
            op.drop_constraint(op.f(name), table, type_="unique")
            op.create_unique_constraint(op.f(name), table, list(reversed(columns)))
    for table, columns in INDEXES.items():
        _drop(table, columns)
        _create(table, tuple(reversed(columns)))
    _drop("claim", MEMBERS)
    _create("claim", ("member_key", "benefit_year", "tenant_id"))
    _drop("ledger", LEDGER)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for (table, name), columns in UNIQUE_ON_POSTGRESQL.items():
            op.drop_constraint(op.f(name), table, type_="unique")
            op.create_unique_constraint(op.f(name), table, list(columns))
    for table, columns in INDEXES.items():
        _drop(table, tuple(reversed(columns)))
        _create(table, columns)
    _drop("claim", ("member_key", "benefit_year", "tenant_id"))
    _create("claim", MEMBERS)
    _create("ledger", LEDGER)


def _create(table: str, columns: tuple[str, ...]) -> None:
    op.create_index(op.f(_name(table, columns)), table, list(columns))


def _drop(table: str, columns: tuple[str, ...]) -> None:
    op.drop_index(op.f(_name(table, columns)), table_name=table)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
