"""Odd answers: a late refusal is seen, absurd amounts stop nobody, doubt does not go round for
ever, and one planned claim that cannot be made does not hold up the others."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import date
from pathlib import Path

import pytest
from builders import BY_VIDEO, MAPPINGS, OPS, STILL_TO_COME, Build, a_submission, another, take_in
from journeys_hands import attempts_of, deliver, planned_of, state_of, submissions
from processes import RawInsurer, SandboxInsurer, answer

from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.workflow import explaining, reading
from payer_gateway.workflow.services import Services

QUEUED = answer(b'{"resourceType":"ClaimResponse","outcome":"queued"}', "202 Accepted")
REFUSED_LATE = answer(
    b'{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":'
    b'{"resourceType":"ClaimResponse","outcome":"error","error":[{"itemSequence":1,"code":'
    b'{"coding":[{"code":"a001"}],"text":"no such member"}}]}}]}'
)
ABSURD = answer(
    b'{"resourceType":"ClaimResponse","outcome":"complete","total":[{"category":{"coding":'
    b'[{"system":"http://terminology.hl7.org/CodeSystem/adjudication","code":"benefit"}]},'
    b'"amount":{"value":9999999999999999,"currency":"KWD"}}]}'
)
NOTHING_FOUND = answer(b'{"resourceType":"Bundle","type":"searchset","total":0}')


def test_a_refusal_that_comes_after_the_acceptance_is_put_before_a_person(build: Build) -> None:
    insurer = RawInsurer(lambda method, _: QUEUED if method == "POST" else REFUSED_LATE)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        standing = deliver(services)
    finally:
        insurer.close()

    assert state_of(services, submission_id) == "accepted"
    assert standing.for_person == 1
    assert submissions(services)[0]["cause"] == "rejected a001 item[*]"
    story = "\n".join(explaining.story(services, OPS, submission_id))
    assert "could not process it" in story


def test_an_absurd_amount_in_an_answer_stops_no_worker(build: Build) -> None:
    insurer = RawInsurer(lambda *_: ABSURD)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services)
    finally:
        insurer.close()

    assert state_of(services, submission_id) == "accepted"
    facts = reading.one_submission(services, OPS, submission_id)["ledger"]
    assert [f["payable"] for f in facts if f["kind"] == "adjudicated"] == [None]


def test_an_insurer_that_goes_on_losing_claims_is_given_the_schedules_time(build: Build) -> None:
    insurer = RawInsurer(lambda method, _: NOTHING_FOUND if method == "GET" else None)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        deliver(services, max_wait_s=6)
    finally:
        insurer.close()

    sends = [kind for kind, _ in attempts_of(services, submission_id) if kind == "send"]
    # Lost, asked about twice, sent again at once, lost again: from now on by the schedule.
    assert len(sends) == 2
    assert state_of(services, submission_id) == "ready"


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found"])
def test_an_inquiry_that_is_refused_opens_the_breaker(build: Build, status: str) -> None:
    refused = answer(b"{}", status)
    insurer = RawInsurer(lambda method, _: refused if method == "GET" else None)
    try:
        services = build(url=insurer.url)
        submission_id = a_submission(services)

        standing = deliver(services, max_wait_s=5)
    finally:
        insurer.close()

    asked = [c for kind, c in attempts_of(services, submission_id) if kind == "inquire"]
    assert asked
    assert set(asked) == {OutcomeClass.NO_ANSWER.value}
    assert len(asked) <= 5  # after 1, 2 and 4 seconds; without a breaker it would be a dozen
    assert standing.refused == 1


def test_a_planned_claim_that_cannot_be_made_holds_up_no_other(
    build: Build, insurer: SandboxInsurer, tmp_path: Path
) -> None:
    services = build(url=insurer.url)
    document = another(STILL_TO_COME)
    document["coverages"][0]["insurer"] = "NWM"
    stuck = take_in(services, document)
    fine = take_in(services, another(STILL_TO_COME))
    later = _without_alias(build(url=insurer.url, today=date(2026, 7, 1)), tmp_path)

    standing = deliver(later)

    ((waits_for, state, cause),) = planned_of(later, stuck["consultation"])
    assert (waits_for, state) == ("person", "open")
    assert cause is not None
    assert "NWM" in cause
    assert [s["state"] for s in submissions(later, fine["consultation"])] == ["accepted"]
    assert standing.for_person == 1


def _without_alias(services: Services, place: Path) -> Services:
    """The same house after somebody took an alias out of the insurer's file."""
    mappings = shutil.copytree(MAPPINGS, place / "mappings")
    file = mappings / "insurers" / "northwind-ppo" / "v1.yaml"
    file.write_text(file.read_text("utf-8").replace("[NORTHWIND, NWM]", "[NORTHWIND]"), "utf-8")
    return dataclasses.replace(services, shelf=Shelf(mappings), plans=PlanShelf(mappings))


def test_a_service_that_the_insurer_has_no_code_for_is_named_with_its_place(
    services: Services,
) -> None:
    document = another(BY_VIDEO)
    document["coverages"][0] |= {"insurer": "MEDICARE-B", "plan": "MEDICARE-B-2026"}
    document["services"][1]["code"]["code"] = "translation-page"

    with pytest.raises(InvalidInput) as refused:
        take_in(services, document)

    (fault,) = refused.value.faults
    assert (fault.path, fault.value) == ("services[1].code.code", "translation-page")
    assert "medicare-b has no code for it" in fault.cure
    assert submissions(services) == []
