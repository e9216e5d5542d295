"""What each mood books and what it answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from fhir.resources.R4B.claimresponse import ClaimResponse
from sandbox_bundles import CLAIMS, Sandbox, a_bundle, amounts, read, reasons


def test_a_claim_is_paid_by_the_fee_schedule_less_the_patients_share(sandbox: Sandbox) -> None:
    bundle = a_bundle("approve-1", nets=("420.00", "99.99"))

    response = sandbox.submit(bundle)

    answer = read(response)
    ClaimResponse.model_validate(answer)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/fhir+json"
    assert answer["outcome"] == "complete"
    assert answer["request"]["identifier"] == {"system": CLAIMS, "value": "approve-1"}
    assert answer["identifier"][0]["value"].startswith("SBX-")
    first, second = (item["adjudication"] for item in answer["item"])
    assert amounts(first) == {
        "submitted": "420.00",
        "eligible": "378.00",
        "copay": "37.80",
        "benefit": "340.20",
    }
    assert amounts(second) == {
        "submitted": "99.99",
        "eligible": "89.99",
        "copay": "9.00",
        "benefit": "80.99",
    }
    assert reasons(first) == {"eligible": "45"}
    assert amounts(answer["total"])["benefit"] == "421.19"
    assert str(answer["payment"]["amount"]["value"]) == "421.19"
    assert sandbox.row("approve-1") == {
        "claim_identifier": f"{CLAIMS}|approve-1",
        "insurer": "PAYER-1",
        "use": "claim",
        "currency": "USD",
        "billed": "519.99",
        "payable": "421.19",
        "times": 1,
    }


def test_nothing_in_an_answer_refers_to_what_is_not_there(sandbox: Sandbox) -> None:
    answer = sandbox.submit(a_bundle("logical-1"))

    assert '"reference"' not in answer.text


def test_a_prior_authorization_gets_a_number_and_a_period_and_no_money(sandbox: Sandbox) -> None:
    answer = read(sandbox.submit(a_bundle("auth-1", use="preauthorization")))

    ClaimResponse.model_validate(answer)
    row = sandbox.row("auth-1")
    assert answer["preAuthRef"].startswith("AUTH-")
    assert answer["preAuthPeriod"]["start"] <= "2026-04-01" < answer["preAuthPeriod"]["end"]
    assert "payment" not in answer
    assert row is not None
    assert (row["use"], row["billed"], row["payable"]) == ("preauthorization", "420.00", "0.00")


def test_every_post_is_booked_even_the_same_one(sandbox: Sandbox) -> None:
    bundle = a_bundle("twice-1")

    first, second = (read(sandbox.submit(bundle)) for _ in range(2))

    row = sandbox.row("twice-1")
    assert first["identifier"] != second["identifier"]
    assert row is not None
    assert (row["times"], row["billed"]) == (2, "420.00")


def test_dedupe_answers_a_repetition_with_the_first_answer_and_books_once(
    sandbox: Sandbox,
) -> None:
    bundle = a_bundle("dedupe-1", member="M-1-MOOD-DEDUPE")

    first, second = (sandbox.submit(bundle) for _ in range(2))

    row = sandbox.row("dedupe-1")
    assert first.text == second.text
    assert row is not None
    assert row["times"] == 1


def test_dedupe_books_once_when_posts_arrive_together(sandbox: Sandbox) -> None:
    bundle = a_bundle("dedupe-2", member="M-1-MOOD-DEDUPE")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sandbox.submit(bundle).text, range(16)))

    row = sandbox.row("dedupe-2")
    assert len(set(answers)) == 1
    assert row is not None
    assert row["times"] == 1


def test_posts_that_arrive_together_are_all_booked_with_their_own_numbers(
    sandbox: Sandbox,
) -> None:
    bundles = [a_bundle(f"crowd-{number}") for number in range(40)]

    with ThreadPoolExecutor(10) as pool:
        answers = [read(response) for response in pool.map(sandbox.submit, bundles)]

    assert len({answer["identifier"][0]["value"] for answer in answers}) == 40
    assert all(sandbox.row(f"crowd-{number}") for number in range(40))


def test_a_denied_claim_is_booked_and_pays_nothing(sandbox: Sandbox) -> None:
    answer = read(sandbox.submit(a_bundle("deny-1", member="m-1-mood-deny")))

    ClaimResponse.model_validate(answer)
    adjudication = answer["item"][0]["adjudication"]
    row = sandbox.row("deny-1")
    assert amounts(adjudication)["benefit"] == "0.00"
    assert reasons(adjudication)["benefit"] == "96"
    assert "payment" not in answer
    assert row is not None
    assert (row["billed"], row["payable"]) == ("420.00", "0.00")


def test_a_denied_prior_authorization_has_no_number(sandbox: Sandbox) -> None:
    bundle = a_bundle("deny-2", member="M-1-MOOD-DENY", use="preauthorization")

    answer = read(sandbox.submit(bundle))

    ClaimResponse.model_validate(answer)
    assert (answer["outcome"], answer["disposition"]) == ("complete", "Denied")
    assert "preAuthRef" not in answer


def test_a_claim_without_its_authorization_is_denied_for_that(sandbox: Sandbox) -> None:
    answer = read(sandbox.submit(a_bundle("needs-auth-1", member="M-1-MOOD-AUTH")))

    assert reasons(answer["item"][0]["adjudication"])["benefit"] == "197"
    assert "prior authorization is required" in answer["disposition"]


def test_a_claim_with_its_authorization_is_paid(sandbox: Sandbox) -> None:
    asked = a_bundle("needs-auth-2", member="M-1-MOOD-AUTH", use="preauthorization")
    number = read(sandbox.submit(asked))["preAuthRef"]
    claim = a_bundle("needs-auth-3", member="M-1-MOOD-AUTH", pre_auth_ref=number)

    answer = read(sandbox.submit(claim))

    assert amounts(answer["total"])["benefit"] == "340.20"


def test_a_rejected_claim_is_not_booked(sandbox: Sandbox) -> None:
    response = sandbox.submit(a_bundle("reject-1", member="M-1-MOOD-REJECT"))

    assert response.status_code == 422
    assert response.json()["resourceType"] == "OperationOutcome"
    assert sandbox.row("reject-1") is None


def test_a_busy_insurer_takes_the_second_post(sandbox: Sandbox) -> None:
    bundle = a_bundle("busy-1", member="M-1-MOOD-BUSY")

    first = sandbox.submit(bundle)
    booked_after_first = sandbox.row("busy-1")
    second = sandbox.submit(bundle)

    assert (first.status_code, first.headers["Retry-After"]) == (503, "1")
    assert booked_after_first is None
    assert second.status_code == 200


def test_a_dropped_line_hides_a_booking(sandbox: Sandbox) -> None:
    bundle = a_bundle("drop-1", member="M-1-MOOD-DROP")

    with pytest.raises(requests.ConnectionError):
        sandbox.submit(bundle)

    row = sandbox.row("drop-1")
    assert row is not None
    assert row["times"] == 1


def test_resending_after_a_dropped_line_books_twice(sandbox: Sandbox) -> None:
    bundle = a_bundle("drop-2", member="M-1-MOOD-DROP")

    with pytest.raises(requests.ConnectionError):
        sandbox.submit(bundle)
    again = sandbox.submit(bundle)

    row = sandbox.row("drop-2")
    assert again.status_code == 200
    assert row is not None
    assert row["times"] == 2


def test_a_late_answer_can_be_fetched_after_two_seconds(sandbox: Sandbox) -> None:
    asked = {"request.identifier": f"{CLAIMS}|late-1"}

    response = sandbox.submit(a_bundle("late-1", member="M-1-MOOD-LATE"))

    queued = read(response)
    early = sandbox.found("ClaimResponse", **asked)
    time.sleep(2.05)
    late = sandbox.found("ClaimResponse", **asked)
    ClaimResponse.model_validate(queued)
    assert (response.status_code, queued["outcome"]) == (202, "queued")
    assert "item" not in queued
    assert (early["total"], late["total"]) == (0, 1)
    assert late["entry"][0]["resource"]["outcome"] == "complete"
    assert late["entry"][0]["resource"]["id"] == queued["id"]


def test_garbage_is_booked_and_can_be_asked_about(sandbox: Sandbox) -> None:
    response = sandbox.submit(a_bundle("garbage-1", member="M-1-MOOD-GARBAGE"))

    found = sandbox.found("ClaimResponse", **{"request.identifier": f"{CLAIMS}|garbage-1"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert found["total"] == 1


def test_the_mood_header_wins_over_the_member(sandbox: Sandbox) -> None:
    bundle = a_bundle("header-1", member="M-1-MOOD-REJECT")

    answer = read(sandbox.submit(bundle, X_Sandbox_Mood="deny"))

    assert answer["disposition"] == "Denied"


def test_an_unknown_mood_in_the_header_is_named(sandbox: Sandbox) -> None:
    response = sandbox.submit(a_bundle("header-2"), X_Sandbox_Mood="sulky")

    assert response.status_code == 400
    assert "sulky" in response.json()["issue"][0]["details"]["text"]
