"""What we hold as accepted against what the insurer lists: both differences are found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from builders import OPS, Build, a_submission, environment
from journeys_hands import deliver, request_of, row_of
from processes import RawInsurer, SandboxInsurer, answer, run

from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.submission import State
from payer_gateway.storage import outbox
from payer_gateway.workflow import reconciling
from payer_gateway.workflow.reconciling import CannotList, Difference, Reconciled
from payer_gateway.workflow.services import Services

NORTHWIND = "northwind-ppo"


@pytest.fixture
def insurer(tmp_path: Path) -> Iterator[SandboxInsurer]:
    """A sandbox of this test alone: reconciling looks at all that it has."""
    running = SandboxInsurer(tmp_path / "ledger.jsonl")
    yield running
    running.stop()


@pytest.fixture
def services(build: Build, insurer: SandboxInsurer) -> Services:
    return build(url=insurer.url, lease=30.0)


def reconciled(services: Services) -> Reconciled:
    return reconciling.reconcile(services, OPS, NORTHWIND, 31)


def _send_directly(services: Services, insurer: SandboxInsurer, submission_id: str) -> None:
    """The insurer gets the claim, and we learn nothing of it."""
    requests.post(
        f"{insurer.url}/{NORTHWIND}/Claim/$submit",
        data=request_of(services, submission_id),
        headers={"Content-Type": "application/fhir+json"},
        timeout=30,
    ).raise_for_status()


def test_what_was_delivered_agrees(services: Services) -> None:
    for _ in range(3):
        a_submission(services)
    deliver(services)

    found = reconciled(services)

    assert (found.listed, found.differences) == (3, ())


def test_the_list_is_read_page_by_page(services: Services, monkeypatch: Any) -> None:
    for _ in range(3):
        a_submission(services)
    deliver(services)
    profile = services.shelf.profile(NORTHWIND)
    in_pages = replace(profile.delivery, listing="Claim?created=ge{from}&created=le{to}&_count=1")
    monkeypatch.setattr(services.shelf, "profile", lambda *_: replace(profile, delivery=in_pages))

    found = reconciled(services)

    assert (found.listed, found.differences) == (3, ())


def test_what_only_we_hold_as_accepted_is_a_difference(services: Services) -> None:
    submission_id = a_submission(services)
    with services.database.write() as work:
        row = outbox.get(work, "default", submission_id)
        outbox.move(work, row, State.IN_DOUBT, "by mistake", "test")
        row = outbox.get(work, "default", submission_id)
        outbox.move(work, row, State.ACCEPTED, "by mistake", "test")

    found = reconciled(services)

    identifier = row_of(services, submission_id).claim_identifier
    assert found.differences == (Difference("ours", identifier, submission_id, "accepted", 0),)


def test_what_the_insurer_has_and_we_hold_as_not_sent_is_a_difference(
    services: Services, insurer: SandboxInsurer
) -> None:
    submission_id = a_submission(services)
    _send_directly(services, insurer, submission_id)

    found = reconciled(services)

    identifier = row_of(services, submission_id).claim_identifier
    assert found.differences == (Difference("theirs", identifier, submission_id, "ready", 1),)


def test_what_the_insurer_has_twice_is_a_difference(
    services: Services, insurer: SandboxInsurer
) -> None:
    submission_id = a_submission(services)
    deliver(services)
    _send_directly(services, insurer, submission_id)

    found = reconciled(services)

    identifier = row_of(services, submission_id).claim_identifier
    assert found.differences == (Difference("twice", identifier, submission_id, "accepted", 2),)


def test_a_claim_that_we_do_not_know_at_all_is_a_difference(build: Build) -> None:
    claim = {
        "resourceType": "Claim",
        "identifier": [{"system": "https://payer-gateway.example/claim", "value": "lost"}],
    }
    foreign = {"resourceType": "Claim", "identifier": [{"system": "a", "value": "b"}]}
    entries = [{"resource": each} for each in (claim, foreign)]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 2, "entry": entries}
    other = RawInsurer(lambda *_: answer(json.dumps(bundle).encode()))
    try:
        found = reconciled(build(url=other.url, lease=30.0))
    finally:
        other.close()

    assert (found.listed, found.foreign) == (1, 1)
    (difference,) = found.differences
    assert (difference.side, difference.submission) == ("theirs", None)


PAGES = [
    (b"", CannotList),
    (b'{"resourceType":"OperationOutcome"}', CannotList),
    (
        b'{"resourceType":"Bundle","type":"searchset",'
        b'"link":[{"relation":"next","url":"http://127.0.0.1:1/elsewhere"}]}',
        MappingError,
    ),
    (
        b'{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"Claim"}]}',
        CannotList,
    ),
]


@pytest.mark.parametrize(("page", "error"), PAGES)
def test_a_list_that_is_not_whole_is_not_compared(
    build: Build, page: bytes, error: type[Exception]
) -> None:
    other = RawInsurer(lambda *_: answer(page))
    try:
        services = build(url=other.url, lease=30.0)
        with pytest.raises(error):
            reconciled(services)
    finally:
        other.close()


def test_the_command_prints_both_differences_and_exits_1(
    services: Services, insurer: SandboxInsurer, database_url: str
) -> None:
    environ = environment(database_url, url=insurer.url, insurers=(NORTHWIND,))
    a_submission(services)
    deliver(services)
    agreed = run(environ, "reconcile", "--json")
    unsent = a_submission(services)
    _send_directly(services, insurer, unsent)

    differs = run(environ, "reconcile", NORTHWIND)

    assert agreed.returncode == 0, agreed.stderr
    told = json.loads(agreed.stdout)
    assert (told["listed"], told["ours_only"], told["theirs_only"]) == (1, 0, 0)
    assert differs.returncode == 1
    assert row_of(services, unsent).claim_identifier in differs.stdout
