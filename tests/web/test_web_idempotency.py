from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import update
from web_surface import V1, Surface, consultation, paths, problem
from werkzeug.test import TestResponse

from payer_gateway.storage.tables import inbound_key
from payer_gateway.workflow import intake

PATH = f"{V1}/consultations"


def test_the_same_request_again_gets_the_stored_answer(surface: Surface) -> None:
    first = surface.post(PATH, consultation(), Idempotency_Key="k-1")
    again = surface.post(PATH, consultation(), Idempotency_Key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert surface.counts()["consultation"] == 1


def test_a_key_used_for_another_body_is_refused(surface: Surface) -> None:
    surface.post(PATH, consultation("01"), Idempotency_Key="k-1")

    told = problem(surface.post(PATH, consultation("02"), Idempotency_Key="k-1"), 422)

    assert told["type"].endswith("key-reused")
    assert surface.counts()["consultation"] == 1


def test_a_key_used_at_another_address_is_refused(surface: Surface) -> None:
    body = consultation()
    made = surface.post(PATH, body, Idempotency_Key="k-1").json["consultation"]

    told = problem(surface.post(f"{PATH}/{made}/corrections", body, Idempotency_Key="k-1"), 422)

    assert told["type"].endswith("key-reused")


def test_keys_of_two_clients_do_not_meet(surface: Surface) -> None:
    ours = surface.post(PATH, consultation(), Idempotency_Key="k-1")
    theirs = surface.post(PATH, consultation(), tenant="other", Idempotency_Key="k-1")
    operators = surface.post(PATH, consultation(), role="ops", Idempotency_Key="k-1")

    assert (ours.status_code, theirs.status_code, operators.status_code) == (201, 201, 200)
    assert "Idempotency-Replayed" not in theirs.headers


def test_a_refusal_is_stored_as_well(surface: Surface) -> None:
    document = consultation()
    del document["mode"]

    first = surface.post(PATH, document, Idempotency_Key="k-1")
    again = surface.post(PATH, document, Idempotency_Key="k-1")

    assert paths(problem(first, 422)) == paths(problem(again, 422)) == ["mode"]
    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_failure_of_ours_frees_the_key(surface: Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(intake, "take_in", fail)
        problem(surface.post(PATH, consultation(), Idempotency_Key="k-1"), 500)

    assert surface.counts()["inbound_key"] == 0
    assert surface.post(PATH, consultation(), Idempotency_Key="k-1").status_code == 201


def test_a_request_that_still_runs_is_told_so(surface: Surface) -> None:
    surface.post(PATH, consultation(), Idempotency_Key="k-1")
    with surface.services.database.write() as work:
        work.conn.execute(update(inbound_key).values(status=None, answer_body_id=None))

    answer = surface.post(PATH, consultation(), Idempotency_Key="k-1")

    problem(answer, 409)
    assert answer.headers["Retry-After"] == "1"


def test_a_request_that_died_is_carried_out_by_the_next(surface: Surface) -> None:
    surface.post(PATH, consultation(), Idempotency_Key="k-1")
    with surface.services.database.write() as work:
        work.conn.execute(
            update(inbound_key).values(
                status=None, answer_body_id=None, locked_until=work.now - timedelta(seconds=1)
            )
        )

    answer = surface.post(PATH, consultation(), Idempotency_Key="k-1")

    # What the dead one stored is found by its content: nothing is taken in twice.
    assert answer.status_code == 200
    assert surface.counts()["consultation"] == 1


def test_a_key_is_kept_for_a_day(surface: Surface) -> None:
    surface.post(PATH, consultation(), Idempotency_Key="k-1")
    with surface.services.database.write() as work:
        work.conn.execute(update(inbound_key).values(expires_at=work.now - timedelta(seconds=1)))

    assert surface.post(PATH, consultation(), Idempotency_Key="k-1").status_code == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "caf\u00e9", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(surface: Surface, key: str) -> None:
    surface.key()
    before = surface.counts()

    told = problem(surface.post(PATH, consultation(), Idempotency_Key=key), 400)

    assert paths(told) == ["header.Idempotency-Key"]
    assert surface.counts() == before


@pytest.mark.parametrize("key", ["k-1", None])
def test_twenty_at_once_make_one_consultation(surface: Surface, key: str | None) -> None:
    surface.key()
    body = json.dumps(consultation()).encode()
    barrier = Barrier(20)

    def post() -> TestResponse:
        barrier.wait()
        return surface.post(PATH, body, **({"Idempotency_Key": key} if key else {}))

    with ThreadPoolExecutor(20) as pool:
        answers = [each.result() for each in [pool.submit(post) for _ in range(20)]]

    assert surface.counts()["consultation"] == 1
    assert surface.counts()["submission"] == 1
    statuses = [answer.status_code for answer in answers]
    if key:
        assert set(statuses) <= {201, 409}
        made = [answer for answer in answers if answer.status_code == 201]
        replayed = [answer for answer in made if "Idempotency-Replayed" in answer.headers]
        assert len(made) - len(replayed) == 1
        assert all(a.headers["Retry-After"] == "1" for a in answers if a.status_code == 409)
    else:
        assert sorted(statuses) == [200] * 19 + [201]
        made = answers
    assert len({answer.data for answer in made}) == 1
