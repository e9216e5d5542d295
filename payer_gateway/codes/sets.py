"""Diagnosis and procedure code sets: what a code is worth on a day, and the groups we judge by."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal, Protocol

from payer_gateway.codes.icd_10_cm import icd_10_cm

# Source of the three URIs: HL7 Terminology (THO), as of August 2026.
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10_WHO = "http://hl7.org/fhir/sid/icd-10"
ICD_10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"

# Since October 2025 the second character may be a letter (QA0.0101). Blocks such as C00-C96, which
# some packages take for codes, do not have this shape.
_CM_SHAPE = re.compile(r"[A-Z][0-9A][0-9A-Z](\.[0-9A-Z]{1,4})?")
# WHO ICD-10 has digits only: three characters, a fourth, sometimes a fifth by site.
_WHO_SHAPE = re.compile(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?")
# Neoplasms that are malignant, in situ, uncertain or unspecified. Source: ICD-10-CM April 2026,
# chapter 2; benign D10-D36 and D3A are left out.
_CM_ONCOLOGY = frozenset(
    [f"C{n:02}" for n in range(97)]
    + [f"D{n:02}" for n in range(10)]
    + [f"D{n}" for n in range(37, 50)]
    + ["C4A", "C7A", "C7B"]
)
# Source: WHO ICD-10 2019, chapter II: malignant (C97 is WHO's alone) and in situ.
_WHO_ONCOLOGY = frozenset([f"C{n:02}" for n in range(98)] + [f"D{n:02}" for n in range(10)])
# What leads to a suspicion of cancer before there is a diagnosis: a nodule of the lung or other
# finding in its image, a lump in the breast, a raised PSA. The beginnings of ICD-10-CM codes.
_FINDING_STAGE = ("R91.1", "R91.8", "N63", "R97.20")


class HasCode(Protocol):
    """A code and the system it belongs to (the domain's Coding)."""

    @property
    def system(self) -> str: ...
    @property
    def code(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a diagnosis code is worth on a day.

    ``code`` is its standard spelling, None when the code is invalid. ``prefix`` is how the codes
    begin that may stand in place of one that is not specific.
    """

    verdict: Literal["valid", "not_specific", "not_valid_on_date", "invalid"]
    code: str | None = None
    prefix: str | None = None


class PublicCodeSets:
    """The public code sets. Their files are read when first asked for, once per process."""

    def diagnosis(self, coding: HasCode, on: date) -> Diagnosis:
        """ICD-10-CM by the release of the day; WHO's ICD-10, of which we have no table, by its
        shape; of any other system no code is valid."""
        code = _known(coding)
        if code is None:
            return Diagnosis("invalid")
        if coding.system == ICD_10_WHO or icd_10_cm().is_valid(code, on):
            return Diagnosis("valid", code)
        if icd_10_cm().is_header(code, on):
            return Diagnosis("not_specific", code, code if "." in code else f"{code}.")
        return Diagnosis("not_valid_on_date", code)

    def is_oncology(self, coding: HasCode) -> bool:
        code = _known(coding)
        if code is None:
            return False
        return code[:3] in (_CM_ONCOLOGY if coding.system == ICD_10_CM else _WHO_ONCOLOGY)

    def is_suspected_cancer(self, coding: HasCode) -> bool:
        """A finding (ICD-10-CM) that a plan with ``suspected_cancer`` takes for oncology."""
        code = _known(coding)
        return bool(code and coding.system == ICD_10_CM and code.startswith(_FINDING_STAGE))

    def oncology_codes(self, on: date) -> frozenset[str]:
        """The ICD-10-CM codes of the oncology set that are valid on the day."""
        return frozenset(c for c in icd_10_cm().valid_codes(on) if c[:3] in _CM_ONCOLOGY)

    def surgery_group(self, coding: HasCode) -> str | None:
        """The complex-surgery group of an ICD-10-PCS code, None when it is in none."""
        if coding.system != ICD_10_PCS:
            return None
        return complex_surgery_groups().get(coding.code.strip().upper())


@cache
def complex_surgery_groups() -> Mapping[str, str]:
    """The group of each ICD-10-PCS code that is complex surgery; see data/README.md."""
    data = files("payer_gateway.codes") / "data" / "complex_surgery_codes.csv"
    with data.open(encoding="utf-8") as lines:
        return {row["code"]: row["group"] for row in csv.DictReader(lines)}


def load_code_sets() -> PublicCodeSets:
    return PublicCodeSets()


def _known(coding: HasCode) -> str | None:
    """The code in its standard spelling (upper case, with its dot); None when no release of the
    system holds it, not even as a header, or the system is none that we know."""
    code = _dotted(coding.code)
    if coding.system == ICD_10_CM and _CM_SHAPE.fullmatch(code):
        known = icd_10_cm().lists(code) or any(icd_10_cm().below(code))
        return code if known else None
    if coding.system == ICD_10_WHO and _WHO_SHAPE.fullmatch(code):
        return code
    return None


def _dotted(code: str) -> str:
    # Upper case of other alphabets can be ASCII: a dotless i becomes I.
    code = code.strip().upper() if code.isascii() else code
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 and "." not in code else code
