"""A person who found out says so, with evidence; and an upgrade waits for the workers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from builders import OPS, Build, a_submission, environment
from journeys_hands import files_say, moves_of, row_of, state_of
from processes import RawInsurer, run
from sqlalchemy import text

from payer_gateway.domain.errors import Conflict, InvalidInput
from payer_gateway.storage import database as database_module
from payer_gateway.storage.database import Database, head_version
from payer_gateway.workflow import delivery, repair
from payer_gateway.workflow.pulse import Pulse
from payer_gateway.workflow.services import Services


@pytest.fixture
def unknown(build: Build, monkeypatch: Any) -> tuple[Services, str]:
    """A claim to an insurer that cannot be asked, whose answer was lost."""
    insurer = RawInsurer(lambda *_: None)
    try:
        services = build(url=insurer.url, lease=30.0)
        submission_id = a_submission(services)
        files_say(services, monkeypatch, inquire=None, answer=None)
        assert delivery.send_one(services, "w")
    finally:
        insurer.close()
    assert state_of(services, submission_id) == "needs_human"
    return services, submission_id


def test_booked_keeps_the_evidence_and_the_insurers_number(unknown: tuple[Services, str]) -> None:
    services, submission_id = unknown

    repair.resolve(
        services, OPS, submission_id, booked=True, evidence="desk, J. Roe", control_number="K-9"
    )

    row = row_of(services, submission_id)
    assert (row.state, row.control_number) == ("accepted", "K-9")
    assert moves_of(services, submission_id)[-1].reason == "desk, J. Roe"
    # It cannot be asked for its answer: nobody does.
    assert not delivery.fetch_one(services, "w")


def test_a_number_of_what_is_not_booked_is_refused(unknown: tuple[Services, str]) -> None:
    services, submission_id = unknown

    with pytest.raises(InvalidInput):
        repair.resolve(
            services, OPS, submission_id, booked=False, evidence="e", control_number="K-9"
        )

    assert state_of(services, submission_id) == "needs_human"


def test_what_is_certainly_not_booked_is_cancelled_without_being_made_ready(
    unknown: tuple[Services, str],
) -> None:
    services, submission_id = unknown
    with pytest.raises(Conflict, match="nobody knows"):
        repair.cancel(services, OPS, submission_id, "not wanted")

    repair.cancel(services, OPS, submission_id, "not wanted", not_booked="looked by number")

    states = [move.target for move in moves_of(services, submission_id)]
    assert states[-2:] == ["needs_human", "cancelled"]
    assert "looked by number" in moves_of(services, submission_id)[-1].reason


def test_of_two_people_who_resolve_at_once_one_does(unknown: tuple[Services, str]) -> None:
    services, submission_id = unknown
    came: list[str] = []

    def resolve(booked: bool) -> None:
        try:
            repair.resolve(services, OPS, submission_id, booked=booked, evidence="e")
            came.append("resolved")
        except Conflict:
            came.append("conflict")

    threads = [threading.Thread(target=resolve, args=(n % 2 == 0,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(came) == ["conflict"] * 5 + ["resolved"]


def test_an_upgrade_is_refused_while_a_worker_is_at_work(build: Build, database_url: str) -> None:
    services = build()
    Pulse(services, "machine:77").beat()
    with services.database.write() as work:
        work.conn.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    environ = environment(database_url)

    upgraded = run(environ, "db", "upgrade")
    started = run(environ, "deliver", "--until-idle")

    assert upgraded.returncode == 1
    assert "machine:77" in upgraded.stderr
    # And no worker of this version starts on the schema of another.
    assert started.returncode == 2
    assert "payer-gateway db upgrade" in started.stderr


def test_a_database_of_the_first_version_is_brought_up_to_this_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    old = Database(url)
    with old.engine.connect() as connection:
        config = Config()
        migrations = Path(database_module.__file__).parent / "migrations"
        config.set_main_option("script_location", str(migrations))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    old.close()
    environ = environment(url)
    refused = run(environ, "submissions")

    upgraded = run(environ, "db", "upgrade")
    listed = run(environ, "submissions")

    assert (refused.returncode, upgraded.returncode, listed.returncode) == (2, 0, 0)
    assert upgraded.stdout == f"schema {head_version()}\n"
