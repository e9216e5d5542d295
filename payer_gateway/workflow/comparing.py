"""Both ledgers side by side: what we hold as accepted, and what the insurer lists as booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from payer_gateway.domain.money import Money
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.storage import ledger
from payer_gateway.workflow.services import Services


@dataclass(frozen=True, slots=True)
class Side:
    claims: int
    billed: Money
    payable: Money


@dataclass(frozen=True, slots=True)
class Compared:
    insurer: str
    currency: str
    ours: Side
    theirs: Side

    @property
    def agree(self) -> bool:
        return self.ours == self.theirs


def compare(
    s: Services, principal: Principal, booked: Iterable[Mapping[str, Any]]
) -> list[Compared]:
    """Per insurer and currency: claims (use = claim), billed, payable. ``booked`` are rows of the
    insurers' own listings: {insurer, use, currency, billed, payable, times}; money as text."""
    principal.must_be_allowed(Act.READ_SUBMISSION)
    with s.database.read() as work:
        ours = {
            (row.insurer_id, row.currency): Side(
                row.claims,
                Money.from_minor(int(row.billed_minor), row.currency),
                Money.from_minor(int(row.payable_minor), row.currency),
            )
            for row in ledger.totals(work, principal.tenant_id)
        }
    theirs: dict[tuple[str, str], Side] = {}
    for row in booked:
        if row["use"] != "claim":
            continue
        key = (row["insurer"], row["currency"])
        side = theirs.get(key) or _nothing(row["currency"])
        times = int(row["times"])
        theirs[key] = Side(
            side.claims + times,
            side.billed + Money(Decimal(row["billed"]), row["currency"]).times(times),
            side.payable + Money(Decimal(row["payable"]), row["currency"]).times(times),
        )
    return [
        Compared(
            insurer,
            currency,
            ours.get((insurer, currency)) or _nothing(currency),
            theirs.get((insurer, currency)) or _nothing(currency),
        )
        for insurer, currency in sorted({*ours, *theirs})
    ]


def _nothing(currency: str) -> Side:
    return Side(0, Money.zero(currency), Money.zero(currency))
