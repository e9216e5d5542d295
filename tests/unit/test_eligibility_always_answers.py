"""Whatever is asked, the engine answers, and the answer holds together."""

from __future__ import annotations

from datetime import UTC, date, datetime

from eligibility_questions import (
    CODES,
    ICD_10_CM,
    ICD_10_PCS,
    JAPAN,
    MEDICARE,
    PPO,
    TOKYO,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.eligibility import (
    Leg,
    Question,
    Snapshot,
    decide,
)
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.reasons import Verdict

DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
MOMENTS = st.builds(
    datetime.fromtimestamp, st.integers(1_704_067_200, 1_861_920_000), st.sampled_from([UTC, TOKYO])
)
PERIODS = st.builds(Period, st.none() | DAYS | MOMENTS, st.none() | DAYS | MOMENTS)
CODINGS = st.builds(
    Coding,
    st.sampled_from([ICD_10_CM, ICD_10_PCS, "http://hl7.org/fhir/sid/icd-10", "x"]),
    st.sampled_from(["C50.411", "I25.110", "021109W", "Z41.1", "C97", "D25.9"]) | st.text(),
)
COUNTRIES = st.none() | st.sampled_from(["US", "JP", "SG", "TH"])
NAMES = st.none() | st.sampled_from(["1555000110", "1555000128", "98-1", ""])
MONEY = st.builds(
    Money.from_minor, st.integers(0, 10**9), st.sampled_from(["USD", "JPY", "EUR", "KWD"])
)
MODES = st.sampled_from(["telemedicine", "in_person", "records_review", "hybrid"])
QUESTIONS = st.builds(
    Question,
    opinion_number=st.sampled_from([2, 3]),
    mode=MODES,
    legs=st.lists(st.builds(Leg, MODES, DAYS), min_size=1, max_size=3).map(tuple),
    diagnosis=CODINGS,
    procedure=st.none() | CODINGS,
    surgery_on=st.none() | DAYS,
    benefit=st.none() | st.sampled_from(["oncology", "complex_surgery", "x"]),
    episode_id=st.sampled_from(["EP-1", "EP-2"]),
    first_opinion_on=DAYS,
    first_opinion_npi=NAMES,
    first_opinion_organization=NAMES,
    provider_npi=NAMES,
    provider_organization=NAMES,
    provider_country=COUNTRIES,
    provider_network=st.sampled_from(["in", "out"]),
    provider_is_coe=st.booleans(),
    patient_country=COUNTRIES,
    coverage_order=st.sampled_from([1, 2]),
    coverage_status=st.sampled_from(["active", "cancelled"]),
    coverage_period=PERIODS,
    billed_first=st.none() | st.just("Z"),
    authorization_number=st.none() | st.just("A1"),
    authorization_period=st.none() | PERIODS,
    modifiers=st.sampled_from([(), ("SF",), ("SM", "GT")]),
    billed=MONEY,
    agreed_fee=st.none() | MONEY,
)
SNAPSHOTS = st.builds(
    Snapshot,
    opinions_used=st.dictionaries(
        st.tuples(
            st.sampled_from(["*", "EP-1"]),
            st.sampled_from([2, 3]),
            st.sampled_from([date(2026, 1, 1), date(2025, 4, 1)]),
        ),
        st.integers(0, 3),
    ),
    deductible_met=st.none() | MONEY.filter(lambda m: m.currency == "USD"),
)


@given(QUESTIONS, st.sampled_from([PPO, MEDICARE, JAPAN]), SNAPSHOTS)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_is_asked_is_answered_and_the_answer_holds_together(
    question: Question, plan: Plan, known: Snapshot
) -> None:
    decision = decide(question, plan, known, CODES)

    assert decision == decide(question, plan, known, CODES)
    assert decision.reasons
    assert decision.reasons[0].verdict is decision.verdict
    assert all(reason.sentence for reason in decision.reasons)
    beside = {Verdict.PENDED} if decision.verdict is Verdict.NOT_ELIGIBLE else set()
    assert {reason.verdict for reason in decision.reasons} <= {decision.verdict, *beside}
    if decision.cost is not None:
        assert decision.cost.member + decision.cost.plan == decision.cost.allowed
        assert decision.verdict in (Verdict.ELIGIBLE, Verdict.CONDITIONAL)
