"""What waits: for an authorization, the primary's result, a person, an address, a right token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import (
    AUTHORIZATION_DENIED,
    INSURERS,
    NEEDS_AUTHORIZATION,
    OPS,
    TWO_COVERAGES,
    WORKER,
    Build,
    a_submission,
    another,
    take_in,
)
from journeys_hands import (
    attempts_of,
    both_ledgers_agree,
    deliver,
    planned_of,
    request_of,
    row_of,
    state_of,
    submissions,
    uses_and_states,
)
from processes import SandboxInsurer

from payer_gateway.domain.errors import Conflict, NotAllowed, NotFound
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.storage import insurers_mode
from payer_gateway.workflow import explaining, intake, reading, repair, steering
from payer_gateway.workflow.corrections import correct
from payer_gateway.workflow.delivery import Delivery
from payer_gateway.workflow.services import Services


def test_an_approved_authorization_is_quoted_by_the_claim_that_follows_in_the_same_run(
    services: Services, insurer: SandboxInsurer
) -> None:
    taken = take_in(services, another(NEEDS_AUTHORIZATION))

    deliver(services)

    assert uses_and_states(services, taken["consultation"]) == [
        ("preauthorization", "accepted"),
        ("claim", "accepted"),
    ]
    asked, billed = (
        row_of(services, s["id"]) for s in submissions(services, taken["consultation"])
    )
    assert asked.lane_key == billed.lane_key
    assert billed.follows_id == asked.id
    (insurance,) = _claim_of(services, billed.id)["insurance"]
    answered = parse_json(reading.exchanged_bytes(services, OPS, asked.id, "reply"))
    assert insurance["preAuthRef"] == [_number_in(answered)]
    assert both_ledgers_agree(services, insurer)


def test_a_denied_authorization_closes_the_claim_that_was_planned_behind_it(
    services: Services,
) -> None:
    taken = take_in(services, another(AUTHORIZATION_DENIED))

    standing = deliver(services)

    assert uses_and_states(services, taken["consultation"]) == [("preauthorization", "accepted")]
    assert planned_of(services, taken["consultation"]) == [
        ("authorization", "closed", "the insurer denied the prior authorization")
    ]
    assert standing.for_person == 0


def test_a_cancelled_authorization_closes_the_claim_that_was_planned_behind_it(
    services: Services,
) -> None:
    taken = take_in(services, another(NEEDS_AUTHORIZATION))

    repair.cancel(services, OPS, taken["submissions"][0]["id"], "the operation is off")

    ((_, state, cause),) = planned_of(services, taken["consultation"])
    assert (state, cause) == ("closed", "its prior authorization was cancelled")


def test_an_edited_authorization_hands_what_waited_for_it_on(services: Services) -> None:
    document = another(NEEDS_AUTHORIZATION, mood="REJECT")
    taken = take_in(services, document)
    deliver(services)
    rejected = uses_and_states(services, taken["consultation"])
    document["coverages"][0]["member_id"] = "NW-MENDED-AUTH"

    correct(
        services,
        OPS,
        taken["consultation"],
        kind="replace",
        submission_id=taken["submissions"][0]["id"],
        reason="the member id was wrong",
        document=canonical_json(document),
    )
    deliver(services)

    assert rejected == [("preauthorization", "rejected")]
    assert uses_and_states(services, taken["consultation"]) == [
        ("preauthorization", "superseded"),
        ("preauthorization", "accepted"),
        ("claim", "accepted"),
    ]


def test_the_secondary_insurer_is_billed_after_the_primary_and_told_what_it_paid(
    services: Services, insurer: SandboxInsurer
) -> None:
    taken = take_in(services, another(TWO_COVERAGES))

    deliver(services)

    primary, secondary = submissions(services, taken["consultation"])
    assert (primary["insurer"], secondary["insurer"]) == ("medicare-b", "northwind-ppo")
    bundle = parse_json(request_of(services, secondary["id"]))
    carried = [
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "ClaimResponse"
    ]
    (paid,) = [
        f["payable"]
        for f in reading.one_submission(services, OPS, primary["id"])["ledger"]
        if f["kind"] == "adjudicated" and f["line"] == 0
    ]
    assert len(carried) == 1
    assert paid in str(carried[0])
    assert both_ledgers_agree(services, insurer)


def test_a_pended_consultation_waits_for_a_person_and_then_goes_its_way(
    services: Services,
) -> None:
    eligible, refused = (take_in(services, _priced_in_dollars()) for _ in range(2))
    waiting = deliver(services)

    repair.decide_by_person(
        services, OPS, eligible["consultation"], eligible=True, reason="rate of the day agreed"
    )
    repair.decide_by_person(
        services, OPS, refused["consultation"], eligible=False, reason="no rate agreed"
    )
    deliver(services)

    assert (eligible["decision"], waiting.for_person) == ("PENDED", 2)
    assert uses_and_states(services, eligible["consultation"]) == [("claim", "accepted")]
    assert uses_and_states(services, refused["consultation"]) == []
    told = reading.consultation(services, OPS, eligible["consultation"])
    assert (told["decision"], told["reasons"]) == ("ELIGIBLE", ["DECIDED_BY_PERSON"])
    told = reading.consultation(services, OPS, refused["consultation"])
    assert (told["decision"], told["reasons"]) == ("NOT_ELIGIBLE", ["REFUSED_BY_PERSON"])
    with pytest.raises(Conflict, match="does not wait for a person"):
        repair.decide_by_person(
            services, OPS, refused["consultation"], eligible=True, reason="after all"
        )


def test_an_insurer_without_an_address_is_held_and_said_to_be(
    build: Build, insurer: SandboxInsurer
) -> None:
    without = build(url=insurer.url, insurers=tuple(set(INSURERS) - {"northwind-ppo"}))
    held, flowing = a_submission(without), a_submission(without, "02")

    standing = deliver(without)
    why = reading.one_submission(without, OPS, held)["why_not_sent"]
    deliver(build(url=insurer.url))

    assert (standing.unaddressed, standing.for_person) == (1, 0)
    assert "PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL" in why
    assert state_of(without, flowing) == "accepted"
    assert (state_of(without, held), attempts_of(without, held)) == (
        "accepted",
        [("send", "accepted")],
    )


def test_a_paused_insurer_is_reported_and_goes_on_when_it_is_resumed(services: Services) -> None:
    submission_id = a_submission(services)
    steering.set_mode(services, OPS, "NORTHWIND", "paused", "their migration")

    standing = deliver(services)
    why = reading.one_submission(services, OPS, submission_id)["why_not_sent"]
    steering.set_mode(services, OPS, "NORTHWIND", "on", None)
    deliver(services)

    assert (standing.paused, standing.moving) == (1, 0)
    assert OPS.subject in why
    assert "their migration" in why
    assert state_of(services, submission_id) == "accepted"


def test_a_wrong_token_holds_the_insurer_and_costs_no_claim_anything(
    build: Build, tmp_path: Path
) -> None:
    strict = SandboxInsurer(tmp_path / "strict.jsonl", token="right-token-77")
    try:
        wrong = build(url=strict.url, token="wrong-token-66")
        first, second = a_submission(wrong), a_submission(wrong)
        deliver(wrong, max_wait_s=1.5)
        held = [state_of(wrong, each) for each in (first, second)]
        spent = [row_of(wrong, each).retries for each in (first, second)]
        why = reading.one_submission(wrong, OPS, first)["why_not_sent"]
        with wrong.database.read() as work:
            breaker = insurers_mode.get(work, OPS.tenant_id, "northwind-ppo")

        deliver(build(url=strict.url, token="right-token-77"))

        assert held == ["ready", "ready"]
        assert spent == [0, 0]
        assert breaker is not None
        assert breaker.breaker_failures >= 1
        assert "refuses us (HTTP 401)" in why
        assert [state_of(wrong, each) for each in (first, second)] == ["accepted", "accepted"]
        assert both_ledgers_agree(wrong, strict)
    finally:
        strict.stop()


def test_two_tenants_never_see_each_other(services: Services) -> None:
    other = Principal("other", Role.OPS, "local:ben")
    document = another()
    mine = take_in(services, document)
    theirs = intake.take_in(services, other, canonical_json(document)).summary
    deliver(services)

    assert mine["consultation"] != theirs["consultation"]
    assert [s["id"] for s in submissions(services, principal=other)] == [
        s["id"] for s in theirs["submissions"]
    ]
    submission_id = mine["submissions"][0]["id"]
    for forbidden in (
        lambda: reading.consultation(services, other, mine["consultation"]),
        lambda: reading.one_submission(services, other, submission_id),
        lambda: reading.exchanged_bytes(services, other, submission_id, "request"),
        lambda: explaining.story(services, other, mine["consultation"]),
        lambda: explaining.story(services, other, submission_id),
        lambda: repair.replay_one(services, other, submission_id, "mine"),
        lambda: repair.cancel(services, other, submission_id, "mine"),
        lambda: repair.resolve(services, other, submission_id, booked=True, evidence="mine"),
        lambda: repair.decide_by_person(
            services, other, mine["consultation"], eligible=True, reason="mine"
        ),
    ):
        with pytest.raises(NotFound):
            forbidden()


def test_a_pause_of_one_tenant_holds_nothing_of_another(services: Services) -> None:
    other = Principal("other", Role.OPS, "local:ben")
    mine = a_submission(services)
    theirs = intake.take_in(services, other, canonical_json(another())).summary
    steering.set_mode(services, other, "northwind-ppo", "paused", "our own reasons")

    deliver(services)

    (held,) = submissions(services, theirs["consultation"], other)
    assert (state_of(services, mine), held["state"]) == ("accepted", "ready")


def test_nobody_acts_whose_role_does_not_say_so(services: Services) -> None:
    submission_id = a_submission(services)
    provider = Principal("default", Role.PROVIDER, "clinic")

    with pytest.raises(NotAllowed):
        repair.cancel(services, provider, submission_id, "mine")
    with pytest.raises(NotAllowed):
        intake.take_in(services, WORKER, canonical_json(another()))
    with pytest.raises(NotAllowed):
        Delivery(services, OPS).run_until_idle()


def _number_in(answer: dict[str, Any]) -> str:
    """The number of the leave given, as PAS has it: in the review of each line."""
    (item,) = answer["entry"][0]["resource"]["item"]
    (review,) = item["adjudication"][0]["extension"]
    return next(part["valueString"] for part in review["extension"] if part["url"] == "number")


def _claim_of(services: Services, submission_id: str) -> dict[str, list[dict[str, object]]]:
    bundle = parse_json(request_of(services, submission_id))
    return bundle["entry"][0]["resource"]


def _priced_in_dollars() -> dict[str, object]:
    """Under a yen plan that has agreed no rate."""
    document = another("06")
    for service in document["services"]:
        service["unit_price"] = {"value": "300.00", "currency": "USD"}
    return document
