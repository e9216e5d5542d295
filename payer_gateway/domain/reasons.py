"""Why a plan pays or does not: every reason code, what it leads to, and the standard codes for it.

CARC and X12 271 values are code numbers only; the words are ours.
Source: X12 claim adjustment reason codes; X12 271 EB01/AAA; 42 CFR and plan texts as collected in
``docs/decisions/005-decisions.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """The decision, worst first."""

    INVALID = "INVALID"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    PENDED = "PENDED"
    CONDITIONAL = "CONDITIONAL"
    ELIGIBLE = "ELIGIBLE"


class Code(StrEnum):
    DIAGNOSIS_INVALID = "DIAGNOSIS_INVALID"
    OPINION_ORDER = "OPINION_ORDER"
    NO_COVERAGE = "NO_COVERAGE"
    COVERAGE_NOT_YET_EFFECTIVE = "COVERAGE_NOT_YET_EFFECTIVE"
    COVERAGE_TERMINATED = "COVERAGE_TERMINATED"
    COVERAGE_NOT_ACTIVE = "COVERAGE_NOT_ACTIVE"
    DIAGNOSIS_EXCLUDED = "DIAGNOSIS_EXCLUDED"
    BENEFIT_CATEGORY_MISMATCH = "BENEFIT_CATEGORY_MISMATCH"
    MODE_NOT_COVERED = "MODE_NOT_COVERED"
    WAITING_PERIOD = "WAITING_PERIOD"
    NOT_INDEPENDENT = "NOT_INDEPENDENT"
    OPINION_AFTER_SURGERY = "OPINION_AFTER_SURGERY"
    COE_REQUIRED = "COE_REQUIRED"
    CROSS_BORDER_NOT_COVERED = "CROSS_BORDER_NOT_COVERED"
    BENEFIT_LIMIT_REACHED = "BENEFIT_LIMIT_REACHED"
    CURRENCY_CONVERSION_REQUIRED = "CURRENCY_CONVERSION_REQUIRED"
    CROSS_BORDER_AUTH_REQUIRED = "CROSS_BORDER_AUTH_REQUIRED"
    AUTH_REQUIRED = "AUTH_REQUIRED"
    AUTH_EXPIRED = "AUTH_EXPIRED"
    SECONDARY_PAYER = "SECONDARY_PAYER"
    COVERED_BENEFIT = "COVERED_BENEFIT"
    OUT_OF_NETWORK = "OUT_OF_NETWORK"
    DECIDED_BY_PERSON = "DECIDED_BY_PERSON"
    REFUSED_BY_PERSON = "REFUSED_BY_PERSON"


@dataclass(frozen=True, slots=True)
class Meaning:
    """``sentence`` is filled from the reason's fields; ``carc``/``eb01`` are bare code numbers."""

    verdict: Verdict
    sentence: str
    carc: str | None = None
    eb01: str | None = None


_INVALID, _NO, _PEND, _IF, _YES = Verdict
MEANINGS: Mapping[Code, Meaning] = {
    Code.DIAGNOSIS_INVALID: Meaning(_INVALID, "{code} is no diagnosis code of {system}.", "146"),
    Code.OPINION_ORDER: Meaning(
        _INVALID, "The first opinion is dated {first}, after this consultation on {service}.", "16"
    ),
    Code.NO_COVERAGE: Meaning(_NO, "The consultation names no coverage: the patient pays."),
    Code.COVERAGE_NOT_YET_EFFECTIVE: Meaning(
        _NO, "Cover starts on {start}, after the service on {service}.", "26", "6"
    ),
    Code.COVERAGE_TERMINATED: Meaning(
        _NO, "Cover ended on {end}, before the service on {service}.", "27", "6"
    ),
    Code.COVERAGE_NOT_ACTIVE: Meaning(_NO, "The coverage is {status}, not active.", "27", "6"),
    Code.DIAGNOSIS_EXCLUDED: Meaning(_NO, "The plan excludes {code}.", "167", "I"),
    Code.BENEFIT_CATEGORY_MISMATCH: Meaning(
        _NO,
        "Neither the diagnosis {code} nor a planned operation falls under a second-opinion"
        " benefit of the plan ({benefits}).",
        "204",
        "I",
    ),
    Code.MODE_NOT_COVERED: Meaning(
        _NO, "The {benefit} benefit does not cover the mode {mode} (covered: {modes}).", "96", "I"
    ),
    Code.WAITING_PERIOD: Meaning(
        _NO, "The plan's waiting period lasts until {eligible_from}.", "179", "I"
    ),
    Code.NOT_INDEPENDENT: Meaning(
        _NO,
        "Both opinions come from the same {shared}; a second opinion must be independent.",
        "272",
        "I",
    ),
    Code.OPINION_AFTER_SURGERY: Meaning(
        _NO, "The operation is on {surgery}, before the opinion on {service}.", "272", "I"
    ),
    Code.COE_REQUIRED: Meaning(
        _NO, "The {benefit} benefit is paid at a centre of excellence only.", "242", "N"
    ),
    Code.CROSS_BORDER_NOT_COVERED: Meaning(
        _NO, "The plan does not cover an opinion given in {country}.", "242", "N"
    ),
    Code.BENEFIT_LIMIT_REACHED: Meaning(
        _NO,
        "{used} of {maximum} opinions of this kind are used for the benefit year from {year}.",
        "119",
        "F",
    ),
    Code.CURRENCY_CONVERSION_REQUIRED: Meaning(
        _PEND, "The price is in {billed}, the plan pays in {plan}, and no rate is agreed.", "16"
    ),
    Code.CROSS_BORDER_AUTH_REQUIRED: Meaning(
        _IF, "An opinion given in {country} needs the insurer's prior authorization."
    ),
    Code.AUTH_REQUIRED: Meaning(
        _IF, "The {benefit} benefit needs the insurer's prior authorization.", "197", "Y"
    ),
    Code.AUTH_EXPIRED: Meaning(
        _IF, "The authorization on file does not cover the service on {service}.", "302", "Y"
    ),
    Code.SECONDARY_PAYER: Meaning(_IF, "{first} is billed first.", "22", "R"),
    Code.COVERED_BENEFIT: Meaning(_YES, "The {benefit} benefit covers this opinion."),
    Code.OUT_OF_NETWORK: Meaning(_YES, "The provider is out of network; that cost share applies."),
    Code.DECIDED_BY_PERSON: Meaning(_YES, "A person decided that this is covered: {reason}"),
    Code.REFUSED_BY_PERSON: Meaning(_NO, "A person refused this: {reason}"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    code: Code
    rule: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        return MEANINGS[self.code].verdict

    @property
    def sentence(self) -> str:
        """One plain sentence, without the name of anybody."""
        return MEANINGS[self.code].sentence.format_map(self.fields)
