from __future__ import annotations

import pytest
from web_surface import TODAY, V1, Surface, paths, problem, settle

from payer_gateway.domain.submission import State

ROW = {
    "id",
    "consultation",
    "insurer",
    "claim_identifier",
    "use",
    "state",
    "attempts",
    "amount",
    "currency",
    "last_class",
    "cause",
}


@pytest.fixture
def full(surface: Surface) -> Surface:
    for number in ("01", "02", "03", "06", "10"):
        surface.take(number)
    return surface


def test_pages_hold_every_submission_once(full: Surface) -> None:
    seen, after = [], ""
    while True:
        page = full.get(f"{V1}/submissions?limit=2{after}").json
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        assert page["next"] == seen[-1]
        after = f"&after={page['next']}"

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen)


def test_a_page_that_is_exactly_full_and_last_says_so(full: Surface) -> None:
    page = full.get(f"{V1}/submissions?limit=5").json

    assert len(page["items"]) == 5
    assert page["next"] is None


def test_rows_are_those_of_the_outside_contract(full: Surface) -> None:
    (row,) = full.get(f"{V1}/submissions?insurer=sakura-life").json["items"]

    assert row.keys() == ROW
    assert isinstance(row["amount"], str)
    assert row["currency"] == "JPY"
    assert "." not in row["amount"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("use=preauthorization", 1),
        ("state=ready", 5),
        ("state=accepted", 0),
        ("insurer=northwind-ppo&use=claim", 1),
        ("insurer=nobody", 0),
        ("consultation=01A206B6-0000-7000-8000-000000000000", 0),
        ("after=ffffffff-ffff-ffff-ffff-ffffffffffff", 0),
        ("limit=200", 5),
    ],
)
def test_filters_narrow_the_listing(full: Surface, query: str, count: int) -> None:
    assert len(full.get(f"{V1}/submissions?{query}").json["items"]) == count


def test_a_listing_is_of_ones_own_tenant(full: Surface) -> None:
    assert full.get(f"{V1}/submissions", tenant="other").json == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("limit=-1", "query.limit"),
        ("limit=1.0", "query.limit"),
        ("limit=%D9%A1", "query.limit"),
        ("limit=", "query.limit"),
        ("state=gone", "query.state"),
        ("use=predetermination", "query.use"),
        ("after=1", "query.after"),
        ("consultation=x", "query.consultation"),
        ("insurer=%00", "query.insurer"),
        ("insurer=", "query.insurer"),
        ("state=ready&state=sending", "query.state"),
        ("patient=Villarreal", "query.patient"),
        ("tenant=other", "query.tenant"),
    ],
)
def test_a_broken_query_is_refused_naming_the_parameter(
    surface: Surface, query: str, place: str
) -> None:
    told = problem(surface.get(f"{V1}/submissions?{query}"), 400)

    assert paths(told) == [place]


def test_one_submission_says_why_it_is_not_sent(surface: Surface) -> None:
    submission = surface.take()["submissions"][0]["id"]

    shown = surface.get(f"{V1}/submissions/{submission}").json

    assert shown.keys() >= ROW | {"attempt_list", "ledger", "why_not_sent"}
    assert shown["why_not_sent"].startswith("Held: the insurer has no address")


def test_a_rejected_submission_is_replayed(surface: Surface) -> None:
    submission = surface.take()["submissions"][0]["id"]
    settle(surface, submission, State.REJECTED, "rejected")

    answer = surface.post(
        f"{V1}/submissions/{submission}/replay", {"reason": "they mended it"}, role="ops"
    )

    assert answer.status_code == 200
    assert answer.json["state"] == "ready"
    assert answer.json.keys() == ROW


def test_one_in_doubt_is_not_replayed_but_resolved(surface: Surface) -> None:
    submission = surface.take()["submissions"][0]["id"]
    settle(surface, submission, State.NEEDS_HUMAN, "in_doubt")
    address = f"{V1}/submissions/{submission}"

    problem(surface.post(f"{address}/replay", {"reason": "r"}, role="ops"), 409)
    answer = surface.post(
        f"{address}/resolve", {"booked": True, "evidence": "their number 4711"}, role="ops"
    )

    assert answer.status_code == 200
    assert answer.json["state"] == "accepted"


def test_one_that_waits_is_cancelled_once(surface: Surface) -> None:
    submission = surface.take()["submissions"][0]["id"]
    address = f"{V1}/submissions/{submission}/cancel"

    first = surface.post(address, {"reason": "withdrawn"}, role="ops")
    again = surface.post(address, {"reason": "withdrawn"}, role="ops")

    assert first.json["state"] == "cancelled"
    problem(again, 409)


@pytest.mark.parametrize("step", ["cancel", "replay"])
@pytest.mark.parametrize(
    ("body", "place"), [({}, "reason"), ({"reason": ""}, "reason"), ({"reason": 1}, "reason")]
)
def test_a_repair_says_why(surface: Surface, step: str, body: object, place: str) -> None:
    submission = surface.take()["submissions"][0]["id"]
    before = surface.counts()

    answer = surface.post(f"{V1}/submissions/{submission}/{step}", body, role="ops")

    assert paths(problem(answer, 422)) == [place]
    assert surface.counts() == before | {"client": before["client"] + 1}


def test_an_insurer_is_paused_and_resumed(surface: Surface) -> None:
    submission = surface.take()["submissions"][0]["id"]
    address = f"{V1}/insurers/Northwind-PPO"

    paused = surface.post(f"{address}/pause", {"reason": "they asked"}, role="ops")
    resumed = surface.client.post(f"{address}/resume", headers=surface.headers("ops"))
    with_reason = surface.post(f"{address}/resume", {"reason": "over"}, role="ops")

    assert paused.json == {"insurer": "northwind-ppo", "mode": "paused"}
    assert resumed.json == with_reason.json == {"insurer": "northwind-ppo", "mode": "on"}
    assert surface.get(f"{V1}/submissions/{submission}").json["state"] == "ready"


@pytest.mark.parametrize("step", ["pause", "resume"])
def test_an_insurer_that_nobody_described_is_not_found(surface: Surface, step: str) -> None:
    answer = surface.post(f"{V1}/insurers/nobody/{step}", {"reason": "r"}, role="ops")

    assert "nobody" in problem(answer, 404)["detail"]


def test_a_pause_says_why(surface: Surface) -> None:
    answer = surface.post(f"{V1}/insurers/sakura-life/pause", {}, role="ops")

    assert paths(problem(answer, 422)) == ["reason"]


def test_the_business_day_is_pinned_for_these_tests(surface: Surface) -> None:
    assert surface.services.today is not None
    assert surface.services.today.isoformat() == TODAY
