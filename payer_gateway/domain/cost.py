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
    allowed: Money, share: CostShare, deductible_met: Money, *, remote: bool, waived: bool
) -> Cost:
    """Copay, then the deductible left, then coinsurance on the rest; half up to the minor unit at
    the end. A hybrid opinion costs its highest single copay once: remote only if all of it was."""
    amount = allowed.amount
    if waived:
        return Cost(allowed, Money.zero(allowed.currency), allowed)
    member = min(amount, share.telemedicine_copay if remote else share.copay)
    if share.deductible_applies:
        left = max(Decimal(0), share.deductible - deductible_met.amount)
        member += min(amount - member, left)
    member += (amount - member) * share.coinsurance_pct / 100
    paid = Money.rounded(member, allowed.currency)
    return Cost(allowed, paid, allowed - paid)
