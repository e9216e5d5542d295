"""Real Bundles of every standard, each spoilt in one way: our own check finds it before HL7's
validator (or an insurer's) would, and says where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from mapping_cases import case_of
from wrong_ways import WRONG, emitted

from payer_gateway.domain.claim import Use
from payer_gateway.mapping.bundle_check import check
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.fhir.shapes import STANDARDS


@pytest.mark.parametrize("standard", STANDARDS)
def test_what_is_spoilt_was_sound(standard: str) -> None:
    assert check(emitted(standard), standard) == []


@pytest.mark.parametrize(
    ("standard", "name"),
    [(standard, name) for name, (_, _, wrong_in) in WRONG.items() for standard in wrong_in],
)
def test_what_is_wrong_on_purpose_is_found_and_its_place_named(standard: str, name: str) -> None:
    place, spoil, _ = WRONG[name]
    bundle = emitted(standard)

    spoil(bundle, bundle["entry"][0]["resource"])

    said = check(bundle, standard)
    assert any(place in problem for problem in said), said


def test_yen_have_no_decimals() -> None:
    bundle: Any = parse_json(case_of("sakura-life", "in-person-in-yen").bundles[Use.CLAIM])
    claim = bundle["entry"][0]["resource"]
    assert check(bundle, "r4") == []

    for amount in (
        claim["total"],
        *(line[k] for line in claim["item"] for k in ("net", "unitPrice")),
    ):
        amount["value"] = Decimal(f"{amount['value']}.00")

    assert any("amount" in problem for problem in check(bundle, "r4"))


@pytest.mark.parametrize("standard", STANDARDS)
def test_there_are_many_ways_to_be_wrong_in_each_standard(standard: str) -> None:
    assert sum(standard in wrong_in for _, _, wrong_in in WRONG.values()) >= 40
