"""The whole walk: every fixture consultation goes in, and both ledgers agree in the end."""

from __future__ import annotations

import json

import pytest
from builders import (
    BY_VIDEO,
    CONSULTATIONS,
    NEEDS_AUTHORIZATION,
    NOT_COVERED,
    OPS,
    TODAY,
    Build,
    another,
    fixture,
    take_in,
)
from journeys_hands import (
    both_ledgers_agree,
    count_of,
    deliver,
    our_identifiers,
    planned_of,
    submissions,
    uses_and_states,
    wait_for_late_answers,
)
from processes import SandboxInsurer

from payer_gateway.domain.errors import Conflict
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.workflow import intake
from payer_gateway.workflow.services import Services

CLAIM, PREAUTH = "claim", "preauthorization"
# By number of the file: what it is decided, what was sent and how that ended, what is still planned
ENDS: dict[str, tuple[str, list[tuple[str, str]], list[tuple[str, str]]]] = {
    "01": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "02": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "03": (
        "CONDITIONAL",
        [(PREAUTH, "accepted"), (CLAIM, "accepted")],
        [("service_day", "done")],
    ),
    "04": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "05": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "06": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "07": ("NOT_ELIGIBLE", [], []),
    "08": ("ELIGIBLE", [(CLAIM, "rejected")], []),
    "09": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "10": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "11": ("ELIGIBLE", [(CLAIM, "accepted")], []),
    "12": ("CONDITIONAL", [(PREAUTH, "accepted")], [("authorization", "closed")]),
    "13": ("ELIGIBLE", [(CLAIM, "accepted"), (CLAIM, "accepted")], [("service_day", "done")]),
    "14": ("ELIGIBLE", [], [("service_day", "open")]),
    "15": ("NOT_ELIGIBLE", [], []),
    "16": (
        "CONDITIONAL",
        [(PREAUTH, "accepted"), (CLAIM, "accepted")],
        [("service_day", "done")],
    ),
}


def test_every_fixture_comes_to_its_end_and_both_ledgers_agree(
    services: Services, insurer: SandboxInsurer
) -> None:
    taken = {
        path.name[:2]: intake.take_in(services, OPS, path.read_bytes()).summary
        for path in CONSULTATIONS
    }

    standing = deliver(services)
    wait_for_late_answers(services, insurer)
    answered = deliver(services)

    ends = {
        number: (
            summary["decision"],
            uses_and_states(services, summary["consultation"]),
            [planned[:2] for planned in planned_of(services, summary["consultation"])],
        )
        for number, summary in taken.items()
    }
    assert ends == ENDS
    assert standing.for_person == 1  # the rejected one
    assert answered.unanswered == 0
    assert both_ledgers_agree(services, insurer)
    booked_by_us = our_identifiers(services)
    assert {r["times"] for r in insurer.ledger() if r["claim_identifier"] in booked_by_us} == {1}


def test_submitting_the_same_again_changes_nothing(
    services: Services, insurer: SandboxInsurer
) -> None:
    documents = [fixture(number) for number in (BY_VIDEO, NEEDS_AUTHORIZATION, NOT_COVERED)]
    first = [take_in(services, document) for document in documents]
    deliver(services)
    before, told = count_of(services), [submissions(services)]

    again = [
        intake.take_in(services, OPS, _otherwise_spelled(canonical_json(document)))
        for document in documents
    ]
    deliver(services)

    assert {taken.how for taken in again} == {"repeated"}
    assert [t.summary["consultation"] for t in again] == [s["consultation"] for s in first]
    assert count_of(services) == before
    assert [submissions(services)] == told


def test_other_content_is_a_new_revision_and_is_decided_afresh_while_nothing_was_submitted(
    services: Services,
) -> None:
    refused = another(NOT_COVERED)
    first = take_in(services, refused)
    covered = refused | {"mode": "in_person"}

    taken = intake.take_in(services, OPS, canonical_json(covered))
    deliver(services)

    assert (first["decision"], first["revision"]) == ("NOT_ELIGIBLE", 1)
    assert (taken.how, taken.summary["consultation"]) == ("revised", first["consultation"])
    assert (taken.summary["decision"], taken.summary["revision"]) == ("ELIGIBLE", 2)
    assert uses_and_states(services, first["consultation"]) == [(CLAIM, "accepted")]


def test_other_content_is_refused_once_a_claim_is_on_its_way(services: Services) -> None:
    document = another()
    take_in(services, document)
    before = count_of(services)

    with pytest.raises(Conflict, match=r"/corrections"):
        take_in(services, document | {"urgency": "urgent"})

    assert count_of(services) == before


def test_a_planned_claim_becomes_a_claim_on_its_service_day_and_not_before(
    build: Build, insurer: SandboxInsurer
) -> None:
    document = another("14")
    document["services"] = [s | {"serviced_on": "2026-04-16"} for s in document["services"]]
    before = build(url=insurer.url, today=TODAY)
    taken = take_in(before, document)

    deliver(before)
    on_the_day_before = uses_and_states(before, taken["consultation"])
    on_the_day = build(url=insurer.url, today=TODAY.replace(day=16))
    deliver(on_the_day)

    assert taken["planned"] == [
        {"use": "claim", "waits_for": "service_day", "due_on": "2026-04-16"}
    ]
    assert on_the_day_before == []
    assert uses_and_states(on_the_day, taken["consultation"]) == [(CLAIM, "accepted")]
    assert both_ledgers_agree(on_the_day, insurer)


def _otherwise_spelled(document: bytes) -> bytes:
    """The same content in another order of keys and with other blanks."""
    content = parse_json(document)
    assert isinstance(content, dict)
    turned = dict(reversed(list(content.items())))
    return json.dumps(turned, indent=3, default=str).encode()
