"""Who is billed first, and what is assumed of a deductible that nobody told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from eligibility_questions import BYPASS, CODES, MEDICARE, NOTHING_USED, SERVICE, a_question, codes

from payer_gateway.domain.eligibility import decide
from payer_gateway.domain.eligibility_question import Member, OtherCoverage
from payer_gateway.domain.money import Money

OTHER: dict[str, Any] = {"payer": "Z", "order": 1, "subscriber_birthday": "02-10"}
CHILD, SPOUSE = Member(None, "child"), Member(None, "spouse")


@pytest.mark.parametrize(
    ("is_behind", "changes"),
    [
        (False, {}),
        (True, {"billed_first": "Z"}),  # whatever its number
        (True, {"coverage_order": 2}),
        (True, {"coverage_order": 2, "other_coverage": OtherCoverage("Z", 1)}),
        (False, {"coverage_order": 2, "other_coverage": OtherCoverage("Z", 3)}),
        (False, {"other_coverage": OtherCoverage("Z", 2)}),
        (True, {"coverage_order": 2, "other_coverage": OtherCoverage("Z", None)}),
        (True, {"coverage_order": 2, "other_coverage": OtherCoverage("Z", 2)}),
        (True, {"coverage_order": 2, "other_coverage": OtherCoverage("Z", 2, "09-30")}),
        (False, {"other_coverage": OtherCoverage("Z", 1)}),
        # Both first: the birthday rule, for a child alone.
        (True, {"member": CHILD, "other_coverage": OtherCoverage(**OTHER)}),
        (True, {"member": CHILD, "other_coverage": OtherCoverage("Z", None, "02-10")}),
        (False, {"member": CHILD, "other_coverage": OtherCoverage("Z", 1, "10-01")}),
        (False, {"member": CHILD, "other_coverage": OtherCoverage("Z", 1, "09-30")}),
        (False, {"member": CHILD, "other_coverage": OtherCoverage("Z", 1, None)}),
        (False, {"member": SPOUSE, "other_coverage": OtherCoverage(**OTHER)}),
        (False, {"member": None, "other_coverage": OtherCoverage(**OTHER)}),
        (
            False,
            {
                "member": CHILD,
                "other_coverage": OtherCoverage(**OTHER),
                "subscriber_birthday": None,
            },
        ),
    ],
)
def test_which_of_two_covers_is_billed_first(is_behind: bool, changes: dict[str, Any]) -> None:
    found = codes(**{"subscriber_birthday": "09-30", **changes})

    assert found == (["SECONDARY_PAYER"] if is_behind else ["COVERED_BENEFIT"])


def test_of_an_operation_too_it_is_noted_that_the_deductible_is_assumed() -> None:
    claim = {**BYPASS, "kind": "surgery_claim", "surgery_on": SERVICE}
    met = replace(NOTHING_USED, deductible_met=Money(Decimal("283.00"), "USD"))

    assumed = decide(a_question(**claim), MEDICARE, NOTHING_USED, CODES)
    known = decide(a_question(**claim), MEDICARE, met, CODES)

    assert (assumed.notes, known.notes) == (("ASSUMED_DEDUCTIBLE_UNMET",), ())
