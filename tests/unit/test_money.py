"""Money is exact, to the minor unit of its currency, and never of two currencies at once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payer_gateway.domain.money import MINOR_DIGITS, Money


def money(amount: str, currency: str = "USD") -> Money:
    return Money(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("420.00", "USD", 42000),
        ("420", "USD", 42000),
        ("44000", "JPY", 44000),
        ("1.234", "BHD", 1234),
        ("-0.01", "EUR", -1),
        ("0.0001", "CLF", 1),
    ],
)
def test_an_amount_counts_in_its_currencys_minor_unit(
    amount: str, currency: str, minor: int
) -> None:
    assert money(amount, currency).minor == minor
    assert Money.from_minor(minor, currency) == money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.005", "USD"), ("44000.50", "JPY"), ("1.2345", "KWD")]
)
def test_more_digits_than_the_currency_has_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more digits"):
        money(amount, currency)


@pytest.mark.parametrize("currency", ["usd", "XXX", "XAU", "", "US"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="no ISO 4217 currency"):
        money("1", currency)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        money(amount)


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(ValueError, match="USD and JPY"):
        money("1") + money("1", "JPY")
    with pytest.raises(ValueError, match="USD and JPY"):
        money("1") - money("1", "JPY")


def test_equal_amounts_are_equal_however_they_are_written() -> None:
    assert money("420") == money("420.0") == money("420.00")
    assert str(money("420")) == "420.00 USD"


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.005", "0.01"), ("0.0049", "0.00"), ("85.605", "85.61")]
)
def test_rounding_is_half_up_and_happens_only_when_asked_for(amount: str, rounded: str) -> None:
    assert Money.rounded(Decimal(amount), "USD") == money(rounded)


@given(
    st.integers(-(10**15), 10**15),
    st.integers(-(10**15), 10**15),
    st.integers(0, 1000),
    st.sampled_from(sorted(MINOR_DIGITS)),
)
def test_sums_are_exact_in_every_currency(a: int, b: int, n: int, currency: str) -> None:
    one, other = Money.from_minor(a, currency), Money.from_minor(b, currency)

    assert (one + other).minor == a + b
    assert (one - other).minor == a - b
    assert one.times(n).minor == a * n
    assert Money.zero(currency) + one == one
