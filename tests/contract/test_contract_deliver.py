"""``deliver``: what it waits for, what it leaves to a person, and the exit code that says so."""

from __future__ import annotations

import signal
import subprocess

import pytest
from builders import BY_VIDEO, LATE, NEEDS_AUTHORIZATION, TWO_COVERAGES, another
from gateway_process import Gateway, addresses, booked, running
from processes import COMMAND, GENEROUS_S, RawInsurer, answer, eventually
from recording_line import RecordingLine
from walked import Walk


def test_with_nothing_to_do_it_ends_at_once_with_0(gateway: Gateway) -> None:
    ran = gateway("deliver", "--until-idle")

    assert (ran.code, ran.text) == (0, "everything is delivered and answered\n")


def test_retries_settling_and_follow_on_claims_are_waited_for_and_end_with_0(
    gateway: Gateway,
) -> None:
    gateway.holds(
        another(BY_VIDEO, mood="BUSY"),
        another(BY_VIDEO, mood="DROP"),
        another(NEEDS_AUTHORIZATION),
        another(TWO_COVERAGES),
    )

    ran = gateway("deliver", "--until-idle")

    rows = gateway.submissions()
    assert (ran.code, ran.text) == (0, "everything is delivered and answered\n")
    assert {row["state"] for row in rows} == {"accepted"}
    assert sorted(row["use"] for row in rows) == ["claim"] * 5 + ["preauthorization"]
    assert sorted(row["attempts"] for row in rows) == [1, 1, 1, 1, 1, 2]


def test_what_the_insurer_rejected_waits_for_a_person_and_ends_with_1(walk: Walk) -> None:
    assert walk.delivered.code == 1
    assert "2 waiting for a person: payer-gateway submissions" in walk.delivered.text


def test_a_second_delivery_sends_nothing_again(walk: Walk) -> None:
    sent = len(walk.line.sent())

    again = walk.gateway.deliver("--max-wait", "30")

    assert (again.code, len(walk.line.sent())) == (1, sent)


def test_an_answer_no_rule_reads_waits_for_a_person_and_ends_with_1(gateway: Gateway) -> None:
    odd = RawInsurer(lambda method, path: answer(b'{"resourceType": "Basic"}'))
    try:
        gateway.holds(another(BY_VIDEO))

        ran = gateway.deliver(**addresses(odd.url))
    finally:
        odd.close()

    assert ran.code == 1
    assert [row["state"] for row in gateway.submissions()] == ["needs_human"]


def test_a_paused_insurer_holds_its_claims_and_ends_with_1_until_it_is_resumed(
    gateway: Gateway, recorded_line: RecordingLine
) -> None:
    gateway.settings |= addresses(recorded_line.url)
    gateway.holds(another(BY_VIDEO))
    gateway("insurer", "pause", "northwind-ppo", "--reason", "they asked us to")

    paused = gateway.deliver()
    sent_while_paused = recorded_line.sent()
    why = gateway.show(gateway.submissions()[0]["id"])["why_not_sent"]
    gateway("insurer", "resume", "northwind-ppo")
    resumed = gateway.deliver()

    assert (paused.code, sent_while_paused) == (1, [])
    assert paused.text == "1 held: their insurer is paused\n"
    assert "they asked us to" in why
    assert (resumed.code, len(recorded_line.sent())) == (0, 1)


def test_an_insurer_without_an_address_holds_its_claims_and_ends_with_1(gateway: Gateway) -> None:
    gateway.holds(another(BY_VIDEO))

    ran = gateway.deliver(PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL=None)

    assert ran.code == 1
    assert "no address" in ran.text and "PAYER_GATEWAY_INSURER_<NAME>_URL" in ran.text
    assert [row["state"] for row in gateway.submissions()] == ["ready"]


def test_max_wait_ends_it_while_something_still_moves_with_1(gateway: Gateway) -> None:
    gateway.holds(another(BY_VIDEO))

    ran = gateway.deliver("--max-wait", "0.5", **addresses("http://127.0.0.1:9"))

    assert (ran.code, ran.text) == (1, "1 still moving: deliver again\n")
    assert gateway.submissions()[0]["state"] == "retry_wait"


def test_an_adjudication_still_due_is_fetched_once_and_not_waited_for(
    gateway: Gateway, recorded_line: RecordingLine
) -> None:
    gateway.settings |= addresses(recorded_line.url)
    gateway.holds(another(LATE))

    first = gateway.deliver()
    asked = len(recorded_line.asked("ClaimResponse"))
    states = [row["state"] for row in gateway.submissions()]

    assert (first.code, states, asked) == (0, ["accepted"], 1)
    assert first.text == "1 accepted, adjudication not here yet\n"
    eventually(lambda: "answered" in gateway.deliver().text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_until_idle_it_delivers_until_it_is_stopped_and_ends_with_0(
    gateway: Gateway, contract_insurer: str, number: signal.Signals
) -> None:
    gateway.holds(another(BY_VIDEO))
    (row,) = gateway.submissions()
    worker = subprocess.Popen([COMMAND, "deliver"], cwd=gateway.folder, env=gateway.environment())
    try:
        eventually(lambda: row["claim_identifier"] in booked(contract_insurer))
        still_running = worker.poll() is None
        worker.send_signal(number)
        code = worker.wait(GENEROUS_S)
    finally:
        worker.kill()
        worker.wait()

    assert (still_running, code) == (True, 0)
    assert gateway.submissions()[0]["state"] == "accepted"


def test_serve_delivers_as_well(gateway: Gateway, contract_insurer: str) -> None:
    gateway.holds(another(BY_VIDEO))
    (row,) = gateway.submissions()

    with running("serve", "--port", "0", environ=gateway.environment(), cwd=gateway.folder):
        eventually(lambda: row["claim_identifier"] in booked(contract_insurer))


def test_max_wait_alone_is_misuse(gateway: Gateway) -> None:
    assert gateway("deliver", "--max-wait", "2").code == 2
