"""What is asked before an eligibility question is answered, and what is remembered of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from builders import OPS, ROOT, Build
from fhir_requests import asked_about, encoded
from psycopg.pq import TransactionStatus
from roster_files import Imported, a_roster

from payer_gateway.mapping.canonical import parse_json
from payer_gateway.storage import tenants
from payer_gateway.storage.blind_keys import BlindKeys
from payer_gateway.storage.database import Database
from payer_gateway.workflow import asking
from payer_gateway.workflow.services import Services

on_postgresql = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


def a_question() -> object:
    (file,) = (ROOT / "fixtures" / "consultations").glob("01-*.json")
    return parse_json(encoded(asked_about(json.loads(file.read_text()))))


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to PostgreSQL."""
    asked: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        asked.append(str(query))
        return execute(self, query, *rest, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    return asked


@on_postgresql
def test_a_question_is_two_trips_to_postgresql(build: Build, statements: list[str]) -> None:
    services = build()
    asking.submit(services, OPS, a_question())
    statements.clear()

    asking.submit(services, OPS, a_question())

    clock, known = statements
    assert clock == "SELECT clock_timestamp()"
    assert "roster_plan" in known


@on_postgresql
def test_a_question_about_a_member_of_a_roster_is_three(
    build: Build, statements: list[str], tmp_path: Path
) -> None:
    services = build()
    member = {"member_id": member_of(a_question()), "birth_date": "1979-05-14"}
    Imported(services, a_roster(tmp_path, member))
    asking.submit(services, OPS, a_question())
    statements.clear()

    asking.submit(services, OPS, a_question())

    assert len(statements) == 3


def member_of(question: Any) -> str:
    coverage = next(
        e["resource"] for e in question["entry"] if e["resource"]["resourceType"] == "Coverage"
    )
    return str(coverage["identifier"][0]["value"])


@on_postgresql
def test_a_reading_on_postgresql_opens_no_transaction(build: Build) -> None:
    with build().database.read() as work:
        driver: Any = work.conn.connection.driver_connection

        assert driver.info.transaction_status is TransactionStatus.IDLE


@on_postgresql
def test_a_connection_that_read_writes_in_a_transaction_again(build: Build) -> None:
    database = build().database
    with database.read():
        pass

    with pytest.raises(LookupError), database.write() as work:
        tenants.ensure(work, "north")
        raise LookupError

    with database.read() as work, pytest.raises(ValueError, match="not enough values"):
        tenants.blind_key(work, "north")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        opened.ensure_schema()
        yield opened


def test_a_secret_that_was_never_committed_is_not_remembered(database: Database) -> None:
    with pytest.raises(LookupError), database.write() as work:
        tenants.ensure(work, "north")
        lost = BlindKeys.of(work, "north").member("insurer", "plan", "W1")
        raise LookupError
    with database.write() as work:
        tenants.ensure(work, "north")

    with database.read() as work:
        first = BlindKeys.of(work, "north").member("insurer", "plan", "W1")
    with database.write() as work:
        again = BlindKeys.of(work, "north").member("insurer", "plan", "W1")

    assert lost != first == again


def test_each_tenant_has_a_secret_of_its_own(build: Build) -> None:
    services: Services = build()
    with services.database.write() as work:
        for name in ("north", "south"):
            tenants.ensure(work, name)

    with services.database.read() as work:
        keys = [BlindKeys.of(work, t).member("i", "p", "W1") for t in ("north", "south", "north")]

    assert keys[0] == keys[2] != keys[1]
