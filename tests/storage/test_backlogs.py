"""A paused insurer's backlog is nobody else's matter: what others have due is found by index."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from builders import OPS, Build, a_submission
from sqlalchemy import Select, text
from storage_hands import TENANT, row_of, set_insurer

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import candidates, insurers_mode
from payer_gateway.storage.database import PREPARED_AFTER, Database, Work
from payer_gateway.storage.fencing import Fence
from payer_gateway.storage.tables import metadata, submission
from payer_gateway.workflow import steering
from payer_gateway.workflow.committing import record_all
from payer_gateway.workflow.crew import pick_some
from payer_gateway.workflow.exchanging import Done, Held, profile_of
from payer_gateway.workflow.services import Services

NORTHWIND = "northwind-ppo"
OTHERS = ("medicare-b", "sakura-life", "state-medicaid")
BACKLOG = 20_000
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
def house(build: Build) -> Services:
    """One insurer is paused and has a long backlog, the others have nothing: what the database has
    counted makes it believe that whatever it reads is due."""
    services = build()
    first = row_of(services, a_submission(services))
    with services.database.write() as work:
        work.conn.execute(
            submission.insert(), [another_of(first._asdict()) for _ in range(BACKLOG)]
        )
        for name in OTHERS:
            insurers_mode.ensure(work, TENANT, name, 8)
    steering.set_mode(services, OPS, NORTHWIND, "paused", "their migration")
    with services.database.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    return services


def another_of(row: dict[str, Any]) -> dict[str, Any]:
    """The same submission under an identifier and in a lane of its own."""
    own = str(uuid.uuid4())
    new = dict.fromkeys(("id", "claim_identifier", "idempotency_key", "lane_key"), own)
    return {**row, **new}


def most_rows_read(work: Work, asked: Select[Any]) -> int:
    """The most rows that a step of the plan looked at, those thrown away included."""
    compiled: Any = asked.compile(dialect=work.conn.dialect)
    values = {**compiled.params, "insurers": [NORTHWIND, *OTHERS], "now": work.now}
    statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    ((plans,),) = work.conn.exec_driver_sql(statement, values)
    return max(steps(plans[0]["Plan"]))


def steps(plan: dict[str, Any]) -> Iterator[int]:
    rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    yield round(rows * plan["Actual Loops"])
    for inner in plan.get("Plans", ()):
        yield from steps(inner)


def test_who_may_be_talked_to_is_found_without_going_through_a_paused_ones_backlog(
    house: Services,
) -> None:
    asked = candidates.talkable_insurers(State.READY, lock=True, is_postgresql=True)

    with house.database.write() as work:
        assert most_rows_read(work, asked) < 20


def test_who_is_to_be_probed_is_found_without_going_through_a_paused_ones_backlog(
    house: Services,
) -> None:
    set_insurer(house, OTHERS[0], breaker="open", breaker_failures=1)
    asked = insurers_mode.due_for_probe(lock=True, is_postgresql=True)

    with house.database.write() as work:
        assert most_rows_read(work, asked) < 20


def test_what_is_planned_while_tables_are_empty_goes_by_index_when_they_are_long(
    build: Build,
) -> None:
    """A worker that begins on a new database keeps its plans. What they read is counted by the
    database itself, with the look-ups behind foreign keys."""
    services = build()
    model = row_of(services, a_submission(services))._asdict()
    fence = Fence(services.database.engine)
    for _ in range(PREPARED_AFTER + 3):
        more_like(services.database, model, 2)
        settle(services, fence, picked(services, 2))
    more_like(services.database, model, BACKLOG)

    for _ in range(2):
        before = entries_read(services.database)
        held = picked(services, 8)
        settle(services, fence, held)
        read = entries_read(services.database) - before

        assert len(held) == 8
        assert read < 8 * 100
    fence.close()


def more_like(database: Database, row: dict[str, Any], n: int) -> None:
    with database.write() as work:
        work.conn.execute(submission.insert(), [another_of(row) for _ in range(n)])


def picked(services: Services, n: int) -> list[Held]:
    return pick_some(services, State.READY, "w", lambda: n, look=False)


def settle(services: Services, fence: Fence, held: list[Held]) -> None:
    """As if the insurer had taken each of them, in other words each time."""
    assert all(fence.is_ours(each.leased.row, 1.0) for each in held)
    reply = Reply(200, {"content-type": "application/fhir+json"}, uuid.uuid4().bytes)
    reading = Reading(OutcomeClass.ACCEPTED_ASYNC)
    record_all(
        services,
        [Done(each, profile_of(services, each.leased.row), reply, reading) for each in held],
    )


def entries_read(database: Database) -> int:
    """Entries of indexes and rows of tables that were gone through so far, on this connection."""
    with database.write() as work:
        work.conn.execute(text("SELECT pg_stat_force_next_flush()"))
    with database.read() as work:
        return int(
            work.conn.execute(
                text(
                    "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
                    " + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)"
                )
            ).scalar_one()
        )


def test_of_what_foreign_keys_point_at_only_the_primary_key_begins_with_the_tenant(
    build: Build,
) -> None:
    """To the look-ups behind foreign keys, planned while the table is as good as empty, any such
    index looks as good as the primary key; later they go through a tenant's every row by it."""
    whole = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :name"
    targets = {key.column.table.name for t in metadata.sorted_tables for key in t.foreign_keys}
    with build().database.read() as work:
        found = {
            name: definition
            for table in targets
            for name, definition in work.conn.execute(text(whole), {"name": table})
        }

    tempting = [
        name
        for name, definition in found.items()
        if "(tenant_id" in definition and " WHERE " not in definition and name[:3] != "pk_"
    ]
    assert "pk_submission" in found
    assert tempting == []
