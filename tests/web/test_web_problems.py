from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import text
from web_surface import PERSONAL, V1, Surface, consultation, problem

from payer_gateway.workflow import intake, reading


def test_a_failure_of_ours_tells_an_incident_and_nothing_else(
    surface: Surface, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_services: Any, _principal: Any, document: bytes) -> None:
        try:
            raise ValueError(f"cannot store {document.decode()}")
        except ValueError as exc:
            raise RuntimeError(f"lost {document.decode()}") from exc

    monkeypatch.setattr(intake, "take_in", fail)

    answer = surface.post(f"{V1}/consultations", consultation())

    told = problem(answer, 500)
    incident = told["instance"].removeprefix("urn:uuid:")
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    logged = record.getMessage()
    assert incident in logged
    assert "RuntimeError" in logged
    assert "ValueError" in logged
    assert "test_web_problems.py" in logged
    assert record.exc_info is None
    for word in (*PERSONAL, "RuntimeError", "test_web_problems"):
        assert word not in answer.text
    for word in PERSONAL:
        assert word not in logged


def test_a_database_error_does_not_log_what_it_was_given(
    surface: Surface, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(services: Any, *_: Any) -> None:
        with services.database.write() as work:
            work.conn.execute(text("INSERT INTO nowhere VALUES (:v)"), {"v": "Villarreal"})

    monkeypatch.setattr(reading, "one_submission", fail)

    problem(surface.get(f"{V1}/submissions/x"), 500)

    assert "OperationalError" in caplog.text
    assert "Villarreal" not in caplog.text


def test_no_log_line_of_a_whole_visit_names_a_person(
    surface: Surface, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broken = consultation()
    broken["patient"]["birth_date"] = "14.05.1979"

    surface.post(f"{V1}/consultations", broken)
    surface.post(f"{V1}/consultations", str(consultation()).encode())
    made = surface.take()
    surface.get(f"{V1}/consultations/{made['consultation']}")
    surface.get(f"{V1}/submissions?patient=Villarreal")

    for word in (*PERSONAL, "14.05.1979", surface.key()):
        assert word not in caplog.text


def test_an_address_that_is_not_there_is_a_problem(surface: Surface) -> None:
    for path in ("/", f"{V1}/nothing", f"{V1}/submissions/", "//api/v1/submissions"):
        problem(surface.get(path), 404)


def test_a_method_that_is_not_taken_is_a_problem_that_names_those_that_are(
    surface: Surface,
) -> None:
    answer = surface.client.delete(f"{V1}/submissions", headers=surface.headers())

    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_head_and_options_are_answered_without_a_body(surface: Surface) -> None:
    head = surface.client.head(f"{V1}/submissions", headers=surface.headers())
    options = surface.client.options(f"{V1}/submissions", headers=surface.headers())

    assert (head.status_code, head.data) == (200, b"")
    assert (options.status_code, options.data) == (200, b"")


@pytest.mark.parametrize(
    "path", [f"{V1}/submissions", f"{V1}/nothing", f"{V1}/openapi.json", "/healthz"]
)
def test_every_answer_forbids_sniffing_and_the_apis_forbid_keeping(
    surface: Surface, path: str
) -> None:
    for headers in ({}, surface.headers()):
        answer = surface.client.get(path, headers=headers)

        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if path.startswith("/api/"):
            assert answer.headers["Cache-Control"] == "no-store"


def test_a_database_of_another_schema_is_not_ready(surface: Surface) -> None:
    assert surface.client.get("/readyz").json == {"status": "ready"}
    with surface.services.database.write() as work:
        work.conn.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    answer = surface.client.get("/readyz")

    assert "0000" in problem(answer, 503)["detail"]
    assert surface.client.get("/healthz").status_code == 200


def test_a_database_that_is_away_is_not_ready(surface: Surface) -> None:
    with surface.services.database.write() as work:
        work.conn.execute(text("ALTER TABLE alembic_version RENAME COLUMN version_num TO other"))

    told = problem(surface.client.get("/readyz"), 503)

    assert "does not answer" in told["detail"]


def test_readiness_does_not_wait_for_a_writer(surface: Surface) -> None:
    with surface.services.database.write():
        assert surface.client.get("/readyz").status_code == 200
