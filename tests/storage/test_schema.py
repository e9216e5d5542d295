"""The schema: what the migrations build is what the code means, and it refuses what it must."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from builders import BY_VIDEO, OPS, Build, a_submission, another, take_in
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from storage_hands import TENANT, bring_to, row_of, set_state, state_of

from payer_gateway.domain.submission import EDGES, NEXT, OutcomeClass, State
from payer_gateway.storage import bodies, ledger, outbox, picking, tables, tenants
from payer_gateway.storage.database import Database, head_version
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.workflow.services import Services


@pytest.fixture
def house(build: Build) -> Services:
    return build()


def test_the_migrations_build_exactly_the_tables_of_the_code(house: Services) -> None:
    with house.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        differences = compare_metadata(context, tables.metadata)

    assert differences == []


def test_the_version_that_is_needed_is_the_one_that_the_migrations_end_with(
    house: Services,
) -> None:
    with house.database.engine.connect() as connection:
        ended_with = MigrationContext.configure(connection).get_current_revision()

    assert head_version() == house.database.schema_version() == ended_with


def test_a_database_that_nobody_has_touched_has_no_version(
    house: Services, tmp_path: Path, database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        untouched = Database(f"sqlite:///{tmp_path}/untouched.db")
    else:
        untouched = Database(database_url)
        with untouched.engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))

    version = untouched.schema_version()

    untouched.close()
    assert version is None


def test_the_databases_table_of_moves_is_the_domains(house: Services) -> None:
    edge = tables.submission_edge

    with house.database.read() as work:
        stored = {tuple(row) for row in work.conn.execute(select(edge.c.source, edge.c.target))}

    assert stored == {(e.source.value, e.target.value) for e in EDGES}


def test_the_database_refuses_every_move_that_the_table_does_not_hold(house: Services) -> None:
    refused = 0
    for source in State:
        submission_id = a_submission(house)
        bring_to(house, submission_id, source)

        for target in set(State) - NEXT[source] - {source}:
            with pytest.raises(DBAPIError, match="illegal move"), house.database.write() as work:
                set_state(work, submission_id, target.value)
            refused += 1

        assert state_of(house, submission_id) == source
    assert refused == len(State) * (len(State) - 1) - len(EDGES)


def test_the_database_refuses_a_state_that_there_is_not(house: Services) -> None:
    submission_id = a_submission(house)

    with pytest.raises(DBAPIError), house.database.write() as work:
        set_state(work, submission_id, "parked")


def test_a_submission_cannot_be_born_in_another_state_than_ready(house: Services) -> None:
    born = row_of(house, a_submission(house))._asdict()
    born |= {
        "id": "00000000-0000-7000-8000-000000000001",
        "claim_identifier": "another",
        "lease_token": "00000000-0000-4000-8000-000000000002",
        "lease_until": born["created_at"],
    }

    for state in set(State) - {State.READY}:
        with (
            pytest.raises(DBAPIError, match="starts as ready"),
            house.database.write() as work,
        ):
            work.conn.execute(tables.submission.insert().values(**born | {"state": state.value}))


def test_a_claim_identifier_is_submitted_to_an_insurer_once(house: Services) -> None:
    born = row_of(house, a_submission(house))._asdict()
    born["id"] = "00000000-0000-7000-8000-000000000001"

    with pytest.raises(DBAPIError), house.database.write() as work:
        work.conn.execute(tables.submission.insert().values(**born))


def test_a_sending_submission_without_a_lease_is_refused(house: Services) -> None:
    submission_id = a_submission(house)

    with pytest.raises(DBAPIError, match="leased"), house.database.write() as work:
        set_state(work, submission_id, "sending")


def test_a_second_open_attempt_is_refused(house: Services) -> None:
    row = row_of(house, a_submission(house))
    token = "00000000-0000-4000-8000-000000000002"
    whose = {"tenant_id": row.tenant_id, "insurer_id": row.insurer_id, "submission_id": row.id}
    facts = {"kind": "send", "trigger": "auto", "worker": "w", "lease_token": token}

    def open_one(n: int) -> None:
        with house.database.write() as work:
            work.conn.execute(
                tables.attempt.insert().values(**whose, **facts, n=n, started_at=work.now)
            )

    open_one(1)

    with pytest.raises(DBAPIError):
        open_one(2)


def test_a_closed_attempt_is_never_edited(house: Services) -> None:
    row = row_of(house, a_submission(house))
    _pick_and_reject(house)

    with (
        pytest.raises(DBAPIError, match=r"closed attempt|append-only"),
        house.database.write() as work,
    ):
        work.conn.execute(tables.attempt.update().values(error="it was not me"))

    with house.database.read() as work:
        assert [a.error for a in outbox.attempts(work, TENANT, row.id)] == [None]


def test_what_has_happened_is_never_changed_or_taken_away(house: Services) -> None:
    row = row_of(house, a_submission(house))
    with house.database.write() as work:
        ledger.acknowledged(work, row, "N-1", None)

    for table in ("ledger", "transition", "decision", "consultation_revision", "claim"):
        for change in (f"UPDATE {table} SET tenant_id = 'x'", f"DELETE FROM {table}"):  # noqa: S608
            with pytest.raises(DBAPIError, match="append-only"), house.database.write() as work:
                work.conn.execute(text(change))


def test_equal_bytes_are_stored_once_per_tenant(house: Services) -> None:
    with house.database.write() as work:
        tenants.ensure(work, "other")
        first = bodies.put(work, TENANT, b"the same", "text/plain")
        second = bodies.put(work, TENANT, b"the same", "text/plain")
        of_another = bodies.put(work, "other", b"the same", "text/plain")

        kept = bodies.get(work, TENANT, first)

    assert first == second != of_another
    assert kept == b"the same"


def test_inserting_what_is_there_already_says_so_and_changes_nothing(house: Services) -> None:
    row = {"id": "t", "blind_key": b"first"}
    with house.database.write() as work:
        is_new = insert_if_absent(work, tables.tenant, row | {"created_at": work.now})

        is_new_again = insert_if_absent(
            work, tables.tenant, row | {"created_at": work.now, "blind_key": b"second"}
        )

        assert (is_new, is_new_again) == (True, False)
        assert tenants.blind_key(work, "t") == b"first"


def test_a_claim_and_its_submission_are_committed_together_or_not_at_all(
    house: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the worker died here")

    monkeypatch.setattr(outbox, "put", broken)

    with pytest.raises(RuntimeError):
        take_in(house, another(BY_VIDEO), OPS)

    with house.database.read() as work:
        for table in (
            tables.consultation,
            tables.decision,
            tables.claim,
            tables.submission,
        ):
            assert work.conn.execute(select(table)).all() == []


def _pick_and_reject(house: Services) -> None:
    with house.database.write() as work:
        leased = picking.pick(
            work,
            State.READY,
            insurers=["northwind-ppo"],
            worker="w",
            lease=timedelta(seconds=60),
        )
        assert leased is not None
        outbox.close_attempt(
            work, leased.row, OutcomeClass.REJECTED, lease_token=leased.row.lease_token
        )
        outbox.move(work, leased.row, State.REJECTED, "rejected", "w")
