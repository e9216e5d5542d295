"""The case: a question with its plan, what is known, and what several rules need of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from payer_gateway.domain.eligibility_question import (
    CodeSets,
    DiagnosisFinding,
    Leg,
    Question,
    Snapshot,
)
from payer_gateway.domain.plan import Benefit, Limit, Plan
from payer_gateway.domain.reason_codes import Code

Found = Iterator[tuple[Code, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Case:
    """All that a rule may look at: no clock, no code table of its own, no other rule."""

    question: Question
    plan: Plan
    known: Snapshot
    codes: CodeSets
    finding: DiagnosisFinding  # the diagnosis on the first day of service
    benefit: Benefit | None
    passed_over: str  # benefits of the plan that were tried before it
    opinions: tuple[tuple[Leg, ...], ...]  # legs grouped into the opinions they count as
    networks: tuple[str, ...]  # of each leg: in or out
    service_on: date  # the first day of service
    year: date  # first day of the benefit year of that day
    condition: str  # what allowances are counted by: the episode, else the category of diagnosis
    mandate_group: str | None  # of a planned operation, where the plan demands an opinion for it

    @property
    def units(self) -> int:
        return len(self.opinions) or 1

    @property
    def pays_as_in_network(self) -> bool:
        """A state's cancer mandate: out of network costs no more, on a written referral."""
        return (
            self.plan.cancer_mandate
            and "out" in self.networks
            and self.question.has_written_referral
            and self.codes.is_oncology(self.question.diagnosis)
        )

    def used(self, number: int, limit: Limit) -> int:
        """Opinions used of a limit: of this condition or all, of this benefit year or ever."""
        key = self.condition if limit.per == "condition" else "*"
        kind = 2 if number <= 2 else 3
        if limit.term == "lifetime":
            used = self.known.opinions_used.items()
            return sum(n for (each, no, _), n in used if (each, no) == (key, kind))
        return self.known.opinions_used.get((key, kind, self.year), 0)

    @property
    def accumulators_are_of_this_year(self) -> bool:
        """Whether deductible and amount used were counted in the service's benefit year."""
        of = self.known.accumulators_of
        return of is None or of == self.year


def case_of(question: Question, plan: Plan, known: Snapshot, codes: CodeSets) -> Case:
    benefit, passed_over = _choose_benefit(question, plan, codes)
    service_on = question.service_on
    finding = codes.diagnosis(question.diagnosis, service_on)
    category = (finding.code or question.diagnosis.code.strip().upper())[:3]
    return Case(
        question=question,
        plan=plan,
        known=known,
        codes=codes,
        finding=finding,
        benefit=benefit,
        passed_over=passed_over,
        opinions=_opinions(question, plan.hybrid_window_days),
        networks=tuple([leg.network or question.provider_network for leg in question.legs]),
        service_on=service_on,
        year=plan.benefit_year(service_on),
        # The episode first: a diagnosis that changes (C34 → C78) must not open a new allowance.
        condition=question.episode_id or category,
        mandate_group=_mandate_group(question, plan, codes),
    )


def _mandate_group(question: Question, plan: Plan, codes: CodeSets) -> str | None:
    if plan.mandate is None:
        return None
    groups = (codes.surgery_group(each) for each in question.procedures)
    return next((g for g in groups if g in plan.mandate.procedure_groups), None)


def _opinions(question: Question, window: int | None) -> tuple[tuple[Leg, ...], ...]:
    """Legs of a hybrid within the window of the first of them are one opinion; the next leg after
    it begins another. Every other mode is one opinion."""
    if question.mode != "hybrid" or window is None:
        return (question.legs,)
    groups: list[list[Leg]] = []
    begun = date.min
    for leg in sorted(question.legs, key=lambda each: each.on):
        if not groups or (leg.on - begun).days > window:
            groups.append([])
            begun = leg.on
        groups[-1].append(leg)
    return tuple(tuple(group) for group in groups)


def _choose_benefit(question: Question, plan: Plan, codes: CodeSets) -> tuple[Benefit | None, str]:
    """The benefit asked for, else the first of the plan's order whose category fits."""
    names = (question.benefit,) if question.benefit else plan.benefit_order
    passed_over: list[str] = []
    for name in names:
        benefit = plan.benefits.get(name)
        if benefit is not None and any(
            _fits(category, question, plan, codes) for category in benefit.categories
        ):
            return benefit, " ".join(passed_over)
        passed_over.append(name)
    return None, " ".join(passed_over)


def _fits(category: str, question: Question, plan: Plan, codes: CodeSets) -> bool:
    if category == "oncology":
        if codes.is_oncology(question.diagnosis):
            return True
        return plan.suspected_cancer and codes.is_suspected_cancer(question.diagnosis)
    if category == "complex_surgery":
        return any(codes.surgery_group(each) is not None for each in question.procedures)
    return False
