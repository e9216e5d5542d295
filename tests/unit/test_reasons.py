"""Every reason: documented as it is in code, with the effect the standard gives it, and sayable."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from builders import ROOT

from payer_gateway.domain import notes
from payer_gateway.domain.reasons import MEANINGS, Code, Meaning, Reason, Verdict

DOCUMENT = ROOT / "docs" / "reasons.md"
COLUMNS_271 = ("eb01", "eb11", "eb12", "aaa")

# Typed by hand from the eligibility standard, section 3: which decision each reason produces.
EFFECTS = {
    "INVALID": "MEMBER_NOT_FOUND DIAGNOSIS_INVALID DIAGNOSIS_NOT_SPECIFIC"
    " DIAGNOSIS_NOT_VALID_ON_DATE CURRENCY_PRECISION DATE_OUT_OF_RANGE OPINION_ORDER",
    "NOT_ELIGIBLE": "NO_COVERAGE COVERAGE_NOT_YET_EFFECTIVE COVERAGE_TERMINATED"
    " RETROACTIVE_TERMINATION COVERAGE_NOT_ACTIVE DEPENDENT_AGE_LIMIT DIAGNOSIS_EXCLUDED"
    " BENEFIT_CATEGORY_MISMATCH WAITING_PERIOD THIRD_OPINION_NOT_WARRANTED NOT_INDEPENDENT"
    " SECOND_OPINION_SURGEON_PERFORMS OPINION_AFTER_SURGERY COE_REQUIRED CROSS_BORDER_NOT_COVERED"
    " BENEFIT_LIMIT_REACHED MODE_NOT_COVERED REFUSED_BY_PERSON",
    "PENDED": "PREMIUM_GRACE_PERIOD MEDICAL_NECESSITY_REVIEW PROVIDER_LICENSURE"
    " CURRENCY_CONVERSION_REQUIRED",
    "CONDITIONAL": "AUTH_REQUIRED AUTH_EXPIRED CROSS_BORDER_AUTH_REQUIRED SECONDARY_PAYER"
    " MANDATORY_SECOND_OPINION_MISSING SECOND_OPINION_EXPIRED HYBRID_WINDOW_EXCEEDED",
    "ELIGIBLE": "COVERED_BENEFIT OUT_OF_NETWORK MIXED_NETWORK BENEFIT_LIMIT_PARTIAL"
    " STATE_CANCER_MANDATE EMERGENCY_EXEMPT DECIDED_BY_PERSON",
}
# The same section: CARC and 271 of each; those without a row have none.
NUMBERS = {
    "MEMBER_NOT_FOUND": "31 AAA75",
    "COVERAGE_NOT_YET_EFFECTIVE": "26 EB016",
    "COVERAGE_TERMINATED": "27 EB016",
    "RETROACTIVE_TERMINATION": "27 EB016",
    "COVERAGE_NOT_ACTIVE": "27 EB016",
    "PREMIUM_GRACE_PERIOD": "257 EB017/8",
    "DEPENDENT_AGE_LIMIT": "32 AAA77",
    "SECONDARY_PAYER": "22 EB01R",
    "DIAGNOSIS_INVALID": "146 AAA15/33",
    "DIAGNOSIS_NOT_SPECIFIC": "146 AAA15/33",
    "DIAGNOSIS_NOT_VALID_ON_DATE": "146 AAA15/33",
    "DIAGNOSIS_EXCLUDED": "167 EB01I/E",
    "BENEFIT_CATEGORY_MISMATCH": "204 EB01I",
    "PROVIDER_LICENSURE": "185 AAA52",
    "CURRENCY_PRECISION": "16 AAA33",
    "CURRENCY_CONVERSION_REQUIRED": "16 AAA33",
    "THIRD_OPINION_NOT_WARRANTED": "272 EB01I",
    "NOT_INDEPENDENT": "272 EB01I",
    "SECOND_OPINION_SURGEON_PERFORMS": "272 EB01I",
    "OPINION_AFTER_SURGERY": "272 AAA57",
    "OPINION_ORDER": "16 AAA57",
    "COE_REQUIRED": "242 EB01N",
    "CROSS_BORDER_NOT_COVERED": "242 EB01N",
    "OUT_OF_NETWORK": " EB12N",
    "MIXED_NETWORK": " EB12N",
    "BENEFIT_LIMIT_REACHED": "119 EB01F",
    "BENEFIT_LIMIT_PARTIAL": "119 EB01F",
    "AUTH_REQUIRED": "197 EB11Y",
    "AUTH_EXPIRED": "302 EB11Y",
    "MANDATORY_SECOND_OPINION_MISSING": "61 EB01Q",
    "SECOND_OPINION_EXPIRED": "61 EB01Q",
    "WAITING_PERIOD": "179 EB01I",
    "MEDICAL_NECESSITY_REVIEW": "50/133 EB01V",
    "DATE_OUT_OF_RANGE": "16 AAA62/63",
    "MODE_NOT_COVERED": "96 ",
}


def shown_271(meaning: Meaning) -> list[tuple[str, str]]:
    found = [(column, "/".join(meaning.accepted(column))) for column in COLUMNS_271]
    return [(column, numbers) for column, numbers in found if numbers]


def test_every_reason_has_the_effect_of_the_standard_and_no_reason_is_missing() -> None:
    effects = {code: verdict for verdict, codes in EFFECTS.items() for code in codes.split()}

    assert effects == {code.value: meaning.verdict.value for code, meaning in MEANINGS.items()}
    assert set(MEANINGS) == set(Code)


def test_every_reason_has_the_numbers_of_the_standard() -> None:
    numbers = {
        code.value: "/".join(meaning.accepted("carc"))
        + " "
        + "".join(column.upper() + each for column, each in shown_271(meaning))
        for code, meaning in MEANINGS.items()
    }

    assert {code: each for code, each in numbers.items() if each.strip()} == NUMBERS


def test_the_document_says_what_the_code_says_both_ways() -> None:
    effect, documented = "", []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            effect = line[3:]
        if line.startswith("| `") and effect != "Notes":
            documented.append((effect, *(cell.strip() for cell in line.strip("|").split(" | "))))

    in_code = [
        (
            meaning.verdict.value,
            f"`{code.value}`",
            "/".join(meaning.accepted("carc")) or "-",
            ", ".join(f"{column.upper()} {each}" for column, each in shown_271(meaning)) or "-",
            meaning.sentence,
            meaning.patient,
        )
        for verdict in Verdict
        for code, meaning in MEANINGS.items()
        if meaning.verdict is verdict
    ]

    assert documented == in_code


@pytest.mark.parametrize("code", Code)
def test_every_reason_can_be_said_to_a_manager_and_to_a_patient(code: Code) -> None:
    meaning = MEANINGS[code]
    fields = {name for _, name, _, _ in Formatter().parse(meaning.sentence) if name}
    reason = Reason(code, "a-rule", dict.fromkeys(fields, "…"))

    # What the patient reads says nothing that the manager's sentence does not know.
    assert {name for _, name, _, _ in Formatter().parse(meaning.patient) if name} <= fields
    assert "(not said)" not in reason.sentence + reason.patient_sentence
    assert not re.search(r"[A-Z]{2,}_|CARC|EB01|X12", reason.patient_sentence)
    assert reason.patient_sentence.endswith(".")


def test_a_field_that_an_older_decision_did_not_keep_is_said_to_be_missing() -> None:
    assert Reason(Code.WAITING_PERIOD, "waiting-period").sentence.startswith("Covered from (not")


def test_every_note_has_a_sentence_and_the_document_says_the_same() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Notes")[2]
    told = dict(re.findall(r"^\| `([A-Z_]+)…?` \| (.+) \|$", text, re.MULTILINE))
    assert told == {begins: said.replace("{}", "…") for begins, said in notes.SENTENCES.items()}

    made = (ROOT / "payer_gateway" / "domain" / "eligibility.py").read_text(encoding="utf-8")
    body = made.partition("def _notes(")[2].partition("\ndef ")[0]
    in_code = set(re.findall(r'"([A-Z][A-Z_]{5,})[{"]', body))
    assert in_code == set(notes.SENTENCES)


def test_a_note_is_said_with_what_its_code_ends_with() -> None:
    assert notes.in_words("DEPENDENT_COVERAGE_ENDS_2026-12-31") == (
        "Cover as a dependent ends on 2026-12-31."
    )
    assert notes.in_words("SOMETHING_NEW") == "SOMETHING_NEW"
