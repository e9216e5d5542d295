from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from web_surface import V1, Surface, consultation, paths, problem, settle

from payer_gateway.domain.submission import State
from payer_gateway.storage.tables import transition


@pytest.fixture
def accepted(surface: Surface) -> tuple[str, str]:
    """A consultation whose one claim was accepted: its id and the submission's."""
    made = surface.take()
    submission = made["submissions"][0]["id"]
    settle(surface, submission, State.ACCEPTED, "accepted")
    return made["consultation"], submission


def _address(consultation_id: str) -> str:
    return f"{V1}/consultations/{consultation_id}/corrections"


def _corrected() -> dict[str, Any]:
    document = consultation()
    document["services"][2]["quantity"] = 2
    return document


def test_a_claim_is_replaced_by_what_the_corrected_consultation_says(
    surface: Surface, accepted: tuple[str, str]
) -> None:
    made, submission = accepted
    body = {
        "kind": "replace",
        "submission": submission,
        "reason": "two hours of interpreting, not three",
        "consultation": _corrected(),
    }

    answer = surface.post(_address(made), body)

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{V1}/consultations/{made}"
    assert answer.json["revision"] == 2
    states = [each["state"] for each in answer.json["submissions"]]
    assert states == ["accepted", "ready"]
    amounts = [row["amount"] for row in surface.get(f"{V1}/submissions").json["items"]]
    assert amounts == ["675.00", "650.00"]


def test_a_claim_is_voided_once_whatever_is_sent_again(
    surface: Surface, accepted: tuple[str, str]
) -> None:
    made, submission = accepted
    body = {"kind": "void", "submission": submission, "reason": "never took place"}

    first = surface.post(_address(made), body, Idempotency_Key="v-1")
    again = surface.post(_address(made), body, Idempotency_Key="v-1")
    other = surface.post(_address(made), body)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    problem(other, 409)
    assert len(first.json["submissions"]) == 2


def test_a_claim_on_its_way_is_not_corrected(surface: Surface) -> None:
    made = surface.take()
    body = {"kind": "void", "submission": made["submissions"][0]["id"], "reason": "r"}
    before = surface.counts()

    told = problem(surface.post(_address(made["consultation"]), body), 409)

    assert "once the insurer has answered" in told["detail"]
    assert surface.counts() == before


def test_faults_of_the_corrected_consultation_are_named_in_the_whole_body(
    surface: Surface, accepted: tuple[str, str]
) -> None:
    made, submission = accepted
    document = _corrected()
    document["services"][0]["serviced_on"] = "24.02.2026"
    document["coverages"][0]["colour"] = "red"
    body = {
        "kind": "replace",
        "submission": submission,
        "reason": "r",
        "consultation": document,
    }
    before = surface.counts()

    told = problem(surface.post(_address(made), body), 422)

    assert sorted(paths(told)) == [
        "consultation.coverages[0].colour",
        "consultation.services[0].serviced_on",
    ]
    assert surface.counts() == before


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"id": "ANOTHER"}, "consultation.id"),
        ({"coverages": []}, "consultation.coverages"),
    ],
)
def test_a_correction_stays_with_its_source_id_and_coverage(
    surface: Surface, accepted: tuple[str, str], change: dict[str, Any], place: str
) -> None:
    made, submission = accepted
    body = {
        "kind": "replace",
        "submission": submission,
        "reason": "r",
        "consultation": _corrected() | change,
    }
    before = surface.counts()

    told = problem(surface.post(_address(made), body), 422)

    assert paths(told) == [place]
    assert surface.counts() == before


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"kind": "erase"}, "kind"),
        ({"kind": None}, "kind"),
        ({"submission": "17"}, "submission"),
        ({"submission": 17}, "submission"),
        ({"reason": "   "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\nb"}, "reason"),
        ({"colour": "red"}, "colour"),
        ({"consultation": {"id": "X"}}, "consultation"),
        ({"kind": "replace"}, "consultation"),
        ({"kind": "replace", "consultation": "X"}, "consultation"),
        ({"kind": "replace", "consultation": {}}, "consultation.coverages"),
    ],
)
def test_a_broken_correction_is_refused_naming_the_place(
    surface: Surface, accepted: tuple[str, str], change: dict[str, Any], place: str
) -> None:
    made, submission = accepted
    body = {"kind": "void", "submission": submission, "reason": "r", **change}
    before = surface.counts()

    told = problem(surface.post(_address(made), body), 422)

    assert paths(told)[0] == place
    assert surface.counts() == before


def test_a_submission_of_another_consultation_is_a_conflict(
    surface: Surface, accepted: tuple[str, str]
) -> None:
    _, submission = accepted
    other = surface.take("02")["consultation"]
    body = {"kind": "void", "submission": submission, "reason": "r"}

    problem(surface.post(_address(other), body), 409)


def _waiting_for_a_person(surface: Surface) -> dict[str, Any]:
    """The first insurer pays nothing, so the second one's claim waits for a person."""
    document = consultation("13")
    document["coverages"][0]["period"] = {"start": "2020-01-01", "end": "2020-12-31"}
    answer = surface.post(f"{V1}/consultations", document)
    assert answer.json["planned"][0]["waits_for"] == "person", answer.json
    summary: dict[str, Any] = answer.json
    return summary


def test_a_person_decides_what_waits_for_one(surface: Surface) -> None:
    made = _waiting_for_a_person(surface)
    address = f"{V1}/consultations/{made['consultation']}/decision"

    answer = surface.post(address, {"eligible": True, "reason": "bill it first"}, role="ops")

    assert answer.status_code == 200
    assert answer.json["planned"][0]["waits_for"] == "service_day"
    again = surface.post(address, {"eligible": True, "reason": "bill it first"}, role="ops")
    problem(again, 409)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"eligible": "yes", "reason": "r"}, "eligible"),
        ({"eligible": True}, "reason"),
        ({"eligible": True, "reason": "r", "by": "me"}, "by"),
        ([], "$"),
    ],
)
def test_a_broken_decision_is_refused_naming_the_place(
    surface: Surface, body: object, place: str
) -> None:
    made = _waiting_for_a_person(surface)

    answer = surface.post(f"{V1}/consultations/{made['consultation']}/decision", body, role="ops")

    assert paths(problem(answer, 422)) == [place]


def test_who_corrects_and_why_is_kept(surface: Surface, accepted: tuple[str, str]) -> None:
    made, submission = accepted
    body = {"kind": "void", "submission": submission, "reason": "never took place"}
    surface.post(_address(made), body)

    with surface.services.database.read() as work:
        kept = work.conn.execute(
            select(transition.c.reason, transition.c.by).where(transition.c.event == "void")
        ).one()

    assert kept.reason == "never took place"
    assert kept.by  # the client's id
