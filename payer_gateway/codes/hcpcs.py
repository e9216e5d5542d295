"""CMS place of service codes and HCPCS modifiers: code numbers, described in our own words.

Hand-kept: neither set has a package. Both are public domain (CMS). CPT modifiers (two digits: 25,
32, 50, 93, 95) are not listed here: they pass through by their shape and are not described.
"""

from __future__ import annotations

import re

# Source: CMS Place of Service Code Set, as of August 2024 (10 since 2022, 27 since October 2023,
# 66 since August 2024). Numbers that CMS calls unassigned are left out.
PLACES_OF_SERVICE: frozenset[str] = frozenset(
    "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27"
    " 31 32 33 34 41 42 49 50 51 52 53 54 55 56 57 58 60 61 62 65 66 71 72 81 99".split()
)
TELEHEALTH_PLACES: frozenset[str] = frozenset({"02", "10"})

# Source: CMS HCPCS Level II modifiers.
HCPCS_MODIFIERS: dict[str, str] = {
    "SM": "second surgical opinion",
    "SN": "third surgical opinion",
    "SF": "second opinion ordered by a review organization",
    "GT": "by interactive audio and video",
    "G0": "telehealth for acute stroke",
    "FQ": "by audio only",
    "LT": "left side",
    "RT": "right side",
}
_MODIFIER = re.compile("[A-Z0-9]{2}")


def place_of_service_is_known(code: str) -> bool:
    return code in PLACES_OF_SERVICE


def modifier_has_shape(code: str) -> bool:
    """Two capital letters or digits: a HCPCS or CPT modifier by its form."""
    return _MODIFIER.fullmatch(code) is not None
