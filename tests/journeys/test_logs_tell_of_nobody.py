"""Logs hold ids, never people: a whole journey is read line by line for the patients in it."""

from __future__ import annotations

import logging

import pytest
from builders import CONSULTATIONS, OPS, Build, fixture
from journeys_hands import deliver, submissions
from processes import SandboxInsurer

from payer_gateway.workflow import intake, repair

TOKEN = "a-token-that-nobody-may-read"


def test_no_line_of_a_journeys_log_names_a_patient_a_member_or_a_token(
    build: Build, insurer: SandboxInsurer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    services = build(url=insurer.url, token=TOKEN)
    people = [fixture(path.name[:2]) for path in CONSULTATIONS]
    secrets = {TOKEN}
    for person in people:
        secrets |= {person["patient"]["family"], *person["patient"]["given"]}
        secrets |= {i["value"] for i in person["patient"]["identifiers"]}
        secrets |= {c["member_id"] for c in person["coverages"]}

    for path in CONSULTATIONS:
        intake.take_in(services, OPS, path.read_bytes())
    deliver(services)
    (rejected,) = [s for s in submissions(services) if s["state"] == "rejected"]
    repair.replay_one(services, OPS, rejected["id"], "once more")
    deliver(services)

    lines = [f"{record.getMessage()} {sorted(vars(record).items())}" for record in caplog.records]
    assert any("attempt recorded" in line for line in lines)
    assert [line for line in lines for secret in secrets if secret in line] == []
