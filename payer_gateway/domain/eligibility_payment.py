"""Rules 17 and 18: the penalty of a mandatory opinion that is missing, and that it is covered."""

from __future__ import annotations

from payer_gateway.domain.eligibility_case import Case, Found
from payer_gateway.domain.reason_codes import Code

# -- 17 mandatory opinion (claims for an operation) -----------------------------------------------


def mandatory_opinion(case: Case) -> Found:
    q, mandate, group = case.question, case.plan.mandate, case.mandate_group
    if mandate is None or group is None:
        return
    if q.urgency in mandate.exempt_urgency:
        yield Code.EMERGENCY_EXEMPT, {"urgency": q.urgency}
        return
    surgery = q.service_on
    # What the second opinion said does not matter: the patient decides.
    opinion = q.second_opinion.on if q.second_opinion is not None else None
    if opinion is None or opinion > surgery:
        yield Code.MANDATORY_SECOND_OPINION_MISSING, {"group": group}
        return
    valid, age = case.plan.opinion_valid_days, (surgery - opinion).days
    if valid is not None and age > valid:
        yield (
            Code.SECOND_OPINION_EXPIRED,
            {"opinion": str(opinion), "age": str(age), "valid": str(valid)},
        )


# -- 18 cost share --------------------------------------------------------------------------------


def cost_share(case: Case) -> Found:
    benefit = case.benefit.name if case.benefit is not None else "surgery"
    yield Code.COVERED_BENEFIT, {"benefit": benefit}
    if not case.question.is_surgery_claim and case.pays_as_in_network:
        yield Code.STATE_CANCER_MANDATE, {}
