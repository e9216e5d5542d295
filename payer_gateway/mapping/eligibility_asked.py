"""From a CoverageEligibilityRequest to the questions that ``decide`` answers: one per coverage,
opinion and network. The house's other way to a question is ``domain/eligibility_asking``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from payer_gateway.domain.consultation import OPINION_SERVICE, Coding
from payer_gateway.domain.days import day_of
from payer_gateway.domain.eligibility import Leg, Question
from payer_gateway.domain.eligibility_question import Amount
from payer_gateway.domain.money import MINOR_DIGITS, Money
from payer_gateway.domain.plan import Plan
from payer_gateway.mapping.eligibility_people import Policy, member_of
from payer_gateway.mapping.eligibility_request import Ask, Line, Matter
from payer_gateway.mapping.profile import Profile

_NOTHING = Coding("", "")
_SETTINGS = ("telemedicine", "in_person")  # in the order of the meetings of a hybrid
# No amount that is asked about has more digits before the point.
_LARGEST = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Cover:
    """A policy with the insurer's profile and the plan that it names."""

    policy: Policy
    profile: Profile
    plan: Plan

    @property
    def member_id(self) -> str:
        return self.policy.members[0] if self.policy.members else ""


def plan_question(ask: Ask, cover: Cover, first: str | None, network: str) -> Question:
    """Is there cover, and what does the plan allow: no opinion in particular."""
    return _question(ask, cover, first, network, None)


def opinion_question(
    ask: Ask, cover: Cover, first: str | None, network: str, matter: Matter
) -> Question:
    """``first``: the insurer that is billed first, when that is another."""
    return _question(ask, cover, first, network, matter)


def _question(
    ask: Ask, cover: Cover, first: str | None, network: str, matter: Matter | None
) -> Question:
    plan, policy, orders, provider = cover.plan, cover.policy, ask.orders, ask.provider
    mode = mode_of(ask, matter) or assumed_mode(plan)
    lines = matter.lines if matter is not None else ()
    amounts = tuple(line.price for line in lines if line.price is not None)
    return Question(
        opinion_number=matter.opinion_number if matter is not None else 2,
        mode=mode,
        legs=_legs(ask, plan, mode),
        diagnosis=(matter.diagnosis if matter is not None else None) or _NOTHING,
        procedure=(matter.procedures or None) if matter is not None else None,
        surgery_on=_surgery_on(ask, plan, matter),
        benefit=None,
        episode_id=orders.episode,
        first_opinion_on=orders.first.on,
        first_opinion_npi=orders.first.npi,
        first_opinion_organization=orders.first.organization,
        provider_npi=provider.npi,
        provider_organization=provider.organization,
        provider_country=provider.country,
        provider_network=network,
        provider_is_coe=provider.is_center,
        patient_country=ask.patient.country,
        coverage_order=policy.order if first is not None else 1,
        coverage_status=policy.status,
        coverage_period=policy.period,
        billed_first=first,
        authorization_number=orders.authorization,
        authorization_period=orders.authorization_period,
        modifiers=tuple(sorted({m for line in lines for m in line.modifiers})),
        billed=_billed(lines),
        agreed_fee=_agreed(lines, cover.profile),
        kind="surgery_claim" if matter is not None and matter.is_operation else "opinion",
        urgency=orders.urgency,
        recommends_surgery=orders.first.recommends_surgery,
        second_opinion=orders.second,
        has_written_referral=orders.has_referral,
        patient_location=ask.patient.location,
        provider_licensed_in=provider.licensed_in,
        language=ask.patient.language,
        member=member_of(ask.patient, policy.relationship),
        amounts=amounts,
    )


def mode_of(ask: Ask, matter: Matter | None) -> str | None:
    """How the opinion is given, by what the lines say, else the request; None: nobody said."""
    said = {line.mode for line in matter.lines if line.mode} if matter is not None else set()
    if len(said) > 1:
        return "hybrid"
    # What an order says of the whole (a hybrid) goes before what one line says.
    if ask.orders.mode is not None and (not said or ask.orders.mode == "hybrid"):
        return ask.orders.mode
    return next(iter(said), None)


def assumed_mode(plan: Plan) -> str:
    """The first way in which the plan covers an opinion, where the asker names none."""
    for name in plan.benefit_order:
        for mode in plan.benefits[name].modes:
            return mode
    return "in_person"


def _legs(ask: Ask, plan: Plan, mode: str) -> tuple[Leg, ...]:
    """One meeting, or one at each end of a period; a hybrid is a call and a visit."""
    whens = ask.serviced if len(ask.serviced) > 1 or mode != "hybrid" else ask.serviced * 2
    if len(whens) == 2 and whens[0] == whens[1] and mode != "hybrid":
        whens = whens[:1]
    modes: Sequence[str] = _SETTINGS if mode == "hybrid" else (mode, mode)
    return tuple(
        Leg(each, day_of(when, plan.zone), when if isinstance(when, datetime) else None)
        for each, when in zip(modes, whens, strict=False)
    )


def _surgery_on(ask: Ask, plan: Plan, matter: Matter | None) -> date | None:
    if matter is None:
        return None
    if matter.is_operation:
        return ask.orders.surgery_on or day_of(ask.serviced[0], plan.zone)
    return ask.orders.surgery_on


def _billed(lines: tuple[Line, ...]) -> Money | None:
    """The sum of the lines; None where one has no price, or one that is none in its currency
    (which the rule of amounts names)."""
    total = Decimal(0)
    currencies = {line.price.currency if line.price is not None else None for line in lines}
    if len(currencies) != 1:
        return None
    (currency,) = currencies
    if currency is None:
        return None
    for line in lines:
        price = line.price
        if price is None or not _is_written_in(price):
            return None
        total += price.value * line.quantity
    return Money(total, currency) if total < _LARGEST else None


def _is_written_in(price: Amount) -> bool:
    if not 0 <= price.value < _LARGEST:
        return False
    step = Decimal(1).scaleb(-MINOR_DIGITS[price.currency])
    return price.value == price.value.quantize(step)


def _agreed(lines: tuple[Line, ...], profile: Profile) -> Money | None:
    """What the insurer has agreed to allow for all of these lines; None unless each has a fee."""
    fees, theirs = profile.fees, profile.codes.get("service")
    if not fees or not lines:
        return None
    total: Money | None = None
    for line in lines:
        fee = None
        for coding in line.services:
            if coding.system == OPINION_SERVICE:
                fee = fees.get(coding.code)
            elif theirs is not None and coding.system == theirs.system:
                ours = (name for name, code in theirs.values.items() if code == coding.code)
                fee = fees.get(next(ours, ""))
        if fee is None:
            return None
        total = fee.times(line.quantity) if total is None else total + fee.times(line.quantity)
    return total
