"""Repair and correction: a person sends again, edits, replaces, voids; who and why are kept."""

from __future__ import annotations

from typing import Any

import pytest
from builders import ANSWER_LOST, OPS, REJECTED, Build, a_submission, another, take_in
from journeys_hands import (
    attempts_of,
    both_ledgers_agree,
    deliver,
    moves_of,
    request_of,
    row_of,
    state_of,
    submissions,
)
from processes import RawInsurer, SandboxInsurer, answer

from payer_gateway.domain.errors import Conflict, InvalidInput
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.workflow import explaining, reading, repair
from payer_gateway.workflow.corrections import correct
from payer_gateway.workflow.services import Services

NOTHING_FOUND = answer(b'{"resourceType":"Bundle","type":"searchset","total":0}')
TAKEN = answer(b'{"resourceType":"ClaimResponse","outcome":"queued"}', "202 Accepted")
REFUSED = answer(b"{}", "422 Unprocessable Content")


def test_the_story_of_a_rejected_claim_names_the_cause(services: Services) -> None:
    submission_id = a_submission(services, REJECTED)

    standing = deliver(services)

    assert (state_of(services, submission_id), standing.for_person) == ("rejected", 1)
    story = "\n".join(explaining.story(services, OPS, submission_id))
    assert "HTTP 422" in story
    assert "business-rule at Claim.insurance.coverage" in story
    assert "This member's claims are rejected" in story


def test_a_replay_sends_the_same_bytes_of_the_same_claim_under_a_new_key(build: Build) -> None:
    answers = [REFUSED, TAKEN]
    insurer = RawInsurer(lambda method, _: answers.pop(0) if method == "POST" else NOTHING_FOUND)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)
        deliver(services)
        rejected, identifier = _fate(services, submission_id)

        repair.replay_one(services, OPS, submission_id, "the insurer mended its certificate")
        deliver(services)
    finally:
        insurer.close()

    (_, _, first, sent), (_, _, again, sent_again) = insurer.sent()
    assert (rejected, state_of(services, submission_id)) == ("rejected", "accepted")
    assert sent == sent_again == request_of(services, submission_id)
    assert row_of(services, submission_id).claim_identifier == identifier
    # It would hand back the stored rejection under the old key (key_after_reject: new).
    assert first["idempotency-key"] != again["idempotency-key"]
    (replay,) = [m for m in moves_of(services, submission_id) if m.event == "replay"]
    assert (replay.by, replay.reason) == (OPS.subject, "the insurer mended its certificate")
    triggers = reading.one_submission(services, OPS, submission_id)["attempt_list"]
    assert [a["trigger"] for a in triggers if a["kind"] == "send"] == ["auto", "manual"]


def test_a_replay_needs_a_reason(services: Services) -> None:
    submission_id = a_submission(services, REJECTED)
    deliver(services)

    with pytest.raises(InvalidInput):
        repair.replay_one(services, OPS, submission_id, "  ")

    assert state_of(services, submission_id) == "rejected"


def test_a_claim_that_the_insurer_has_is_not_replayed(services: Services) -> None:
    submission_id = a_submission(services)
    deliver(services)

    with pytest.raises(Conflict, match="replacement or a void"):
        repair.replay_one(services, OPS, submission_id, "to be sure")

    assert state_of(services, submission_id) == "accepted"


def test_a_claim_in_doubt_is_neither_replayed_nor_edited_nor_cancelled(build: Build) -> None:
    insurer = RawInsurer(lambda *_: None)
    try:
        services = build(url=insurer.url)
        document = another()
        taken = take_in(services, document)
        (made,) = taken["submissions"]
        deliver(services, max_wait_s=0.5)
    finally:
        insurer.close()
    state = state_of(services, made["id"])

    with pytest.raises(Conflict, match=r"could bill twice|being asked"):
        repair.replay_one(services, OPS, made["id"], "it takes so long")
    with pytest.raises(Conflict):
        repair.cancel(services, OPS, made["id"], "it takes so long")
    with pytest.raises(Conflict):
        _replace(services, taken, made["id"], document)

    assert state in ("in_doubt", "inquiring")


