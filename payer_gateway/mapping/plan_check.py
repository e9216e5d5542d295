"""What is wrong with a plan that its schema cannot see: settings that contradict each other, and
settings that can never come to bear. Each finding is one sentence with key and cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from payer_gateway.domain.plan import Limit, Plan

_REMOTE = frozenset({"telemedicine", "hybrid"})
_URGENCIES = frozenset({"elective", "urgent", "emergency"})
_DAYS_OF_MONTH = 31


def contradictions(plan: Plan, keys: Mapping[str, Any]) -> tuple[str, ...]:
    """``keys`` are the plan's as its file spells them, with what it inherits."""
    return (
        *_benefits(plan),
        *_modes(plan, keys),
        *_borders(plan),
        *_limits(plan, keys),
        *_cost(plan, keys),
        *_people(plan),
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


def _limits(plan: Plan, keys: Mapping[str, Any]) -> Iterator[str]:
    for n, limit in enumerate(plan.limits):
        if limit.max_second == 0:
            yield f"limits.{n}.max_second: 0 refuses every second opinion; write 1 or more"
        if limit.maximum is not None and limit.maximum == 0:
            yield f"limits.{n}.max: 0 refuses every opinion; write an amount"
    thirds = [limit.max_third for limit in plan.limits if limit.max_third is not None]
    if "third_opinion" in keys and 0 in thirds:
        yield "third_opinion: limits allow no third opinion (max_third 0); take one of them out"
    for n, limit in enumerate(plan.limits):
        for m, other in enumerate(plan.limits):
            if (
                n != m
                and _is_never_reached(limit, other)
                and not (n < m and _is_never_reached(other, limit))
            ):
                yield (
                    f"limits.{n}: it is never reached, limits.{m} always ends before it; take it"
                    " out"
                )
                break


def _is_never_reached(limit: Limit, other: Limit) -> bool:
    """Whether the other counts all that this one counts, and allows no more."""
    if limit.unit != other.unit:
        return False
    # Per member counts every condition, a lifetime counts every year.
    if (limit.per, other.per) == ("member", "condition"):
        return False
    if (limit.term, other.term) == ("lifetime", "annual"):
        return False
    mine = (limit.max_second, limit.max_third, limit.maximum)
    theirs = (other.max_second, other.max_third, other.maximum)
    return all(m is None or (t is not None and t <= m) for m, t in zip(mine, theirs, strict=True))


def _cost(plan: Plan, keys: Mapping[str, Any]) -> Iterator[str]:
    for tier, share in keys.get("cost", {}).items():
        applies = share.get("deductible_applies")
        if "deductible" in share and applies == "false":
            yield f"cost.{tier}.deductible: deductible_applies is false; take one of them out"
        if "deductible" not in share and applies == "true":
            yield f"cost.{tier}.deductible_applies: there is no deductible; add it"
    for tier, terms in plan.cost.items():
        if terms.coinsurance_pct == 100:
            yield f"cost.{tier}.coinsurance_pct: at 100 the plan pays nothing; write less"
    if plan.cancer_mandate and "in" not in plan.cost:
        yield "cancer_mandate_oon_in_network_cost: there is no cost.in to go by; add it"
    if plan.cancer_mandate and plan.cost.get("in") == plan.cost.get("out") is not None:
        yield "cancer_mandate_oon_in_network_cost: both networks cost the same; take it out"


def _people(plan: Plan) -> Iterator[str]:
    if plan.dependents is not None and plan.dependents.age_limit == 0:
        yield "dependents.age_limit: 0 covers no child; write years"


def _waiting(plan: Plan) -> Iterator[str]:
    if plan.waiting_period_days and plan.initial_waiting_days:
        yield "initial_waiting_days: waiting_period_days is there too, the longer counts; keep one"
    days = max(plan.waiting_period_days, plan.initial_waiting_days)
    excluded = tuple(each.replace(".", "") for each in plan.excluded_diagnoses)
    for n, each in enumerate(plan.condition_waiting):
        if each.months == 0:
            yield f"condition_waiting.{n}.months: 0 is no wait; write months or take it out"
        elif each.months * _DAYS_OF_MONTH < days:
            yield f"condition_waiting.{n}: {days} days are waited for everything; write more months"
        yield from _waits_in_vain(plan, n)
        for prefix in each.prefixes:
            if excluded and prefix.replace(".", "").startswith(excluded):
                yield f"condition_waiting.{n}: {prefix} is excluded altogether; take it out"
    for prefix in plan.excluded_diagnoses:
        others = [p for p in plan.excluded_diagnoses if p != prefix and prefix.startswith(p)]
        if others:
            yield f"excluded_diagnoses: {prefix} is part of {others[0]}; take it out"


def _waits_in_vain(plan: Plan, n: int) -> Iterator[str]:
    """Prefixes of a wait that are part of those of another one, no shorter."""
    each = plan.condition_waiting[n]
    for m, other in enumerate(plan.condition_waiting):
        if m == n or other.months < each.months:
            continue
        twins = other.months == each.months and m > n  # of two alike the later one is told
        for prefix in each.prefixes:
            if any(
                prefix.replace(".", "").startswith(wider.replace(".", ""))
                and not (twins and wider == prefix)
                for wider in other.prefixes
            ):
                yield (
                    f"condition_waiting.{n}: {prefix} waits {other.months} months anyway, by"
                    f" condition_waiting.{m}; take it out"
                )


def _mandates(plan: Plan) -> Iterator[str]:
    mandate = plan.mandate
    if mandate is None:
        return
    if not any("complex_surgery" in benefit.categories for benefit in plan.benefits.values()):
        yield (
            "mandatory_second_opinion: it asks for an opinion on operations that no benefit pays;"
            " add a benefit with the category complex_surgery"
        )
    if mandate.exempt_urgency >= _URGENCIES:
        yield "mandatory_second_opinion.exempt_urgency: every urgency is exempt; take some out"
    if mandate.penalty_pct == 0 or mandate.penalty_cap == 0:
        yield "mandatory_second_opinion: the penalty is nothing; write penalty_pct and penalty_cap"
