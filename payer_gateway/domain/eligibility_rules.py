"""The rules of eligibility, each a function from a case to the reasons it finds (none: it passes).

``RULES`` holds them in the order in which their reasons are listed. A rule looks at the case only:
no clock, no code table of its own, no other rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from payer_gateway.domain.consultation import local_day
from payer_gateway.domain.eligibility_question import CodeSets, Question, Snapshot
from payer_gateway.domain.plan import Benefit, Limit, Plan
from payer_gateway.domain.reasons import Code


@dataclass(frozen=True, slots=True)
class Case:
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
Rule = Callable[[Case], Found]


def _coverage_in_force(case: Case) -> Found:
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


def _diagnosis_valid(case: Case) -> Found:
    coding = case.question.diagnosis
    if case.codes.normalized_diagnosis(coding) is None:
        yield Code.DIAGNOSIS_INVALID, {"code": coding.code, "system": coding.system}


def _order_of_opinions(case: Case) -> Found:
    q = case.question
    if q.first_opinion_on > q.service_on:
        yield Code.OPINION_ORDER, {"first": str(q.first_opinion_on), "service": str(q.service_on)}


def _billing_order(case: Case) -> Found:
    if case.question.billed_first is not None:
        yield Code.SECONDARY_PAYER, {"first": case.question.billed_first}


def _exclusions(case: Case) -> Found:
    code = case.codes.normalized_diagnosis(case.question.diagnosis) or ""
    if any(code.startswith(prefix) for prefix in case.plan.excluded_diagnoses):
        yield Code.DIAGNOSIS_EXCLUDED, {"code": code}


def _category(case: Case) -> Found:
    if case.benefit is None:
        yield (
            Code.BENEFIT_CATEGORY_MISMATCH,
            {"code": case.question.diagnosis.code, "benefits": ", ".join(case.plan.benefits)},
        )


def _mode(case: Case) -> Found:
    if case.benefit is not None and case.question.mode not in case.benefit.modes:
        yield (
            Code.MODE_NOT_COVERED,
            {
                "benefit": case.benefit.name,
                "mode": case.question.mode,
                "modes": ", ".join(case.benefit.modes),
            },
        )


def _waiting_period(case: Case) -> Found:
    since = eligible_from(case.question, case.plan)
    if since is not None and case.question.service_on < since:
        yield Code.WAITING_PERIOD, {"eligible_from": since.isoformat()}


def eligible_from(question: Question, plan: Plan) -> date | None:
    """First day covered after a waiting period of N days from the effective day D: D + N."""
    start = question.coverage_period.start
    if not plan.waiting_period_days or start is None:
        return None
    return local_day(start, plan.zone) + timedelta(days=plan.waiting_period_days)


def _independence(case: Case) -> Found:
    q, plan = case.question, case.plan
    if plan.same_npi_denied and q.provider_npi and q.provider_npi == q.first_opinion_npi:
        yield Code.NOT_INDEPENDENT, {"shared": "practitioner"}
    elif (
        plan.same_organization_denied
        and q.provider_organization
        and q.provider_organization == q.first_opinion_organization
    ):
        yield Code.NOT_INDEPENDENT, {"shared": "organization"}


def _before_surgery(case: Case) -> Found:
    q = case.question
    if case.plan.must_precede_surgery and q.surgery_on and q.surgery_on < q.service_on:
        yield (
            Code.OPINION_AFTER_SURGERY,
            {"surgery": str(q.surgery_on), "service": str(q.service_on)},
        )


def _centre_of_excellence(case: Case) -> Found:
    if case.benefit is not None and case.benefit.coe_required and not case.question.provider_is_coe:
        yield Code.COE_REQUIRED, {"benefit": case.benefit.name}


def _cross_border(case: Case) -> Found:
    q, allowed = case.question, case.plan.cross_border_allowed
    if not q.is_cross_border or q.provider_country is None:
        return
    if allowed is not None and q.provider_country not in allowed:
        yield Code.CROSS_BORDER_NOT_COVERED, {"country": q.provider_country}
    elif case.benefit is not None and "cross_border" in case.benefit.auth:
        if q.authorization_number is None:
            yield Code.CROSS_BORDER_AUTH_REQUIRED, {"country": q.provider_country}


def _currency(case: Case) -> Found:
    price = case.question.agreed_fee or case.question.billed
    if price.currency != case.plan.currency:
        yield (
            Code.CURRENCY_CONVERSION_REQUIRED,
            {"billed": price.currency, "plan": case.plan.currency},
        )


def _allowance(case: Case) -> Found:
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


def _authorization(case: Case) -> Found:
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


def choose_benefit(question: Question, plan: Plan, codes: CodeSets) -> tuple[Benefit | None, str]:
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
