"""What a night's run asks of every member of a roster, and what the roster knows of the answer.

Who gives the opinion is left open: somebody independent, licensed, at home where the plan is, in a
center of excellence. So the answer says whether the member's cover pays, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from payer_gateway.domain.consultation import Coding
from payer_gateway.domain.eligibility_question import (
    EarlierOpinion,
    Leg,
    Member,
    Question,
    Snapshot,
)
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.roster import Membership, Usage


@dataclass(frozen=True, slots=True)
class Example:
    """A condition that stands for all of its category."""

    diagnosis: Coding
    procedure: Coding | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One question for everybody.

    ``on``: the day of the opinion, ``asked``: the day on which it is asked, both in the plan's
    zone. ``examples``: category of a benefit → the condition asked about. ``prices``: currency →
    the allowed amount; a plan in another currency gets no estimate. A third opinion is asked for
    as one after a disagreement.
    """

    on: date
    asked: date
    examples: Mapping[str, Example]
    opinion_number: int = 2
    mode: str = "telemedicine"
    network: str = "in"
    prices: Mapping[str, Money] = field(default_factory=dict)
    benefits: tuple[str, ...] = ()  # empty: every benefit of the plan

    def benefits_of(self, plan: Plan) -> tuple[str, ...]:
        return self.benefits or tuple(plan.benefits)

    def example_of(self, plan: Plan, benefit: str) -> Example:
        """That of the benefit's first category; any for a benefit that the plan does not have."""
        categories = plan.benefits[benefit].categories if benefit in plan.benefits else ()
        known = (self.examples[each] for each in categories if each in self.examples)
        return next(known, next(iter(self.examples.values())))


def question_for(ask: Ask, benefit: str, plan: Plan, member: Membership) -> Question:
    example = ask.example_of(plan, benefit)
    third = EarlierOpinion(on=None, agrees=False) if ask.opinion_number > 2 else None
    home = member.residence
    return Question(
        opinion_number=ask.opinion_number,
        mode=ask.mode,
        legs=_legs(ask),
        diagnosis=example.diagnosis,
        procedure=example.procedure,
        surgery_on=None,
        benefit=benefit,
        episode_id=None,
        first_opinion_on=None,
        first_opinion_npi=None,
        first_opinion_organization=None,
        provider_npi=None,
        provider_organization=None,
        provider_country=None,
        provider_network=ask.network,
        provider_is_coe=True,
        patient_country=home.partition("-")[0] if home else None,
        coverage_order=member.order or 1,
        coverage_status=member.status,
        coverage_period=member.period,
        billed_first=None,
        authorization_number=None,
        authorization_period=None,
        modifiers=(),
        billed=None,
        agreed_fee=ask.prices.get(plan.currency),
        second_opinion=third,
        patient_location=home,
        member=Member(member.birth_date, member.relationship, member.disabled),
        premium=member.premium,
        coverage_change_recorded=member.change_recorded,
        other_coverage=member.other_coverage,
        subscriber_birthday=member.subscriber_birthday,
    )


def _legs(ask: Ask) -> tuple[Leg, ...]:
    modes = ("telemedicine", "in_person") if ask.mode == "hybrid" else (ask.mode,)
    return tuple(Leg(mode, ask.on) for mode in modes)


def known_from(ask: Ask, plan: Plan, usage: Usage | None) -> Snapshot:
    """What the roster says of allowances; a day without a zone is one of the plan's."""
    asked = datetime.combine(ask.asked, time(12))
    if usage is None:
        return Snapshot(opinions_used={}, deductible_met=None, as_of=asked)
    year = date(usage.year, *plan.year_starts)
    met = usage.deductible_met
    return Snapshot(
        opinions_used=_opinions(usage, year),
        deductible_met=None if met is None else Money(met, plan.currency),
        amount_used=usage.amount_used,
        accumulators_of=year,
        as_of=asked,
    )


def _opinions(usage: Usage, year: date) -> dict[tuple[str, int, date], int]:
    used: dict[tuple[str, int, date], int] = {}
    for each in usage.opinions_used:
        for scope in scopes_of(each.condition):
            for number, n in ((2, each.second), (3, each.third)):
                key = (scope, number, year)
                used[key] = used.get(key, 0) + n
    return used


def scopes_of(condition: str) -> set[str]:
    """What an opinion for that condition counts for: all of the member's, and the category."""
    return {"*", condition.strip().upper()[:3]}
