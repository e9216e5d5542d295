"""The states of a submission: one table, total, and equal to the one that the house agreed on."""

from __future__ import annotations

import pytest

from payer_gateway.domain.errors import IllegalTransition
from payer_gateway.domain.submission import (
    AFTER_SEND,
    CLOSED_FOR_LANE,
    EDGES,
    LEASED,
    NEXT,
    OPEN_IN_LANE,
    OutcomeClass,
    State,
    check_move,
    class_of_status,
)

# As docs and the operators' table have it: from → to, typed by hand.
AGREED = """
ready → sending, needs_human, cancelled, in_doubt
sending → accepted, rejected, retry_wait, ready, in_doubt, needs_human
retry_wait → ready, needs_human, cancelled, in_doubt
in_doubt → inquiring, needs_human, accepted
inquiring → accepted, ready, in_doubt
rejected → ready, cancelled, superseded, in_doubt
needs_human → ready, accepted, cancelled, superseded
accepted → superseded
cancelled →
superseded →
"""
TERMINAL = {State.CANCELLED, State.SUPERSEDED}


def test_the_table_of_moves_is_the_one_that_was_agreed_on() -> None:
    agreed = {}
    for line in AGREED.strip().splitlines():
        source, _, targets = line.partition("→")
        agreed[source.strip()] = {t.strip() for t in targets.split(",") if t.strip()}

    assert {state.value: {t.value for t in targets} for state, targets in NEXT.items()} == agreed


def test_every_state_stands_in_the_table_and_can_be_reached() -> None:
    reached = {State.READY} | {edge.target for edge in EDGES}

    assert set(NEXT) == reached == set(State)


def test_every_state_has_a_way_out_but_those_that_end() -> None:
    assert {state for state in State if not NEXT[state]} == TERMINAL


def test_no_move_stands_twice_and_each_says_when() -> None:
    pairs = [(edge.source, edge.target) for edge in EDGES]

    assert len(pairs) == len(set(pairs))
    assert all(edge.when for edge in EDGES)


@pytest.mark.parametrize("source", list(State))
@pytest.mark.parametrize("target", list(State))
def test_a_move_is_allowed_exactly_if_the_table_holds_it(source: State, target: State) -> None:
    if target in NEXT[source]:
        check_move(source, target)
    else:
        with pytest.raises(IllegalTransition, match=source.value):
            check_move(source, target)


def test_doubt_never_leads_straight_to_sending() -> None:
    assert State.READY not in NEXT[State.IN_DOUBT]
    assert State.SENDING not in NEXT[State.IN_DOUBT]
    assert NEXT[State.SENDING].isdisjoint({State.CANCELLED, State.SUPERSEDED})


def test_every_outcome_of_a_send_leads_to_a_state_that_sending_may_move_to() -> None:
    of_inquiries = {OutcomeClass.FOUND, OutcomeClass.NOT_FOUND, OutcomeClass.NO_ANSWER}

    assert set(AFTER_SEND.values()) <= NEXT[State.SENDING]
    assert set(AFTER_SEND) == set(OutcomeClass) - of_inquiries - {OutcomeClass.FENCED}


def test_a_lane_is_held_by_what_may_still_move_by_itself() -> None:
    assert set(State) == OPEN_IN_LANE | CLOSED_FOR_LANE
    assert LEASED < OPEN_IN_LANE
    assert {State.READY, State.RETRY_WAIT, State.IN_DOUBT} | LEASED == OPEN_IN_LANE


CLASSES = [
    (range(200, 300), None),
    (range(300, 400), OutcomeClass.ENDPOINT_FAULT),
    ((401, 403, 404, 405, 410, 415), OutcomeClass.ENDPOINT_FAULT),
    ((408, 425, 429, 503), OutcomeClass.REFUSED_TRANSIENT),
    ((409,), OutcomeClass.DUPLICATE_REPORTED),
    ((400, 402, 406, 413, 418, 422, 451), OutcomeClass.REJECTED),
    ((412,), OutcomeClass.DUPLICATE_AT_INSURER),
    ((500, 501, 502, 504, 507, 599), OutcomeClass.IN_DOUBT),
]


@pytest.mark.parametrize(("statuses", "expected"), CLASSES)
def test_an_http_status_means_what_the_outcome_table_says(
    statuses: range, expected: OutcomeClass | None
) -> None:
    assert {class_of_status(status) for status in statuses} == {expected}


def test_no_status_that_may_follow_a_booking_is_taken_for_a_failure() -> None:
    for status in range(500, 1000):
        if status != 503:
            assert class_of_status(status) is OutcomeClass.IN_DOUBT
