"""An insurer's late answers over HTTP; what is kept of them is tested in the journeys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from web_surface import V1, Surface, outcome
from werkzeug.test import TestResponse

PATH = "/fhir/insurers/sakura-life/notifications"


def bring(surface: Surface, body: object, path: str = PATH) -> TestResponse:
    return surface.post(path, body, role="insurer")


def taken(answer: TestResponse, status: int = 200) -> list[tuple[str, str]]:
    return [(issue["severity"], issue["code"]) for issue in outcome(answer, status)]


def response_to(surface: Surface) -> dict[str, Any]:
    """A ClaimResponse about a claim of sakura-life that is ready."""
    surface.take("06")
    page = surface.get(f"{V1}/submissions?insurer=sakura-life").json
    system, _, value = page["items"][0]["claim_identifier"].partition("|")
    return {
        "resourceType": "ClaimResponse",
        "outcome": "queued",
        "request": {"identifier": {"system": system, "value": value}},
    }


def test_an_answer_is_taken_once(surface: Surface) -> None:
    response = response_to(surface)

    first, again = bring(surface, response), bring(surface, response)

    assert taken(first) == taken(again) == [("information", "informational")]
    assert "had that already" in again.text
    (row,) = surface.get(f"{V1}/submissions?insurer=sakura-life").json["items"]
    assert row["state"] == "accepted"


def test_an_answer_to_an_unknown_claim_is_kept_with_a_warning(surface: Surface) -> None:
    response = response_to(surface)
    response["request"]["identifier"]["value"] = "nobody"

    answer = bring(surface, response)

    assert taken(answer, 202) == [("warning", "not-found")]
    assert surface.counts()["notification"] == 1


def test_the_path_takes_an_alias_and_no_other_insurer(surface: Surface) -> None:
    response = response_to(surface)

    other = bring(surface, response, "/fhir/insurers/northwind-ppo/notifications")
    nobody = bring(surface, response, "/fhir/insurers/nobody/notifications")

    assert "bound to insurer sakura-life" in outcome(other, 403)[0]["diagnostics"]
    assert outcome(nobody, 404)
    assert surface.counts()["notification"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'"\xff"', 400),
        (b"[" * 100_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b'{"resourceType":"Bundle","entry":[{}]}', 422),
        (b'{"resourceType":"ClaimResponse","outcome":"queued"}', 422),
        (b'{"resourceType":"ClaimResponse","outcome":7,"request":[]}', 422),
        (b" " * (1024 * 1024 + 1), 413),
    ],
)
def test_hostile_bodies_are_refused_with_an_outcome(
    surface: Surface, body: bytes, status: int
) -> None:
    before = surface.counts()

    issues = outcome(bring(surface, body), status)

    assert all(issue["severity"] == "error" for issue in issues)
    assert surface.counts() == before | {"client": before["client"] + 1}


def test_a_body_of_another_kind_is_refused(surface: Surface) -> None:
    headers = surface.headers("insurer") | {"Content-Type": "text/plain"}

    answer = surface.client.post(PATH, data=json.dumps({}), headers=headers)

    assert outcome(answer, 415)


def test_metrics_are_told_in_prometheus_words(surface: Surface) -> None:
    surface.take("06")

    answer = surface.get("/metrics", role="ops")

    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    line = 'payer_gateway_submissions{insurer="sakura-life",state="ready"} 1'
    assert line in answer.text.splitlines()
