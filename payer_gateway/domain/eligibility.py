"""The benefit decision: a pure function from a question, a plan and what is known, to an answer.

Same inputs, same answer. Time, code sets and allowances come in as arguments; nothing is read.
The rules stand in ``RULES`` in the order in which their reasons are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from payer_gateway.domain.consultation import Coding, Consultation, Coverage, Period, local_day
from payer_gateway.domain.cost import Cost, share_cost
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Benefit, Limit, Plan
from payer_gateway.domain.reasons import Code, Reason, Verdict

RULESET = "1"


class CodeSets(Protocol):
    """Public code sets, as ``codes/`` keeps them."""

    def normalized_diagnosis(self, coding: Coding) -> str | None:
        """The code in its standard spelling; None when the system does not hold it."""

    def is_oncology(self, coding: Coding) -> bool: ...

    def surgery_group(self, coding: Coding) -> str | None:
        """The complex-surgery group of a procedure code, None when it is in none."""


@dataclass(frozen=True, slots=True)
class Leg:
    mode: str  # telemedicine | in_person | records_review
    on: date


@dataclass(frozen=True, slots=True)
class Question:
    """Is this opinion paid by this coverage? Days are already days of the plan's zone."""

    opinion_number: int
    mode: str
    legs: tuple[Leg, ...]
    diagnosis: Coding
    procedure: Coding | None
    surgery_on: date | None
    benefit: str | None
    episode_id: str
    first_opinion_on: date
    first_opinion_npi: str | None
    first_opinion_organization: str | None
    provider_npi: str | None
    provider_organization: str | None
    provider_country: str | None
    provider_network: str
    provider_is_coe: bool
    patient_country: str | None
    coverage_order: int
    coverage_status: str
    coverage_period: Period
    billed_first: str | None  # the insurer of the coverage with order 1, when that is another
    authorization_number: str | None
    authorization_period: Period | None
    modifiers: tuple[str, ...]
    billed: Money
    agreed_fee: Money | None

    @property
    def service_on(self) -> date:
        return min(leg.on for leg in self.legs)

    @property
    def is_cross_border(self) -> bool:
        here, there = self.patient_country, self.provider_country
        return bool(here and there and here != there)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of the member from the roster and our own accepted claims."""

    opinions_used: Mapping[tuple[str, int, date], int]  # (condition or *, opinion no., year) → n
    deductible_met: Money | None  # None: nobody told us; assumed 0 and noted


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


@dataclass(frozen=True, slots=True)
class _Case:
    """All that a rule may look at."""

    question: Question
    plan: Plan
    known: Snapshot
    codes: CodeSets
    benefit: Benefit | None

    @property
    def tier(self) -> str:
        return self.question.provider_network

    @property
    def condition(self) -> str:
        # Keyed by the episode: a diagnosis that changes (C34 → C78) must not open a new allowance.
        return self.question.episode_id

    def used(self, number: int, limit: Limit) -> int:
        year = self.plan.benefit_year(self.question.service_on)
        key = self.condition if limit.per == "condition" else "*"
        return self.known.opinions_used.get((key, number, year), 0)


Found = Iterator[tuple[Code, Mapping[str, str]]]
Rule = Callable[[_Case], Found]


def _coverage_in_force(case: _Case) -> Found:
    q, zone = case.question, case.plan.zone
    if q.coverage_status != "active":
        yield Code.COVERAGE_NOT_ACTIVE, {"status": q.coverage_status}
        return
    start, end = q.coverage_period.start, q.coverage_period.end
    first, last = min(leg.on for leg in q.legs), max(leg.on for leg in q.legs)
    if start is not None and first < local_day(start, zone):
        yield Code.COVERAGE_NOT_YET_EFFECTIVE, {"start": _say(start), "service": str(first)}
    if end is not None and last > _last_day(end, case.plan):
        yield Code.COVERAGE_TERMINATED, {"end": _say(end), "service": str(last)}


def _last_day(end: date | datetime, plan: Plan) -> date:
    """A day is inclusive to its last moment; an instant ends cover at that instant."""
    if isinstance(end, datetime):
        return (end.astimezone(plan.zone) - timedelta(microseconds=1)).date()
    return end


def _say(when: date | datetime) -> str:
    return when.isoformat()


def _diagnosis_valid(case: _Case) -> Found:
    coding = case.question.diagnosis
    if case.codes.normalized_diagnosis(coding) is None:
        yield Code.DIAGNOSIS_INVALID, {"code": coding.code, "system": coding.system}


def _order_of_opinions(case: _Case) -> Found:
    q = case.question
    if q.first_opinion_on > q.service_on:
        yield Code.OPINION_ORDER, {"first": str(q.first_opinion_on), "service": str(q.service_on)}


def _billing_order(case: _Case) -> Found:
    if case.question.billed_first is not None:
        yield Code.SECONDARY_PAYER, {"first": case.question.billed_first}


def _exclusions(case: _Case) -> Found:
    code = case.codes.normalized_diagnosis(case.question.diagnosis) or ""
    if any(code.startswith(prefix) for prefix in case.plan.excluded_diagnoses):
        yield Code.DIAGNOSIS_EXCLUDED, {"code": code}


def _category(case: _Case) -> Found:
    if case.benefit is None:
        yield (
            Code.BENEFIT_CATEGORY_MISMATCH,
            {"code": case.question.diagnosis.code, "benefits": ", ".join(case.plan.benefits)},
        )


def _mode(case: _Case) -> Found:
    if case.benefit is not None and case.question.mode not in case.benefit.modes:
        yield (
            Code.MODE_NOT_COVERED,
            {
                "benefit": case.benefit.name,
                "mode": case.question.mode,
                "modes": ", ".join(case.benefit.modes),
            },
        )


def _waiting_period(case: _Case) -> Found:
    since = eligible_from(case.question, case.plan)
    if since is not None and case.question.service_on < since:
        yield Code.WAITING_PERIOD, {"eligible_from": since.isoformat()}


def eligible_from(question: Question, plan: Plan) -> date | None:
    """First day covered after a waiting period of N days from the effective day D: D + N."""
    start = question.coverage_period.start
    if not plan.waiting_period_days or start is None:
        return None
    return local_day(start, plan.zone) + timedelta(days=plan.waiting_period_days)


def _independence(case: _Case) -> Found:
    q, plan = case.question, case.plan
    if plan.same_npi_denied and q.provider_npi and q.provider_npi == q.first_opinion_npi:
        yield Code.NOT_INDEPENDENT, {"shared": "practitioner"}
    elif (
        plan.same_organization_denied
        and q.provider_organization
        and q.provider_organization == q.first_opinion_organization
    ):
        yield Code.NOT_INDEPENDENT, {"shared": "organization"}


def _before_surgery(case: _Case) -> Found:
    q = case.question
    if case.plan.must_precede_surgery and q.surgery_on and q.surgery_on < q.service_on:
        yield (
            Code.OPINION_AFTER_SURGERY,
            {"surgery": str(q.surgery_on), "service": str(q.service_on)},
        )


def _centre_of_excellence(case: _Case) -> Found:
    if case.benefit is not None and case.benefit.coe_required and not case.question.provider_is_coe:
        yield Code.COE_REQUIRED, {"benefit": case.benefit.name}


def _cross_border(case: _Case) -> Found:
    q, allowed = case.question, case.plan.cross_border_allowed
    if not q.is_cross_border or q.provider_country is None:
        return
    if allowed is not None and q.provider_country not in allowed:
        yield Code.CROSS_BORDER_NOT_COVERED, {"country": q.provider_country}
    elif case.benefit is not None and "cross_border" in case.benefit.auth:
        if q.authorization_number is None:
            yield Code.CROSS_BORDER_AUTH_REQUIRED, {"country": q.provider_country}


def _currency(case: _Case) -> Found:
    price = case.question.agreed_fee or case.question.billed
    if price.currency != case.plan.currency:
        yield (
            Code.CURRENCY_CONVERSION_REQUIRED,
            {"billed": price.currency, "plan": case.plan.currency},
        )


def _allowance(case: _Case) -> Found:
    number = case.question.opinion_number
    for limit in case.plan.limits:
        maximum = limit.max_second if number == 2 else limit.max_third
        if limit.unit != "opinion" or maximum is None:
            continue
        used = case.used(number, limit)
        if used >= maximum:
            year = case.plan.benefit_year(case.question.service_on)
            yield (
                Code.BENEFIT_LIMIT_REACHED,
                {"used": str(used), "maximum": str(maximum), "year": year.isoformat()},
            )
            return


def _authorization(case: _Case) -> Found:
    q, zone = case.question, case.plan.zone
    if case.benefit is None:
        return
    required = case.tier in case.benefit.auth
    if q.authorization_number is None:
        if required:
            yield Code.AUTH_REQUIRED, {"benefit": case.benefit.name}
        return
    period = q.authorization_period
    if not (required or q.is_cross_border) or period is None:
        return
    for leg in q.legs:
        too_early = period.start is not None and leg.on < local_day(period.start, zone)
        too_late = period.end is not None and leg.on > _last_day(period.end, case.plan)
        if too_early or too_late:
            yield Code.AUTH_EXPIRED, {"service": str(leg.on)}
            return


# In the order of the standard (input, cover, order of payers, diagnosis, exclusions, benefit,
# waiting, independence, dates, network, borders, limits, authorization).
RULES: tuple[tuple[str, Rule], ...] = (
    ("opinion-order", _order_of_opinions),
    ("coverage-in-force", _coverage_in_force),
    ("billing-order", _billing_order),
    ("diagnosis-valid", _diagnosis_valid),
    ("exclusions", _exclusions),
    ("benefit-category", _category),
    ("mode", _mode),
    ("waiting-period", _waiting_period),
    ("independence", _independence),
    ("before-surgery", _before_surgery),
    ("centre-of-excellence", _centre_of_excellence),
    ("cross-border", _cross_border),
    ("currency", _currency),
    ("allowance", _allowance),
    ("authorization", _authorization),
)


def decide(question: Question, plan: Plan, known: Snapshot, codes: CodeSets) -> Decision:
    """Judge one coverage of one consultation.

    Every rule is asked; the decision is the worst result found. ``reasons`` holds only those of
    the deciding kind and, after NOT_ELIGIBLE, the PENDED ones, each in rule order, so the first
    reason always names the decision.
    """
    benefit, passed_over = _choose_benefit(question, plan, codes)
    case = _Case(question, plan, known, codes, benefit)
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


def _answer(case: _Case, found: tuple[Reason, ...], trace: tuple[Trace, ...]) -> Decision:
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


def _service_type(case: _Case) -> str:
    if case.benefit is None or "complex_surgery" not in case.benefit.categories:
        return "3"
    return "20" if case.question.opinion_number == 2 else "21"


def _remaining(case: _Case) -> dict[int, int | None]:
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


def _cost(case: _Case) -> tuple[Cost | None, list[str]]:
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


def _choose_benefit(question: Question, plan: Plan, codes: CodeSets) -> tuple[Benefit | None, str]:
    """The benefit asked for, else the first of the plan's order whose category fits."""
    names = (question.benefit,) if question.benefit else plan.benefit_order
    passed_over: list[str] = []
    for name in names:
        benefit = plan.benefits.get(name)
        if benefit is not None and any(
            _fits(category, question, codes) for category in benefit.categories
        ):
            return benefit, " ".join(passed_over)
        passed_over.append(name)
    return None, " ".join(passed_over)


