"""Every Bundle we emit, exactly as it goes over the line: what needs no Java to be known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from emitted import EVERY, Emitted
from fhir.resources.R4B.bundle import Bundle

MINOR_DIGITS = {"USD": 2, "JPY": 0}


class Digits(str):
    """A JSON number as it is written."""


def as_written(body: bytes) -> Any:
    return json.loads(body, parse_float=Digits, parse_int=Digits)


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def claim_of(bundle: dict[str, Any]) -> dict[str, Any]:
    (claim,) = (e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Claim")
    return claim


def test_all_consultations_were_sent_and_everything_sent_is_looked_at(emitted: Emitted) -> None:
    states = {row["state"] for row in emitted.submissions}

    assert len(EVERY) == 50
    assert emitted.delivered == 1  # one of the fixtures is rejected, on purpose
    assert states == {"accepted", "rejected"}
    assert len(emitted.submissions) >= 40
    assert len(emitted.sent) > len(emitted.submissions)  # one was busy and heard it twice
    assert len(emitted.rendered) >= 2 * 4 * 50 - 2


def test_what_is_shown_of_each_submission_is_what_was_sent(emitted: Emitted) -> None:
    assert set(emitted.shown.values()) == set(emitted.sent.values())


def test_every_bundle_loads_in_fhir_resources(emitted: Emitted) -> None:
    for body in emitted.bundles.values():
        bundle = Bundle.model_validate_json(body)

        assert bundle.entry


def test_every_reference_leads_to_an_entry_of_its_bundle(emitted: Emitted) -> None:
    for name, body in emitted.bundles.items():
        bundle = json.loads(body)
        known = {entry["fullUrl"] for entry in bundle["entry"]}
        references = [n["reference"] for n in nodes(bundle) if isinstance(n.get("reference"), str)]

        assert len(known) == len(bundle["entry"])
        assert references
        assert set(references) <= known, name


def test_totals_are_the_sum_of_the_lines_and_lines_quantity_times_price(emitted: Emitted) -> None:
    for name, body in emitted.bundles.items():
        claim = claim_of(as_written(body))
        nets = []
        for item in claim["item"]:
            quantity, price = (Decimal(item[k]["value"]) for k in ("quantity", "unitPrice"))
            net = Decimal(item["net"]["value"])
            assert quantity * price == net, name
            nets.append(net)

        assert sum(nets) == Decimal(claim["total"]["value"]), name
        currencies = {n["currency"] for n in nodes(claim) if "currency" in n}
        assert len(currencies) == 1, name


def test_money_keeps_the_digits_of_its_currency_in_the_raw_bytes(emitted: Emitted) -> None:
    for name, body in emitted.bundles.items():
        amounts = [n for n in nodes(as_written(body)) if "currency" in n]

        assert amounts
        for amount in amounts:
            digits = MINOR_DIGITS[amount["currency"]]
            shape = rf"\d+\.\d{{{digits}}}" if digits else r"\d+"
            assert isinstance(amount["value"], Digits), name
            assert re.fullmatch(shape, amount["value"]), (name, amount)
    assert any(b'"value":420.00' in body for body in emitted.sent.values())


def test_the_amount_of_the_listing_is_the_total_that_was_sent(emitted: Emitted) -> None:
    for row in emitted.submissions:
        total = claim_of(as_written(emitted.shown[row["id"]]))["total"]

        assert (row["amount"], row["currency"]) == (total["value"], total["currency"])
