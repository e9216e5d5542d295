"""The benefit decision: a pure function from a question, a plan and what is known, to an answer.

Same inputs, same answer. Time, code sets and allowances come in as arguments; nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from payer_gateway.domain.cost import Cost, share_cost
from payer_gateway.domain.eligibility_question import (
    CodeSets,
    Leg,
    Question,
    Snapshot,
    question_of,
)
from payer_gateway.domain.eligibility_rules import RULES, Case, choose_benefit, eligible_from
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.reasons import Code, Reason, Verdict

__all__ = [
    "RULES",
    "RULESET",
    "CodeSets",
    "Decision",
    "Leg",
    "Question",
    "Snapshot",
    "Trace",
    "decide",
    "no_coverage",
    "question_of",
]
RULESET = "1"


@dataclass(frozen=True, slots=True)
class Trace:
    rule: str
    outcome: str  # pass, or the codes of its reasons
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reasons: tuple[Reason, ...]
    benefit: str | None
    service_type: str  # X12 service type code: 20 second, 21 third surgical opinion, 3 otherwise
    auth_required: bool
    cost: Cost | None
    remaining: Mapping[int, int | None]  # opinion number → opinions left, None = no limit
    eligible_from: date | None
    notes: tuple[str, ...]
    trace: tuple[Trace, ...]


def decide(question: Question, plan: Plan, known: Snapshot, codes: CodeSets) -> Decision:
    """Judge one coverage of one consultation.

    Every rule is asked; the decision is the worst result found. ``reasons`` holds only those of
    the deciding kind and, after NOT_ELIGIBLE, the PENDED ones, each in rule order, so the first
    reason always names the decision.
    """
    benefit, passed_over = choose_benefit(question, plan, codes)
    case = Case(question, plan, known, codes, benefit)
    found: list[Reason] = []
    trace = [Trace("benefit", benefit.name if benefit else "none", {"passed_over": passed_over})]
    for rule, judge in RULES:
        reasons = [Reason(code, rule, fields) for code, fields in judge(case)]
        found += reasons
        inputs: dict[str, str] = {}
        for reason in reasons:
            inputs.update(reason.fields)
        trace.append(Trace(rule, " ".join(r.code for r in reasons) or "pass", inputs))
    return _answer(case, tuple(found), tuple(trace))


def _answer(case: Case, found: tuple[Reason, ...], trace: tuple[Trace, ...]) -> Decision:
    by_verdict = {v: tuple(r for r in found if r.verdict is v) for v in Verdict}
    verdict = next((v for v in Verdict if by_verdict[v]), Verdict.ELIGIBLE)
    reasons = by_verdict[verdict]
    if verdict is Verdict.NOT_ELIGIBLE:
        reasons += by_verdict[Verdict.PENDED]
    notes: list[str] = []
    cost = None
    if verdict is Verdict.ELIGIBLE:
        name = case.benefit.name if case.benefit else ""
        reasons = (Reason(Code.COVERED_BENEFIT, "cost-share", {"benefit": name}),)
        if case.tier == "out":
            reasons += (Reason(Code.OUT_OF_NETWORK, "cost-share"),)
    if verdict in (Verdict.ELIGIBLE, Verdict.CONDITIONAL):
        cost, notes = _cost(case)
    return Decision(
        verdict=verdict,
        reasons=reasons,
        benefit=case.benefit.name if case.benefit else None,
        service_type=_service_type(case),
        auth_required=any(
            r.code in (Code.AUTH_REQUIRED, Code.AUTH_EXPIRED, Code.CROSS_BORDER_AUTH_REQUIRED)
            for r in found
        ),
        cost=cost,
        remaining=_remaining(case),
        eligible_from=(
            eligible_from(case.question, case.plan)
            if any(r.code is Code.WAITING_PERIOD for r in found)
            else None
        ),
        notes=tuple(notes),
        trace=trace,
    )


def _service_type(case: Case) -> str:
    if case.benefit is None or "complex_surgery" not in case.benefit.categories:
        return "3"
    return "20" if case.question.opinion_number == 2 else "21"


def _remaining(case: Case) -> dict[int, int | None]:
    left: dict[int, int | None] = {2: None, 3: None}
    for limit in case.plan.limits:
        if limit.unit != "opinion":
            continue
        for number, maximum in ((2, limit.max_second), (3, limit.max_third)):
            if maximum is not None:
                rest = max(0, maximum - case.used(number, limit))
                before = left[number]
                left[number] = rest if before is None else min(before, rest)
    return left


def _cost(case: Case) -> tuple[Cost | None, list[str]]:
    q = case.question
    allowed = q.agreed_fee or q.billed
    share = case.plan.cost.get(case.tier)
    if share is None or allowed.currency != case.plan.currency:
        return None, []
    notes = []
    met = case.known.deductible_met
    if share.deductible_applies and met is None:
        notes.append("ASSUMED_DEDUCTIBLE_UNMET")
    cost = share_cost(
        allowed,
        share,
        met or Money.zero(allowed.currency),
        remote=all(leg.mode == "telemedicine" for leg in q.legs),
        # A review organization that orders the opinion (HCPCS SF) leaves the member nothing to pay.
        waived="SF" in q.modifiers,
    )
    return cost, notes


def no_coverage() -> Decision:
    """The decision of a consultation that names no coverage at all: the patient pays."""
    return Decision(
        verdict=Verdict.NOT_ELIGIBLE,
        reasons=(Reason(Code.NO_COVERAGE, "coverage-in-force"),),
        benefit=None,
        service_type="3",
        auth_required=False,
        cost=None,
        remaining={},
        eligible_from=None,
        notes=(),
        trace=(Trace("coverage-in-force", Code.NO_COVERAGE, {}),),
    )
