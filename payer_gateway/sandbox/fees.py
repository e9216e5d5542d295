"""The fee schedule: what this insurer allows, what the patient bears, what it pays."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from payer_gateway.sandbox.intake import Line
from payer_gateway.sandbox.money import money

ALLOWED_SHARE = Decimal("0.90")
PATIENT_SHARE = Decimal("0.10")

# Claim adjustment reason codes (CARC).
OVER_FEE_SCHEDULE = "45"
NOT_COVERED = "96"
AUTHORIZATION_ABSENT = "197"


@dataclass(frozen=True, slots=True)
class Adjudicated:
    """One item, or all together (``sequence`` 0), with the reasons for what is not paid."""

    sequence: int
    submitted: Decimal
    eligible: Decimal
    copay: Decimal
    benefit: Decimal
    reduced_for: str | None = None
    denied_for: str | None = None


def adjudicate(
    line: Line, currency: str, fees: dict[str, Decimal], denied_for: str | None = None
) -> Adjudicated:
    """By the insurer's fee where its profile has one, else 90 %; a tenth is the patient's.

    So what is allowed and what is paid never equal what was billed by accident.
    """
    submitted = money(line.net, currency)
    if denied_for is not None:
        zero = money(Decimal(0), currency)
        return Adjudicated(line.sequence, submitted, zero, zero, zero, denied_for, denied_for)
    fee = next((fees[code] for code in line.codes if code in fees), None)
    if fee is None:
        eligible = money(line.net * ALLOWED_SHARE, currency, ROUND_HALF_UP)
    else:
        eligible = min(submitted, money(fee * line.quantity, currency, ROUND_HALF_UP))
    copay = money(eligible * PATIENT_SHARE, currency, ROUND_HALF_UP)
    return Adjudicated(
        sequence=line.sequence,
        submitted=submitted,
        eligible=eligible,
        copay=copay,
        benefit=eligible - copay,
        reduced_for=OVER_FEE_SCHEDULE if eligible < submitted else None,
    )


def added_up(lines: list[Adjudicated], currency: str) -> Adjudicated:
    """The totals over all items; reasons stay with the items."""
    zero = money(Decimal(0), currency)
    return Adjudicated(
        sequence=0,
        submitted=sum((line.submitted for line in lines), zero),
        eligible=sum((line.eligible for line in lines), zero),
        copay=sum((line.copay for line in lines), zero),
        benefit=sum((line.benefit for line in lines), zero),
    )
