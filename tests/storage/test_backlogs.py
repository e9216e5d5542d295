"""A paused insurer's backlog is nobody else's matter: what others have due is found by index."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from builders import OPS, Build, a_submission
from sqlalchemy import Select, text
from storage_hands import TENANT, row_of, set_insurer

from payer_gateway.domain.submission import State
from payer_gateway.storage import candidates, insurers_mode
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import submission
from payer_gateway.workflow import steering
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


def test_no_index_of_all_submissions_but_the_primary_key_begins_with_the_insurer(
    build: Build,
) -> None:
    """Until the table is first counted any such index looks as good as the primary key to the
    look-ups behind foreign keys, which then go through an insurer's every submission."""
    whole = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'submission'"
    with build().database.read() as work:
        found = dict(tuple(row) for row in work.conn.execute(text(whole)))

    tempting = [
        name
        for name, words in found.items()
        if "(tenant_id, insurer_id" in words and " WHERE " not in words
    ]
    assert tempting == ["pk_submission"]
