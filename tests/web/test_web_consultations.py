from __future__ import annotations

import json

import pytest
from web_surface import CONSULTATIONS, V1, Surface, consultation, problem

CONTRACT = {
    "consultation",
    "source_id",
    "revision",
    "decision",
    "reasons",
    "decisions",
    "submissions",
    "planned",
}


def test_a_new_consultation_is_created_at_the_address_that_shows_it(surface: Surface) -> None:
    answer = surface.post(f"{V1}/consultations", consultation())

    assert answer.status_code == 201
    assert answer.content_type == "application/json"
    assert answer.json.keys() == CONTRACT
    assert answer.headers["Location"] == f"{V1}/consultations/{answer.json['consultation']}"
    assert surface.get(answer.headers["Location"]).json == answer.json


@pytest.mark.parametrize("file", sorted(CONSULTATIONS.glob("*.json")), ids=lambda f: f.stem)
def test_every_fixture_is_taken(surface: Surface, file) -> None:  # type: ignore[no-untyped-def]
    answer = surface.post(f"{V1}/consultations", file.read_bytes())

    assert answer.status_code == 201
    assert answer.json["source_id"] == json.loads(file.read_text())["id"]


def test_the_same_content_again_is_answered_200_and_changes_nothing(surface: Surface) -> None:
    first = surface.post(f"{V1}/consultations", consultation())
    before = surface.counts()

    spelled_otherwise = json.dumps(consultation(), indent=3, sort_keys=True).encode()
    again = surface.post(f"{V1}/consultations", spelled_otherwise)

    assert again.status_code == 200
    assert "Location" not in again.headers
    assert again.data == first.data
    assert surface.counts() == before


def test_other_content_is_a_new_revision_while_nothing_is_on_its_way(surface: Surface) -> None:
    surface.take("14")
    changed = consultation("14")
    changed["urgency"] = "urgent"

    answer = surface.post(f"{V1}/consultations", changed)

    assert answer.status_code == 201
    assert answer.json["revision"] == 2


def test_other_content_is_a_conflict_once_a_claim_is_on_its_way(surface: Surface) -> None:
    made = surface.take()
    changed = consultation()
    changed["urgency"] = "urgent"
    before = surface.counts()

    told = problem(surface.post(f"{V1}/consultations", changed), 409)

    assert f"{V1}/consultations/{made['consultation']}/corrections" in told["detail"]
    assert surface.counts() == before


def test_another_tenants_consultation_is_as_unknown_as_one_that_never_was(
    surface: Surface,
) -> None:
    theirs = surface.take(tenant="default")["consultation"]
    nobodys = "01a206b6-0000-7000-8000-000000000000"

    asked_for_theirs = surface.get(f"{V1}/consultations/{theirs}", tenant="other")
    asked_for_nobodys = surface.get(f"{V1}/consultations/{nobodys}", tenant="other")

    problem(asked_for_theirs, 404)
    problem(asked_for_nobodys, 404)
    assert asked_for_theirs.text.replace(theirs, "ID") == asked_for_nobodys.text.replace(
        nobodys, "ID"
    )
    assert dict(asked_for_theirs.headers) == dict(asked_for_nobodys.headers)


def test_two_tenants_may_use_the_same_source_id(surface: Surface) -> None:
    ours = surface.take(tenant="default")
    theirs = surface.take(tenant="other")

    assert ours["consultation"] != theirs["consultation"]


@pytest.mark.parametrize("wrong", ["x", "..", "%00", "' OR 1=1", "%F0%9F%98%80"])
def test_an_id_that_cannot_be_one_is_not_found(surface: Surface, wrong: str) -> None:
    problem(surface.get(f"{V1}/consultations/{wrong}"), 404)


def test_a_plus_json_media_type_is_json_too(surface: Surface) -> None:
    answer = surface.post(
        f"{V1}/consultations", consultation(), Content_Type="application/vnd.opinion+json"
    )

    assert answer.status_code == 201
