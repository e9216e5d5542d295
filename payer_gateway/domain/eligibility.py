"""The benefit decision: a pure function from a question, a plan and what is known, to an answer.

Same inputs, same answer. The clock (``Snapshot.as_of``), code sets and allowances come in as
arguments; nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from payer_gateway.domain.cost import Cost
from payer_gateway.domain.days import day_of
from payer_gateway.domain.eligibility_asking import question_of
from payer_gateway.domain.eligibility_benefit import remaining_opinions, waits_until
from payer_gateway.domain.eligibility_case import Case, case_of
from payer_gateway.domain.eligibility_cost import (
    costing_of,
    penalty_of,
    remaining_amount,
    with_penalty,
)
from payer_gateway.domain.eligibility_cover import bill_first, dependent_until, is_secondary
from payer_gateway.domain.eligibility_question import CodeSets, Leg, Question, Snapshot
from payer_gateway.domain.eligibility_rules import ASKED, RULES, kind_of
from payer_gateway.domain.eligibility_trace import Trace, Trail
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
    "Trail",
    "decide",
    "no_coverage",
    "question_of",
]
RULESET = "3"
_LEAVE = frozenset({Code.AUTH_REQUIRED, Code.AUTH_EXPIRED, Code.CROSS_BORDER_AUTH_REQUIRED})
_PENALIZED = frozenset({Code.MANDATORY_SECOND_OPINION_MISSING, Code.SECOND_OPINION_EXPIRED})
_NOT_YET = frozenset({Code.WAITING_PERIOD, Code.COVERAGE_NOT_YET_EFFECTIVE})
_WORST_FIRST = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Not a guarantee of payment: it holds for the service day, at most until ``valid_until``."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    benefit: str | None
    service_type: str  # X12 service type code: 20 second, 21 third surgical opinion, 3 otherwise
    auth_required: bool
    cost: Cost | None
    remaining: Mapping[int, int | None]  # opinion number → opinions left, None = no limit
    eligible_from: date | None
    notes: tuple[str, ...]
    trace: Sequence[Trace]
    remaining_amount: Money | None = None  # what an amount limit leaves
    bill_first: str | None = None
    supersedes: str | None = None  # id of the earlier answer that this one takes the place of
    normalized: str | None = None  # the diagnosis in its standard spelling
    suggestion_prefix: str | None = None
    modifier_hint: str | None = None  # HCPCS: SM second, SN third surgical opinion
    per_leg_network: tuple[str, ...] = ()
    units: int = 1
    penalty: Money | None = None  # None: the plan demands no second opinion here
    valid_until: date | None = None  # last day, in the plan's zone

    def number(self, column: str) -> str | None:
        """The standard code of the answer: carc, eb01, eb11, eb12 or aaa of the first reason
        that has one."""
        numbers = (getattr(reason.meaning, column) for reason in self.reasons)
        return next((n for n in numbers if n is not None), None)


def decide(question: Question, plan: Plan, known: Snapshot, codes: CodeSets) -> Decision:
    """Judge one coverage of one consultation.

    Every rule is asked; the decision is the worst result found. ``reasons`` holds only those of
    the deciding kind and, after NOT_ELIGIBLE, the PENDED ones, each in rule order, so the first
    reason always names the decision.
    """
    case = case_of(question, plan, known, codes)
    found = tuple(
        Reason(code, rule.name, fields)
        for rule in ASKED[kind_of(question)]
        for code, fields in rule.judge(case)
    )
    return _answer(case, found)


def _answer(case: Case, found: tuple[Reason, ...]) -> Decision:
    verdicts = {reason.verdict for reason in found}
    verdict = next(each for each in _WORST_FIRST if each in verdicts)
    codes = {reason.code for reason in found}
    is_open = verdict in (Verdict.ELIGIBLE, Verdict.CONDITIONAL)
    finding, q = case.finding, case.question
    costing = costing_of(case)
    penalty = _penalty(case, codes)
    service_type = _service_type(case)
    return Decision(
        verdict=verdict,
        reasons=_reasons(verdict, found),
        benefit=case.benefit.name if case.benefit and not q.is_surgery_claim else None,
        service_type=service_type,
        auth_required=bool(codes & _LEAVE),
        cost=with_penalty(costing.cost, penalty) if is_open else None,
        remaining=remaining_opinions(case),
        eligible_from=_eligible_from(case) if codes & _NOT_YET else None,
        notes=_notes(case, codes, is_open and costing.deductible_is_assumed),
        trace=Trail(case, found),
        remaining_amount=remaining_amount(case),
        bill_first=bill_first(case) if is_secondary(case) else None,
        supersedes=_supersedes(case, verdict),
        normalized=finding.code,
        suggestion_prefix=finding.prefix if finding.verdict == "not_specific" else None,
        modifier_hint={"20": "SM", "21": "SN"}.get(service_type),
        per_leg_network=case.networks if len(q.legs) > 1 else (),
        units=case.units,
        penalty=penalty,
        valid_until=q.last_service_on if is_open else None,
    )


def _reasons(verdict: Verdict, found: tuple[Reason, ...]) -> tuple[Reason, ...]:
    reasons = tuple(r for r in found if r.verdict is verdict)
    if verdict is Verdict.NOT_ELIGIBLE:
        return reasons + tuple(r for r in found if r.verdict is Verdict.PENDED)
    if verdict is Verdict.ELIGIBLE:
        exempt = tuple(r for r in reasons if r.code is Code.EMERGENCY_EXEMPT)
        covered = tuple(r for r in reasons if r.code is Code.COVERED_BENEFIT)
        beside = tuple(r for r in reasons if r.code is not Code.COVERED_BENEFIT)
        return exempt or covered + beside
    return reasons


def _service_type(case: Case) -> str:
    """X12 service type codes: 21 for a third opinion; 20 for a second on an operation; else 3."""
    q = case.question
    if q.opinion_number > 2:
        return "21"
    is_complex = case.benefit is not None and "complex_surgery" in case.benefit.categories
    return "20" if is_complex or q.recommends_surgery or q.is_surgery_claim else "3"


def _eligible_from(case: Case) -> date | None:
    start = case.question.coverage_period.start
    return waits_until(case) or (start and day_of(start, case.plan.zone))


def _penalty(case: Case, codes: set[Code]) -> Money | None:
    """By how much the benefit of an operation is reduced: nothing where the opinion is there."""
    if not case.question.is_surgery_claim or case.mandate_group is None:
        return None
    penalty = penalty_of(case)
    return penalty if penalty is None or codes & _PENALIZED else Money.zero(penalty.currency)


def _supersedes(case: Case, verdict: Verdict) -> str | None:
    """An earlier answer is never edited; another answer to the same question takes its place."""
    prior = case.known.prior
    return prior.id if prior is not None and prior.verdict != verdict.value else None


def _notes(case: Case, codes: set[Code], deductible_is_assumed: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if Code.RETROACTIVE_TERMINATION in codes:
        notes.append("RESCISSION_REVIEW")
    until = dependent_until(case)
    if until is not None and until <= case.plan.benefit_year_end(case.service_on):
        notes.append(f"DEPENDENT_COVERAGE_ENDS_{until}")
    if deductible_is_assumed:
        notes.append("ASSUMED_DEDUCTIBLE_UNMET")
    spoken, supported = case.question.language, case.plan.languages_supported
    if case.question.is_cross_border and spoken and supported:
        if spoken.partition("-")[0].lower() not in supported:
            notes.append(f"LANGUAGE_NOT_SUPPORTED_{spoken}")
    notes += [f"ROSTER_DIFFERS_{what}" for what in case.known.roster_differs]
    return tuple(notes)


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
