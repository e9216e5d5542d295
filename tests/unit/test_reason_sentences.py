"""What is said of a case, word for word: the sentence that a benefits manager reads."""

from __future__ import annotations

import pytest
from eligibility_cases import decided
from sentence_cases import CASES

from payer_gateway.domain.reasons import Code

BY_A_PERSON = {"DECIDED_BY_PERSON", "REFUSED_BY_PERSON"}
TEXT = """
MEMBER_NOT_FOUND:
    No member of the plan has this member id.
DIAGNOSIS_INVALID:
    C97 is no diagnosis code of http://hl7.org/fhir/sid/icd-10-cm.
DIAGNOSIS_NOT_SPECIFIC:
    C50 is a heading, not a code that can be billed; name one that begins with C50.
DIAGNOSIS_NOT_VALID_ON_DATE:
    C50.A1 is not in the code set of 2025-09-30, the day of the service.
CURRENCY_PRECISION:
    44000.50 is no amount in JPY, which has 0 digits after the point.
DATE_OUT_OF_RANGE:
    The service on 2027-06-01 is later than 2027-03-05, twelve months from the day of asking.
OPINION_ORDER:
    The first opinion is dated 2026-03-20, after the second opinion on 2026-03-12.
NO_COVERAGE:
    The consultation names no coverage: the patient pays.
COVERAGE_NOT_YET_EFFECTIVE:
    Cover starts on 2026-03-13, after the service on 2026-03-12.
COVERAGE_TERMINATED:
    Cover ended on 2026-03-11, before the service on 2026-03-12.
RETROACTIVE_TERMINATION:
    Cover was ended as of 2026-02-28 by a change recorded on 2026-04-15, after an earlier
    answer of 2026-03-05; a rescission review is due.
COVERAGE_NOT_ACTIVE:
    The coverage is cancelled, not active.
DEPENDENT_AGE_LIMIT:
    Cover as a dependent ended on 2026-02-28, with age 26.
DIAGNOSIS_EXCLUDED:
    The plan excludes Z41.1.
BENEFIT_CATEGORY_MISMATCH:
    Neither the diagnosis D25.9 nor a planned operation falls under a second-opinion benefit
    of the plan (oncology, complex surgery).
MODE_NOT_COVERED:
    The oncology benefit does not cover the mode records review (covered: telemedicine,
    in person, hybrid).
WAITING_PERIOD:
    Covered from 2026-04-01 on, after the plan's waiting period.
THIRD_OPINION_NOT_WARRANTED:
    The plan pays a third opinion after a recorded disagreement of the first two; they agree.
NOT_INDEPENDENT:
    The opinion comes from the same organization as an earlier one; it must be independent.
SECOND_OPINION_SURGEON_PERFORMS:
    The doctor who gives the opinion is to perform the operation.
OPINION_AFTER_SURGERY:
    The operation is on 2026-03-11, before the opinion on 2026-03-12.
COE_REQUIRED:
    The complex surgery benefit is paid at a centre of excellence only.
CROSS_BORDER_NOT_COVERED:
    The plan does not cover an opinion given in TH.
BENEFIT_LIMIT_REACHED:
    Used: 1 of 1 second opinions, for the benefit year from 2026-01-01.
PREMIUM_GRACE_PERIOD:
    The premium is paid through 2026-02-28; the service on 2026-03-12 is in the grace period
    (until 2026-05-31).
MEDICAL_NECESSITY_REVIEW:
    The first two opinions are not recorded to disagree (they agree): whether a third is
    medically necessary is for a reviewer.
PROVIDER_LICENSURE:
    The doctor is licensed in US-NY, US-NJ, the patient is in US-TX; a licence there must be
    shown.
CURRENCY_CONVERSION_REQUIRED:
    The price is in USD, the plan pays in JPY, and no rate is agreed.
SECONDARY_PAYER:
    Insurer Z is billed first.
CROSS_BORDER_AUTH_REQUIRED:
    An opinion given in US needs the insurer's prior authorization.
HYBRID_WINDOW_EXCEEDED:
    The meetings are 31 days apart, more than 30: they count as 2 opinions.
AUTH_REQUIRED:
    The complex surgery benefit needs the insurer's prior authorization.
AUTH_EXPIRED:
    The authorization on file does not cover the service on 2026-03-12.
MANDATORY_SECOND_OPINION_MISSING:
    The plan asks for a second opinion before this operation (spine fusion) and none is on
    file; the operation is covered, the benefit is reduced.
SECOND_OPINION_EXPIRED:
    The second opinion of 2026-03-12 is 202 days old on the day of the operation, more than
    180.
COVERED_BENEFIT:
    Covered under the oncology benefit.
OUT_OF_NETWORK:
    The provider is out of network; that cost share applies.
MIXED_NETWORK:
    Some of the meetings are out of network (in, out); the higher cost share applies.
BENEFIT_LIMIT_PARTIAL:
    The plan pays the 20000 JPY that are left of 200000 for this benefit year, the member the
    rest.
STATE_CANCER_MANDATE:
    The state's cancer mandate applies: out of network at in-network cost, on the attending
    physician's written referral.
EMERGENCY_EXEMPT:
    Urgency emergency: the plan asks for no second opinion before this operation.
"""


