"""Money: an exact decimal with its ISO 4217 currency, to that currency's minor unit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217 active codes by number of minor-unit digits. Codes without a minor unit of their own
# (XAU, XDR, XTS, …) are left out on purpose: a claim cannot be made in them.
_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD"
        " CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP"
        " GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD"
        " LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB"
        " PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC"
        " SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_DIGITS: dict[str, int] = {
    code: digits for digits, codes in _BY_DIGITS.items() for code in codes.split()
}
_DIGITS_HELD = 20  # far fewer than arithmetic holds exactly
_UNITS = {code: Decimal(1).scaleb(-digits) for code, digits in MINOR_DIGITS.items()}


@dataclass(frozen=True, slots=True)
class Money:
    """``amount`` in major units (Decimal, never float) and an ISO 4217 ``currency``.

    Raises ValueError for an unknown currency, or more digits than the currency has.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        unit = _UNITS.get(self.currency)
        if unit is None:
            raise ValueError(f"{self.currency!r} is no ISO 4217 currency with a minor unit")
        if self.amount.same_quantum(unit) and self.amount.adjusted() < _DIGITS_HELD:
            return  # written to the minor unit, as nearly all are
        if not self.amount.is_finite():
            raise ValueError(f"{self.amount} is no amount")
        quantized = self.amount.quantize(unit)
        if quantized != self.amount:
            digits = MINOR_DIGITS[self.currency]
            raise ValueError(f"{self.amount} has more digits than {self.currency} ({digits})")
        object.__setattr__(self, "amount", quantized)

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Money:
        return cls(Decimal(minor).scaleb(-MINOR_DIGITS[currency]), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(Decimal(0), currency)

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Money:
        """Half up to the minor unit: the one place where an amount may lose digits."""
        return cls(amount.quantize(_UNITS[currency], rounding=ROUND_HALF_UP), currency)

    @property
    def minor(self) -> int:
        """Whole minor units (cents, yen): how the hot tables store it."""
        return int(self.amount.scaleb(MINOR_DIGITS[self.currency]))

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {self.currency} and {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def times(self, quantity: int) -> Money:
        return Money(self.amount * quantity, self.currency)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
