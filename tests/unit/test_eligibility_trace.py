"""What a decision tells of each rule: what it looked at and what it found."""

from __future__ import annotations

from eligibility_questions import CODES, ICD_10_CM, MEDICARE, NOTHING_USED, a_question, decided

from payer_gateway.domain.consultation import Coding
from payer_gateway.domain.eligibility import decide


def test_a_trace_tells_what_the_rule_looked_at_and_found() -> None:
    question = a_question(provider_network="out")
    trace = decide(question, MEDICARE, NOTHING_USED, CODES).trace

    provider, network = trace[12], trace[17]
    assert (provider.rule, provider.outcome) == ("provider", "OUT_OF_NETWORK")
    assert provider.inputs == {
        "networks": ("out",),
        "provider_is_coe": True,
        "provider_licensed_in": None,
        "patient_location": None,
    }
    assert (network.outcome, network.inputs["modifiers"]) == ("COVERED_BENEFIT", ())
    assert (trace[0].outcome, trace[0].inputs) == ("pass", {"amounts": (), "as_of": None})
    assert (trace[16].outcome, trace[16].inputs) == ("not asked", {})


def test_the_same_question_leaves_an_equal_trace_and_another_one_a_different() -> None:
    first, again = decided().trace, decided().trace

    assert first == again == tuple(first)
    assert first[1:3] == tuple(first)[1:3]
    assert (len(first), repr(first)) == (18, repr(tuple(first)))
    assert first != decided(coverage_status="cancelled").trace
    assert first != "trace"


def test_a_trace_tells_which_benefits_were_passed_over() -> None:
    found = decided().trace[7].inputs["passed_over"]
    nothing_fits = decided(diagnosis=Coding(ICD_10_CM, "I10")).trace[7].inputs["passed_over"]

    assert (found, nothing_fits) == ("complex_surgery", "complex_surgery oncology")
