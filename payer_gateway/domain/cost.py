"""Cost share: what of an allowed amount the member pays and what the plan pays."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import CostShare


@dataclass(frozen=True, slots=True)
class Cost:
    """member + plan = allowed, exactly."""

    allowed: Money
    member: Money
    plan: Money


def share_cost(
    allowed: Money,
    share: CostShare,
    deductible_met: Money,
    copay: Decimal,
    *,
    waived: bool,
) -> Cost:
    """Copay, then the deductible left, then coinsurance on the rest; half up to the minor unit at
    the end. ``copay`` is what the plan's copays come to for all legs; ``waived`` leaves the member
    nothing but that."""
    amount = allowed.amount
    member = min(amount, copay)
    if not waived:
        if share.deductible_applies:
            left = max(Decimal(0), share.deductible - deductible_met.amount)
            member += min(amount - member, left)
        member += (amount - member) * share.coinsurance_pct / 100
    paid = Money.rounded(member, allowed.currency)
    return Cost(allowed, paid, allowed - paid)


def capped(cost: Cost, left: Decimal) -> Cost:
    """The plan pays what is left of an allowance (its currency), the member the remainder."""
    plan = Money.rounded(max(Decimal(0), min(cost.plan.amount, left)), cost.allowed.currency)
    return Cost(cost.allowed, cost.allowed - plan, plan)


def reduced(cost: Cost, penalty: Money) -> Cost:
    """The benefit less a penalty, which the member bears; the plan never pays below nothing."""
    return capped(cost, cost.plan.amount - penalty.amount)
