"""Who pays what: copay, then what is left of the deductible, then coinsurance on the rest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payer_gateway.domain.cost import Cost, share_cost
from payer_gateway.domain.money import MINOR_DIGITS, Money
from payer_gateway.domain.plan import CostShare


def share(copay: str = "0", deductible: str = "0", coinsurance: str = "0") -> CostShare:
    return CostShare(
        copay=Decimal(copay),
        telemedicine_copay=Decimal(copay),
        deductible=Decimal(deductible),
        deductible_applies=Decimal(deductible) > 0,
        coinsurance_pct=Decimal(coinsurance),
    )


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


@pytest.mark.parametrize(
    ("allowed", "terms", "met", "member"),
    [
        # The scenarios S20, S55 and S56 of the eligibility standard, typed by hand.
        ("200.00", share(deductible="257.00", coinsurance="20"), "200.00", "85.60"),
        ("850.00", share(deductible="3400.00", coinsurance="20"), "3100.00", "410.00"),
        ("1500.00", share(deductible="1000.00", coinsurance="40"), "0.00", "1200.00"),
        ("500.00", share(copay="40.00"), "0.00", "40.00"),
        # More met than there is to meet gives nothing back.
        ("100.00", share(deductible="50.00"), "80.00", "0.00"),
        # Nobody pays more than the whole.
        ("30.00", share(copay="40.00", deductible="1000.00", coinsurance="40"), "0.00", "30.00"),
        # Copay, what is left of the deductible, and 10 % of the 430.00 that remain.
        ("500.00", share(copay="20.00", deductible="100.00", coinsurance="10"), "50.00", "113.00"),
        ("60.00", share(copay="20.00", deductible="100.00", coinsurance="10"), "50.00", "60.00"),
        # Half up at the very end: 20 % of 0.13 is 0.026.
        ("0.13", share(coinsurance="20"), "0.00", "0.03"),
    ],
)
def test_the_member_pays_copay_then_deductible_then_coinsurance(
    allowed: str, terms: CostShare, met: str, member: str
) -> None:
    cost = share_cost(usd(allowed), terms, usd(met), terms.copay, waived=False)

    assert cost == Cost(usd(allowed), usd(member), usd(allowed) - usd(member))


def test_an_opinion_that_a_review_organization_ordered_has_no_deductible_and_no_coinsurance() -> (
    None
):
    terms = share(deductible="257.00", coinsurance="20")

    free, with_copay = (
        share_cost(usd("200.00"), terms, usd("0"), Decimal(copay), waived=True)
        for copay in ("0", "40.00")
    )

    assert free == Cost(usd("200.00"), usd("0"), usd("200.00"))
    assert with_copay == Cost(usd("200.00"), usd("40.00"), usd("160.00"))


AMOUNTS = st.decimals(0, 10**7, places=2)


@given(
    st.integers(0, 10**9),
    st.sampled_from(sorted(MINOR_DIGITS)),
    AMOUNTS,
    AMOUNTS,
    st.booleans(),
    st.decimals(0, 100, places=2),
    st.integers(0, 10**9),
    st.booleans(),
)
def test_member_and_plan_always_add_up_to_what_is_allowed(
    minor: int,
    currency: str,
    copay: Decimal,
    deductible: Decimal,
    applies: bool,
    percent: Decimal,
    met: int,
    waived: bool,
) -> None:
    allowed = Money.from_minor(minor, currency)
    terms = CostShare(copay, copay, deductible, applies, percent)

    cost = share_cost(allowed, terms, Money.from_minor(met, currency), copay, waived=waived)

    assert cost.member + cost.plan == allowed
    assert 0 <= cost.member.minor <= minor
