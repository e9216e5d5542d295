"""Statements of our own: what the database refuses of them is said as SQLAlchemy says it, so that a
worker waits for a database that is away, whichever statement met it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from payer_gateway.storage import tenants
from payer_gateway.storage.database import Database
from payer_gateway.storage.statements import insert_many
from payer_gateway.storage.tables import tenant

COLUMNS = ("id", "blind_key", "created_at")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        opened.ensure_schema()
        with opened.write() as work:
            tenants.ensure(work, "north")
        yield opened


def test_many_rows_that_clash_are_refused_together(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as work:
        insert_many(work, tenant, COLUMNS, [("south", b"k", work.now), ("north", b"k", work.now)])

    with database.read() as work:
        assert work.conn.execute(select(tenant.c.id)).scalars().all() == ["north"]


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_is_cut_under_many_rows_is_an_error_of_the_database(
    database: Database,
) -> None:
    with pytest.raises(DBAPIError), database.write() as work, database.write() as other:
        of = work.conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.conn.execute(text("SELECT pg_terminate_backend(:of, 5000)"), {"of": of})
        insert_many(work, tenant, COLUMNS, [("south", b"k", work.now)])

    with database.write() as work:
        tenants.ensure(work, "west")
