"""Reason codes of eligibility and the shape of what is published about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The decision, worst first."""

    INVALID = "INVALID"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    PENDED = "PENDED"
    CONDITIONAL = "CONDITIONAL"
    ELIGIBLE = "ELIGIBLE"

    # A member is its text. Enum's own hash is worked out in Python each time, str's only once.
    __hash__ = str.__hash__


class Code(StrEnum):
    MEMBER_NOT_FOUND = "MEMBER_NOT_FOUND"
    DIAGNOSIS_INVALID = "DIAGNOSIS_INVALID"
    DIAGNOSIS_NOT_SPECIFIC = "DIAGNOSIS_NOT_SPECIFIC"
    DIAGNOSIS_NOT_VALID_ON_DATE = "DIAGNOSIS_NOT_VALID_ON_DATE"
    CURRENCY_PRECISION = "CURRENCY_PRECISION"
    DATE_OUT_OF_RANGE = "DATE_OUT_OF_RANGE"
    OPINION_ORDER = "OPINION_ORDER"
    NO_COVERAGE = "NO_COVERAGE"
    COVERAGE_NOT_YET_EFFECTIVE = "COVERAGE_NOT_YET_EFFECTIVE"
    COVERAGE_TERMINATED = "COVERAGE_TERMINATED"
    RETROACTIVE_TERMINATION = "RETROACTIVE_TERMINATION"
    COVERAGE_NOT_ACTIVE = "COVERAGE_NOT_ACTIVE"
    DEPENDENT_AGE_LIMIT = "DEPENDENT_AGE_LIMIT"
    DIAGNOSIS_EXCLUDED = "DIAGNOSIS_EXCLUDED"
    BENEFIT_CATEGORY_MISMATCH = "BENEFIT_CATEGORY_MISMATCH"
    MODE_NOT_COVERED = "MODE_NOT_COVERED"
    WAITING_PERIOD = "WAITING_PERIOD"
    THIRD_OPINION_NOT_WARRANTED = "THIRD_OPINION_NOT_WARRANTED"
    NOT_INDEPENDENT = "NOT_INDEPENDENT"
    SECOND_OPINION_SURGEON_PERFORMS = "SECOND_OPINION_SURGEON_PERFORMS"
    OPINION_AFTER_SURGERY = "OPINION_AFTER_SURGERY"
    COE_REQUIRED = "COE_REQUIRED"
    CROSS_BORDER_NOT_COVERED = "CROSS_BORDER_NOT_COVERED"
    BENEFIT_LIMIT_REACHED = "BENEFIT_LIMIT_REACHED"
    PREMIUM_GRACE_PERIOD = "PREMIUM_GRACE_PERIOD"
    MEDICAL_NECESSITY_REVIEW = "MEDICAL_NECESSITY_REVIEW"
    PROVIDER_LICENSURE = "PROVIDER_LICENSURE"
    CURRENCY_CONVERSION_REQUIRED = "CURRENCY_CONVERSION_REQUIRED"
    SECONDARY_PAYER = "SECONDARY_PAYER"
    CROSS_BORDER_AUTH_REQUIRED = "CROSS_BORDER_AUTH_REQUIRED"
    HYBRID_WINDOW_EXCEEDED = "HYBRID_WINDOW_EXCEEDED"
    AUTH_REQUIRED = "AUTH_REQUIRED"
    AUTH_EXPIRED = "AUTH_EXPIRED"
    MANDATORY_SECOND_OPINION_MISSING = "MANDATORY_SECOND_OPINION_MISSING"
    SECOND_OPINION_EXPIRED = "SECOND_OPINION_EXPIRED"
    COVERED_BENEFIT = "COVERED_BENEFIT"
    OUT_OF_NETWORK = "OUT_OF_NETWORK"
    MIXED_NETWORK = "MIXED_NETWORK"
    BENEFIT_LIMIT_PARTIAL = "BENEFIT_LIMIT_PARTIAL"
    STATE_CANCER_MANDATE = "STATE_CANCER_MANDATE"
    EMERGENCY_EXEMPT = "EMERGENCY_EXEMPT"
    DECIDED_BY_PERSON = "DECIDED_BY_PERSON"
    REFUSED_BY_PERSON = "REFUSED_BY_PERSON"

    __hash__ = str.__hash__  # as above


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason leads to, says and is called elsewhere.

    ``sentence`` (for a benefits manager) and ``patient`` are filled from the reason's fields.
    ``carc`` is an X12 claim adjustment reason code, the others are elements of an X12 271:
    ``eb01`` eligibility, ``eb11`` authorization, ``eb12`` network, ``aaa`` request validation
    (AAA03). Bare code numbers, without X12's words. Where a number is one of two that fit
    ("7/8"), the first is sent and ``also`` holds the other.
    """

    verdict: Verdict
    sentence: str
    patient: str
    carc: str | None = None
    eb01: str | None = None
    aaa: str | None = None
    eb11: str | None = None
    eb12: str | None = None
    also: tuple[tuple[str, str], ...] = ()  # (column, number)

    def accepted(self, column: str) -> tuple[str, ...]:
        """Every number published for the reason in one column, the one we send first."""
        sent = getattr(self, column)
        other = tuple(number for name, number in self.also if name == column)
        return other if sent is None else (sent, *other)
