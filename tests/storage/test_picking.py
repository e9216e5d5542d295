"""Picking: which submission may be worked on now, and that nobody gets another's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from builders import (
    NEEDS_AUTHORIZATION,
    OPS,
    TWO_COVERAGES,
    Build,
    a_submission,
    another,
    take_in,
)
from sqlalchemy import func, select
from storage_hands import (
    TENANT,
    bring_to,
    row_of,
    set_columns,
    set_insurer,
    state_of,
)

from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import outbox, picking, tables
from payer_gateway.storage.fencing import Fence
from payer_gateway.storage.picking import Leased
from payer_gateway.workflow import steering
from payer_gateway.workflow.services import Services

NORTHWIND, MEDICARE = "northwind-ppo", "medicare-b"
OF_MEDICARE = "02"  # a fixture that is billed to MEDICARE


@pytest.fixture
def house(build: Build) -> Services:
    return build()


def pick(
    house: Services, insurers: Sequence[str] = (NORTHWIND, MEDICARE), source: State = State.READY
) -> Leased | None:
    with house.database.write() as work:
        return picking.pick(
            work, source, insurers=insurers, worker="w", lease=timedelta(seconds=60)
        )


def picked(house: Services, insurers: Sequence[str] = (NORTHWIND, MEDICARE)) -> str | None:
    leased = pick(house, insurers)
    return None if leased is None else str(leased.row.id)


def test_a_picked_submission_is_leased_and_its_attempt_is_written_before_it_is_sent(
    house: Services,
) -> None:
    submission_id = a_submission(house)

    leased = pick(house)

    assert leased is not None
    row = row_of(house, submission_id)
    assert (row.state, row.lease_token) == ("sending", leased.row.lease_token)
    with house.database.read() as work:
        (written,) = outbox.attempts(work, TENANT, submission_id)
    assert (written.kind, written.request_body_id) == ("send", row.body_id)
    assert (written.lease_token, written.ended_at) == (row.lease_token, None)


def test_the_oldest_due_submission_is_picked_first_and_none_twice(house: Services) -> None:
    first, second = a_submission(house), a_submission(house)

    order = [picked(house), picked(house), picked(house)]

    assert order == [first, second, None]


def test_a_submission_whose_time_has_not_come_is_left_alone(house: Services) -> None:
    submission_id = a_submission(house)
    row = row_of(house, submission_id)
    set_columns(house, submission_id, next_at=row.next_at + timedelta(hours=1))

    assert picked(house) is None


def test_an_insurer_without_an_address_is_not_picked_for(house: Services) -> None:
    a_submission(house)

    assert picked(house, [MEDICARE]) is None


def test_a_paused_insurer_is_held_while_the_others_flow_and_goes_on_when_resumed(
    house: Services,
) -> None:
    held, flowing = a_submission(house), a_submission(house, OF_MEDICARE)
    steering.set_mode(house, OPS, NORTHWIND, "paused", "their migration")

    while_paused = [picked(house), picked(house)]
    steering.set_mode(house, OPS, NORTHWIND, "on", None)

    assert while_paused == [flowing, None]
    assert picked(house) == held


def test_a_paused_insurer_is_not_asked_about_what_is_in_doubt_either(house: Services) -> None:
    bring_to(house, a_submission(house), State.IN_DOUBT)
    steering.set_mode(house, OPS, NORTHWIND, "paused", "their migration")

    assert pick(house, source=State.IN_DOUBT) is None


def test_an_open_breaker_holds_everything_and_half_open_lets_one_claim_try(
    house: Services,
) -> None:
    a_submission(house)
    a_submission(house)
    set_insurer(house, NORTHWIND, breaker="open", breaker_failures=1)
    while_open = picked(house)
    set_insurer(house, NORTHWIND, breaker="half_open")

    trial, beside_it = picked(house), picked(house)

    assert (while_open, beside_it) == (None, None)
    assert trial is not None


def test_an_insurer_gets_no_more_at_once_than_its_file_says(house: Services) -> None:
    for _ in range(3):
        a_submission(house)
    of_medicare = a_submission(house, OF_MEDICARE)
    set_insurer(house, NORTHWIND, max_inflight=2)

    got = [picked(house) for _ in range(4)]

    assert of_medicare in got
    assert [each is None for each in got] == [False, False, False, True]


def test_one_free_thread_is_not_spent_on_an_insurer_that_has_no_slot_left(house: Services) -> None:
    """Whom there is room for is drawn by lot: eight times it would not be the same one."""
    under_way, _ = a_submission(house), a_submission(house)
    set_insurer(house, NORTHWIND, max_inflight=1)
    assert picked(house) == under_way
    of_medicare = [a_submission(house, OF_MEDICARE) for _ in range(8)]

    assert [picked(house) for _ in range(8)] == of_medicare


def test_what_is_being_asked_takes_a_slot_too(house: Services) -> None:
    bring_to(house, a_submission(house), State.INQUIRING)
    a_submission(house)
    set_insurer(house, NORTHWIND, max_inflight=1)

    assert picked(house) is None


@pytest.mark.parametrize(
    "state", [State.READY, State.SENDING, State.RETRY_WAIT, State.IN_DOUBT, State.INQUIRING]
)
def test_an_open_claim_holds_back_the_younger_ones_of_its_lane_and_no_other(
    house: Services, state: State
) -> None:
    older, younger, of_another_lane = (a_submission(house) for _ in range(3))
    bring_to(house, older, state)
    set_columns(house, younger, lane_key=row_of(house, older).lane_key)
    if state is State.READY:  # due later than the younger one, and still before it in the lane
        row = row_of(house, older)
        set_columns(house, older, next_at=row.next_at + timedelta(hours=1))

    got = [picked(house), picked(house)]

    assert got == [of_another_lane, None]


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REJECTED, State.NEEDS_HUMAN])
def test_a_closed_claim_of_the_lane_holds_back_nothing_but_what_follows_from_it(
    house: Services, state: State
) -> None:
    older, younger = a_submission(house), a_submission(house)
    bring_to(house, older, state)
    set_columns(house, younger, lane_key=row_of(house, older).lane_key)
    free = picked(house)
    follower = a_submission(house)
    set_columns(house, follower, lane_key=row_of(house, older).lane_key, follows_id=older)
    set_insurer(house, NORTHWIND, max_inflight=100)
    bring_to(house, younger, State.ACCEPTED)

    follows = picked(house)

    assert free == younger
    assert follows == (follower if state is State.ACCEPTED else None)


def test_coverages_of_one_consultation_and_its_authorization_are_lanes_of_their_own(
    house: Services,
) -> None:
    two = take_in(house, another(TWO_COVERAGES))
    authorization = take_in(house, another(NEEDS_AUTHORIZATION))

    lanes = {
        row_of(house, s["id"]).lane_key
        for summary in (two, authorization)
        for s in summary["submissions"]
    }

    assert lanes == {f"{two['consultation']}:1", f"{authorization['consultation']}:1"}


def test_workers_that_pick_at_the_same_time_never_get_the_same_submission(
    house: Services,
) -> None:
    expected = {a_submission(house) for _ in range(16)}
    set_insurer(house, NORTHWIND, max_inflight=1000)
    got: list[str] = []

    def work_until_all_are_picked() -> None:
        while len(got) < len(expected):
            submission_id = picked(house)
            if submission_id is not None:
                got.append(submission_id)

    at_once(work_until_all_are_picked, 4)

    assert sorted(got) == sorted(expected)


def test_workers_that_pick_at_the_same_time_never_exceed_what_an_insurer_takes(
    house: Services,
) -> None:
    for _ in range(8):
        a_submission(house)
    set_insurer(house, NORTHWIND, max_inflight=1)
    sending = select(func.count()).where(tables.submission.c.state == "sending")
    most = 0

    for _ in range(25):
        at_once(lambda: pick(house), 6)
        with house.database.write() as work:
            most = max(most, work.conn.execute(sending).scalar_one())
        give_back_all(house)

    assert most == 1


@pytest.fixture
def fence(house: Services) -> Iterator[Fence]:
    made = Fence(house.database.engine)
    yield made
    made.close()


def test_the_fence_opens_only_for_our_lease_in_our_state_that_outlives_the_deadline(
    house: Services, fence: Fence
) -> None:
    a_submission(house)
    leased = pick(house)
    assert leased is not None

    in_time, too_late = fence.is_ours(leased.row, 50), fence.is_ours(leased.row, 70)
    set_columns(house, leased.row.id, lease_token="00000000-0000-4000-8000-000000000009")
    of_another = fence.is_ours(leased.row, 50)
    set_columns(house, leased.row.id, lease_token=leased.row.lease_token)
    steering.set_mode(house, OPS, NORTHWIND, "paused", "their migration")
    while_paused = fence.is_ours(leased.row, 50)
    steering.set_mode(house, OPS, NORTHWIND, "on", None)
    steering.stop_everything(house, OPS, "a fire")
    while_stopped = fence.is_ours(leased.row, 50)
    steering.start_everything(house, OPS, None)
    again = fence.is_ours(leased.row, 50)
    bring_to(house, leased.row.id, State.IN_DOUBT)
    moved_on = fence.is_ours(leased.row, 0)

    assert (in_time, again) == (True, True)
    assert not any((too_late, of_another, while_paused, while_stopped, moved_on))


def test_a_fence_that_cannot_ask_lets_nobody_through_and_asks_anew_next_time(
    house: Services, fence: Fence
) -> None:
    a_submission(house)
    leased = pick(house)
    assert leased is not None
    assert fence.is_ours(leased.row, 50)
    fence._connection.close()

    cut_off, again = fence.is_ours(leased.row, 50), fence.is_ours(leased.row, 50)

    assert (cut_off, again) == (False, True)


def test_threads_that_come_to_the_fence_together_get_their_own_answer_each(
    house: Services, fence: Fence
) -> None:
    ids = {a_submission(house) for _ in range(6)}
    with house.database.write() as work:
        leased = picking.pick_batch(
            work,
            State.READY,
            insurers=[NORTHWIND],
            worker="w",
            lease=timedelta(seconds=60),
            room=lambda: 6,
        )
    lost = leased[0].row.id
    set_columns(house, lost, lease_token="00000000-0000-4000-8000-000000000009")
    waiting, answers = list(leased), {}

    def ask() -> None:
        each = waiting.pop()
        answers[each.row.id] = fence.is_ours(each.row, 50)

    at_once(ask, 6)

    assert answers == {each: each != lost for each in ids}


def test_a_move_under_a_lease_that_is_gone_changes_nothing(house: Services) -> None:
    submission_id = a_submission(house)
    leased = pick(house)
    assert leased is not None
    set_columns(house, submission_id, lease_token="00000000-0000-4000-8000-000000000009")

    with pytest.raises(LeaseLost), house.database.write() as work:
        outbox.move(work, leased.row, State.ACCEPTED, "accepted", "w")

    assert state_of(house, submission_id) == "sending"


def at_once(act: object, workers: int) -> None:
    """Run it in that many threads that start together; what breaks one breaks the test."""
    assert callable(act)
    start, broken = threading.Barrier(workers), []

    def run() -> None:
        try:
            start.wait()
            act()
        except Exception as exc:
            broken.append(exc)

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []


def give_back_all(house: Services) -> None:
    with house.database.write() as work:
        for row in work.conn.execute(
            select(tables.submission).where(tables.submission.c.state == "sending")
        ).all():
            outbox.close_attempt(work, row, OutcomeClass.ENDPOINT_FAULT, lease_token=None)
            outbox.move(work, row, State.READY, "given back", "test")
