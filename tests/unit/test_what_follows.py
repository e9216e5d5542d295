"""The decision → action table: which claim follows a decision, now or planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from payer_gateway.domain.claim import Next, Use, WaitsFor, what_follows
from payer_gateway.domain.eligibility import Decision, no_coverage
from payer_gateway.domain.reasons import MEANINGS, Code, Reason, Verdict

TODAY = date(2026, 4, 15)
DONE = TODAY - timedelta(days=30)


def decided(verdict: Verdict, *codes: Code) -> Decision:
    reasons = tuple(Reason(code, "a-rule") for code in codes)
    return replace(no_coverage(), verdict=verdict, reasons=reasons)


@pytest.mark.parametrize("days", [0, 1, 400])
def test_what_is_covered_is_claimed_once_the_service_is_done(days: int) -> None:
    decision = decided(Verdict.ELIGIBLE, Code.COVERED_BENEFIT)

    assert what_follows(decision, TODAY - timedelta(days=days), TODAY) == Next(Use.CLAIM, None)


def test_a_service_still_to_come_is_planned_for_its_day() -> None:
    tomorrow = TODAY + timedelta(days=1)

    follows = what_follows(decided(Verdict.ELIGIBLE, Code.COVERED_BENEFIT), tomorrow, TODAY)

    assert follows == Next(None, (Use.CLAIM, WaitsFor.SERVICE_DAY, tomorrow))


@pytest.mark.parametrize(
    "codes",
    [
        [Code.AUTH_REQUIRED],
        [Code.AUTH_EXPIRED],
        [Code.CROSS_BORDER_AUTH_REQUIRED],
        [Code.CROSS_BORDER_AUTH_REQUIRED, Code.AUTH_REQUIRED],
    ],
)
def test_a_missing_authorization_is_asked_for_first_and_the_claim_is_planned_behind_it(
    codes: list[Code],
) -> None:
    follows = what_follows(decided(Verdict.CONDITIONAL, *codes), DONE, TODAY)

    assert follows == Next(Use.PREAUTHORIZATION, (Use.CLAIM, WaitsFor.AUTHORIZATION, DONE))


@pytest.mark.parametrize(
    "codes", [[Code.SECONDARY_PAYER], [Code.SECONDARY_PAYER, Code.AUTH_REQUIRED]]
)
def test_what_another_insurer_pays_first_waits_for_its_result(codes: list[Code]) -> None:
    follows = what_follows(decided(Verdict.CONDITIONAL, *codes), DONE, TODAY)

    assert follows == Next(None, (Use.CLAIM, WaitsFor.PRIMARY, DONE))


def test_what_is_pended_waits_for_a_person_and_nothing_leaves() -> None:
    decision = decided(Verdict.PENDED, Code.CURRENCY_CONVERSION_REQUIRED)

    follows = what_follows(decision, DONE, TODAY)

    assert follows == Next(None, (Use.CLAIM, WaitsFor.PERSON, DONE))


REFUSALS = [c for c in Code if MEANINGS[c].verdict in (Verdict.INVALID, Verdict.NOT_ELIGIBLE)]


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_is_kept_and_nothing_leaves(code: Code) -> None:
    decision = decided(MEANINGS[code].verdict, code)

    assert what_follows(decision, DONE, TODAY) == Next(None, None)


def test_another_condition_is_kept_and_nothing_leaves() -> None:
    decision = decided(Verdict.CONDITIONAL, Code.COE_REQUIRED)

    assert what_follows(decision, DONE, TODAY) == Next(None, None)
