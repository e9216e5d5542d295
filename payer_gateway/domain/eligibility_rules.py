"""The eighteen rules of eligibility, in the order in which their reasons are listed.

Each is a function from a case to the reasons it finds (none: it passes). A rule looks at the case
only. The order is that of the eligibility standard, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from payer_gateway.domain import eligibility_benefit as benefit
from payer_gateway.domain import eligibility_care as care
from payer_gateway.domain import eligibility_cover as cover
from payer_gateway.domain import eligibility_payment as payment
from payer_gateway.domain.eligibility_case import Case, Found
from payer_gateway.domain.eligibility_question import Question


@dataclass(frozen=True, slots=True)
class Rule:
    """``judges``: the kinds of question it is asked about. ``labels`` and ``look``: what it judges
    by, for the trace."""

    number: int
    name: str
    judge: Callable[[Case], Found]
    judges: frozenset[str]
    labels: tuple[str, ...]
    look: Callable[[Case], tuple[object, ...]]

    def inputs(self, case: Case) -> Mapping[str, object]:
        return dict(zip(self.labels, self.look(case), strict=True))


def _rule(
    number: int,
    name: str,
    judge: Callable[[Case], Found],
    looks_at: tuple[str, ...],
    judges: frozenset[str],
) -> Rule:
    """``looks_at``: dotted names from the case, at least two."""
    labels = tuple(path.rpartition(".")[2] for path in looks_at)
    return Rule(number, name, judge, judges, labels, attrgetter(*looks_at))


OPINION, SURGERY_CLAIM = "opinion", "surgery_claim"
_BOTH = frozenset({OPINION, SURGERY_CLAIM})
_OPINIONS = frozenset({OPINION})
_CLAIMS = frozenset({SURGERY_CLAIM})

RULES: tuple[Rule, ...] = (
    _rule(1, "input-form", cover.input_form, ("question.amounts", "known.as_of"), _BOTH),
    _rule(2, "member-found", cover.member_found, ("known.member_found", "known.as_of"), _BOTH),
    _rule(
        3,
        "coverage-in-force",
        cover.coverage_in_force,
        (
            "question.coverage_status",
            "question.coverage_period",
            "question.premium",
            "question.coverage_change_recorded",
            "known.prior",
            "question.legs",
        ),
        _BOTH,
    ),
    _rule(4, "dependent-age", cover.dependent_age, ("question.member", "plan.dependents"), _BOTH),
    _rule(
        5,
        "billing-order",
        cover.billing_order,
        (
            "question.coverage_order",
            "question.billed_first",
            "question.other_coverage",
            "question.subscriber_birthday",
        ),
        _BOTH,
    ),
    _rule(
        6,
        "diagnosis-valid",
        cover.diagnosis_valid,
        ("question.diagnosis", "question.service_on", "finding"),
        _BOTH,
    ),
    _rule(7, "exclusions", cover.exclusions, ("finding", "plan.excluded_diagnoses"), _BOTH),
    _rule(
        8,
        "benefit-category",
        benefit.benefit_category,
        ("question.benefit", "question.procedure", "question.mode", "benefit", "passed_over"),
        _OPINIONS,
    ),
    _rule(
        9,
        "waiting-period",
        benefit.waiting_period,
        ("plan.waiting_period_days", "plan.initial_waiting_days", "plan.condition_waiting"),
        _OPINIONS,
    ),
    _rule(
        10,
        "opinion-number",
        benefit.opinion_number,
        ("question.opinion_number", "question.second_opinion", "plan.third_opinion"),
        _OPINIONS,
    ),
    _rule(
        11,
        "independence",
        care.independence,
        (
            "question.provider_npi",
            "question.provider_organization",
            "question.first_opinion_npi",
            "question.first_opinion_organization",
            "question.performing_surgeon_npi",
        ),
        _OPINIONS,
    ),
    _rule(
        12,
        "order-of-dates",
        care.order_of_dates,
        ("question.first_opinion_on", "question.surgery_on", "plan.opinion_valid_days"),
        _OPINIONS,
    ),
    _rule(
        13,
        "provider",
        care.provider,
        (
            "networks",
            "question.provider_is_coe",
            "question.provider_licensed_in",
            "question.patient_location",
        ),
        _OPINIONS,
    ),
    _rule(
        14,
        "cross-border",
        care.cross_border,
        (
            "question.patient_country",
            "question.provider_country",
            "plan.cross_border_allowed",
            "question.billed",
            "question.agreed_fee",
        ),
        _OPINIONS,
    ),
    _rule(
        15,
        "limits",
        benefit.limits,
        ("condition", "known.opinions_used", "known.amount_used", "plan.limits", "units"),
        _OPINIONS,
    ),
    _rule(
        16,
        "authorization",
        care.authorization,
        ("question.authorization_number", "question.authorization_period"),
        _OPINIONS,
    ),
    _rule(
        17,
        "mandatory-opinion",
        payment.mandatory_opinion,
        ("mandate_group", "question.urgency", "question.second_opinion", "question.surgery_on"),
        _CLAIMS,
    ),
    _rule(
        18,
        "cost-share",
        payment.cost_share,
        ("networks", "question.modifiers", "known.deductible_met", "question.has_written_referral"),
        _BOTH,
    ),
)

# By the kind of question.
ASKED: Mapping[str, tuple[Rule, ...]] = {
    kind: tuple(rule for rule in RULES if kind in rule.judges) for kind in (OPINION, SURGERY_CLAIM)
}


def kind_of(question: Question) -> str:
    return SURGERY_CLAIM if question.is_surgery_claim else OPINION
