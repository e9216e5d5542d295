"""An insurer that decides nothing at once, and what it brings afterwards."""

from __future__ import annotations

import json
from typing import Any

from builders import a_submission
from journeys_hands import row_of, state_of
from processes import answer

from payer_gateway.domain.principal import Principal, Role
from payer_gateway.sandbox import pas
from payer_gateway.storage import ledger
from payer_gateway.workflow import delivery, notified
from payer_gateway.workflow.notified import Taken
from payer_gateway.workflow.services import Services

NORTHWIND = Principal("default", Role.INSURER, "client-of-northwind", "northwind-ppo")
TAKEN = answer(b'{"resourceType":"ClaimResponse","outcome":"queued"}', "202 Accepted")
NOTHING = answer(b'{"resourceType":"Bundle","type":"searchset","total":0}')


def decides_nothing(method: str, _: str) -> bytes:
    """How an insurer behaves that takes everything."""
    return TAKEN if method == "POST" else NOTHING


def response(
    identifier: str | None,
    outcome: str = "complete",
    paid: str | None = "100.00",
    *,
    created: str = "2026-04-16T10:00:00Z",
    **more: Any,
) -> dict[str, Any]:
    """A ClaimResponse about the claim of this ``system|value``."""
    told: dict[str, Any] = {
        "resourceType": "ClaimResponse",
        "status": "active",
        "outcome": outcome,
        "created": created,
        "identifier": [{"system": "https://northwind.example/case", "value": "NW-77"}],
    }
    if identifier is not None:
        system, _, value = identifier.partition("|")
        told["request"] = {"identifier": {"system": system, "value": value}}
    if paid is not None:
        category = {"coding": [{"code": "benefit"}]}
        told["total"] = [{"category": category, "amount": {"value": paid, "currency": "USD"}}]
    return told | more


def denial(identifier: str, **more: Any) -> dict[str, Any]:
    """A ClaimResponse that does not certify the one line of this prior authorization."""
    return _reviewed(identifier, pas.DENIED, **more)


def approval(identifier: str, number: str, **more: Any) -> dict[str, Any]:
    """A ClaimResponse that certifies it, under this number."""
    return _reviewed(identifier, pas.CERTIFIED, preAuthRef=number, **more)


def _reviewed(identifier: str, code: str, **more: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": "https://codesystem.x12.org/005010/306", "code": code}]}
    action = {
        "url": f"{pas.BASE}/extension-reviewAction",
        "extension": [
            {"url": f"{pas.BASE}/extension-reviewActionCode", "valueCodeableConcept": coded}
        ],
    }
    submitted = {"coding": [{"code": "submitted"}]}
    line = {"itemSequence": 1, "adjudication": [{"category": submitted, "extension": [action]}]}
    return response(identifier, paid=None, item=[line], **more)


def bring(services: Services, resource: Any, by: Principal = NORTHWIND) -> list[Taken]:
    body = json.dumps(resource).replace('"100.00"', "100.00").replace('"60.00"', "60.00")
    return notified.take_answers(services, by, "northwind-ppo", body.encode())


def facts_of(services: Services, submission_id: str) -> list[tuple[str, int | None]]:
    with services.database.read() as work:
        facts = ledger.of_submission(work, "default", submission_id)
    return [(f.kind, f.payable_minor) for f in facts]


def standing_of(services: Services, submission_id: str) -> int | None:
    with services.database.read() as work:
        row = ledger.standing(work, row_of(services, submission_id))
    assert row is not None
    payable: int | None = row.payable_minor
    return payable


def accepted(services: Services) -> tuple[str, str]:
    """A claim that the insurer took without deciding: its id and identifier."""
    submission_id = a_submission(services)
    assert delivery.send_one(services, "w")
    assert state_of(services, submission_id) == "accepted"
    return submission_id, row_of(services, submission_id).claim_identifier
