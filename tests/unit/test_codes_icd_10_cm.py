"""The dated table of ICD-10-CM: counts, awkward codes one by one, days about a change of year."""

import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from typing import Final

import pytest

from payer_gateway.codes import ICD_10_CM, ICD_10_PCS, ICD_10_WHO, Diagnosis, load_code_sets
from payer_gateway.codes.icd_10_cm import icd_10_cm
from payer_gateway.domain.consultation import Coding

SETS = load_code_sets()
FY2025_ENDS = date(2025, 9, 30)
FY2026_STARTS = date(2025, 10, 1)
APRIL_2026 = date(2026, 4, 1)

NOT_THEN: Final = "not_valid_on_date"


def judged(code: str, on: date = APRIL_2026, system: str = ICD_10_CM) -> Diagnosis:
    return SETS.diagnosis(Coding(system, code), on)


def test_each_release_has_the_codes_that_its_publisher_counts() -> None:
    table = icd_10_cm()

    assert sum(1 for _ in table.valid_codes(APRIL_2026)) == 74_719
    assert sum(1 for _ in table.valid_codes(FY2025_ENDS)) == 74_260
    assert len(table.valid_from) == 487
    assert len(table.valid_to) == 28
    assert len(set(table.codes)) == len(table.codes) == 74_719 + 28


def test_only_the_change_of_year_is_dated() -> None:
    assert set(icd_10_cm().valid_from.values()) == {FY2026_STARTS}
    assert set(icd_10_cm().valid_to.values()) == {FY2025_ENDS}


def test_no_code_is_a_header_on_the_same_day() -> None:
    table = icd_10_cm()

    for on in (FY2025_ENDS, FY2026_STARTS, APRIL_2026):
        assert not [code for code in table.valid_codes(on) if table.is_header(code, on)]


def test_twelve_ended_codes_are_gone_and_sixteen_are_headers() -> None:
    ended = icd_10_cm().valid_to

    verdicts = Counter(judged(code, FY2026_STARTS).verdict for code in ended)

    assert verdicts == {NOT_THEN: 12, "not_specific": 16}
    assert all(judged(code, FY2025_ENDS).verdict == "valid" for code in ended)


@pytest.mark.parametrize(
    "code",
    "QA0.0101 QA0.0102 QA0.0109 QA0.011 QA0.012 QA0.0131 QA0.0139 QA0.0141 QA0.0142 QA0.0149"
    " QA0.0151 QA0.0159 QA0.8".split(),
)
def test_the_thirteen_codes_with_a_letter_in_second_place_are_valid(code: str) -> None:
    assert judged(code) == Diagnosis("valid", code)
    assert judged(code, FY2025_ENDS) == Diagnosis(NOT_THEN, code)


def test_there_are_no_more_codes_with_a_letter_in_second_place() -> None:
    assert sum(not code[1].isdigit() for code in icd_10_cm().codes) == 13


@pytest.mark.parametrize(
    "block",
    "C00-C96 C00-C75 M00-M25 M40-M54 M60-M79 M80-M94 T07-T88 T20-T32 V00-X58 V00-V99 W00-X58"
    " Y62-Y84 c00-c96 C00-D49".split(),
)
def test_a_block_is_no_code(block: str) -> None:
    assert judged(block) == Diagnosis("invalid")


@pytest.mark.parametrize("code", "B20 F99 P84 R99 Z66".split())
def test_a_category_that_is_also_a_block_is_one_code(code: str) -> None:
    assert judged(code) == Diagnosis("valid", code)
    assert icd_10_cm().codes.count(code) == 1


@pytest.mark.parametrize("code", ["c50411", "C50411", "c50.411", " C50.411 ", "C50.411"])
def test_case_and_dot_do_not_matter(code: str) -> None:
    assert judged(code) == Diagnosis("valid", "C50.411")


@pytest.mark.parametrize(
    ("header", "prefix"),
    [
        ("C50", "C50."),
        ("c50", "C50."),
        ("C50.4", "C50.4"),
        ("c504", "C50.4"),
        ("C50.A", "C50.A"),
        ("C34", "C34."),
        ("QA0", "QA0."),
        ("QA0.010", "QA0.010"),
        ("S00.00X", "S00.00X"),  # the seventh character is missing
    ],
)
def test_a_header_is_not_specific_and_says_how_its_codes_begin(header: str, prefix: str) -> None:
    found = judged(header)

    assert found == Diagnosis("not_specific", prefix.removesuffix("."), prefix)
    assert any(code.startswith(prefix) for code in icd_10_cm().valid_codes(APRIL_2026))


