"""What is wrong with a plan that its schema cannot see: settings that contradict each other, and
settings that can never come to bear. Each finding is one sentence with key and cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from payer_gateway.domain.plan import Plan, ThirdOpinion

_REMOTE = frozenset({"telemedicine", "hybrid"})
_URGENCIES = frozenset({"elective", "urgent", "emergency"})
_DAYS_OF_MONTH = 31


def contradictions(plan: Plan, keys: Mapping[str, Any]) -> tuple[str, ...]:
    """``keys`` are the plan's as its file spells them, with what it inherits."""
    return (
        *_benefits(plan),
        *_modes(plan, keys),
        *_borders(plan),
        *_limits(plan),
        *_cost(keys),
        *_waiting(plan),
        *_mandates(plan),
    )


def _benefits(plan: Plan) -> Iterator[str]:
    taken: dict[str, str] = {}
    for name in plan.benefit_order:
        categories = plan.benefits[name].categories
        before = {taken[each] for each in categories if each in taken}
        if categories and all(each in taken for each in categories):
            yield (
                f"benefits.{name}: it is reached only when asked for by name:"
                f" {', '.join(sorted(before))} comes first in benefit_order and takes all of its"
                " categories; give it another category or another place"
            )
        taken |= {each: name for each in categories if each not in taken}
    every = {each for benefit in plan.benefits.values() for each in benefit.categories}
    if "oncology" not in every:
        if plan.suspected_cancer:
            yield "suspected_cancer: no benefit has the category oncology; take it out"
        if plan.cancer_mandate:
            yield (
                "cancer_mandate_oon_in_network_cost: no benefit has the category oncology; take"
                " it out"
            )


def _modes(plan: Plan, keys: Mapping[str, Any]) -> Iterator[str]:
    modes = {mode for benefit in plan.benefits.values() for mode in benefit.modes}
    if plan.licence_where_patient_is and not modes & _REMOTE:
        yield (
            "telehealth_requires_license_where_patient_is: no benefit allows telemedicine or"
            " hybrid; take it out"
        )
    if plan.hybrid_window_days is not None and "hybrid" not in modes:
        yield "hybrid_window_days: no benefit allows hybrid; take it out"
    for tier, share in keys.get("cost", {}).items():
        if "telemedicine_copay" in share and not modes & _REMOTE:
            yield f"cost.{tier}.telemedicine_copay: no benefit allows telemedicine; take it out"


def _borders(plan: Plan) -> Iterator[str]:
    if plan.cross_border_allowed != ():
        return
    for benefit in plan.benefits.values():
        if "cross_border" in benefit.auth:
            yield (
                f"benefits.{benefit.name}.auth.cross_border: cross_border.allowed names no"
                " country, so nothing abroad can be authorized; name countries or take it out"
            )
    if plan.languages_supported:
        yield "cross_border.languages_supported: cross_border.allowed names no country"


def _limits(plan: Plan) -> Iterator[str]:
    for n, limit in enumerate(plan.limits):
        if limit.max_second == 0:
            yield f"limits.{n}.max_second: 0 refuses every second opinion; write 1 or more"
        if limit.maximum is not None and limit.maximum == 0:
            yield f"limits.{n}.max: 0 refuses every opinion; write an amount"
    thirds = [limit.max_third for limit in plan.limits if limit.max_third is not None]
    if plan.third_opinion is not ThirdOpinion.ALWAYS and 0 in thirds:
        yield "third_opinion: limits allow no third opinion (max_third 0); take one of them out"


def _cost(keys: Mapping[str, Any]) -> Iterator[str]:
    for tier, share in keys.get("cost", {}).items():
        applies = share.get("deductible_applies")
        if "deductible" in share and applies == "false":
            yield f"cost.{tier}.deductible: deductible_applies is false; take one of them out"
        if "deductible" not in share and applies == "true":
            yield f"cost.{tier}.deductible_applies: there is no deductible; add it"


def _waiting(plan: Plan) -> Iterator[str]:
    if plan.waiting_period_days and plan.initial_waiting_days:
        yield "initial_waiting_days: waiting_period_days is there too, the longer counts; keep one"
    days = max(plan.waiting_period_days, plan.initial_waiting_days)
    excluded = tuple(each.replace(".", "") for each in plan.excluded_diagnoses)
    for n, each in enumerate(plan.condition_waiting):
        if each.months * _DAYS_OF_MONTH < days:
            yield f"condition_waiting.{n}: {days} days are waited for everything; write more months"
        for prefix in each.prefixes:
            if excluded and prefix.replace(".", "").startswith(excluded):
                yield f"condition_waiting.{n}: {prefix} is excluded altogether; take it out"
    for prefix in plan.excluded_diagnoses:
        others = [p for p in plan.excluded_diagnoses if p != prefix and prefix.startswith(p)]
        if others:
            yield f"excluded_diagnoses: {prefix} is part of {others[0]}; take it out"


def _mandates(plan: Plan) -> Iterator[str]:
    mandate = plan.mandate
    if mandate is None:
        return
    if mandate.exempt_urgency >= _URGENCIES:
        yield "mandatory_second_opinion.exempt_urgency: every urgency is exempt; take some out"
    if mandate.penalty_pct == 0 or mandate.penalty_cap == 0:
        yield "mandatory_second_opinion: the penalty is nothing; write penalty_pct and penalty_cap"