def test_a_person_resolves_what_nobody_knows_with_evidence_only(build: Build) -> None:
    insurer = RawInsurer(lambda *_: answer(b'{"resourceType":"Parameters"}'))
    try:
        services = build(url=insurer.url)
        booked, lost = a_submission(services), a_submission(services)
        deliver(services)
        unknown = [state_of(services, each) for each in (booked, lost)]
        with pytest.raises(Conflict, match="nobody knows"):
            repair.replay_one(services, OPS, booked, "again, please")
        with pytest.raises(Conflict, match="nobody knows"):
            repair.cancel(services, OPS, booked, "never mind")
        with pytest.raises(InvalidInput):
            repair.resolve(services, OPS, booked, booked=True, evidence="")

        repair.resolve(services, OPS, booked, booked=True, evidence="their list of 14 April")
        repair.resolve(services, OPS, lost, booked=False, evidence="their list of 14 April")
    finally:
        insurer.close()

    assert unknown == ["needs_human", "needs_human"]
    assert (state_of(services, booked), state_of(services, lost)) == ("accepted", "ready")
    assert moves_of(services, booked)[-1].reason == "their list of 14 April"


def test_an_edit_of_a_rejected_claim_is_a_new_claim_that_names_the_old_one(
    services: Services, insurer: SandboxInsurer
) -> None:
    document = another(REJECTED)
    taken = take_in(services, document)
    (old,) = taken["submissions"]
    deliver(services)
    document["coverages"][0]["member_id"] = "NW-MENDED"

    _replace(services, taken, old["id"], document, "the member id was wrong")
    deliver(services)

    old_row, new_row = _both(services, taken)
    assert (old_row["state"], new_row["state"]) == ("superseded", "accepted")
    assert old_row["claim_identifier"] != new_row["claim_identifier"]
    assert _related(services, new_row["id"]) == [(old_row["claim_identifier"], "prior")]
    assert insurer.times(old_row["claim_identifier"]) == 0
    assert insurer.times(new_row["claim_identifier"]) == 1
    assert both_ledgers_agree(services, insurer)
    moves = moves_of(services, old["id"])
    assert (moves[-1].event, moves[-1].reason) == ("edited", "the member id was wrong")


def test_a_replacement_supersedes_the_accepted_claim_once_the_insurer_has_accepted_it(
    services: Services, insurer: SandboxInsurer
) -> None:
    document = another()
    taken = take_in(services, document)
    (old,) = taken["submissions"]
    deliver(services)
    document["services"][0]["unit_price"]["value"] = "400.00"

    _replace(services, taken, old["id"], document, "the price was wrong")
    before = [s["state"] for s in _both(services, taken)]
    deliver(services)

    old_row, new_row = _both(services, taken)
    assert before == ["accepted", "ready"]
    assert [old_row["state"], new_row["state"]] == ["superseded", "accepted"]
    assert (old_row["amount"], new_row["amount"]) == ("675.00", "655.00")
    assert [name for name, _ in _related(services, new_row["id"])] == [old_row["claim_identifier"]]
    assert both_ledgers_agree(services, insurer)
    facts = reading.one_submission(services, OPS, old["id"])["ledger"]
    assert "corrected" in [fact["kind"] for fact in facts]


def test_a_void_takes_back_the_accepted_claim_once_the_insurer_has_accepted_it(
    services: Services, insurer: SandboxInsurer
) -> None:
    taken = take_in(services, another())
    (old,) = taken["submissions"]
    deliver(services)

    correct(
        services,
        OPS,
        taken["consultation"],
        kind="void",
        submission_id=old["id"],
        reason="billed by mistake",
        document=None,
    )
    deliver(services)

    old_row, new_row = _both(services, taken)
    assert [old_row["state"], new_row["state"]] == ["superseded", "accepted"]
    assert _claim(services, new_row["id"])["status"] == "cancelled"
    assert insurer.times(new_row["claim_identifier"]) == 1


