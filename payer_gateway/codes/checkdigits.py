"""Check digits of identifiers: US provider numbers (NPI) and Japanese insurer numbers."""

from __future__ import annotations

from functools import lru_cache

# Each digit, doubled, its digits added.
_DOUBLED = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))


def luhn_is_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    text = digits.encode()
    plain, doubled = text[-1::-2], text[-2::-2]
    return (sum(plain) - len(plain) * ord("0") + sum(doubled.translate(_DOUBLED))) % 10 == 0


@lru_cache(maxsize=4096)
def npi_is_valid(npi: str) -> bool:
    """Ten digits, the first 1 or 2, Luhn over 80840 (health care, US) and the number.

    Source: CMS, "Requirements for NPI check digit"; 45 CFR 162.406.
    """
    return len(npi) == 10 and npi[0] in "12" and luhn_is_valid("80840" + npi)


def jp_insurer_number_is_valid(number: str) -> bool:
    """A Japanese insurer number (保険者番号): eight digits (law 2, prefecture 2, insurer 3, check
    1), or six for National Health Insurance, which has no digits for the law.

    The published rule (weights 2, 1, 2 … from the right, digits of the products added, 10 minus
    the last digit) is Luhn. Source: MHLW code tables for claims; worked example 33120015.
    """
    return len(number) in (6, 8) and luhn_is_valid(number)
