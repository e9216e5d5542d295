"""What an insurer brings of its own accord becomes a fact of the claim it is about, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from builders import OPS, Build, a_submission
from journeys_hands import attempts_of, deliver, moves_of, row_of, state_of
from late_answers import (
    NORTHWIND,
    accepted,
    bring,
    decides_nothing,
    facts_of,
    response,
    standing_of,
)
from processes import RawInsurer, answer

from payer_gateway.domain.errors import NotAllowed, NotFound
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.workflow import clients, delivery, notified, repair
from payer_gateway.workflow.notified import Taken
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


def test_the_decision_of_an_accepted_claim_comes_in(services: Services) -> None:
    submission_id, identifier = accepted(services)

    taken = bring(services, response(identifier))

    assert taken == [Taken("decided", identifier, submission_id)]
    row = row_of(services, submission_id)
    assert (row.adjudication_due, row.control_number) == (None, "NW-77")
    assert facts_of(services, submission_id) == [("acknowledged", None), ("adjudicated", 10000)]


def test_the_same_body_twice_is_one_fact(services: Services) -> None:
    submission_id, identifier = accepted(services)
    bring(services, response(identifier))

    again = bring(services, response(identifier))

    assert [each.became for each in again] == ["repeated"]
    assert len(facts_of(services, submission_id)) == 2


def test_the_same_body_from_eight_at_once_is_one_fact(services: Services) -> None:
    submission_id, identifier = accepted(services)
    became: list[str] = []

    def one() -> None:
        became.extend(each.became for each in bring(services, response(identifier)))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(became) == ["decided"] + ["repeated"] * 7
    assert len(facts_of(services, submission_id)) == 2


def test_the_same_decision_in_other_words_is_one_fact(services: Services) -> None:
    submission_id, identifier = accepted(services)
    bring(services, response(identifier))

    bring(services, response(identifier, disposition="As we told you"))

    assert len(facts_of(services, submission_id)) == 2


def test_of_two_contradicting_decisions_both_are_kept_and_the_later_stands(
    services: Services,
) -> None:
    submission_id, identifier = accepted(services)
    bring(services, response(identifier))

    bring(services, response(identifier, paid="60.00", created="2026-04-17T10:00:00Z"))

    assert [paid for kind, paid in facts_of(services, submission_id)[1:]] == [10000, 6000]
    assert standing_of(services, submission_id) == 6000


def test_an_older_decision_that_comes_later_is_kept_and_does_not_stand(
    services: Services,
) -> None:
    submission_id, identifier = accepted(services)
    bring(services, response(identifier, created="2026-04-17T10:00:00Z"))

    bring(services, response(identifier, paid="60.00", created="2026-04-16T10:00:00Z"))

    assert [paid for kind, paid in facts_of(services, submission_id)[1:]] == [10000, 6000]
    assert standing_of(services, submission_id) == 10000


def test_queued_after_the_decision_takes_nothing_back(services: Services) -> None:
    submission_id, identifier = accepted(services)
    bring(services, response(identifier))

    taken = bring(services, response(identifier, "queued", None))

    assert [each.became for each in taken] == ["noted"]
    assert row_of(services, submission_id).adjudication_due is None


def test_an_answer_about_a_claim_in_doubt_ends_the_doubt(build: Build) -> None:
    drops = RawInsurer(lambda *_: None)
    try:
        services = build(url=drops.url)
        submission_id = a_submission(services)
        assert delivery.send_one(services, "w")
        assert state_of(services, submission_id) == "in_doubt"

        bring(services, response(row_of(services, submission_id).claim_identifier, "queued", None))
    finally:
        drops.close()

    row = row_of(services, submission_id)
    assert (row.state, row.last_class) == ("accepted", "found")
    assert row.adjudication_due is not None
    assert moves_of(services, submission_id)[-1].by == NORTHWIND.subject


def test_an_answer_that_overtakes_its_own_exchange_is_not_raced(build: Build) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hangs(*_: str) -> bytes:
        arrived.set()
        go_on.wait(10)
        return answer(b"busy", "503 Service Unavailable")

    slow = RawInsurer(hangs)
    try:
        services = build(url=slow.url)
        submission_id = a_submission(services)
        worker = threading.Thread(target=lambda: delivery.send_one(services, "w"))
        worker.start()
        assert arrived.wait(30)

        bring(services, response(row_of(services, submission_id).claim_identifier))
        go_on.set()
        worker.join()
    finally:
        go_on.set()
        slow.close()

    # The 503 that came afterwards would have had it sent again.
    assert state_of(services, submission_id) == "accepted"
    assert attempts_of(services, submission_id) == [("send", "found")]
    assert len(slow.sent()) == 1


def test_an_answer_about_a_claim_we_hold_as_not_sent_keeps_it_from_being_sent(
    services: Services, insurer: RawInsurer
) -> None:
    submission_id = a_submission(services)

    bring(services, response(row_of(services, submission_id).claim_identifier))
    deliver(services)

    assert state_of(services, submission_id) == "accepted"
    assert insurer.sent() == []


def test_an_answer_about_a_rejected_claim_says_that_the_insurer_has_it(build: Build) -> None:
    refuses = RawInsurer(lambda *_: answer(b"{}", "422 Unprocessable"))
    try:
        services = build(url=refuses.url)
        submission_id = a_submission(services)
        assert delivery.send_one(services, "w")
        identifier = row_of(services, submission_id).claim_identifier

        said_again = bring(services, response(identifier, "error", None))
        assert state_of(services, submission_id) == "rejected"
        bring(services, response(identifier))
    finally:
        refuses.close()

    assert [each.became for each in said_again] == ["noted"]
    assert state_of(services, submission_id) == "accepted"


def test_an_answer_about_a_cancelled_claim_is_kept_and_listed(services: Services) -> None:
    submission_id = a_submission(services)
    repair.cancel(services, OPS, submission_id, "not wanted")

    bring(services, response(row_of(services, submission_id).claim_identifier))

    (listed,) = notified.listing(services, OPS, "northwind-ppo", unmatched=False)
    assert (listed["became"], listed["submission"]) == ("contradicts", submission_id)
    assert state_of(services, submission_id) == "cancelled"
    assert facts_of(services, submission_id) == [("adjudicated", 10000)]


def test_an_answer_to_no_claim_of_ours_is_kept_and_listed(services: Services) -> None:
    unknown = "https://payer-gateway.example/claim|1"

    taken = bring(services, response(unknown))

    assert taken == [Taken("unknown", unknown, None)]
    (listed,) = notified.listing(services, OPS, None, unmatched=True)
    assert listed["claim_identifier"] == unknown


def test_another_insurers_claim_is_not_touched(services: Services) -> None:
    submission_id, identifier = accepted(services)
    other = Principal("default", Role.INSURER, "client-of-medicare", "medicare-b")
    body = json.dumps(response(identifier)).encode()

    with pytest.raises(NotAllowed, match="medicare-b"):
        notified.take_answers(services, other, "northwind-ppo", body)
    taken = notified.take_answers(services, other, "medicare-b", body)

    assert [each.became for each in taken] == ["unknown"]
    assert facts_of(services, submission_id) == [("acknowledged", None)]


def test_a_key_of_another_tenant_reaches_no_claim_of_this_one(services: Services) -> None:
    submission_id, identifier = accepted(services)
    elsewhere = replace(NORTHWIND, tenant_id="elsewhere")
    operator = Principal("elsewhere", Role.OPS, "local:ana")
    clients.add(services, operator, "elsewhere", "northwind-ppo", Role.INSURER)

    taken = bring(services, response(identifier), elsewhere)

    assert [each.became for each in taken] == ["unknown"]
    assert facts_of(services, submission_id) == [("acknowledged", None)]


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.INSURER])
def test_nobody_but_an_insurer_brings_answers(services: Services, role: Role) -> None:
    with pytest.raises(NotAllowed):
        bring(services, response("a|b"), Principal("default", role, "x", "northwind-ppo"))


def test_an_insurer_there_is_not_is_not_found(services: Services) -> None:
    with pytest.raises(NotFound):
        notified.take_answers(services, NORTHWIND, "nobody", b"{}")
