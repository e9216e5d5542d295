"""One case for each reason that a rule can give, in the words of a scenario."""

from __future__ import annotations

from typing import Any

from eligibility_cases import BYPASS, FUSION, IN_JAPAN

from payer_gateway.mapping.scenario_file import merged

_HYBRID = [
    {"mode": "telemedicine", "service": "2026-03-12"},
    {"mode": "in_person", "service": "2026-04-12", "network": "in"},
]
_MIXED = [_HYBRID[0], {"mode": "in_person", "service": "2026-03-20", "network": "out"}]
_SECOND = {"npi": "1555000995", "tin_group": "G-X", "date": "2026-03-01", "agrees": "true"}
_THIRD = {"opinion_number": "3", "second_opinion": _SECOND}
_ABROAD = merged(IN_JAPAN, {"provider": {"country": "US"}})

# reason → plan, price, what is given
CASES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "MEMBER_NOT_FOUND": ("US-PPO-2026", None, {"member_found": "false"}),
    "DIAGNOSIS_INVALID": ("US-PPO-2026", None, {"request": {"diagnosis": {"code": "C97"}}}),
    "DIAGNOSIS_NOT_SPECIFIC": ("US-PPO-2026", None, {"request": {"diagnosis": {"code": "c50"}}}),
    "DIAGNOSIS_NOT_VALID_ON_DATE": (
        "US-PPO-2026",
        None,
        {
            "coverage": {"period": {"start": "2025-01-01"}},
            "request": {
                "service": "2025-09-30",
                "diagnosis": {"code": "c50a1"},
                "first_opinion": {"date": "2025-09-01"},
            },
        },
    ),
    "CURRENCY_PRECISION": (
        "JP-PRIV-GAN",
        None,
        merged(IN_JAPAN, {"request": {"billed": {"value": "44000.50", "currency": "JPY"}}}),
    ),
    "DATE_OUT_OF_RANGE": (
        "US-PPO-2026",
        None,
        {"coverage": {"period": {"end": "2028-12-31"}}, "request": {"service": "2027-06-01"}},
    ),
    "OPINION_ORDER": (
        "US-PPO-2026",
        None,
        {"request": {"first_opinion": {"date": "2026-03-20"}}},
    ),
    "NO_COVERAGE": ("US-PPO-2026", None, {"coverage": None}),
    "COVERAGE_NOT_YET_EFFECTIVE": (
        "US-PPO-2026",
        None,
        {"coverage": {"period": {"start": "2026-03-13"}}},
    ),
    "COVERAGE_TERMINATED": (
        "US-PPO-2026",
        None,
        {"coverage": {"period": {"end": "2026-03-11"}}},
    ),
    "RETROACTIVE_TERMINATION": (
        "US-PPO-2026",
        None,
        {
            "as_of": "2026-04-20T09:00:00Z",
            "coverage": {"period": {"end": "2026-02-28"}, "change_recorded": "2026-04-15"},
            "prior_answer": {
                "decision": "ELIGIBLE",
                "evaluated_at": "2026-03-05T12:00:00Z",
                "id": "ELG-9",
            },
        },
    ),
    "COVERAGE_NOT_ACTIVE": ("US-PPO-2026", None, {"coverage": {"status": "cancelled"}}),
    "DEPENDENT_AGE_LIMIT": (
        "US-PPO-2026",
        None,
        {"member": {"birth_date": "2000-02-27", "relationship": "child"}},
    ),
    "DIAGNOSIS_EXCLUDED": (
        "US-PPO-2026",
        None,
        {
            "request": {
                "diagnosis": {"code": "z411"},
                "proposed_procedure": "0HTT0ZZ",
                "auth_number": "A1",
            }
        },
    ),
    "BENEFIT_CATEGORY_MISMATCH": (
        "US-PPO-2026",
        None,
        {"request": {"diagnosis": {"code": "D25.9"}}},
    ),
    "MODE_NOT_COVERED": ("US-PPO-2026", None, {"request": {"mode": "records_review"}}),
    "WAITING_PERIOD": (
        "JP-PRIV-GAN",
        None,
        merged(IN_JAPAN, {"coverage": {"period": {"start": "2026-01-01"}}}),
    ),
    "THIRD_OPINION_NOT_WARRANTED": ("US-PPO-2026", None, {"request": _THIRD}),
    "NOT_INDEPENDENT": ("US-PPO-2026", None, {"provider": {"tin_group": "g-first "}}),
    "SECOND_OPINION_SURGEON_PERFORMS": (
        "US-PPO-2026",
        None,
        {"request": {"performing_surgeon_npi": "1555000128"}},
    ),
    "OPINION_AFTER_SURGERY": (
        "US-PPO-2026",
        None,
        {"request": {**BYPASS, "surgery_date": "2026-03-11"}},
    ),
    "COE_REQUIRED": ("US-PPO-2026", None, {"provider": {"coe": "false"}, "request": BYPASS}),
    "CROSS_BORDER_NOT_COVERED": (
        "JP-PRIV-GAN",
        None,
        merged(IN_JAPAN, {"provider": {"country": "TH"}}),
    ),
    "BENEFIT_LIMIT_REACHED": (
        "US-PPO-2026",
        None,
        {"accumulators": {"opinions_used": {"C50": {"second": "1"}}}},
    ),
    "PREMIUM_GRACE_PERIOD": (
        "US-PPO-2026",
        None,
        {"coverage": {"paid_through": "2026-02-28", "grace_ends": "2026-05-31"}},
    ),
    "MEDICAL_NECESSITY_REVIEW": ("MEDICARE-B-2026", None, {"request": _THIRD}),
    "PROVIDER_LICENSURE": ("US-PPO-2026", None, {"request": {"patient_location": "US-TX"}}),
    "CURRENCY_CONVERSION_REQUIRED": (
        "JP-PRIV-GAN",
        None,
        merged(IN_JAPAN, {"request": {"billed": {"value": "420.00", "currency": "USD"}}}),
    ),
    "SECONDARY_PAYER": (
        "US-PPO-2026",
        None,
        {"coverage": {"order": "2"}, "other_coverage": {"order": "1", "payer": "Insurer Z"}},
    ),
    "CROSS_BORDER_AUTH_REQUIRED": ("JP-PRIV-GAN", None, _ABROAD),
    "HYBRID_WINDOW_EXCEEDED": (
        "US-PPO-2026",
        None,
        {"request": {"mode": "hybrid", "legs": _HYBRID}},
    ),
    "AUTH_REQUIRED": ("US-PPO-2026", None, {"request": {**BYPASS, "auth_number": None}}),
    "AUTH_EXPIRED": (
        "US-PPO-2026",
        None,
        {"request": {**BYPASS, "auth_period": {"start": "2026-01-01", "end": "2026-03-11"}}},
    ),
    "MANDATORY_SECOND_OPINION_MISSING": ("EMP-MANDATORY-2026", "3000.00", {"request": FUSION}),
    "SECOND_OPINION_EXPIRED": (
        "EMP-MANDATORY-2026",
        "1200.00",
        {
            "request": {
                **FUSION,
                "surgery_date": "2026-09-30",
                "second_opinion": {"date": "2026-03-12"},
            }
        },
    ),
    "COVERED_BENEFIT": ("US-PPO-2026", None, {}),
    "OUT_OF_NETWORK": ("US-PPO-2026", None, {"provider": {"network": "out"}}),
    "MIXED_NETWORK": ("US-PPO-2026", None, {"request": {"mode": "hybrid", "legs": _MIXED}}),
    "BENEFIT_LIMIT_PARTIAL": (
        "JP-PRIV-GAN",
        "44000",
        merged(IN_JAPAN, {"accumulators": {"amount_used": "180000"}}),
    ),
    "STATE_CANCER_MANDATE": (
        "US-PPO-NY-INSURED-2026",
        None,
        {
            "provider": {"network": "out"},
            "request": {"written_referral_from_attending": "true"},
        },
    ),
    "EMERGENCY_EXEMPT": (
        "EMP-MANDATORY-2026",
        "3000.00",
        {"request": {**FUSION, "urgency": "emergency"}},
    ),
}
