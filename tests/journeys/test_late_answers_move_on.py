"""What a late answer sets in motion, how it finds its claim, and how it is asked for meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NEEDS_AUTHORIZATION, OPS, TWO_COVERAGES, Build, a_submission, another, take_in
from journeys_hands import attempts_of, deliver, files_say, planned_of, row_of, submissions
from late_answers import (
    NORTHWIND,
    accepted,
    approval,
    bring,
    decides_nothing,
    denial,
    response,
)
from processes import RawInsurer

from payer_gateway.mapping.facts_people import Names
from payer_gateway.workflow import delivery, following, notified, reading
from payer_gateway.workflow.services import Services


@pytest.fixture
def insurer() -> Iterator[RawInsurer]:
    """Takes everything and decides nothing."""
    running = RawInsurer(decides_nothing)
    yield running
    running.close()


@pytest.fixture
def services(build: Build, insurer: RawInsurer) -> Services:
    return build(url=insurer.url, lease=30.0)


def test_an_approval_that_comes_late_sets_the_planned_claim_in_motion(
    services: Services, insurer: RawInsurer
) -> None:
    summary = take_in(services, another(NEEDS_AUTHORIZATION))
    (preauth,) = summary["submissions"]
    assert delivery.send_one(services, "w")
    identifier = row_of(services, preauth["id"]).claim_identifier

    bring(services, approval(identifier, "AUTH-9"))
    deliver(services)

    assert planned_of(services, summary["consultation"])[0][1] == "done"
    assert b"AUTH-9" in insurer.sent()[-1][3]


def test_an_approval_after_a_denial_opens_the_planned_claim_again(services: Services) -> None:
    summary = take_in(services, another(NEEDS_AUTHORIZATION))
    (preauth,) = summary["submissions"]
    assert delivery.send_one(services, "w")
    identifier = row_of(services, preauth["id"]).claim_identifier
    bring(services, denial(identifier))
    denied = planned_of(services, summary["consultation"])

    bring(services, approval(identifier, "AUTH-9", created="2026-04-18T10:00:00Z"))

    assert [state for _, state, _ in denied] == ["closed"]
    assert [state for _, state, _ in planned_of(services, summary["consultation"])] == ["open"]


def test_a_denial_after_the_claim_was_made_comes_to_a_person(services: Services) -> None:
    summary = take_in(services, another(NEEDS_AUTHORIZATION))
    (preauth,) = summary["submissions"]
    assert delivery.send_one(services, "w")
    identifier = row_of(services, preauth["id"]).claim_identifier
    bring(services, approval(identifier, "AUTH-9"))
    deliver(services)

    bring(services, denial(identifier, created="2026-04-18T10:00:00Z"))

    shown = reading.one_submission(services, OPS, preauth["id"])
    assert (shown["state"], shown["cause"]) == ("accepted", "rejected authorization-withdrawn")
    assert deliver(services).for_person == 1


def test_the_primarys_late_answer_sets_the_secondary_in_motion(build: Build) -> None:
    taker = RawInsurer(decides_nothing)
    try:
        services = build(url=taker.url)
        summary = take_in(services, another(TWO_COVERAGES))
        assert delivery.send_one(services, "w")

        _the_primary_answers(services, summary)
        deliver(services)
    finally:
        taker.close()

    assert [state for _, state, _ in planned_of(services, summary["consultation"])] == ["done"]
    assert len(taker.sent()) == 2


def test_the_third_insurer_waits_for_the_second(services: Services) -> None:
    document = another(TWO_COVERAGES)
    third = {**document["coverages"][1], "order": 3, "insurer": "STATE-MEDICAID"}
    document["coverages"] += [third | {"plan": "STATE-MEDICAID-2026"}]
    summary = take_in(services, document)
    assert delivery.send_one(services, "w")

    _the_primary_answers(services, summary)
    deliver(services)

    sent = [s["insurer"] for s in submissions(services, summary["consultation"])]
    assert sent == ["medicare-b", "northwind-ppo"]
    assert ("primary", "open", None) in planned_of(services, summary["consultation"])


def test_an_answer_is_matched_by_the_address_that_the_claim_had_in_our_bundle(
    services: Services,
) -> None:
    submission_id, _ = accepted(services)
    url = Names(row_of(services, submission_id).claim_id).url("claim")

    taken = bring(services, response(None) | {"request": {"reference": url}})

    assert [each.submission_id for each in taken] == [submission_id]


def test_an_answer_is_matched_by_the_insurers_own_number(services: Services) -> None:
    submission_id, identifier = accepted(services)
    bring(services, response(identifier))

    later = response(None, paid="60.00", created="2026-04-18T10:00:00Z")
    taken = bring(services, later)

    assert [each.submission_id for each in taken] == [submission_id]


def test_every_answer_of_a_pas_notification_is_taken(services: Services) -> None:
    (one, one_named), (two, two_named) = accepted(services), accepted(services)
    inner = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": response(two_named)}],
    }
    status = {
        "resourceType": "Parameters",
        "parameter": [{"name": "type", "valueCode": "event-notification"}],
    }
    entries = [{"resource": each} for each in (status, response(one_named), inner)]

    taken = bring(services, {"resourceType": "Bundle", "type": "history", "entry": entries})

    assert [each.submission_id for each in taken] == [one, two]


def test_a_handshake_is_answered_with_nothing(services: Services) -> None:
    status = {
        "resourceType": "Parameters",
        "parameter": [{"name": "type", "valueCode": "handshake"}],
    }

    taken = bring(
        services, {"resourceType": "Bundle", "type": "history", "entry": [{"resource": status}]}
    )

    assert taken == []


def test_an_event_without_its_content_has_the_answers_fetched(services: Services) -> None:
    submission_id, _ = accepted(services)
    status = {
        "resourceType": "Parameters",
        "parameter": [{"name": "type", "valueCode": "event-notification"}],
    }
    assert not delivery.fetch_one(services, "w")

    bring(services, {"resourceType": "Bundle", "type": "history", "entry": [{"resource": status}]})

    assert delivery.fetch_one(services, "w")
    assert attempts_of(services, submission_id)[-1] == ("inquire", "not_found")


def test_the_poll_slows_down_as_time_goes_by(services: Services) -> None:
    profile = services.shelf.profile("northwind-ppo")
    pace = timedelta(seconds=profile.delivery.adjudication_poll_s)
    with services.database.read() as work:
        now = work.now

    def wait(waited: timedelta) -> timedelta:
        return following.next_poll(now, now - waited, profile) - now

    assert wait(timedelta(0)) == wait(pace) == pace
    assert wait(timedelta(days=4)) == timedelta(days=1)
    assert wait(timedelta(days=400)) == timedelta(days=7)


def test_an_insurer_that_cannot_be_asked_for_its_answer_is_not_polled(
    services: Services, insurer: RawInsurer, monkeypatch: Any
) -> None:
    files_say(services, monkeypatch, answer=None)
    submission_id = a_submission(services)

    standing = deliver(services)

    assert standing.unanswered == 1
    assert attempts_of(services, submission_id) == [("send", "accepted_async")]
    assert {method for method, *_ in insurer.heard} == {"POST"}


def _the_primary_answers(services: Services, summary: dict[str, Any]) -> None:
    (first,) = summary["submissions"]
    principal = replace(NORTHWIND, insurer=first["insurer"])
    body = json.dumps(response(row_of(services, first["id"]).claim_identifier))
    notified.take_answers(services, principal, first["insurer"], body.encode())
