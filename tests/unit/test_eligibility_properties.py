"""What holds of every decision, whatever is asked: it answers, it adds up, it repeats itself, and
one more fault never makes it better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from eligibility_cases import CODES, SHELF, shipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.eligibility import Decision, Leg, Question, Snapshot, decide
from payer_gateway.domain.eligibility_question import (
    Amount,
    EarlierOpinion,
    Member,
    OtherCoverage,
    Premium,
    PriorAnswer,
)
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import ConditionWaiting, Limit, Plan, ThirdOpinion
from payer_gateway.domain.reasons import Verdict
from payer_gateway.mapping.decision_json import decode, encode, input_digest
from payer_gateway.mapping.scenario_question import question_of_scenario

CM = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
PLANS = tuple(SHELF.plan(name) for name in SHELF.names())
WORST_FIRST = list(Verdict)

DAYS = st.dates(date(2024, 2, 1), date(2028, 3, 31)) | st.sampled_from(
    [date.min, date.max, date(2024, 2, 29), date(2028, 2, 29), date(2026, 12, 31)]
)
ZONES = st.sampled_from(
    [UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")]
)
MOMENTS = st.datetimes(timezones=ZONES, allow_imaginary=True) | st.datetimes()
WHEN = st.none() | DAYS | MOMENTS
PERIODS = st.builds(Period, WHEN, WHEN)
TEXT = st.none() | st.sampled_from(["1555000110", "1555000128", "G-1", "", " "]) | st.text()
COUNTRIES = st.none() | st.sampled_from(["US", "JP", "SG", "TH"])
PLACES = st.none() | st.sampled_from(["US-NY", "US-TX", "US", "JP-13", "JP", "-", ""])
MODES = st.sampled_from(["telemedicine", "in_person", "records_review", "hybrid", "?"])
NETWORKS = st.sampled_from(["in", "out"])
MONEY = st.builds(
    Money.from_minor, st.integers(0, 10**12), st.sampled_from(["USD", "JPY", "INR", "EUR", "KWD"])
)
DIAGNOSES = st.builds(
    Coding,
    st.sampled_from([CM, "http://hl7.org/fhir/sid/icd-10", "x", ""]),
    st.sampled_from(["C50.411", "C50", "c50411", "C50.A1", "M17.11", "Z41.1", "C97", "R91.8"])
    | st.text(),
)
OPERATIONS = st.builds(
    Coding, st.just(PCS), st.sampled_from(["021109W", "0SG1071", "0FT44ZZ"]) | st.text()
)
LEGS = st.builds(Leg, MODES, DAYS, st.none() | MOMENTS, st.none() | NETWORKS)
QUESTIONS = st.builds(
    Question,
    opinion_number=st.integers(-1, 5),
    mode=MODES,
    legs=st.lists(LEGS, max_size=4).map(tuple),
    diagnosis=DIAGNOSES,
    procedure=st.none() | OPERATIONS | st.lists(OPERATIONS, max_size=2).map(tuple),
    surgery_on=st.none() | DAYS,
    benefit=st.none() | st.sampled_from(["oncology", "complex_surgery", "x"]),
    episode_id=st.none() | st.sampled_from(["EP-1", ""]),
    first_opinion_on=st.none() | DAYS,
    first_opinion_npi=TEXT,
    first_opinion_organization=TEXT,
    provider_npi=TEXT,
    provider_organization=TEXT,
    provider_country=COUNTRIES,
    provider_network=NETWORKS,
    provider_is_coe=st.booleans(),
    patient_country=COUNTRIES,
    coverage_order=st.integers(0, 3),
    coverage_status=st.sampled_from(["active", "active", "active", "cancelled", ""]),
    coverage_period=PERIODS,
    billed_first=st.none() | st.just("Z"),
    authorization_number=st.none() | st.just("A1"),
    authorization_period=st.none() | PERIODS,
    modifiers=st.sampled_from([(), ("SF",), ("sm", "GT")]),
    billed=st.none() | MONEY,
    agreed_fee=st.none() | MONEY,
    kind=st.sampled_from(["opinion", "opinion", "surgery_claim", "?"]),
    urgency=st.sampled_from(["elective", "urgent", "emergency", "?"]),
    recommends_surgery=st.none() | st.booleans(),
    second_opinion=st.none()
    | st.builds(EarlierOpinion, st.none() | DAYS, TEXT, TEXT, st.none() | st.booleans()),
    performing_surgeon_npi=TEXT,
    has_written_referral=st.booleans(),
    patient_location=PLACES,
    provider_licensed_in=st.none()
    | st.lists(st.sampled_from(["US-NY", "US", "JP", ""]), max_size=2).map(tuple),
    language=st.none() | st.sampled_from(["ja", "de-AT", ""]),
    member=st.none()
    | st.builds(
        Member,
        st.none() | DAYS | st.dates(date(1998, 1, 1), date(2003, 1, 1)),
        st.sampled_from(["self", "child", "spouse"]),
        st.booleans(),
    ),
    premium=st.none() | st.builds(Premium, DAYS, st.none() | DAYS),
    coverage_change_recorded=st.none() | DAYS,
    other_coverage=st.none()
    | st.builds(
        OtherCoverage,
        TEXT,
        st.none() | st.integers(0, 3),
        st.none() | st.sampled_from(["02-10", "1990-02-29", ""]),
    ),
    subscriber_birthday=st.none() | st.sampled_from(["09-30", "02-09", ""]),
    amounts=st.lists(
        st.builds(Amount, st.decimals(), st.sampled_from(["USD", "JPY", "XAU", ""])), max_size=1
    ).map(tuple),
)
SNAPSHOTS = st.builds(
    Snapshot,
    opinions_used=st.dictionaries(
        st.tuples(
            st.sampled_from(["*", "EP-1", "C50"]),
            st.sampled_from([2, 3]),
            st.sampled_from([date(2026, 1, 1), date(2025, 4, 1)]),
        ),
        st.integers(0, 3),
    ),
    deductible_met=st.none() | MONEY,
    amount_used=st.none() | st.decimals(0, 10**9, places=2),
    accumulators_of=st.none() | st.sampled_from([date(2026, 1, 1), date(2025, 4, 1)]),
    member_found=st.sampled_from([True, True, False]),
    as_of=st.none() | MOMENTS,
    prior=st.none()
    | st.builds(
        PriorAnswer, st.just("ELG-9"), st.sampled_from(["ELIGIBLE", "INVALID", ""]), MOMENTS
    ),
)
PATIENTLY = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(QUESTIONS, st.sampled_from(PLANS), SNAPSHOTS)
@PATIENTLY
def test_whatever_is_asked_is_answered_and_the_answer_holds_together(
    question: Question, plan: Plan, known: Snapshot
) -> None:
    decision = decide(question, plan, known, CODES)

    assert decision == decide(question, plan, known, CODES)
    assert decision.reasons[0].verdict is decision.verdict
    assert all(r.sentence and r.patient_sentence for r in decision.reasons)
    assert all("(not said)" not in r.sentence + r.patient_sentence for r in decision.reasons)
    beside = {Verdict.PENDED} if decision.verdict is Verdict.NOT_ELIGIBLE else set()
    assert {r.verdict for r in decision.reasons} <= {decision.verdict, *beside}
    assert len({r.code for r in decision.reasons}) >= len(decision.reasons) - 1
    if decision.cost is not None:
        assert decision.cost.member + decision.cost.plan == decision.cost.allowed
        assert decision.cost.member.amount >= 0
        assert decision.cost.plan.amount >= 0
    if decision.verdict not in (Verdict.ELIGIBLE, Verdict.CONDITIONAL):
        assert decision.cost is None


@given(QUESTIONS, st.sampled_from(PLANS), SNAPSHOTS)
@PATIENTLY
def test_a_decision_is_kept_whole_but_for_its_trace(
    question: Question, plan: Plan, known: Snapshot
) -> None:
    decision = decide(question, plan, known, CODES)

    body = encode(decision, question, known)

    assert decode(body) == replace(decision, trace=())
    again = encode(decide(question, plan, known, CODES), question, known)
    assert again == body
    assert input_digest(question, plan, known) == input_digest(question, plan, known)


# -- one more fault -------------------------------------------------------------------------------

Asked = tuple[Question, Plan, Snapshot]
Change = Callable[[Question, Plan, Snapshot], Asked]


def asks(**changes: Any) -> Change:
    return lambda question, plan, known: (replace(question, **changes), plan, known)


def knows(**changes: Any) -> Change:
    return lambda question, plan, known: (question, plan, replace(known, **changes))


def demands(**changes: Any) -> Change:
    return lambda question, plan, known: (question, replace(plan, **changes), known)


def the_first_doctor_again(question: Question, plan: Plan, known: Snapshot) -> Asked:
    return replace(question, first_opinion_npi=question.provider_npi), plan, known


def the_surgeon_gives_it(question: Question, plan: Plan, known: Snapshot) -> Asked:
    return replace(question, performing_surgeon_npi=question.provider_npi), plan, known


def excludes_it(question: Question, plan: Plan, known: Snapshot) -> Asked:
    code = question.diagnosis.code.strip()[:3]
    return question, replace(plan, excluded_diagnoses=(*plan.excluded_diagnoses, code)), known


def allows_none(question: Question, plan: Plan, known: Snapshot) -> Asked:
    none = Limit("opinion", "member", 0, 0, None)
    return question, replace(plan, limits=(*plan.limits, none)), known


def pays_nothing_more(question: Question, plan: Plan, known: Snapshot) -> Asked:
    nothing = Limit("amount", "member", None, None, Decimal(0))
    return question, replace(plan, limits=(*plan.limits, nothing)), known


YESTERDAY = Period(None, date(2020, 1, 1))
FAULTS: dict[str, Change] = {
    "member": knows(member_found=False),
    "amount": asks(amounts=(Amount(Decimal("0.0001"), "USD"),)),
    "diagnosis": asks(diagnosis=Coding("x", "C97")),
    "status": asks(coverage_status="cancelled"),
    "period": asks(coverage_period=YESTERDAY),
    "premium": asks(premium=Premium(date(2020, 1, 1))),
    "age": asks(member=Member(date(1950, 1, 1), "child")),
    "order": asks(billed_first="Z"),
    "mode": asks(mode="fax"),
    "benefit": asks(benefit="dental"),
    "coe": asks(provider_is_coe=False),
    "licence": asks(provider_licensed_in=()),
    "abroad": asks(provider_country="TH"),
    "leave": asks(authorization_number=None),
    "leave expired": asks(authorization_period=YESTERDAY),
    "currency": asks(agreed_fee=Money(Decimal(1), "EUR")),
    "first opinion later": asks(first_opinion_on=date.max),
    "no second opinion": asks(second_opinion=None),
    "same doctor": the_first_doctor_again,
    "surgeon": the_surgeon_gives_it,
    "excluded": excludes_it,
    "wait": demands(waiting_period_days=9999),
    "wait by condition": demands(condition_waiting=(ConditionWaiting(("C", "M", "I"), 999),)),
    "disagreement": demands(third_opinion=ThirdOpinion.REQUIRES_DISAGREEMENT),
    "before the operation": demands(must_precede_surgery=True),
    "no limit left": allows_none,
    "no money left": pays_nothing_more,
    "window": demands(hybrid_window_days=0),
    "short validity": demands(opinion_valid_days=0),
    "country": demands(cross_border_allowed=()),
}


def rank(decision: Decision) -> int:
    return WORST_FIRST.index(decision.verdict)


@pytest.mark.parametrize("fault", FAULTS)
@given(QUESTIONS, st.sampled_from(PLANS), SNAPSHOTS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_more_fault_never_makes_a_decision_better(
    fault: str, question: Question, plan: Plan, known: Snapshot
) -> None:
    before = decide(question, plan, known, CODES)

    worse, stricter, told = FAULTS[fault](question, plan, known)

    assert rank(decide(worse, stricter, told, CODES)) <= rank(before)


SOUND = [s for s in shipped() if s.expect.get("decision") == "ELIGIBLE"]


@pytest.mark.parametrize("scenario", SOUND, ids=lambda s: s.id)
@given(st.sets(st.sampled_from(sorted(FAULTS)), max_size=4), st.sampled_from(sorted(FAULTS)))
@settings(max_examples=10, deadline=None)
def test_faults_add_up_on_the_decided_cases(scenario: Any, some: set[str], more: str) -> None:
    asked = question_of_scenario(scenario)
    assert asked is not None
    question, known = asked
    plan = scenario.plan
    for fault in sorted(some):
        question, plan, known = FAULTS[fault](question, plan, known)
    before = decide(question, plan, known, CODES)

    worse, stricter, told = FAULTS[more](question, plan, known)

    assert rank(decide(worse, stricter, told, CODES)) <= rank(before)


@given(QUESTIONS, st.sampled_from(PLANS), SNAPSHOTS, st.sampled_from(sorted(FAULTS)))
@PATIENTLY
def test_what_is_answered_otherwise_was_asked_otherwise(
    question: Question, plan: Plan, known: Snapshot, fault: str
) -> None:
    changed, _, told = FAULTS[fault](question, plan, known)

    before = encode(decide(question, plan, known, CODES), None, None)
    after = encode(decide(changed, plan, told, CODES), None, None)

    # The same digest, the same answer: an input that the digest leaves out would show here.
    same_digest = input_digest(question, plan, known) == input_digest(changed, plan, told)
    assert before == after or not same_digest