def test_a_replacement_that_is_rejected_leaves_the_accepted_claim_as_it_is(
    services: Services, insurer: SandboxInsurer
) -> None:
    document = another()
    taken = take_in(services, document)
    (old,) = taken["submissions"]
    deliver(services)
    document["coverages"][0]["member_id"] += "-MOOD-REJECT"

    _replace(services, taken, old["id"], document)
    deliver(services)

    assert [s["state"] for s in _both(services, taken)] == ["accepted", "rejected"]


def test_a_replacement_that_a_person_resolves_as_booked_supersedes_the_old_claim(
    build: Build,
) -> None:
    answers = [TAKEN, answer(b'{"resourceType":"Parameters"}')]
    insurer = RawInsurer(lambda method, _: answers.pop(0) if method == "POST" else NOTHING_FOUND)
    try:
        services = build(url=insurer.url)
        document = another()
        taken = take_in(services, document)
        (old,) = taken["submissions"]
        deliver(services)
        _replace(services, taken, old["id"], document | {"urgency": "urgent"})
        deliver(services)
        _, new = _both(services, taken)

        repair.resolve(services, OPS, new["id"], booked=True, evidence="their list of 14 April")
    finally:
        insurer.close()

    assert new["state"] == "needs_human"
    assert [s["state"] for s in _both(services, taken)] == ["superseded", "accepted"]


def test_a_second_correction_waits_for_the_answer_to_the_first(services: Services) -> None:
    document = another()
    taken = take_in(services, document)
    (old,) = taken["submissions"]
    deliver(services)
    _replace(services, taken, old["id"], document | {"urgency": "urgent"})

    with pytest.raises(Conflict, match="is corrected by"):
        _replace(services, taken, old["id"], document | {"urgency": "emergency"})

    assert len(_both(services, taken)) == 2


def test_what_was_never_accepted_is_not_voided(services: Services) -> None:
    taken = take_in(services, another(REJECTED))
    (old,) = taken["submissions"]
    deliver(services)

    with pytest.raises(Conflict, match="submission cancel"):
        correct(
            services,
            OPS,
            taken["consultation"],
            kind="void",
            submission_id=old["id"],
            reason="billed by mistake",
            document=None,
        )


def test_a_cancelled_claim_is_never_sent(services: Services, insurer: SandboxInsurer) -> None:
    submission_id = a_submission(services, ANSWER_LOST)

    repair.cancel(services, OPS, submission_id, "the patient paid")
    deliver(services)

    assert state_of(services, submission_id) == "cancelled"
    assert attempts_of(services, submission_id) == []
    assert insurer.times(row_of(services, submission_id).claim_identifier) == 0


def _fate(services: Services, submission_id: str) -> tuple[str, str]:
    row = row_of(services, submission_id)
    return row.state, row.claim_identifier


def _replace(
    services: Services,
    taken: dict[str, Any],
    submission_id: str,
    document: dict[str, Any],
    reason: str = "it was wrong",
) -> None:
    correct(
        services,
        OPS,
        taken["consultation"],
        kind="replace",
        submission_id=submission_id,
        reason=reason,
        document=canonical_json(document),
    )


def _both(services: Services, taken: dict[str, Any]) -> list[dict[str, Any]]:
    """The old claim and the one that corrects it."""
    return submissions(services, taken["consultation"])


def _claim(services: Services, submission_id: str) -> dict[str, Any]:
    """The Claim as it was sent."""
    bundle = parse_json(request_of(services, submission_id))
    assert isinstance(bundle, dict)
    claim: dict[str, Any] = bundle["entry"][0]["resource"]
    return claim


def _related(services: Services, submission_id: str) -> list[tuple[str, str]]:
    return [
        (
            "{system}|{value}".format(**each["claim"]["identifier"]),
            each["relationship"]["coding"][0]["code"],
        )
        for each in _claim(services, submission_id).get("related", [])
    ]
