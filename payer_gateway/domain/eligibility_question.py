"""The question of eligibility: one coverage of one consultation, and what is known of its member.

What a consultation asks is read off here in one way: principal diagnosis, planned operation, days
in the plan's zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from payer_gateway.domain.consultation import Coding, Consultation, Coverage, Period, local_day
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan


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