def _by_code(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    code = ""
    for line in text.strip().splitlines():
        if line.startswith(" "):
            found[code] = f"{found[code]} {line.strip()}".strip()
        else:
            code = line.rstrip(":")
            found[code] = ""
    return found


SENTENCES = _by_code(TEXT)


def test_every_reason_that_a_rule_can_give_has_a_case_and_a_sentence() -> None:
    assert {code.value for code in Code} == CASES.keys() | BY_A_PERSON
    assert CASES.keys() == SENTENCES.keys()


@pytest.mark.parametrize("code", SENTENCES)
def test_each_reason_is_said_with_the_facts_of_its_case(code: str) -> None:
    plan, price, given = CASES[code]

    decision = decided(plan, price=price, **given)

    (reason,) = (each for each in decision.reasons if each.code.value == code)
    assert reason.sentence == SENTENCES[code]
    assert len(decision.reasons) == (2 if decision.reasons[0].code is not reason.code else 1)


def test_what_is_not_known_is_said_so() -> None:
    grace = decided(coverage={"paid_through": "2026-02-28"}).reasons[0].sentence
    second = {"opinion_number": "3", "second_opinion": {"date": "2026-03-01"}}
    third = decided(request=second).reasons[0].sentence
    nowhere = decided(provider={"licensed_in": []}).reasons[0].sentence
    unnamed = decided(coverage={"order": "2"}).reasons[0].sentence
    metal = {"billed": {"value": "1.00", "currency": "XAU"}}
    odd = decided(request=metal).reasons[0].sentence
    no_system = decided(request={"diagnosis": {"system": None, "code": "x"}}).reasons[0].sentence

    assert grace.endswith("is in the grace period (its end is not known).")
    assert third.endswith("of the first two; none is recorded.")
    assert nowhere.startswith("The doctor is licensed in no place that we know of,")
    assert unnamed == "another insurer is billed first."
    assert odd == "1.00 is no amount in XAU, which has 0 digits after the point."
    assert no_system == "x is no diagnosis code of no code system."


def test_an_allowance_for_life_and_an_amount_are_said_in_their_own_words() -> None:
    for_life = {"unit": "opinion", "per": "condition", "term": "lifetime", "max_third": "0"}
    amount = {"unit": "amount", "per": "member", "max": "500.00"}
    disagree = {"date": "2026-03-01", "agrees": "false"}

    third = decided(
        plan_keys={"limits": [for_life]},
        request={"opinion_number": "3", "second_opinion": disagree},
    )
    money = decided(plan_keys={"limits": [amount]}, accumulators={"amount_used": "500.00"})

    assert third.reasons[0].sentence == "Used: 0 of 0 third opinions, for the whole time of cover."
    assert money.reasons[0].sentence == (
        "Used: 500.00 of 500.00 USD, for the benefit year from 2026-01-01."
    )


def test_a_cancelled_cover_without_an_end_was_ended_from_its_beginning() -> None:
    decision = decided(
        as_of="2026-04-20T09:00:00Z",
        coverage={
            "status": "cancelled",
            "period": {"end": None},
            "change_recorded": "2026-04-15",
        },
        prior_answer={"decision": "ELIGIBLE", "evaluated_at": "2026-03-05T12:00:00Z", "id": "E"},
    )

    assert decision.reasons[0].sentence.startswith("Cover was ended as of its beginning by")
