"""Flow: what the bucket, the breaker and its ramp let begin, and what opens and closes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from payer_gateway.domain.flow import (
    UNLIMITED,
    Breaker,
    Came,
    Flow,
    allowance,
    began,
    came,
    our_network_is_down,
    probed,
    pushed,
    released,
)

NOW = datetime(2026, 4, 15, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def after(flow: Flow, *came_one_by_one: Came, now: datetime = NOW) -> Flow:
    for what in came_one_by_one:
        flow = came(flow, what, now, error="HTTP 503")
    return flow


def opened() -> Flow:
    return after(Flow(), Came.FAULT)


def half_open() -> Flow:
    return probed(opened(), later(1), answers=True)


def test_without_a_rate_nothing_is_counted() -> None:
    assert allowance(began(Flow(), 50, NOW), NOW) == UNLIMITED


def test_a_full_bucket_holds_a_seconds_worth_and_refills_at_its_rate() -> None:
    flow = Flow(rate_per_s=5.0)

    full = allowance(flow, NOW)
    flow = began(flow, 5, NOW)

    assert full == 5
    assert [allowance(flow, later(s)) for s in (0, 0.1, 0.2, 0.5, 1, 60)] == [0, 0, 1, 2, 5, 5]


def test_a_slow_rate_lets_one_begin_at_a_time() -> None:
    flow = began(Flow(rate_per_s=10 / 60), 1, NOW)

    assert [allowance(flow, later(s)) for s in (0, 5, 6, 600)] == [0, 0, 1, 1]


@given(
    rate=st.floats(0.1, 50),
    waits=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_a_bucket_never_lets_more_begin_than_its_rate_and_one_burst(
    rate: float, waits: list[float]
) -> None:
    flow, now, sent = Flow(rate_per_s=rate), NOW, 0

    for wait in waits:
        now += timedelta(seconds=wait)
        n = allowance(flow, now)
        flow, sent = began(flow, n, now), sent + n

    assert sent <= (now - NOW).total_seconds() * rate + max(1.0, rate) + 1e-3


def test_a_retry_after_holds_everything_for_its_whole_time_and_leaves_an_empty_bucket() -> None:
    flow = came(Flow(rate_per_s=2.0), Came.BUSY, NOW, retry_after_s=3600)

    assert [allowance(flow, later(s)) for s in (0, 3599, 3600, 3600.5, 3601)] == [0, 0, 0, 1, 2]


def test_a_shorter_retry_after_does_not_shorten_a_longer_one() -> None:
    flow = pushed(pushed(Flow(), later(100)), later(10))

    assert flow.not_before == later(100)


def test_an_endpoint_fault_opens_at_once_and_ten_failures_in_a_row_do() -> None:
    nine = after(Flow(), *[Came.BUSY] * 5, *[Came.SILENT] * 3, Came.UNREACHED)

    assert opened().breaker == Breaker.OPEN
    assert nine.breaker == Breaker.CLOSED
    assert after(nine, Came.SILENT).breaker == Breaker.OPEN


def test_an_answer_in_between_starts_the_count_anew() -> None:
    flow = after(Flow(), *[Came.BUSY] * 9, Came.ANSWERED, *[Came.BUSY] * 4)

    assert flow.breaker == Breaker.CLOSED


def test_seven_of_ten_failing_within_five_minutes_opens_and_a_smaller_share_does_not() -> None:
    much = [Came.BUSY, Came.BUSY, Came.ANSWERED, Came.BUSY] * 6
    less = [Came.BUSY, Came.ANSWERED, Came.BUSY] * 10

    assert after(Flow(), *much).breaker == Breaker.OPEN
    assert after(Flow(), *less).breaker == Breaker.CLOSED


def test_failures_of_another_five_minutes_do_not_count() -> None:
    flow = after(Flow(), *[Came.BUSY, Came.BUSY, Came.ANSWERED, Came.BUSY] * 4)

    flow = after(flow, *[Came.BUSY, Came.ANSWERED] * 4, now=later(301))

    assert flow.breaker == Breaker.CLOSED


def test_probes_come_after_1_2_4_8_15_and_then_every_30_seconds() -> None:
    flow, waits = opened(), []

    for _ in range(8):
        assert flow.breaker_until is not None
        waits.append((flow.breaker_until - NOW).total_seconds())
        flow = probed(flow, NOW, answers=False)

    assert waits == [1, 2, 4, 8, 15, 30, 30, 30]
    assert allowance(flow, later(1000)) == 0


def test_what_was_under_way_when_it_opened_says_nothing_new() -> None:
    flow = after(opened(), Came.FAULT, Came.SILENT, Came.BUSY)

    assert (flow.breaker, flow.breaker_failures) == (Breaker.OPEN, 1)


def test_a_probe_that_is_answered_lets_one_claim_try_and_its_answer_closes() -> None:
    assert allowance(half_open(), later(1)) == 1

    flow = came(half_open(), Came.ANSWERED, later(2))

    assert (flow.breaker, flow.breaker_failures, flow.breaker_error) == (Breaker.CLOSED, 0, None)


def test_an_answered_question_lets_a_claim_try_and_does_not_close() -> None:
    flow = came(opened(), Came.ANSWERED, later(1), is_send=False)

    assert flow.breaker == Breaker.HALF_OPEN
    assert came(flow, Came.ANSWERED, later(2), is_send=False).breaker == Breaker.HALF_OPEN


def test_a_claim_that_fails_in_a_half_open_breaker_opens_it_for_longer() -> None:
    for what in (Came.BUSY, Came.SILENT, Came.UNREACHED, Came.FAULT):
        flow = came(half_open(), what, later(2))

        assert (flow.breaker, flow.breaker_failures) == (Breaker.OPEN, 2)
        assert flow.breaker_until == later(4)


def test_after_it_closed_one_then_two_then_four_a_second_begin() -> None:
    flow = came(half_open(), Came.ANSWERED, NOW)

    begun = []
    for second in range(9):
        n = allowance(flow, later(second))
        begun.append(n)
        flow = began(flow, n, later(second))

    assert begun == [1, 2, 4, 8, 16, 32, 64, 128, UNLIMITED]


def test_a_person_who_resumes_has_an_open_breaker_tried_at_once_and_waiting_forgotten() -> None:
    flow = released(pushed(opened(), later(3600)))

    assert (flow.breaker, flow.breaker_until, flow.not_before) == (Breaker.OPEN, None, None)


def test_it_is_our_network_when_three_insurers_are_out_of_reach_together_and_none_answers() -> None:
    lost = after(Flow(), Came.UNREACHED)
    answering = after(Flow(), Came.ANSWERED, now=later(-5))
    long_ago = after(Flow(), Came.UNREACHED, now=later(-120))

    assert our_network_is_down([lost, lost, lost, Flow()], later(1))
    assert not our_network_is_down([lost, lost, long_ago], later(1))
    assert not our_network_is_down([lost, lost, lost, answering], later(1))


def test_a_healthy_insurers_row_is_not_written_at_every_answer() -> None:
    flow = after(Flow(), Came.ANSWERED)

    assert after(flow, *[Came.ANSWERED] * 5, now=later(3)) == flow
    assert after(flow, Came.ANSWERED, now=later(11)) == replace(flow, answered_at=later(11))
