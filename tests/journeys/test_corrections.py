"""Corrections of corrections, and of what other claims wait for: nothing is billed twice, nothing
leaves that may not, and nothing that was planned is forgotten."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest
from builders import (
    BY_VIDEO,
    LATE,
    NEEDS_AUTHORIZATION,
    OPS,
    TWO_COVERAGES,
    Build,
    another,
    take_in,
)
from journeys_hands import (
    both_ledgers_agree,
    deliver,
    planned_of,
    request_of,
    submissions,
    uses_and_states,
    wait_for_late_answers,
)
from processes import SandboxInsurer

from payer_gateway.domain.errors import Conflict, InvalidInput
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.workflow import reading, repair
from payer_gateway.workflow.corrections import correct
from payer_gateway.workflow.delivery import send_one
from payer_gateway.workflow.services import Services


def _replaced(services: Services, taken: dict[str, Any], old: str, document: Any) -> str:
    """Replace ``old`` by the document; the new submission."""
    before = {s["id"] for s in submissions(services, taken["consultation"])}
    correct(
        services,
        OPS,
        taken["consultation"],
        kind="replace",
        submission_id=old,
        reason="it was wrong",
        document=canonical_json(document),
    )
    (new,) = {s["id"] for s in submissions(services, taken["consultation"])} - before
    return str(new)


def _void(services: Services, taken: dict[str, Any], old: str) -> None:
    correct(
        services,
        OPS,
        taken["consultation"],
        kind="void",
        submission_id=old,
        reason="wrong patient",
        document=None,
    )


def _priced(document: dict[str, Any], price: str) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    changed["services"][0]["unit_price"]["value"] = price
    return changed


def _member(document: dict[str, Any], member_id: str, coverage: int = 0) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    changed["coverages"][coverage]["member_id"] = member_id
    return changed


def _states(services: Services, taken: dict[str, Any]) -> list[str]:
    return [s["state"] for s in submissions(services, taken["consultation"])]


def test_the_edit_of_a_rejected_replacement_still_replaces_the_accepted_claim(
    services: Services,
) -> None:
    document = another(BY_VIDEO)
    taken = take_in(services, document)
    accepted = taken["submissions"][0]["id"]
    deliver(services)
    failed = _replaced(services, taken, accepted, _member(document, "NW1-MOOD-REJECT"))
    deliver(services)

    newest = _replaced(services, taken, failed, _priced(document, "400.00"))
    deliver(services)

    assert _states(services, taken) == ["superseded", "superseded", "accepted"]
    claim = parse_json(request_of(services, newest))["entry"][0]["resource"]
    named = claim["related"][0]["claim"]["identifier"]["value"]
    first = submissions(services, taken["consultation"])[0]
    assert first["claim_identifier"].endswith(named)


def test_a_claim_has_one_correction_at_a_time_even_when_that_one_was_rejected(
    services: Services,
) -> None:
    document = another(BY_VIDEO)
    taken = take_in(services, document)
    accepted = taken["submissions"][0]["id"]
    deliver(services)
    failed = _replaced(services, taken, accepted, _member(document, "NW1-MOOD-REJECT"))
    deliver(services)

    with pytest.raises(Conflict, match="is corrected by"):
        _replaced(services, taken, accepted, _priced(document, "400.00"))

    repair.cancel(services, OPS, failed, "made anew")
    _replaced(services, taken, accepted, _priced(document, "400.00"))
    deliver(services)
    assert _states(services, taken) == ["superseded", "cancelled", "accepted"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"unit_price": {"value": "42000", "currency": "JPY"}}, "CURRENCY_CONVERSION_REQUIRED"),
        ({"serviced_on": "2026-06-30"}, "the service is on 2026-06-30"),
    ],
)
def test_a_correction_obeys_the_table_of_what_follows_a_decision(
    services: Services, change: dict[str, Any], why: str
) -> None:
    document = another(BY_VIDEO)
    taken = take_in(services, document)
    deliver(services)
    changed = copy.deepcopy(document)
    changed["services"] = [{**changed["services"][0], **change}]

    with pytest.raises(Conflict, match=why):
        _replaced(services, taken, taken["submissions"][0]["id"], changed)

    assert _states(services, taken) == ["accepted"]


def test_a_claim_made_on_an_authorization_can_be_replaced_although_the_sender_knows_no_number(
    services: Services,
) -> None:
    document = another(NEEDS_AUTHORIZATION)
    taken = take_in(services, document)
    deliver(services)
    authorization, claim = submissions(services, taken["consultation"])

    _replaced(services, taken, claim["id"], _priced(document, "400.00"))
    deliver(services)

    assert _states(services, taken) == ["accepted", "superseded", "accepted"]
    with pytest.raises(Conflict, match="was made on authorization"):
        _void(services, taken, authorization["id"])


def test_a_replaced_authorization_takes_the_planned_claim_with_it(
    services: Services, insurer: SandboxInsurer
) -> None:
    document = another(NEEDS_AUTHORIZATION, mood="LATE")
    taken = take_in(services, document)
    deliver(services)  # queued: nothing is decided yet
    queued = taken["submissions"][0]["id"]

    _replaced(services, taken, queued, _member(_priced(document, "400.00"), "NW-IN-TIME"))
    deliver(services)
    wait_for_late_answers(services, insurer)
    deliver(services)

    assert uses_and_states(services, taken["consultation"]) == [
        ("preauthorization", "superseded"),
        ("preauthorization", "accepted"),
        ("claim", "accepted"),
    ]
    assert submissions(services, taken["consultation"])[2]["amount"] == "400.00"


def test_a_withdrawn_authorization_is_never_quoted(build: Build, insurer: SandboxInsurer) -> None:
    early = build(url=insurer.url, today=date(2026, 2, 1))
    taken = take_in(early, another(NEEDS_AUTHORIZATION))
    deliver(early)

    _void(early, taken, taken["submissions"][0]["id"])
    waits = planned_of(early, taken["consultation"])
    deliver(early)
    late = build(url=insurer.url)
    deliver(late)

    assert [w[0] for w in waits] == ["person"]
    assert planned_of(late, taken["consultation"])[0][1:] == (
        "closed",
        "its prior authorization was withdrawn",
    )
    assert [use for use, _ in uses_and_states(late, taken["consultation"])] == [
        "preauthorization",
        "preauthorization",
    ]


def test_a_voided_primary_is_no_result_for_the_secondary(services: Services) -> None:
    document = _member(another(TWO_COVERAGES), "1EG4-MOOD-LATE")
    taken = take_in(services, document)
    # Sent, and its decision not asked for: that comes two seconds later, however slow we are.
    assert send_one(services, "worker")

    _void(services, taken, taken["submissions"][0]["id"])
    standing = deliver(services)

    ((waits_for, state, cause),) = planned_of(services, taken["consultation"])
    assert (waits_for, state) == ("person", "open")
    assert cause is not None
    assert "withdrawn" in cause
    assert standing.for_person == 1


def test_the_secondary_claim_says_what_the_corrected_primary_says(
    services: Services, insurer: SandboxInsurer
) -> None:
    document = another(TWO_COVERAGES)
    taken = take_in(services, _member(document, "1EG4-MOOD-REJECT"))
    deliver(services)

    _replaced(services, taken, taken["submissions"][0]["id"], _priced(document, "300.00"))
    deliver(services)

    amounts = [(s["state"], s["amount"]) for s in submissions(services, taken["consultation"])]
    assert amounts == [("superseded", "420.00"), ("accepted", "300.00"), ("accepted", "300.00")]
    assert both_ledgers_agree(services, insurer)


def test_a_cancelled_primary_puts_the_secondary_before_a_person(services: Services) -> None:
    taken = take_in(services, another(TWO_COVERAGES))

    repair.cancel(services, OPS, taken["submissions"][0]["id"], "not our patient")

    (waiting,) = reading.waiting_for_person(services, OPS)
    assert waiting["consultation"] == taken["consultation"]
    assert "cancelled" in waiting["why"]


def test_a_cancelled_consultation_can_be_submitted_again_corrected(services: Services) -> None:
    document = another(LATE)
    taken = take_in(services, document)
    repair.cancel(services, OPS, taken["submissions"][0]["id"], "wrong price")

    again = take_in(services, _priced(document, "400.00"))

    assert again["revision"] == 2
    assert [s["state"] for s in again["submissions"]] == ["cancelled", "ready"]


def test_a_correction_says_why(services: Services) -> None:
    taken = take_in(services, another(BY_VIDEO))

    with pytest.raises(InvalidInput, match="say why"):
        correct(
            services,
            OPS,
            taken["consultation"],
            kind="void",
            submission_id=taken["submissions"][0]["id"],
            reason=" ",
            document=None,
        )
