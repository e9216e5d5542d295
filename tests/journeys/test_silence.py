"""Silence is neither success nor failure: what is unknown is asked about and never sent blindly."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from builders import ANSWER_LOST, BUSY, LATE, Build, a_submission
from journeys_hands import (
    attempts_of,
    both_ledgers_agree,
    deliver,
    files_say,
    moves_of,
    request_of,
    row_of,
    state_of,
)
from processes import RawInsurer, SandboxInsurer, answer, eventually

from payer_gateway.workflow.services import Services

NOTHING_FOUND = answer(b'{"resourceType":"Bundle","type":"searchset","total":0}')
TAKEN = answer(b'{"resourceType":"ClaimResponse","outcome":"queued"}', "202 Accepted")


def test_an_answer_lost_after_booking_is_asked_about_and_never_sent_again(
    services: Services, insurer: SandboxInsurer
) -> None:
    submission_id = a_submission(services, ANSWER_LOST)

    deliver(services)

    assert state_of(services, submission_id) == "accepted"
    assert attempts_of(services, submission_id)[:2] == [("send", "in_doubt"), ("inquire", "found")]
    assert insurer.times(row_of(services, submission_id).claim_identifier) == 1
    assert both_ledgers_agree(services, insurer)


def test_an_answer_that_nobody_can_read_is_asked_about_too(
    services: Services, insurer: SandboxInsurer
) -> None:
    submission_id = a_submission(services, mood="GARBAGE")

    deliver(services)

    assert state_of(services, submission_id) == "accepted"
    assert attempts_of(services, submission_id)[:2] == [("send", "in_doubt"), ("inquire", "found")]
    assert insurer.times(row_of(services, submission_id).claim_identifier) == 1
    assert both_ledgers_agree(services, insurer)


def test_what_the_insurer_never_booked_is_sent_again_after_two_answers_a_settle_time_apart(
    build: Build,
) -> None:
    sends = 0

    def loses_the_first(method: str, path: str) -> bytes | None:
        nonlocal sends
        if method == "GET":
            return NOTHING_FOUND
        sends += 1
        return None if sends == 1 else TAKEN

    insurer = RawInsurer(loses_the_first)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services)
    finally:
        insurer.close()

    assert state_of(services, submission_id) == "accepted"
    assert attempts_of(services, submission_id)[:4] == [
        ("send", "in_doubt"),
        ("inquire", "not_found"),
        ("inquire", "not_found"),
        ("send", "accepted_async"),
    ]
    doubted, first_look, second_look = (
        next(m for m in moves_of(services, submission_id) if m.event == event).at
        for event in ("in_doubt", "not found for the first time", "not found twice")
    )
    settle = timedelta(seconds=0.3)
    assert first_look - doubted >= settle
    assert second_look - first_look >= settle
    (_, _, first_headers, first), (_, _, again_headers, again) = insurer.sent()
    assert first == again == request_of(services, submission_id)
    assert first_headers["idempotency-key"] == again_headers["idempotency-key"]


def test_an_inquiry_that_is_not_answered_counts_for_nothing(build: Build) -> None:
    asked = 0

    def stammers(method: str, path: str) -> bytes | None:
        nonlocal asked
        if method == "POST":
            return None
        asked += 1
        # Not found, then no answer; then it is there.
        return [NOTHING_FOUND, None, _found(path)][min(asked, 3) - 1]

    insurer = RawInsurer(stammers)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services)
    finally:
        insurer.close()

    assert attempts_of(services, submission_id)[:4] == [
        ("send", "in_doubt"),
        ("inquire", "not_found"),
        ("inquire", "no_answer"),
        ("inquire", "found"),
    ]
    assert len(insurer.sent()) == 1


def test_a_search_that_finds_somebody_elses_claim_has_not_found_ours(build: Build) -> None:
    asked = 0

    def does_not_search(method: str, path: str) -> bytes | None:
        nonlocal asked
        if method == "POST":
            return None
        asked += 1
        return _found("Claim?identifier=https://other.example|1" if asked < 2 else path)

    insurer = RawInsurer(does_not_search)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services)
    finally:
        insurer.close()

    assert attempts_of(services, submission_id)[:3] == [
        ("send", "in_doubt"),
        ("inquire", "no_answer"),
        ("inquire", "found"),
    ]


def test_an_answer_about_another_claim_is_no_answer_to_ours(build: Build) -> None:
    other = {"system": "https://other.example", "value": "1"}
    about_another = {
        "resourceType": "ClaimResponse",
        "outcome": "complete",
        "request": {"identifier": other},
    }
    insurer = RawInsurer(lambda *_: answer(json.dumps(about_another).encode()))
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services)
    finally:
        insurer.close()

    assert state_of(services, submission_id) == "needs_human"
    assert attempts_of(services, submission_id) == [("send", "unreadable_answer")]


def test_a_duplicate_that_is_reported_is_asked_about_at_once_and_not_taken_for_a_refusal(
    build: Build,
) -> None:
    insurer = RawInsurer(
        lambda method, path: answer(b"{}", "409 Conflict") if method == "POST" else _found(path)
    )
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services)
    finally:
        insurer.close()

    assert state_of(services, submission_id) == "accepted"
    assert attempts_of(services, submission_id)[:2] == [
        ("send", "duplicate_reported"),
        ("inquire", "found"),
    ]


def test_a_busy_insurer_is_tried_again_no_sooner_than_it_says(
    services: Services, insurer: SandboxInsurer
) -> None:
    submission_id = a_submission(services, BUSY)

    deliver(services)

    assert state_of(services, submission_id) == "accepted"
    assert attempts_of(services, submission_id)[:2] == [
        ("send", "refused_transient"),
        ("send", "accepted"),
    ]
    moves = {m.event: m.at for m in moves_of(services, submission_id)}
    assert moves["time to retry"] - moves["refused_transient"] >= timedelta(seconds=1)
    assert both_ledgers_agree(services, insurer)


def test_a_decision_that_comes_late_is_fetched_and_reaches_the_ledger(
    services: Services, insurer: SandboxInsurer
) -> None:
    submission_id = a_submission(services, LATE)

    deliver(services)
    identifier = row_of(services, submission_id).claim_identifier
    eventually(lambda: insurer.has_answer("state-medicaid", identifier))
    late = deliver(services)

    assert (state_of(services, submission_id), late.unanswered) == ("accepted", 0)
    assert attempts_of(services, submission_id)[0] == ("send", "accepted_async")
    assert row_of(services, submission_id).adjudicated_at is not None
    assert both_ledgers_agree(services, insurer)


def test_an_insurer_that_cannot_be_asked_leaves_doubt_to_a_person(
    build: Build, monkeypatch: Any
) -> None:
    insurer = RawInsurer(lambda *_: None)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)
        files_say(services, monkeypatch, inquire=None)

        standing = deliver(services)
    finally:
        insurer.close()

    assert (state_of(services, submission_id), standing.for_person) == ("needs_human", 1)
    assert attempts_of(services, submission_id) == [("send", "in_doubt")]


def _found(path: str) -> bytes:
    """A searchset with the claim that was asked for."""
    system, _, value = next(iter(parse_qs(urlsplit(path).query).values()))[0].partition("|")
    claim = {
        "resourceType": "Claim",
        "identifier": [{"system": system, "value": value}],
        "status": "active",
    }
    found = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "entry": [{"resource": claim, "search": {"mode": "match"}}],
    }
    return answer(json.dumps(found).encode())
