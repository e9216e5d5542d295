"""Several services for one price: one line with parts, whose net is the sum of theirs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from mapping_cases import case_of

from payer_gateway.domain.claim import Use
from payer_gateway.mapping.bundle_check import check
from payer_gateway.mapping.canonical import parse_json


def case_rate_bundle() -> Any:
    return copy.deepcopy(parse_json(case_of("northwind-ppo", "case-rate").bundles[Use.CLAIM]))


def items_of(bundle: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bundle["entry"][0]["resource"]["item"]
    return found


def test_services_of_one_case_rate_are_one_line_and_others_stay_lines() -> None:
    whole, alone = items_of(case_rate_bundle())

    codes = [part["productOrService"]["coding"][0]["code"] for part in whole["detail"]]
    assert codes == ["SO-R", "SO-P"]
    assert whole["programCode"][0]["coding"][0]["code"] == "second-opinion-case"
    assert whole["net"]["value"] == sum(part["net"]["value"] for part in whole["detail"])
    assert whole["servicedPeriod"] == {"start": "2026-03-04", "end": "2026-03-20"}
    assert "detail" not in alone
    assert alone["productOrService"]["coding"][0]["code"] == "SO-INT"


def test_services_of_one_day_have_that_day() -> None:
    sent = parse_json(case_of("northwind-ppo", "case-rate-of-one-day").bundles[Use.CLAIM])

    (whole,) = items_of(sent)
    assert whole["servicedDate"] == "2026-03-06"
    assert "servicedPeriod" not in whole


def test_a_prior_authorization_asks_for_each_part() -> None:
    sent = parse_json(case_of("northwind-ppo", "case-rate").bundles[Use.PREAUTHORIZATION])

    assert [item["sequence"] for item in items_of(sent)] == [1, 2, 3]
    assert not any("detail" in item for item in items_of(sent))


def add(amount: dict[str, Any], cents: str) -> None:
    amount["value"] += Decimal(cents)


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "a part off by a cent": (lambda i: add(i["detail"][0]["net"], "0.01"), "detail[0].net"),
    "its price off by a cent": (
        lambda i: add(i["detail"][1]["unitPrice"], "0.01"),
        "detail[1].net",
    ),
    "a part left out": (lambda i: i["detail"].pop(), "net: is not the sum of its parts"),
    "a part without an amount": (lambda i: i["detail"][0].pop("net"), "detail[0]: net"),
    "a part in another currency": (
        lambda i: [i["detail"][0][each].update(currency="EUR") for each in ("net", "unitPrice")],
        "another currency than the line",
    ),
    "a number given twice": (lambda i: i["detail"][1].update(sequence=1), "detail.sequence"),
    "a first day too early": (
        lambda i: i["servicedPeriod"].update(start="2026-03-03"),
        "servicedPeriod",
    ),
    "a last day too late": (lambda i: i["servicedPeriod"].update(end="2026-03-21"), "Period"),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_is_wrong_with_parts_is_found(name: str) -> None:
    spoil, place = WRONG[name]
    bundle = case_rate_bundle()
    assert check(bundle) == []

    spoil(items_of(bundle)[0])

    assert any(place in problem for problem in check(bundle))