@pytest.mark.parametrize(
    ("code", "on", "expected"),
    [
        # New in October 2025: inflammatory carcinoma of the right breast.
        ("C50.A1", FY2025_ENDS, Diagnosis(NOT_THEN, "C50.A1")),
        ("C50.A1", FY2026_STARTS, Diagnosis("valid", "C50.A1")),
        ("C50.A1", date(2025, 10, 15), Diagnosis("valid", "C50.A1")),
        # So is their header.
        ("C50.A", FY2025_ENDS, Diagnosis(NOT_THEN, "C50.A")),
        ("C50.A", FY2026_STARTS, Diagnosis("not_specific", "C50.A", "C50.A")),
        # Ended, nothing below it now.
        ("T78.07XA", FY2025_ENDS, Diagnosis("valid", "T78.07XA")),
        ("T78.07XA", FY2026_STARTS, Diagnosis(NOT_THEN, "T78.07XA")),
        ("S30.1XX", FY2025_ENDS, Diagnosis("not_specific", "S30.1XX", "S30.1XX")),
        ("S30.1XX", FY2026_STARTS, Diagnosis(NOT_THEN, "S30.1XX")),
        # Turned into headers.
        ("G35", FY2025_ENDS, Diagnosis("valid", "G35")),
        ("G35", FY2026_STARTS, Diagnosis("not_specific", "G35", "G35.")),
        ("G35.A", FY2025_ENDS, Diagnosis(NOT_THEN, "G35.A")),
        ("G35.A", FY2026_STARTS, Diagnosis("valid", "G35.A")),
        ("R10.2", FY2026_STARTS, Diagnosis("not_specific", "R10.2", "R10.2")),
        # Untouched: open at both ends.
        ("C50.411", FY2025_ENDS, Diagnosis("valid", "C50.411")),
        ("C50.411", date(2016, 1, 1), Diagnosis("valid", "C50.411")),
        ("C50.411", date(2027, 6, 1), Diagnosis("valid", "C50.411")),
    ],
)
def test_a_code_is_worth_what_the_release_of_the_day_says(
    code: str, on: date, expected: Diagnosis
) -> None:
    assert judged(code, on) == expected


@pytest.mark.parametrize("code", ["C97", "C50.419A", "C50.499", "C5", "C", "", "C50.", "50.411"])
def test_what_no_release_holds_is_invalid(code: str) -> None:
    assert judged(code) == Diagnosis("invalid")


def test_every_code_is_valid_on_its_days_and_on_no_other() -> None:
    table, day = icd_10_cm(), timedelta(days=1)

    for code, first in table.valid_from.items():
        assert table.is_valid(code, first) and not table.is_valid(code, first - day)
    for code, last in table.valid_to.items():
        assert table.is_valid(code, last) and not table.is_valid(code, last + day)


@pytest.mark.parametrize("code", ["C97", "C25.0", "c250", "C50", "C50.4"])
def test_a_who_code_is_judged_by_its_shape_on_any_day(code: str) -> None:
    assert judged(code, FY2025_ENDS, ICD_10_WHO).verdict == "valid"


@pytest.mark.parametrize("code", ["C4A.9", "QA0.8", "C00-C97", "C50.411", ""])
def test_what_only_the_american_modification_has_is_no_who_code(code: str) -> None:
    assert judged(code, system=ICD_10_WHO) == Diagnosis("invalid")


@pytest.mark.parametrize("system", ["http://snomed.info/sct", ICD_10_PCS, "icd-10-cm", ""])
def test_a_code_of_a_system_that_we_do_not_know_is_invalid(system: str) -> None:
    assert judged("C50.411", system=system) == Diagnosis("invalid")


def _part(code: str) -> str:
    if code[0] == "C":
        return "malignant"
    if code[1] == "0":
        return "in situ"
    return "unspecified" if code[:3] == "D49" else "uncertain"


def test_the_oncology_set_has_its_parts() -> None:
    parts = Counter(_part(code) for code in SETS.oncology_codes(APRIL_2026))

    # The house page counts 137 uncertain ones and 1,483 in all: it took D3A (22 benign
    # neuroendocrine codes, which it rules out in the next line) for a part of D37-D48.
    assert parts == {"malignant": 1226, "in situ": 106, "uncertain": 115, "unspecified": 14}
    assert parts.total() == 1461 == 1483 - 22
    assert sum(1 for c in icd_10_cm().valid_codes(APRIL_2026) if c.startswith("D3A")) == 22


def test_the_oncology_set_goes_by_the_release_of_the_day() -> None:
    before, after = SETS.oncology_codes(FY2025_ENDS), SETS.oncology_codes(FY2026_STARTS)

    assert after - before == {"C50.A0", "C50.A1", "C50.A2"}
    assert before <= after


def test_the_oncology_set_and_the_question_for_one_code_agree() -> None:
    oncology = SETS.oncology_codes(APRIL_2026)

    for code in icd_10_cm().valid_codes(APRIL_2026):
        if code[0] in "CDQRZ":
            assert SETS.is_oncology(Coding(ICD_10_CM, code)) == (code in oncology)


@pytest.mark.parametrize("code", "R91.1 r918 N63.0 N63.11 N63.42 N63.24 R97.20".split())
def test_findings_that_raise_a_suspicion_of_cancer_are_known_and_are_not_oncology(
    code: str,
) -> None:
    coding = Coding(ICD_10_CM, code)

    assert judged(code).verdict == "valid"
    assert SETS.is_suspected_cancer(coding)
    assert not SETS.is_oncology(coding)


@pytest.mark.parametrize("code", "R97.21 R97.0 N64.4 C50.411 D25.9 R91.9 N6".split())
def test_other_codes_raise_no_suspicion(code: str) -> None:
    assert not SETS.is_suspected_cancer(Coding(ICD_10_CM, code))


def test_a_finding_of_another_system_raises_no_suspicion() -> None:
    assert not SETS.is_suspected_cancer(Coding(ICD_10_WHO, "N63"))


def test_importing_the_codes_reads_no_file() -> None:
    program = """
import sys
from payer_gateway.codes import load_code_sets
from payer_gateway.codes.icd_10_cm import icd_10_cm
from payer_gateway.codes.sets import complex_surgery_groups
load_code_sets()
sys.exit(icd_10_cm.cache_info().currsize + complex_surgery_groups.cache_info().currsize)
"""

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_table_is_read_once() -> None:
    assert icd_10_cm() is icd_10_cm()
