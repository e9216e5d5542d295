"""A plan: what one benefit product covers, as read from ``mappings/plans/<name>/vN.yaml``.

The words of a plan file and what they mean: ``mappings/plans/README.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from payer_gateway.domain.days import plus_days


@dataclass(frozen=True, slots=True)
class Benefit:
    """``auth`` says for which of in, out, cross_border a prior authorization is required."""

    name: str
    categories: tuple[str, ...]
    modes: tuple[str, ...]
    coe_required: bool
    auth: frozenset[str]


@dataclass(frozen=True, slots=True)
class Limit:
    """An allowance: opinions per condition or member (``max_second``, ``max_third``; None = no
    limit of that kind), or money that the plan pays (``maximum``, in the plan's currency)."""

    unit: str  # opinion | amount
    per: str  # condition | member
    max_second: int | None
    max_third: int | None
    maximum: Decimal | None
    term: str = "annual"  # annual: per benefit year | lifetime

    def of(self, opinion_number: int) -> int | None:
        """Opinions allowed with that number; a third and every later one count as third."""
        return self.max_second if opinion_number <= 2 else self.max_third


@dataclass(frozen=True, slots=True)
class CostShare:
    """What the member pays in one network tier; amounts in the plan's currency."""

    copay: Decimal
    telemedicine_copay: Decimal
    deductible: Decimal
    deductible_applies: bool
    coinsurance_pct: Decimal


class ThirdOpinion(StrEnum):
    """What a plan asks of a third opinion."""

    ALWAYS = "always"
    REQUIRES_DISAGREEMENT = "requires_disagreement"
    # Agreement is not refused: a person looks at the medical necessity (Medicare's confirmatory
    # consultation, CMS Benefit Policy Manual ch. 15 §30.D).
    REQUIRES_DISAGREEMENT_ELSE_PEND = "requires_disagreement_else_pend"


@dataclass(frozen=True, slots=True)
class Dependents:
    """Children are covered until ``age_limit`` (years) and then to the end of the month, of the
    plan's benefit year, or to the day before the birthday."""

    age_limit: int
    ends: str  # month_end | plan_end | birthday
    disabled_exempt: bool


@dataclass(frozen=True, slots=True)
class ConditionWaiting:
    """Months to wait, from the first day of cover, for diagnoses that begin with a prefix."""

    prefixes: tuple[str, ...]
    months: int


@dataclass(frozen=True, slots=True)
class Mandate:
    """Listed operations are paid in full only after a second opinion; else the benefit is reduced
    by ``penalty_pct`` per cent of the allowed amount, at most ``penalty_cap``."""

    procedure_groups: frozenset[str]
    exempt_urgency: frozenset[str]
    penalty_pct: Decimal
    penalty_cap: Decimal | None


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    version: int
    digest: str
    currency: str
    zone: ZoneInfo
    year_starts: tuple[int, int]  # month, day
    benefits: Mapping[str, Benefit]
    benefit_order: tuple[str, ...]
    limits: tuple[Limit, ...]
    cost: Mapping[str, CostShare]  # in | out
    same_npi_denied: bool
    same_organization_denied: bool
    must_precede_surgery: bool
    excluded_diagnoses: tuple[str, ...]
    cross_border_allowed: tuple[str, ...] | None  # None: the plan says nothing of borders
    waiting_period_days: int
    performing_surgeon_denied: bool = False
    third_opinion: ThirdOpinion = ThirdOpinion.ALWAYS
    opinion_valid_days: int | None = None  # None: an opinion does not grow old
    cancer_mandate: bool = False  # out of network at in-network cost, on a written referral
    dependents: Dependents | None = None
    languages_supported: tuple[str, ...] = ()  # of opinions abroad; empty: not said
    hybrid_window_days: int | None = None  # None: all legs are one opinion
    licence_where_patient_is: bool = False
    initial_waiting_days: int = 0
    condition_waiting: tuple[ConditionWaiting, ...] = ()
    mandate: Mandate | None = None
    suspected_cancer: bool = False

    def benefit_year(self, day: date) -> date:
        """First day of the benefit year that ``day`` falls into."""
        month, first = self.year_starts
        start = date(day.year, month, first)
        return start if day >= start else date(max(1, day.year - 1), month, first)

    def benefit_year_end(self, day: date) -> date:
        """Last day of the benefit year that ``day`` falls into."""
        start = self.benefit_year(day)
        if start.year == date.max.year:
            return date.max
        return plus_days(start.replace(year=start.year + 1), -1)
