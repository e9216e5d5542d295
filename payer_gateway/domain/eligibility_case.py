"""The case: a question with its plan, what is known, and what several rules need of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

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


@dataclass(frozen=True)  # without slots: what is worked out once is kept
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

    @cached_property
    def networks(self) -> tuple[str, ...]:
        """Of each leg: in or out."""
        q = self.question
        return tuple(leg.network or q.provider_network for leg in q.legs)

    @property
    def units(self) -> int:
        return len(self.opinions) or 1

    @cached_property
    def diagnosis_category(self) -> str:
        """The three characters before the dot."""
        code = self.finding.code or self.question.diagnosis.code.strip().upper()
        return code[:3]

    @cached_property
    def condition(self) -> str:
        # The episode first: a diagnosis that changes (C34 → C78) must not open a new allowance.
        return self.question.episode_id or self.diagnosis_category

    @cached_property
    def has_cancer(self) -> bool:
        return self.codes.is_oncology(self.question.diagnosis)

    @cached_property
    def mandate_group(self) -> str | None:
        """The group of a planned operation for which the plan demands a second opinion."""
        if self.plan.mandate is None:
            return None
        groups = (self.codes.surgery_group(each) for each in self.question.procedures)
        return next((g for g in groups if g in self.plan.mandate.procedure_groups), None)

    @cached_property
    def pays_as_in_network(self) -> bool:
        """A state's cancer mandate: out of network costs no more, on a written referral."""
        return (
            self.plan.cancer_mandate
            and "out" in self.networks
            and self.question.has_written_referral
            and self.has_cancer
        )

    def used(self, number: int, limit: Limit) -> int:
        """Opinions used of a limit: of this condition or all, of this benefit year or ever."""
        key = self.condition if limit.per == "condition" else "*"
        kind = 2 if number <= 2 else 3
        if limit.term == "lifetime":
            used = self.known.opinions_used.items()
            return sum(n for (each, no, _), n in used if (each, no) == (key, kind))
        year = self.plan.benefit_year(self.question.service_on)
        return self.known.opinions_used.get((key, kind, year), 0)

    @property
    def accumulators_are_of_this_year(self) -> bool:
        """Whether deductible and amount used were counted in the service's benefit year."""
        of = self.known.accumulators_of
        return of is None or of == self.plan.benefit_year(self.question.service_on)


def case_of(question: Question, plan: Plan, known: Snapshot, codes: CodeSets) -> Case:
    benefit, passed_over = _choose_benefit(question, plan, codes)
    return Case(
        question=question,
        plan=plan,
        known=known,
        codes=codes,
        finding=codes.diagnosis(question.diagnosis, question.service_on),
        benefit=benefit,
        passed_over=passed_over,
        opinions=_opinions(question, plan.hybrid_window_days),
    )


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
