"""Rules 8, 9, 10 and 15: which benefit, from when, for which opinion, how much of it is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from payer_gateway.domain.days import day_of, plus_days, plus_months
from payer_gateway.domain.eligibility_case import Case, Found
from payer_gateway.domain.eligibility_cost import amount_left, costing_of
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Limit, ThirdOpinion
from payer_gateway.domain.reason_codes import Code

# -- 8 category → benefit, and its modes ----------------------------------------------------------


def benefit_category(case: Case) -> Found:
    benefit, q = case.benefit, case.question
    if benefit is None:
        yield (
            Code.BENEFIT_CATEGORY_MISMATCH,
            {"code": q.diagnosis.code, "benefits": ", ".join(case.plan.benefits)},
        )
    elif q.mode not in benefit.modes:
        yield (
            Code.MODE_NOT_COVERED,
            {"benefit": benefit.name, "mode": q.mode, "modes": ", ".join(benefit.modes)},
        )


# -- 9 waiting period -----------------------------------------------------------------------------


def waiting_period(case: Case) -> Found:
    since = waits_until(case)
    if since is not None and case.service_on < since:
        yield Code.WAITING_PERIOD, {"eligible_from": since.isoformat()}


def waits_until(case: Case) -> date | None:
    """First day covered, of effective day D and a wait of N days: D + N; of months, the same day
    of that month. None where the plan has no wait for this condition or cover has no first day."""
    start, plan = case.question.coverage_period.start, case.plan
    if start is None:
        return None
    first = day_of(start, plan.zone)
    waits = [plus_days(first, n) for n in _days_to_wait(case) if n]
    plain = (case.finding.code or "").replace(".", "")
    for each in plan.condition_waiting:
        if plain.startswith(tuple(p.upper().replace(".", "") for p in each.prefixes)):
            waits.append(plus_months(first, each.months))
    return max(waits, default=None)


def _days_to_wait(case: Case) -> tuple[int, int]:
    return case.plan.waiting_period_days, case.plan.initial_waiting_days


# -- 10 opinion number and third-opinion logic ----------------------------------------------------


def opinion_number(case: Case) -> Found:
    asks = case.plan.third_opinion
    if case.question.opinion_number <= 2 or asks is ThirdOpinion.ALWAYS:
        return
    second = case.question.second_opinion
    if second is not None and second.agrees is False:
        return
    found = "they agree" if second is not None and second.agrees else "none is recorded"
    if asks is ThirdOpinion.REQUIRES_DISAGREEMENT_ELSE_PEND:
        yield Code.MEDICAL_NECESSITY_REVIEW, {"found": found}
    else:
        yield Code.THIRD_OPINION_NOT_WARRANTED, {"found": found}


# -- 15 limits ------------------------------------------------------------------------------------


def limits(case: Case) -> Found:
    yield from _window(case)
    reached = next(_reached(case), None)
    if reached is not None:
        yield Code.BENEFIT_LIMIT_REACHED, reached
        return
    if not any(limit.unit == "amount" for limit in case.plan.limits):
        return
    costing = costing_of(case)
    if costing.capped_at is not None:
        yield (
            Code.BENEFIT_LIMIT_PARTIAL,
            {
                "left": str(Money.rounded(costing.capped_at, case.plan.currency)),
                "maximum": str(costing.capped_of),
                "period": "this benefit year",
            },
        )


def _window(case: Case) -> Found:
    if case.units > 1:
        q = case.question
        yield (
            Code.HYBRID_WINDOW_EXCEEDED,
            {
                "days": str((q.last_service_on - q.service_on).days),
                "window": str(case.plan.hybrid_window_days),
                "units": str(case.units),
            },
        )


def _reached(case: Case) -> Iterator[dict[str, str]]:
    number = case.question.opinion_number
    for limit in case.plan.limits:
        if limit.unit == "amount":
            if limit.maximum is not None and amount_left(case, limit) <= 0:
                used = str(case.known.amount_used or 0)
                yield _used(case, limit, used, f"{limit.maximum} {case.plan.currency}")
            continue
        maximum = limit.of(number)
        if maximum is not None and case.used(number, limit) >= maximum:
            kind = "second" if number <= 2 else "third"
            used = str(case.used(number, limit))
            yield _used(case, limit, used, f"{maximum} {kind} opinions")


def _used(case: Case, limit: Limit, used: str, maximum: str) -> dict[str, str]:
    is_for_life = limit.term == "lifetime"
    period = "the whole time of cover" if is_for_life else f"the benefit year from {case.year}"
    return {"used": used, "maximum": maximum, "period": period}


def remaining_opinions(case: Case) -> dict[int, int | None]:
    """Opinions left before this one, second (2) and third (3); None = no limit of that kind."""
    left: dict[int, int | None] = {2: None, 3: None}
    for limit in case.plan.limits:
        if limit.unit != "opinion":
            continue
        for number, maximum in ((2, limit.max_second), (3, limit.max_third)):
            if maximum is not None:
                rest = max(0, maximum - case.used(number, limit))
                before = left[number]
                left[number] = rest if before is None else min(before, rest)
    return left
