"""Readings: their connections are kept, and each sees the database as it was when it began."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from payer_gateway.storage import tenants
from payer_gateway.storage.database import Database, Work
from payer_gateway.storage.known import known_of
from payer_gateway.storage.prepared import Prepared
from payer_gateway.storage.statements import insert_all_if_absent, insert_many
from payer_gateway.storage.tables import tenant


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        opened.ensure_schema()
        yield opened


def known(database: Database) -> list[str]:
    with database.read() as work:
        return list(work.conn.execute(select(tenant.c.id).order_by(tenant.c.id)).scalars())


def test_a_reading_that_its_caller_breaks_off_keeps_nothing_from_the_next(
    database: Database,
) -> None:
    with pytest.raises(LookupError), database.read() as work:
        work.conn.execute(select(tenant.c.id)).all()
        raise LookupError
    with database.write() as work:
        tenants.ensure(work, "north")

    assert known(database) == ["north"]


def test_a_reading_that_the_database_refuses_keeps_nothing_from_the_next(
    database: Database,
) -> None:
    with pytest.raises(SQLAlchemyError), database.read() as work:
        work.conn.execute(text("SELECT nothing FROM nowhere"))
    with database.write() as work:
        tenants.ensure(work, "north")

    assert known(database) == ["north"]


def by_sqlalchemy(work: Work) -> None:
    work.conn.execute(tenant.delete())


def by_the_driver(work: Work) -> None:
    Prepared(lambda _: tenant.delete()).changed(work)


def in_bulk(work: Work) -> None:
    columns = ("id", "blind_key", "created_at")
    insert_many(work, tenant, columns, [("south", b"k", work.now)])


def what_is_not_there_yet(work: Work) -> None:
    row = {"id": "south", "blind_key": b"k", "created_at": work.now}
    insert_all_if_absent(work, tenant, [row])


def behind_a_with(work: Work) -> None:
    work.conn.execute(text("WITH one AS (SELECT 1) DELETE FROM tenant"))


@pytest.mark.parametrize(
    "write", [by_sqlalchemy, by_the_driver, in_bulk, what_is_not_there_yet, behind_a_with]
)
def test_a_reading_cannot_write(database: Database, write: Callable[[Work], None]) -> None:
    with database.write() as work:
        tenants.ensure(work, "north")

    with pytest.raises(SQLAlchemyError), database.read() as work:
        write(work)

    assert known(database) == ["north"]


def test_two_readings_of_one_thread_do_not_share_a_transaction(database: Database) -> None:
    with database.read() as before:
        before.conn.execute(select(tenant.c.id)).all()
        with database.write() as work:
            tenants.ensure(work, "north")

        after = known(database)

    assert after == ["north"]


def test_many_threads_read_at_once_from_connections_that_are_handed_on(
    database: Database,
) -> None:
    with database.write() as work:
        tenants.ensure(work, "north")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(known, [database] * 200))

    assert found == [["north"]] * 200


def test_a_members_opinions_are_counted_without_going_through_all_submissions(
    tmp_path: Path,
) -> None:
    asked: list[str] = []
    with closing(Database(f"sqlite:///{tmp_path}/gateway.db")) as database:
        database.ensure_schema()
        with database.read() as work:
            driver: Any = work.conn.connection.driver_connection
            driver.set_trace_callback(asked.append)
            known_of(work, "default", "northwind-ppo", "US-PPO-2026", "0" * 64, None)
            driver.set_trace_callback(None)
            (statement,) = (each for each in asked if "submission" in each)
            plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]

    (of_claims,) = (each for each in plan if " claim " in f"{each} ")
    (of_submissions,) = (each for each in plan if " submission " in f"{each} ")
    assert "member_key=?" in of_claims
    assert "consultation_id=?" in of_submissions
