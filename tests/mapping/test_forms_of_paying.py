"""Forms in which insurers answer a claim of two lines: what each means was written down before it
was read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from published_replies import PLAIN

from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.replies import read_submit

Json = dict[str, Any]
OURS = "https://payer-gateway.example/claim|FORM-1"
CARC = "https://x12.org/codes/claim-adjustment-reason-codes"
SENT = json.dumps({"resourceType": "Claim", "item": [{"sequence": 1}, {"sequence": 2}]}).encode()


def answer(*items: Json, **more: Any) -> Json:
    return {
        "resourceType": "ClaimResponse",
        "status": "active",
        "use": "claim",
        "outcome": "complete",
        "request": {"identifier": {"system": OURS.split("|")[0], "value": "FORM-1"}},
        "item": [*items],
        **more,
    }


def usd(value: str) -> Json:
    return {"value": "@" + value, "currency": "USD"}


def paid(number: int, billed: str, payable: str, *reasons: str, currency: str = "USD") -> Json:
    def one(code: str, amount: str) -> Json:
        return {
            "category": {"coding": [{"code": code}]},
            "amount": {"value": "@" + amount, "currency": currency},
        }

    told = [
        {
            "category": {"coding": [{"code": "benefit"}]},
            "reason": {"coding": [{"system": CARC, "code": r}]},
        }
        for r in reasons
    ]
    return {
        "itemSequence": number,
        "adjudication": [one("submitted", billed), one("benefit", payable), *told],
    }


def claimed(*items: Json, **more: Any) -> Json:
    return answer(*items, **more)


@dataclass(frozen=True)
class Bill:
    body: Json
    outcome: str
    payable: str | None
    paid: bool
    reasons: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


BILLED: dict[str, Bill] = {
    "paid line by line": Bill(
        claimed(paid(1, "420.00", "340.00"), paid(2, "100.00", "60.00")),
        "accepted",
        "400.00 USD",
        True,
    ),
    "reduced with a reason": Bill(
        claimed(paid(1, "420.00", "340.00", "45"), paid(2, "100.00", "60.00")),
        "accepted",
        "400.00 USD",
        True,
        (f"{CARC}|45",),
    ),
    "nothing paid": Bill(
        claimed(paid(1, "420.00", "0.00", "61"), paid(2, "100.00", "0.00", "61")),
        "accepted",
        "0.00 USD",
        False,
        (f"{CARC}|61",),
    ),
    "one line paid": Bill(
        claimed(paid(1, "420.00", "340.00"), paid(2, "100.00", "0.00", "197")),
        "accepted",
        "340.00 USD",
        True,
        (f"{CARC}|197",),
    ),
    "a total that is not the sum": Bill(
        claimed(
            paid(1, "420.00", "340.00"),
            paid(2, "100.00", "60.00"),
            total=[{"category": {"coding": [{"code": "benefit"}]}, "amount": usd("999.00")}],
        ),
        "accepted",
        "999.00 USD",
        True,
        (),
        ("total",),
    ),
    "a line left out": Bill(
        claimed(paid(1, "420.00", "340.00")), "accepted", None, False, (), ("line-not-answered",)
    ),
    "two currencies": Bill(
        claimed(paid(1, "420.00", "340.00"), paid(2, "100.00", "60.00", currency="EUR")),
        "accepted",
        None,
        False,
        (),
        ("amount",),
    ),
    "fractions of a cent": Bill(
        claimed(paid(1, "420.00", "340.001"), paid(2, "100.00", "60.00")),
        "accepted",
        None,
        False,
        (),
        ("amount",),
    ),
    "paid less than nothing": Bill(
        claimed(paid(1, "420.00", "-5.00"), paid(2, "100.00", "0.00")),
        "accepted",
        "-5.00 USD",
        False,
    ),
    "in words of its own": Bill(
        claimed(
            total=[{"category": {"coding": [{"code": "AX-PAID"}]}, "amount": usd("340.00")}],
        ),
        "accepted",
        None,
        False,
        (),
        ("amounts-unread",),
    ),
    "not processed": Bill(
        claimed(outcome="error", error=[{"code": {"coding": [{"code": "a001"}]}}]),
        "rejected",
        None,
        False,
        (),
        ("a001",),
    ),
    "queued": Bill(claimed(outcome="queued"), "accepted_async", None, False),
    "a prior authorization's answer": Bill(
        {**claimed(paid(1, "1.00", "1.00")), "use": "preauthorization"},
        "unreadable_answer",
        None,
        False,
        (),
        ("other-use",),
    ),
}


@pytest.mark.parametrize("name", BILLED)
def test_an_answer_to_a_claim_is_read_as_it_was_meant(name: str) -> None:
    bill = BILLED[name]
    body = json.dumps(bill.body).replace('"@', "").replace('", "currency"', ', "currency"')
    reply = Reply(200, {}, body.encode())

    reading = read_submit(PLAIN, Use.CLAIM, reply, identifier=OURS, sent=SENT)

    adjudication = reading.adjudication
    payable = adjudication.payable if adjudication else None
    is_paid = adjudication.approved if adjudication else False
    reasons = {r for each in adjudication.lines for r in each.reasons} if adjudication else set()
    assert (reading.outcome, None if payable is None else str(payable)) == (
        bill.outcome,
        bill.payable,
    )
    assert is_paid is bill.paid
    assert reasons == set(bill.reasons)
    assert set(bill.named) <= {issue.code for issue in reading.issues}
