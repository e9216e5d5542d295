"""What the opinion (or the operation) is estimated to cost, and whom: the arithmetic of rules 15,
17 and 18."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from payer_gateway.domain.cost import Cost, capped, reduced, share_cost
from payer_gateway.domain.eligibility_case import Case
from payer_gateway.domain.eligibility_question import Leg
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import CostShare, Limit


@dataclass(frozen=True, slots=True)
class Costing:
    """``cost`` None: no price, none in the plan's currency, or no terms for that network.
    ``capped_at``: what was left of an amount limit, where it did not suffice."""

    cost: Cost | None = None
    capped_at: Decimal | None = None
    capped_of: Decimal | None = None
    deductible_is_assumed: bool = False


def price_of(case: Case) -> Money | None:
    """The agreed fee where there is one, else what is billed."""
    return case.question.agreed_fee or case.question.billed


def costing_of(case: Case) -> Costing:
    price = price_of(case)
    shares = _shares(case)
    if price is None or shares is None or price.currency != case.plan.currency:
        return Costing()
    met = case.known.deductible_met if case.accumulators_are_of_this_year else None
    is_unknown = case.known.deductible_met is None
    # An opinion that a review organization ordered (HCPCS SF) carries no deductible and no
    # coinsurance; of a copay the standard says nothing.
    waived = any(each.upper() == "SF" for each in case.question.modifiers)
    options = [
        share_cost(
            price,
            share,
            met or Money.zero(price.currency),
            _copay(case, share),
            waived=waived,
        )
        for share in shares
    ]
    cost = max(options, key=lambda each: each.member.amount)
    assumed = is_unknown and any(share.deductible_applies for share in shares)
    if case.question.is_surgery_claim:
        return Costing(cost=cost, deductible_is_assumed=assumed)
    left, of = _left(case)
    if left is None or cost.plan.amount <= left:
        return Costing(cost=cost, deductible_is_assumed=assumed)
    return Costing(capped(cost, left), left, of, assumed)


def _shares(case: Case) -> tuple[CostShare, ...] | None:
    """The terms of every network tier that a leg falls into; None where one of them has none.
    Balance billing out of network is not estimated."""
    tiers = {"in"} if case.pays_as_in_network else set(case.networks)
    shares = tuple(case.plan.cost.get(tier) for tier in sorted(tiers))
    known = tuple(share for share in shares if share is not None)
    return known if known and len(known) == len(shares) else None


def _copay(case: Case, share: CostShare) -> Decimal:
    """Of each opinion the highest copay of a single leg, once."""

    def of(leg: Leg) -> Decimal:
        return share.telemedicine_copay if leg.mode == "telemedicine" else share.copay

    return sum(
        (max((of(leg) for leg in legs), default=share.copay) for legs in case.opinions), Decimal(0)
    )


def amount_left(case: Case, limit: Limit) -> Decimal:
    """What an amount limit leaves, in the plan's currency, before this opinion; never below 0."""
    used = case.known.amount_used or Decimal(0)
    if limit.term != "lifetime" and not case.accumulators_are_of_this_year:
        used = Decimal(0)
    return max(Decimal(0), (limit.maximum or Decimal(0)) - used)


def _left(case: Case) -> tuple[Decimal | None, Decimal | None]:
    amounts = [
        (amount_left(case, limit), limit.maximum)
        for limit in case.plan.limits
        if limit.unit == "amount" and limit.maximum is not None
    ]
    return min(amounts, default=(None, None))


def remaining_amount(case: Case) -> Money | None:
    left, _ = _left(case)
    return None if left is None else Money.rounded(left, case.plan.currency)


def penalty_of(case: Case) -> Money | None:
    """By how much the plan reduces the benefit of an operation that lacks the opinion it demands:
    a part of the allowed amount, at most the cap. None without a price in the plan's currency."""
    mandate, price = case.plan.mandate, price_of(case)
    if mandate is None or price is None or price.currency != case.plan.currency:
        return None
    amount = price.amount * mandate.penalty_pct / 100
    if mandate.penalty_cap is not None:
        amount = min(amount, mandate.penalty_cap)
    return Money.rounded(amount, case.plan.currency)


def with_penalty(cost: Cost | None, penalty: Money | None) -> Cost | None:
    return cost if cost is None or penalty is None else reduced(cost, penalty)
