"""Public code sets and check digits."""

from datetime import date

import pytest

from payer_gateway.codes import (
    HCPCS_MODIFIERS,
    ICD_10_CM,
    ICD_10_PCS,
    ICD_10_WHO,
    SERVICE_TYPES,
    jp_insurer_number_is_valid,
    load_code_sets,
    modifier_has_shape,
    npi_is_valid,
    place_of_service_is_known,
)
from payer_gateway.codes.sets import complex_surgery_groups
from payer_gateway.domain.consultation import Coding
from payer_gateway.domain.eligibility import CodeSets

SETS: CodeSets = load_code_sets()


@pytest.mark.parametrize(
    ("system", "code", "normalized"),
    [
        (ICD_10_CM, "C50.411", "C50.411"),
        (ICD_10_CM, " c50411 ", "C50.411"),
        (ICD_10_CM, "QA0.0101", "QA0.0101"),
        (ICD_10_CM, "C4A.9", "C4A.9"),
        (ICD_10_CM, "C61", "C61"),
        (ICD_10_CM, "C00-C96", None),
        (ICD_10_CM, "C97", None),
        (ICD_10_CM, "C50.", None),
        (ICD_10_CM, "C5", None),
        (ICD_10_CM, "C50.41111", None),
        (ICD_10_CM, "", None),
        (ICD_10_CM, "Ç50.1", None),
        (ICD_10_CM, "\u013125.10", None),  # a dotless i, which upper() makes an I
        (ICD_10_CM, "C50.499", None),
        (ICD_10_CM, "C504.11", None),
        (ICD_10_WHO, "C25.0", "C25.0"),
        (ICD_10_WHO, "c250", "C25.0"),
        (ICD_10_WHO, "C97", "C97"),
        (ICD_10_WHO, "C4A.9", None),
        (ICD_10_WHO, "C00-C97", None),
        ("http://snomed.info/sct", "C50.411", None),
        (ICD_10_PCS, "021109W", None),
    ],
)
def test_a_diagnosis_is_spelled_as_its_system_spells_it(
    system: str, code: str, normalized: str | None
) -> None:
    assert SETS.diagnosis(Coding(system, code), date(2026, 4, 1)).code == normalized


@pytest.mark.parametrize(
    "code",
    "C00.0 C50.411 c50411 C4A.9 C7A.00 C7B.00 C96.9 D00.00 D09.9 D37.01 D48.9 D49.0 D49.9".split(),
)
def test_cancer_in_situ_uncertain_and_unspecified_neoplasms_are_oncology(code: str) -> None:
    assert SETS.is_oncology(Coding(ICD_10_CM, code))


@pytest.mark.parametrize("code", "D10.0 D25.9 D36.9 D3A.00 C97 D50.0 R91.8 Z85.3 I25.10".split())
def test_benign_neoplasms_findings_and_history_are_not_oncology(code: str) -> None:
    assert not SETS.is_oncology(Coding(ICD_10_CM, code))


def test_who_oncology_has_c97_and_ends_at_in_situ() -> None:
    assert SETS.is_oncology(Coding(ICD_10_WHO, "C97"))
    assert SETS.is_oncology(Coding(ICD_10_WHO, "D09.9"))
    assert not SETS.is_oncology(Coding(ICD_10_WHO, "D37.0"))
    assert not SETS.is_oncology(Coding("urn:oid:1.2", "C50.4"))


def test_complex_operations_are_found_in_their_group_whatever_the_case() -> None:
    assert SETS.surgery_group(Coding(ICD_10_PCS, "021109W")) == "cabg"
    assert SETS.surgery_group(Coding(ICD_10_PCS, " 0fy00z0 ")) == "transplant"
    assert SETS.surgery_group(Coding(ICD_10_PCS, "0FT44ZZ")) is None
    assert SETS.surgery_group(Coding(ICD_10_CM, "021109W")) is None


def test_all_complex_operations_are_shipped() -> None:
    groups = complex_surgery_groups()

    assert len(groups) == 2092
    assert len(set(groups.values())) == 23


@pytest.mark.parametrize(
    "npi", "1234567893 1555000110 1555000128 1555000136 1555000995 1134620768".split()
)
def test_an_npi_with_its_check_digit_is_valid(npi: str) -> None:
    assert npi_is_valid(npi)


@pytest.mark.parametrize(
    "npi",
    [
        "1234567890",
        "1555000111",
        "3234567893",
        "123456789",
        "12345678933",
        "",
        "\uff11234567893",  # a full-width 1
    ],
)
def test_any_other_number_is_no_npi(npi: str) -> None:
    assert not npi_is_valid(npi)


def test_japanese_insurer_numbers_check_like_luhn() -> None:
    assert all(jp_insurer_number_is_valid(n) for n in ("33120015", "06139992", "138024"))
    assert not any(jp_insurer_number_is_valid(n) for n in ("33120016", "0613999", "", "abcdef"))


def test_places_of_service_are_those_of_cms() -> None:
    assert all(place_of_service_is_known(p) for p in ("02", "10", "11", "22", "66", "99"))
    assert not any(place_of_service_is_known(p) for p in ("00", "30", "2", "100", ""))


def test_a_modifier_is_two_capital_letters_or_digits() -> None:
    assert all(modifier_has_shape(m) for m in ("SM", "GT", "G0", "95"))
    assert not any(modifier_has_shape(m) for m in ("sm", "S", "SMX", "S-", ""))


def test_modifiers_for_second_and_third_opinions_are_described_and_none_is_cpt() -> None:
    assert {"SM", "SN", "SF", "GT", "G0", "FQ", "LT", "RT"} == set(HCPCS_MODIFIERS)
    assert not any(modifier.isdigit() for modifier in HCPCS_MODIFIERS)


def test_service_types_are_those_that_a_consultation_can_be() -> None:
    assert set(SERVICE_TYPES) == {"3", "20", "21", "30"}
