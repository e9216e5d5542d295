"""A plan: what one benefit product covers, as read from ``mappings/plans/<name>/vN.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo


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
    """Opinions per condition or member and benefit year; None = no limit of that kind."""

    unit: str  # opinion | amount
    per: str  # condition | member
    max_second: int | None
    max_third: int | None
    maximum: Decimal | None


@dataclass(frozen=True, slots=True)
class CostShare:
    """What the member pays in one network tier; amounts in the plan's currency."""

    copay: Decimal
    telemedicine_copay: Decimal
    deductible: Decimal
    deductible_applies: bool
    coinsurance_pct: Decimal


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

    def benefit_year(self, day: date) -> date:
        """First day of the benefit year that ``day`` falls into."""
        month, first = self.year_starts
        start = date(day.year, month, first)
        return start if day >= start else date(day.year - 1, month, first)
