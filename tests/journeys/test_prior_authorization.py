"""Prior authorization as Da Vinci PAS has it, from the consultation to the claim: the client steps
of HL7's test kit, stricter than the kit (what the kit lets a person attest is asserted here)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from builders import OPS, another, fixture, take_in
from journeys_hands import (
    attempts_of,
    deliver,
    planned_of,
    request_of,
    row_of,
    state_of,
    submissions,
    uses_and_states,
)
from late_answers import approval, bring
from processes import SandboxInsurer

from payer_gateway.domain.principal import Principal, Role
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.storage import ledger
from payer_gateway.workflow import explaining, notified, reading, repair
from payer_gateway.workflow.corrections import correct
from payer_gateway.workflow.services import Services

NEEDS_LEAVE = "03"
INSURER = Principal("default", Role.INSURER, "the insurer", "northwind-ppo")


def asked_for(services: Services, mood: str = "", **changes: Any) -> tuple[str, str]:
    """A consultation whose insurer wants to be asked first: its id, and the request's."""
    taken = take_in(services, another(NEEDS_LEAVE, mood=mood, **changes))
    (asked,) = taken["submissions"]
    assert asked["use"] == "preauthorization"
    return taken["consultation"], asked["id"]


def claim_in(services: Services, submission_id: str) -> Any:
    return parse_json(request_of(services, submission_id))["entry"][0]["resource"]


def reviews_of(services: Services, submission_id: str) -> list[tuple[str, int, str | None]]:
    with services.database.read() as work:
        facts = ledger.of_submission(work, "default", submission_id)
    return [(f.kind, f.line, f.review) for f in facts]


def told(services: Services, submission_id: str) -> str:
    return "\n".join(explaining.story(services, OPS, submission_id))


def test_approval_is_read_line_by_line_and_its_number_goes_on_the_claim(
    services: Services, insurer: SandboxInsurer
) -> None:
    consultation, asked = asked_for(services)

    deliver(services)

    assert uses_and_states(services, consultation) == [
        ("preauthorization", "accepted"),
        ("claim", "accepted"),
    ]
    assert reviews_of(services, asked) == [
        ("acknowledged", 0, None),
        ("adjudicated", 0, "approved"),
        ("adjudicated", 1, "approved"),
    ]
    billed = submissions(services, consultation)[1]["id"]
    (insurance,) = claim_in(services, billed)["insurance"]
    assert insurance["preAuthRef"][0].startswith("AUTH-")


def test_a_denial_that_wants_a_second_opinion_closes_the_claim_and_is_told(
    services: Services,
) -> None:
    consultation, asked = asked_for(services, "SECOND")

    deliver(services)

    ((waits_for, state, _cause),) = planned_of(services, consultation)
    assert (waits_for, state) == ("authorization", "closed")
    assert reviews_of(services, asked)[1] == ("adjudicated", 0, "denied")
    assert "wants a second opinion before it approves" in told(services, asked)


def test_leave_for_something_else_than_was_asked_waits_for_a_person_who_may_use_it(
    services: Services,
) -> None:
    consultation, asked = asked_for(services, "MODIFY")

    deliver(services)

    ((waits_for, state, cause),) = planned_of(services, consultation)
    assert (waits_for, state) == ("person", "open")
    assert cause is not None and "something else" in cause
    assert reviews_of(services, asked)[1] == ("adjudicated", 0, "modified")

    repair.decide_by_person(services, OPS, consultation, eligible=True, reason="it is enough")
    deliver(services)

    billed = submissions(services, consultation)[1]["id"]
    assert claim_in(services, billed)["insurance"][0]["preAuthRef"][0].startswith("AUTH-")


def test_an_error_in_the_answer_is_a_rejection_with_place_and_followup(services: Services) -> None:
    _, asked = asked_for(services, "ERROR")

    deliver(services)

    assert state_of(services, asked) == "rejected"
    assert "901|T4" in told(services, asked)


@pytest.fixture
def mailbox() -> Iterator[tuple[str, Queue[bytes]]]:
    """Somebody who takes what is brought by POST."""
    letters: Queue[bytes] = Queue()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            letters.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/notifications", letters
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pended_request_is_decided_by_the_notification_that_comes_in(
    build: Any, tmp_path: Path, mailbox: tuple[str, Queue[bytes]]
) -> None:
    url, letters = mailbox
    insurer = SandboxInsurer(tmp_path / "pending.ledger", notify=url)
    services = build(url=insurer.url)
    try:
        consultation, asked = asked_for(services, "PEND")
        deliver(services)
        assert uses_and_states(services, consultation) == [("preauthorization", "accepted")]
        assert reviews_of(services, asked) == [("acknowledged", 0, "pended")]
        letter = letters.get(timeout=30)

        (taken,) = notified.take_answers(services, INSURER, "northwind-ppo", letter)
        (again,) = notified.take_answers(services, INSURER, "northwind-ppo", letter)
        deliver(services)

        assert (taken.became, again.became) == ("decided", "repeated")
        assert uses_and_states(services, consultation) == [
            ("preauthorization", "accepted"),
            ("claim", "accepted"),
        ]
    finally:
        insurer.stop()


