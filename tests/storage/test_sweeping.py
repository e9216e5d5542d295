"""Sweeping: what time alone sets in motion, and never towards sending twice."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from builders import Build, a_submission
from storage_hands import (
    TENANT,
    bring_to,
    expire_lease,
    make_due,
    open_attempts,
    row_of,
    set_columns,
    state_of,
)

from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.submission import State
from payer_gateway.storage import outbox, picking
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import sweep


@pytest.fixture
def house(build: Build) -> Services:
    return build()


def die_while_holding(house: Services, source: State = State.READY) -> None:
    with house.database.write() as work:
        leased = picking.pick(
            work, source, insurers=["northwind-ppo"], worker="w", lease=timedelta(seconds=60)
        )
    assert leased is not None
    expire_lease(house, leased.row.id)


def test_a_lease_that_ran_out_while_sending_leads_to_doubt_and_never_back_to_ready(
    house: Services,
) -> None:
    submission_id = a_submission(house)
    die_while_holding(house)

    sweep(house, "w")

    row = row_of(house, submission_id)
    assert (row.state, row.last_class, row.crash_count) == ("in_doubt", "in_doubt", 1)
    assert row.next_at == row.settle_from + timedelta(seconds=0.3)
    assert (row.lease_token, open_attempts(house)) == (None, [])


def test_a_lease_that_still_runs_is_not_touched(house: Services) -> None:
    submission_id = a_submission(house)
    bring_to(house, submission_id, State.SENDING)

    sweep(house, "w")

    assert state_of(house, submission_id) == "sending"


def test_an_inquiry_whose_worker_died_is_asked_again_and_counts_as_no_answer(
    house: Services,
) -> None:
    submission_id = a_submission(house)
    bring_to(house, submission_id, State.IN_DOUBT)
    die_while_holding(house, State.IN_DOUBT)

    sweep(house, "w")

    row = row_of(house, submission_id)
    assert (row.state, row.not_found_count, row.crash_count) == ("in_doubt", 0, 0)
    with house.database.read() as work:
        (asked,) = outbox.attempts(work, TENANT, submission_id)
    assert asked._mapping["class"] == "no_answer"


def test_an_answer_whose_fetching_died_is_fetched_again_later(house: Services) -> None:
    submission_id = a_submission(house)
    bring_to(house, submission_id, State.ACCEPTED)
    row = row_of(house, submission_id)
    set_columns(house, submission_id, adjudication_due=row.next_at)
    die_while_holding(house, State.ACCEPTED)

    sweep(house, "w")

    row = row_of(house, submission_id)
    assert (row.state, row.lease_token, open_attempts(house)) == ("accepted", None, [])
    assert row.adjudication_due is not None


def test_what_was_in_a_workers_hands_each_of_three_times_it_died_waits_for_a_person(
    house: Services,
) -> None:
    submission_id = a_submission(house)

    for _ in range(3):
        die_while_holding(house)
        sweep(house, "w")
        if state_of(house, submission_id) == "in_doubt":
            bring_to(house, submission_id, State.READY)
            make_due(house, submission_id)

    row = row_of(house, submission_id)
    assert (row.state, row.crash_count) == ("needs_human", 3)
    # Poisonous or not: nobody knows whether the last one was booked.
    assert row.last_class == "in_doubt"


def test_a_worker_that_wakes_up_after_its_lease_records_nothing(house: Services) -> None:
    submission_id = a_submission(house)
    with house.database.write() as work:
        leased = picking.pick(
            work, State.READY, insurers=["northwind-ppo"], worker="w", lease=timedelta(seconds=60)
        )
    assert leased is not None
    expire_lease(house, submission_id)
    sweep(house, "other")

    with pytest.raises(LeaseLost), house.database.write() as work:
        outbox.move(work, leased.row, State.ACCEPTED, "accepted", "w")

    assert state_of(house, submission_id) == "in_doubt"


def test_a_retry_is_ready_when_its_time_has_come_and_not_before(house: Services) -> None:
    early, due = a_submission(house), a_submission(house)
    for each in (early, due):
        bring_to(house, each, State.RETRY_WAIT)
    set_columns(house, early, next_at=row_of(house, early).next_at + timedelta(hours=1))
    make_due(house, due)

    sweep(house, "w")

    assert (state_of(house, early), state_of(house, due)) == ("retry_wait", "ready")


@pytest.mark.parametrize("state", [State.READY, State.RETRY_WAIT, State.IN_DOUBT])
def test_a_spent_retry_budget_is_a_persons_matter(house: Services, state: State) -> None:
    submission_id = a_submission(house)
    bring_to(house, submission_id, state)
    row = row_of(house, submission_id)
    set_columns(
        house,
        submission_id,
        budget_until=row.created_at - timedelta(seconds=1),
        next_at=row.next_at + timedelta(hours=1),
        retries=1,
    )

    sweep(house, "w")

    assert story(house, submission_id)[-1] == (state, "needs_human", "retry budget spent")


def test_what_was_never_tried_has_spent_no_budget_however_long_it_was_held(
    house: Services,
) -> None:
    submission_id = a_submission(house)
    row = row_of(house, submission_id)
    set_columns(house, submission_id, budget_until=row.created_at - timedelta(days=3))

    sweep(house, "w")

    assert state_of(house, submission_id) == "ready"


@pytest.mark.parametrize("state", [State.READY, State.RETRY_WAIT, State.IN_DOUBT])
def test_the_day_after_the_filing_deadline_is_too_late_and_the_deadline_itself_is_not(
    build: Build, house: Services, state: State
) -> None:
    submission_id = a_submission(house)
    bring_to(house, submission_id, state)
    deadline = row_of(house, submission_id).filing_due
    later = row_of(house, submission_id).next_at + timedelta(hours=1)
    set_columns(house, submission_id, next_at=later)

    sweep(build(today=deadline), "w")
    on_the_day = state_of(house, submission_id)
    sweep(build(today=deadline + timedelta(days=1)), "w")

    assert deadline == date(2027, 2, 24)  # 365 days after the service
    assert on_the_day == state
    assert story(house, submission_id)[-1] == (state, "needs_human", "filing deadline passed")


def test_a_submission_whose_mapping_file_is_gone_is_still_reaped_into_a_persons_hands(
    house: Services,
) -> None:
    submission_id = a_submission(house)
    die_while_holding(house)
    set_columns(house, submission_id, profile_version=99)

    sweep(house, "w")

    assert state_of(house, submission_id) == "needs_human"


def test_a_poll_does_not_keep_a_dead_lease_on_a_claim_that_was_replaced(house: Services) -> None:
    submission_id = a_submission(house)
    bring_to(house, submission_id, State.ACCEPTED)
    row = row_of(house, submission_id)
    set_columns(house, submission_id, adjudication_due=row.next_at)
    die_while_holding(house, State.ACCEPTED)
    set_columns(house, submission_id, state="superseded")

    sweep(house, "w")

    assert (row_of(house, submission_id).lease_token, open_attempts(house)) == (None, [])


def story(house: Services, submission_id: str) -> list[tuple[str | None, str, str]]:
    with house.database.read() as work:
        moves = outbox.transitions(work, TENANT, submission_id)
    return [(m.source, m.target, m.event) for m in moves]
