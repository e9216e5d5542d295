"""The tables of the roster: who is covered in which plan, and what of it is used.

What tells of a person stands in ``body``: one of the membership, one of the use of each benefit
year, so that whoever needs only the first never loads the second, which names illnesses. The rows
here hold blind keys. Each body here belongs to its row alone and changes with it. It has no foreign
key: one on a table of millions would make every deletion of a body look through all of it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from payer_gateway.storage.tables.intake import metadata
from payer_gateway.storage.types import Id, Instant, Name

roster_import = Table(
    "roster_import",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("id", Id, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("started_by", Name, nullable=False),
    Column("is_strict", Boolean, nullable=False),
    Column("ended_at", Instant),  # none: it still runs, or it died
    Column("file_sha256", String(64)),
    Column("lines", BigInteger),
    Column("added", BigInteger),
    Column("changed", BigInteger),
    Column("unchanged", BigInteger),
    Column("refused", BigInteger),
    Column("is_kept", Boolean),  # false: one bad line refused all of them (strict)
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
)

# Which plans have a roster: there, whoever is not on it is not a member.
roster_plan = Table(
    "roster_plan",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("insurer_id", Name, nullable=False),
    Column("plan", Name, nullable=False),
    Column("since", Instant, nullable=False),
    PrimaryKeyConstraint("tenant_id", "insurer_id", "plan"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
)

roster_member = Table(
    "roster_member",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("member_key", String(64), nullable=False),  # of insurer, plan and member id
    Column("insurer_id", Name, nullable=False),
    Column("plan", Name, nullable=False),
    Column("subscriber_key", String(64)),  # the subscriber's member_key, of a dependent
    Column("employee_key", String(64)),  # of employer, employee and birth date
    Column("body_id", Id, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("changed_on", Date),  # the business day of its last change; none: as it was added
    Column("changed_at", Instant, nullable=False),  # when it was added or last changed
    Column("import_id", Id, nullable=False),  # that did so
    PrimaryKeyConstraint("tenant_id", "member_key"),
    Index(
        "ix_roster_member_subscriber",
        "tenant_id",
        "subscriber_key",
        sqlite_where=text("subscriber_key IS NOT NULL"),
        postgresql_where=text("subscriber_key IS NOT NULL"),
    ),
    Index(
        "ix_roster_member_employee",
        "tenant_id",
        "employee_key",
        sqlite_where=text("employee_key IS NOT NULL"),
        postgresql_where=text("employee_key IS NOT NULL"),
    ),
)

roster_usage = Table(
    "roster_usage",
    metadata,
    Column("tenant_id", Name, nullable=False),
    Column("member_key", String(64), nullable=False),
    Column("year", Integer, nullable=False),  # in which the benefit year begins
    Column("body_id", Id, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("import_id", Id, nullable=False),
    PrimaryKeyConstraint("tenant_id", "member_key", "year"),
)
