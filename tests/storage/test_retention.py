"""Old exchanges age out; what somebody may still need never does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import ANSWER_LOST, OPS, REJECTED, WORKER, Build, a_submission, environment
from processes import SandboxInsurer, run
from sqlalchemy import func, select, update
from storage_hands import row_of

from payer_gateway.domain.errors import InvalidInput, NotFound
from payer_gateway.storage import bodies, outbox, tables
from payer_gateway.workflow import retaining
from payer_gateway.workflow.delivery import Delivery
from payer_gateway.workflow.services import Services


@pytest.fixture
def services(build: Build, insurer: SandboxInsurer) -> Services:
    return build(url=insurer.url, lease=30.0)


def deliver(services: Services) -> None:
    Delivery(services, WORKER, threads=1).run_until_idle(60)


def attempts_of(services: Services, submission_id: str) -> list[tuple[int, str]]:
    with services.database.read() as work:
        found = outbox.attempts(work, "default", submission_id)
    return [(a.n, a._mapping["class"]) for a in found]


def as_if_later(services: Services, days: int) -> None:
    """Everything that has happened happened so many days earlier."""
    a, s, b = tables.attempt, tables.submission, tables.body
    with services.database.write() as work:
        then = work.now - timedelta(days=days)
        # A closed attempt is never edited; only a test may do what time does.
        if work.is_postgresql:
            work.conn.exec_driver_sql("ALTER TABLE attempt DISABLE TRIGGER attempt_closed")
        else:
            work.conn.exec_driver_sql("DROP TRIGGER attempt_closed")
        work.conn.execute(update(a).where(a.c.ended_at.is_not(None)).values(ended_at=then))
        work.conn.execute(update(s).where(s.c.closed_at.is_not(None)).values(closed_at=then))
        work.conn.execute(
            update(s).where(s.c.adjudicated_at.is_not(None)).values(adjudicated_at=then)
        )
        work.conn.execute(update(b).values(created_at=then))


def count(services: Services, table: str) -> int:
    with services.database.read() as work:
        query = select(func.count()).select_from(tables.metadata.tables[table])
        return work.conn.execute(query).scalar_one()


def test_an_accepted_claim_keeps_the_exchange_in_which_it_was_taken_and_its_last(
    services: Services,
) -> None:
    submission_id = a_submission(services, ANSWER_LOST)
    deliver(services)
    before = attempts_of(services, submission_id)
    as_if_later(services, 500)

    counts = retaining.retain(services, OPS, 400, dry_run=False)

    kept = attempts_of(services, submission_id)
    assert before[0] == (1, "in_doubt")
    assert counts["attempts"] == len(before) - len(kept) >= 1
    taken = next(each for each in before if each[1] == "found")
    assert kept == sorted({taken, before[-1]})
    with services.database.read() as work:
        for attempt in outbox.attempts(work, "default", submission_id):
            if attempt.reply_body_id is not None:
                assert bodies.get(work, "default", attempt.reply_body_id)
        assert bodies.get(work, "default", row_of(services, submission_id).body_id)


def test_what_waits_for_somebody_keeps_everything(services: Services) -> None:
    rejected, ready = a_submission(services, REJECTED), ""
    deliver(services)
    ready = a_submission(services)
    before = {each: attempts_of(services, each) for each in (rejected, ready)}
    as_if_later(services, 5000)
    bodies_before = count(services, "body")

    counts = retaining.retain(services, OPS, 1, dry_run=False)

    assert counts["attempts"] == counts["bodies"] == 0
    assert {each: attempts_of(services, each) for each in (rejected, ready)} == before
    assert count(services, "body") == bodies_before


def test_what_is_young_stays(services: Services) -> None:
    a_submission(services, ANSWER_LOST)
    deliver(services)
    as_if_later(services, 399)

    counts = retaining.retain(services, OPS, 400, dry_run=False)

    assert (counts["attempts"], counts["bodies"]) == (0, 0)


def test_a_body_that_nothing_names_goes_and_a_dry_run_only_counts_it(services: Services) -> None:
    with services.database.write() as work:
        orphan = bodies.put(work, "default", b"nobody's", "text/plain")
    as_if_later(services, 500)

    dry = retaining.retain(services, OPS, 400, dry_run=True)
    still_there = count(services, "body")
    wet = retaining.retain(services, OPS, 400, dry_run=False)

    assert (dry["bodies"], wet["bodies"], still_there) == (1, 1, 1)
    with services.database.read() as work, pytest.raises(NotFound):
        bodies.get(work, "default", orphan)


def test_every_column_that_refers_to_a_body_is_looked_at() -> None:
    """Retention finds them by their name."""
    referring = {
        f"{table.name}.{key.parent.name}"
        for table in tables.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "body" and key.column.name == "id"
    }

    assert referring
    assert all(name.endswith("body_id") for name in referring)


def test_less_than_a_day_is_refused(services: Services) -> None:
    with pytest.raises(InvalidInput):
        retaining.retain(services, OPS, 0, dry_run=True)


def test_the_command_prints_its_counts(services: Services, database_url: str) -> None:
    environ = environment(database_url)

    told = run(environ, "retention", "--older-than", "30d", "--dry-run")
    misused = run(environ, "retention", "--older-than", "a month")

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("0 attempts and 0 bodies would be taken away")
    assert misused.returncode == 2