def _fits(category: str, question: Question, codes: CodeSets) -> bool:
    if category == "oncology":
        return codes.is_oncology(question.diagnosis)
    if category == "complex_surgery":
        return question.procedure is not None and (
            codes.surgery_group(question.procedure) is not None
        )
    return False


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


def question_of(
    consultation: Consultation, coverage: Coverage, plan: Plan, agreed_fee: Money | None
) -> Question:
    """What a consultation asks of one of its coverages (the house's one way from the one to the
    other: principal diagnosis, planned operation, days in the plan's zone)."""
    c, first = consultation, consultation.first_opinion
    procedure = c.proposed_procedure
    primary = min(c.coverages, key=lambda each: each.order)
    return Question(
        opinion_number=c.opinion_number,
        mode=c.mode,
        legs=tuple(
            Leg(_leg_mode(c, s.place_of_service, s.code), local_day(s.serviced, plan.zone))
            for s in c.services
        ),
        diagnosis=c.principal_diagnosis.coding,
        procedure=procedure.coding if procedure else None,
        surgery_on=procedure.planned_on if procedure else None,
        benefit=c.benefit,
        episode_id=c.episode_id,
        first_opinion_on=first.given_on,
        first_opinion_npi=first.practitioner.npi,
        first_opinion_organization=first.organization.tin if first.organization else None,
        provider_npi=c.provider.practitioner.npi,
        provider_organization=c.provider.organization.tin,
        provider_country=c.provider.organization.country,
        provider_network=c.provider.organization.network or "out",
        provider_is_coe=bool(c.provider.organization.center_of_excellence),
        patient_country=c.patient.address.country if c.patient.address else None,
        coverage_order=coverage.order,
        coverage_status=coverage.status,
        coverage_period=coverage.period,
        billed_first=primary.insurer if coverage.order > primary.order else None,
        authorization_number=c.authorization.number if c.authorization else None,
        authorization_period=c.authorization.period if c.authorization else None,
        modifiers=tuple(sorted({m for s in c.services for m in s.modifiers})),
        billed=c.billed,
        agreed_fee=agreed_fee,
    )


def _leg_mode(consultation: Consultation, place: str | None, code: str) -> str:
    if consultation.mode != "hybrid":
        return consultation.mode
    # Place of service 02 and 10 are telehealth (CMS place of service code set).
    return "telemedicine" if place in ("02", "10") else "in_person"
