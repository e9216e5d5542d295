"""What a consultation asks of one of its coverages: the house's one way from the one to the other
(principal diagnosis, planned operation, days in the plan's zone, the address as ISO 3166-2)."""

from __future__ import annotations

from datetime import datetime

from payer_gateway.domain.consultation import Consultation, Coverage, Opinion
from payer_gateway.domain.days import day_of
from payer_gateway.domain.eligibility_question import EarlierOpinion, Leg, Member, Question
from payer_gateway.domain.money import Money
from payer_gateway.domain.places import place_of
from payer_gateway.domain.plan import Plan


def question_of(
    consultation: Consultation, coverage: Coverage, plan: Plan, agreed_fee: Money | None
) -> Question:
    c, first = consultation, consultation.first_opinion
    procedure = c.proposed_procedure
    primary = min(c.coverages, key=lambda each: each.order)
    address = c.patient.address
    return Question(
        opinion_number=c.opinion_number,
        mode=c.mode,
        legs=tuple(
            Leg(
                _leg_mode(c, s.place_of_service),
                day_of(s.serviced, plan.zone),
                s.serviced if isinstance(s.serviced, datetime) else None,
            )
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
        patient_country=address.country if address else None,
        # The first of those named is billed first, whatever its number.
        coverage_order=coverage.order if coverage.order > primary.order else 1,
        coverage_status=coverage.status,
        coverage_period=coverage.period,
        billed_first=primary.insurer if coverage.order > primary.order else None,
        authorization_number=c.authorization.number if c.authorization else None,
        authorization_period=c.authorization.period if c.authorization else None,
        modifiers=tuple(sorted({m for s in c.services for m in s.modifiers})),
        billed=c.billed,
        agreed_fee=agreed_fee,
        urgency=c.urgency,
        recommends_surgery=first.recommends_surgery,
        second_opinion=_earlier(c.second_opinion) if c.second_opinion else None,
        patient_location=place_of(address.country, address.state) if address else None,
        # A provider that names no licence has not told us; that is no lack of one.
        provider_licensed_in=c.provider.practitioner.licensed_in or None,
        language=c.language,
        member=Member(c.patient.birth_date, coverage.relationship),
    )


def _earlier(opinion: Opinion) -> EarlierOpinion:
    return EarlierOpinion(
        on=opinion.given_on,
        npi=opinion.practitioner.npi,
        organization=opinion.organization.tin if opinion.organization else None,
        agrees=opinion.agrees,
    )


def _leg_mode(consultation: Consultation, place: str | None) -> str:
    if consultation.mode != "hybrid":
        return consultation.mode
    # Place of service 02 and 10 are telehealth (CMS place of service code set).
    return "telemedicine" if place in ("02", "10") else "in_person"
