"""What an insurer brings of its own accord becomes a fact of the claim it is about, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NEEDS_AUTHORIZATION, OPS, TWO_COVERAGES, Build, a_submission, another, take_in
from hypothesis import given, settings
from hypothesis import strategies as st
from journeys_hands import attempts_of, deliver, moves_of, planned_of, row_of, state_of
from processes import RawInsurer, answer

from payer_gateway.domain.errors import InvalidInput, NotAllowed, NotFound
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.mapping.facts_people import Names
from payer_gateway.mapping.notices import read_notices
from payer_gateway.storage import ledger
from payer_gateway.workflow import delivery, following, notified, reading, repair
from payer_gateway.workflow.notified import Taken
from payer_gateway.workflow.services import Services

NORTHWIND = Principal("default", Role.INSURER, "client-of-northwind", "northwind-ppo")
TAKEN = answer(b'{"resourceType":"ClaimResponse","outcome":"queued"}', "202 Accepted")
NOTHING = answer(b'{"resourceType":"Bundle","type":"searchset","total":0}')


def _no_answer_yet(method: str, _: str) -> bytes:
    return TAKEN if method == "POST" else NOTHING


@pytest.fixture
def insurer() -> Iterator[RawInsurer]:
    """Takes everything and decides nothing."""
    running = RawInsurer(_no_answer_yet)
    yield running
    running.close()


@pytest.fixture
def services(build: Build, insurer: RawInsurer) -> Services:
    return build(url=insurer.url)


def response(
    identifier: str | None,
    outcome: str = "complete",
    paid: str | None = "100.00",
    *,
    created: str = "2026-04-16T10:00:00Z",
    **more: Any,
) -> dict[str, Any]:
    """A ClaimResponse about the claim of this ``system|value``."""
    told: dict[str, Any] = {
        "resourceType": "ClaimResponse",
        "status": "active",
        "outcome": outcome,
        "created": created,
        "identifier": [{"system": "https://northwind.example/case", "value": "NW-77"}],
    }
    if identifier is not None:
        system, _, value = identifier.partition("|")
        told["request"] = {"identifier": {"system": system, "value": value}}
    if paid is not None:
        category = {"coding": [{"code": "benefit"}]}
        told["total"] = [{"category": category, "amount": {"value": paid, "currency": "USD"}}]
    return told | more


def bring(services: Services, resource: Any, by: Principal = NORTHWIND) -> list[Taken]:
    body = json.dumps(resource).replace('"100.00"', "100.00").replace('"60.00"', "60.00")
    return notified.take_answers(services, by, "northwind-ppo", body.encode())


def facts_of(services: Services, submission_id: str) -> list[tuple[str, int | None]]:
    with services.database.read() as work:
        facts = ledger.of_submission(work, "default", submission_id)
    return [(f.kind, f.payable_minor) for f in facts]


def standing_of(services: Services, submission_id: str) -> int | None:
    with services.database.read() as work:
        row = ledger.standing(work, row_of(services, submission_id))
    assert row is not None
    payable: int | None = row.payable_minor
    return payable


def accepted(services: Services) -> tuple[str, str]:
    """A claim that the insurer took without deciding: its id and identifier."""
    submission_id = a_submission(services)
    assert delivery.send_one(services, "w")
    assert state_of(services, submission_id) == "accepted"
    return submission_id, row_of(services, submission_id).claim_identifier


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
    from payer_gateway.workflow import clients

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


def test_an_approval_that_comes_late_sets_the_planned_claim_in_motion(
    services: Services, insurer: RawInsurer
) -> None:
    summary = take_in(services, another(NEEDS_AUTHORIZATION))
    (preauth,) = summary["submissions"]
    assert delivery.send_one(services, "w")
    identifier = row_of(services, preauth["id"]).claim_identifier
    approval = response(identifier, paid=None, preAuthRef="AUTH-9")

    bring(services, approval)
    deliver(services)

    assert planned_of(services, summary["consultation"])[0][1] == "done"
    assert b"AUTH-9" in insurer.sent()[-1][3]


def test_an_approval_after_a_denial_opens_the_planned_claim_again(services: Services) -> None:
    summary = take_in(services, another(NEEDS_AUTHORIZATION))
    (preauth,) = summary["submissions"]
    assert delivery.send_one(services, "w")
    identifier = row_of(services, preauth["id"]).claim_identifier
    bring(services, response(identifier, paid=None))
    denied = planned_of(services, summary["consultation"])
    later = {"created": "2026-04-18T10:00:00Z", "preAuthRef": "AUTH-9"}

    bring(services, response(identifier, paid=None, **later))

    assert [state for _, state, _ in denied] == ["closed"]
    assert [state for _, state, _ in planned_of(services, summary["consultation"])] == ["open"]


def test_a_denial_after_the_claim_was_made_comes_to_a_person(services: Services) -> None:
    summary = take_in(services, another(NEEDS_AUTHORIZATION))
    (preauth,) = summary["submissions"]
    assert delivery.send_one(services, "w")
    identifier = row_of(services, preauth["id"]).claim_identifier
    bring(services, response(identifier, paid=None, preAuthRef="AUTH-9"))
    deliver(services)

    bring(services, response(identifier, paid=None, created="2026-04-18T10:00:00Z"))

    shown = reading.one_submission(services, OPS, preauth["id"])
    assert (shown["state"], shown["cause"]) == ("accepted", "rejected authorization-withdrawn")
    assert deliver(services).for_person == 1


def test_the_primarys_late_answer_sets_the_secondary_in_motion(build: Build) -> None:
    taker = RawInsurer(_no_answer_yet)
    try:
        services = build(url=taker.url)
        summary = take_in(services, another(TWO_COVERAGES))
        (first,) = summary["submissions"]
        assert delivery.send_one(services, "w")
        principal = replace(NORTHWIND, insurer=first["insurer"])
        body = json.dumps(response(row_of(services, first["id"]).claim_identifier))

        notified.take_answers(services, principal, first["insurer"], body.encode())
        deliver(services)
    finally:
        taker.close()

    assert [state for _, state, _ in planned_of(services, summary["consultation"])] == ["done"]
    assert len(taker.sent()) == 2


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


BROKEN: list[tuple[Any, str]] = [
    ([], "resourceType"),
    ({"resourceType": "Claim"}, "resourceType"),
    ({"resourceType": "Bundle"}, "Bundle.entry"),
    ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Task"}}]}, "Bundle.entry"),
    ({**response(None), "identifier": []}, "ClaimResponse.request"),
    (response("a|b", "done"), "ClaimResponse.outcome"),
    ({"resourceType": "Bundle", "entry": [{"resource": response("a|b", "")}]}, "entry[0]"),
]


@pytest.mark.parametrize(("document", "place"), BROKEN)
def test_what_is_no_answer_is_refused_with_its_place(document: Any, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_notices(document)

    assert place in refused.value.faults[0].path
    assert refused.value.faults[0].cure


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.sampled_from(["ClaimResponse", "Bundle", "Parameters", "Claim", "complete"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                "resourceType entry resource fullUrl outcome request identifier reference system"
                " value parameter name valueCode status".split()
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(document=_JSON)
@settings(max_examples=300)
def test_no_json_whatever_breaks_the_reading(document: Any) -> None:
    try:
        read_notices(document)
    except InvalidInput as refused:
        assert all(fault.cure for fault in refused.faults)


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
    read: Callable[..., Any] = services.shelf.version

    def version(name: str, number: int) -> Any:
        profile = read(name, number)
        return replace(profile, delivery=replace(profile.delivery, answer=None))

    monkeypatch.setattr(services.shelf, "version", version)
    submission_id = a_submission(services)

    standing = deliver(services)

    assert standing.unanswered == 1
    assert attempts_of(services, submission_id) == [("send", "accepted_async")]
    assert {method for method, *_ in insurer.heard} == {"POST"}
