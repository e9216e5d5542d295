"""The HTTP surface of ``payer-gateway serve``, as the outside contract words it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from builders import BY_VIDEO, another
from gateway_process import Gateway, addresses, running
from processes import GENEROUS_S, eventually
from walked import SUBMISSION, TAKEN


@dataclass(frozen=True)
class Caller:
    """Somebody with a key (or none)."""

    url: str
    key: str | None

    def post(self, path: str, document: object, **headers: str) -> requests.Response:
        return requests.post(
            f"{self.url}{path}", json=document, headers=self._with(headers), timeout=GENEROUS_S
        )

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=self._with({}), timeout=GENEROUS_S)

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        return headers | ({"Authorization": f"Bearer {self.key}"} if self.key else {})


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, contract_insurer: str
) -> Iterator[dict[str, Caller]]:
    """A served gateway, and who calls it: two clinics of two tenants, operations, a stranger."""
    gateway = Gateway(tmp_path_factory.mktemp("served"), addresses(contract_insurer))
    keys: dict[str, str | None] = {"stranger": None}
    for name, tenant, role in (
        ("clinic", "one", "provider"),
        ("ops", "one", "ops"),
        ("other", "two", "provider"),
    ):
        added = gateway("client", "add", name, "--tenant", tenant, "--role", role, "--json")
        keys[name] = added.rows[0]["key"]
    environ = gateway.environment()
    with running("serve", "--port", "0", environ=environ, cwd=gateway.folder) as (_, url):
        yield {name: Caller(url, key) for name, key in keys.items()}


def problem(answer: requests.Response) -> Any:
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return answer.json()


def test_a_consultation_is_201_repeated_200_with_the_object_of_submit_without_its_file(
    callers: dict[str, Caller],
) -> None:
    document = another(BY_VIDEO)

    first = callers["clinic"].post("/api/v1/consultations", document)
    again = callers["clinic"].post("/api/v1/consultations", document)

    assert (first.status_code, again.status_code) == (201, 200)
    assert set(first.json()) == set(again.json()) == set(TAKEN) - {"file"}
    assert again.json()["consultation"] == first.json()["consultation"]
    ids = [[s["id"] for s in answer.json()["submissions"]] for answer in (first, again)]
    assert ids[0] == ids[1] != []


def test_what_is_no_consultation_is_422_and_names_path_value_and_cure(
    callers: dict[str, Caller],
) -> None:
    document = another(BY_VIDEO)
    broken = document | {"requested_at": "yesterday"}

    refused = callers["clinic"].post("/api/v1/consultations", broken)
    then = callers["clinic"].post("/api/v1/consultations", document)

    (error,) = problem(refused)["errors"]
    assert refused.status_code == 422
    assert (error["path"], error["value"]) == ("requested_at", "yesterday")
    assert error["cure"]
    assert (then.status_code, then.json()["revision"]) == (201, 1)


def test_the_same_idempotency_key_brings_the_same_answer_and_refuses_another_body(
    callers: dict[str, Caller],
) -> None:
    document, key = another(BY_VIDEO), {"Idempotency-Key": "the-same-key"}

    first = callers["clinic"].post("/api/v1/consultations", document, **key)
    again = callers["clinic"].post("/api/v1/consultations", document, **key)
    other = callers["clinic"].post("/api/v1/consultations", another(BY_VIDEO), **key)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert other.status_code == 422


def test_a_single_submission_adds_its_attempts_and_why_it_is_not_sent(
    callers: dict[str, Caller],
) -> None:
    clinic = callers["clinic"]
    taken = clinic.post("/api/v1/consultations", another(BY_VIDEO)).json()
    path = f"/api/v1/submissions/{taken['submissions'][0]['id']}"

    eventually(lambda: clinic.get(path).json()["state"] == "accepted")

    shown = clinic.get(path).json()
    assert set(SUBMISSION) | {"attempt_list", "why_not_sent"} <= set(shown)
    assert shown["consultation"] == taken["consultation"]
    assert shown["why_not_sent"] is None
    assert shown["attempt_list"][0]["kind"] == "send"
    assert isinstance(shown["amount"], str)


def test_the_listing_gives_the_same_rows_as_the_command(callers: dict[str, Caller]) -> None:
    callers["clinic"].post("/api/v1/consultations", another(BY_VIDEO))

    listed = callers["clinic"].get("/api/v1/submissions").json()

    assert listed["items"] and all(set(row) == set(SUBMISSION) for row in listed["items"])


def test_another_tenants_things_are_not_found(callers: dict[str, Caller]) -> None:
    taken = callers["clinic"].post("/api/v1/consultations", another(BY_VIDEO)).json()
    paths = [
        f"/api/v1/submissions/{taken['submissions'][0]['id']}",
        f"/api/v1/consultations/{taken['consultation']}",
    ]

    for path in paths:
        assert callers["ops"].get(path).status_code == 200
        refused = callers["other"].get(path)
        assert (refused.status_code, problem(refused)["status"]) == (404, 404)
    assert callers["other"].get("/api/v1/submissions").json()["items"] == []


@pytest.mark.parametrize("key", [None, "nonsense", "pgw_" + "x" * 43])
def test_without_a_key_that_is_known_there_is_nothing(
    callers: dict[str, Caller], key: str | None
) -> None:
    stranger = Caller(callers["stranger"].url, key)

    asked = [
        stranger.post("/api/v1/consultations", another(BY_VIDEO)),
        stranger.get("/api/v1/submissions"),
    ]

    assert [answer.status_code for answer in asked] == [401, 401]
    assert all(problem(answer)["title"] for answer in asked)


BROKEN: dict[str, tuple[bytes, str, int]] = {
    "not JSON": (b"{", "application/json", 400),
    "too large": (b'"' + b"x" * 5_300_000 + b'"', "application/json", 413),
    "another content type": (b"id=1", "application/x-www-form-urlencoded", 415),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_body_that_cannot_be_read_is_a_problem_that_says_why(
    callers: dict[str, Caller], what: str
) -> None:
    body, kind, status = BROKEN[what]
    clinic = callers["clinic"]

    refused = requests.post(
        f"{clinic.url}/api/v1/consultations",
        data=body,
        headers={"Content-Type": kind, "Authorization": f"Bearer {clinic.key}"},
        timeout=GENEROUS_S,
    )

    assert problem(refused)["status"] == refused.status_code == status


def test_it_is_alive_and_describes_itself(callers: dict[str, Caller]) -> None:
    stranger = callers["stranger"]

    described = stranger.get("/api/v1/openapi.json").json()

    assert stranger.get("/healthz").status_code == 200
    assert stranger.get("/readyz").status_code == 200
    assert described["openapi"].startswith("3.1")
    assert "/api/v1/consultations" in described["paths"]