def test_an_answer_that_leaves_a_line_out_is_no_leave_however_late_it_comes_and_says_why(
    services: Services,
) -> None:
    (service,) = fixture(NEEDS_LEAVE)["services"]
    twice = another(NEEDS_LEAVE, mood="PEND", services=[service, service])
    taken_in = take_in(services, twice)
    asked = taken_in["submissions"][0]["id"]
    deliver(services)
    identifier = row_of(services, asked).claim_identifier

    (taken,) = bring(services, approval(identifier, "AUTH-HALF"))

    assert taken.became == "decided"
    assert reviews_of(services, asked)[-2:] == [
        ("adjudicated", 0, "unclear"),
        ("adjudicated", 1, "approved"),
    ]
    assert [use for use, _ in uses_and_states(services, taken_in["consultation"])] == [
        "preauthorization"
    ]
    said = told(services, asked)
    assert "Found in its answer: line-not-answered at item[2]" in said
    assert "answered neither yes nor no" in said


def test_a_lost_answer_is_asked_for_by_the_operation_and_nothing_is_sent_twice(
    services: Services, insurer: SandboxInsurer
) -> None:
    _, asked = asked_for(services, "DROP")

    deliver(services)

    assert state_of(services, asked) == "accepted"
    assert [kind for kind, _ in attempts_of(services, asked)] == ["send", "inquire"]
    assert insurer.times(row_of(services, asked).claim_identifier) == 1
    assert ("adjudicated", 0, "approved") in reviews_of(services, asked)


def test_four_steps_of_an_update_keep_every_line_and_mark_what_is_different(
    services: Services, insurer: SandboxInsurer
) -> None:
    document = another(NEEDS_LEAVE)
    line = document["services"][0]
    services_first = [line]
    interpreter = {
        **line,
        "code": {**line["code"], "code": "interpreter"},
        "modifiers": [],
        "unit_price": {"value": "20.00", "currency": "USD"},
    }
    # Not served yet, so that no claim is made on the leave before it is changed.
    for each in (line, interpreter):
        each.pop("serviced_at", None)
        each["serviced_on"] = "2026-04-16"
    taken = take_in(services, document)
    consultation, first = taken["consultation"], taken["submissions"][0]["id"]
    deliver(services)

    def change(kind: Any, old: str, lines: list[Any] | None) -> str:
        changed = None if lines is None else canonical_json({**document, "services": lines})
        summary = correct(
            services,
            OPS,
            consultation,
            kind=kind,
            submission_id=old,
            reason="changed",
            document=changed,
        )
        deliver(services)
        newest: str = summary["submissions"][-1]["id"]
        assert state_of(services, newest) == "accepted", told(services, newest)
        return newest

    added = change("replace", first, [*services_first, interpreter])
    modified = change("replace", added, [{**line, "quantity": 2}])
    cancelled = change("void", modified, None)

    assert marks(claim_in(services, first)) == {1: (None, False)}
    assert marks(claim_in(services, added)) == {1: (None, False), 2: ("added", False)}
    assert marks(claim_in(services, modified)) == {1: ("changed", False), 2: ("changed", True)}
    assert marks(claim_in(services, cancelled)) == {1: ("changed", True), 2: (None, True)}
    for step, before in ((added, first), (modified, added), (cancelled, modified)):
        bundle = parse_json(request_of(services, step))
        claims = [e for e in bundle["entry"] if e["resource"]["resourceType"] == "Claim"]
        assert claims[1]["fullUrl"] == claims[0]["resource"]["related"][0]["claim"]["reference"]
        assert claims[1]["resource"]["identifier"] == claim_in(services, before)["identifier"]
        assert "reference" not in str(claims[1]["resource"].get("related", ""))
        people = [
            str(e["resource"]["identifier"])
            for e in bundle["entry"]
            if e["resource"]["resourceType"] in ("Patient", "Practitioner")
        ]
        assert len(people) == len(set(people))
    assert [state_of(services, each) for each in (first, added, modified)] == ["superseded"] * 3
    assert all(row["times"] == 1 for row in insurer.ledger() if row["use"] == "preauthorization")


def marks(claim: Any) -> dict[int, tuple[str | None, bool]]:
    """Line → how it is marked as changed, and whether it is cancelled."""
    return {
        item["sequence"]: (
            next((e["valueCode"] for e in item["extension"] if "valueCode" in e), None),
            bool(item.get("modifierExtension")),
        )
        for item in claim["item"]
    }


def test_the_exact_answer_is_kept_beside_what_was_read_of_it(services: Services) -> None:
    _, asked = asked_for(services, "SECOND")

    deliver(services)

    answer = parse_json(reading.exchanged_bytes(services, OPS, asked, "reply"))
    assert answer["entry"][0]["resource"]["resourceType"] == "ClaimResponse"
    assert b"secondSurgicalOpinionFlag" in reading.exchanged_bytes(services, OPS, asked, "reply")
