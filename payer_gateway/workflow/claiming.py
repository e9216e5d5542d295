"""From a decision to a claim on its way: claim, submission and bytes in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.answer import Review
from payer_gateway.domain.claim import (
    Claim,
    PriorResult,
    Related,
    Relation,
    Use,
    claim_number,
)
from payer_gateway.domain.consultation import Consultation, Period
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.domain.principal import Principal
from payer_gateway.domain.submission import retry_budget
from payer_gateway.mapping import bundle, claim_json
from payer_gateway.mapping.grammar import UNSUPPORTED
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import (
    bodies,
    consultations,
    ledger,
    outbox,
    tenants,
)
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.workflow import traffic
from payer_gateway.workflow.doubting import put_in_doubt, why_asked_first
from payer_gateway.workflow.judging import (
    Cover,
    first_service_day,
    last_service_day,
    member_keys,
)
from payer_gateway.workflow.services import Services


@dataclass(frozen=True, slots=True)
class Basis:
    """What a claim is made from: the consultation at one revision, and one coverage's decision."""

    consultation_row: Row[Any]
    revision: int
    consultation: Consultation
    cover: Cover
    decision_id: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Carried:
    """What came to a claim while it waited, or which earlier claim it corrects."""

    authorization_number: str | None = None
    authorization_period: Period | None = None
    prior_result: PriorResult | None = None
    related: Related | None = None
    related_claim_id: str | None = None
    follows_id: str | None = None
    reason: str | None = None


def put_claim(
    s: Services,
    work: Work,
    principal: Principal,
    basis: Basis,
    use: Use,
    carried: Carried,
    *,
    event: str,
) -> str:
    """Make the claim, its exact bytes and its submission; the submission's id.

    The caller holds the consultation's row, so that each claim of it gets a number of its own.
    Raises InvalidInput for a service that the insurer has no code for, MappingError when its file
    does not cover the claim otherwise; nothing is stored then: the caller's transaction ends.
    """
    cover, profile = basis.cover, basis.cover.profile
    tenant_id = principal.tenant_id
    _must_have_codes(profile, basis.consultation)
    claim_id = new_id(work.now)
    own = basis.consultation.authorization
    number = carried.authorization_number or (own.number if own else None)
    period = carried.authorization_period or (own.period if own else None)
    claim = Claim(
        id=claim_id,
        number=claim_number(
            tenants.blind_key(work, tenant_id),
            source=basis.consultation_row.source,
            source_id=basis.consultation_row.source_id,
            insurer=profile.name,
            coverage_order=cover.coverage.order,
            use=use,
            nth=1
            + consultations.claims_made(
                work, basis.consultation_row, profile.name, cover.coverage.order, use
            ),
        ),
        use=use,
        coverage_order=cover.coverage.order,
        created_on=s.business_day(work.now, profile.zone),
        # An authorization that does not cover the service is asked for anew, not quoted.
        authorization_number=number if use is Use.CLAIM else None,
        authorization_period=period if use is Use.CLAIM else None,
        related=carried.related,
        prior_result=carried.prior_result,
    )
    previous = _previous(work, tenant_id, use, carried)
    built = bundle.build(
        profile, basis.consultation, cover.coverage, claim, basis.decision, previous
    )
    keys = member_keys(work, tenant_id, cover, basis.consultation.episode_id)
    traffic.ensure(work, tenant_id, profile)
    consultations.add_claim(
        work,
        {
            "tenant_id": tenant_id,
            "id": claim_id,
            "consultation_id": basis.consultation_row.id,
            "revision": basis.revision,
            "decision_id": basis.decision_id,
            "insurer_id": profile.name,
            "coverage_order": cover.coverage.order,
            "use": use.value,
            "claim_identifier": claim.identifier,
            "body_id": bodies.put(
                work, tenant_id, claim_json.encode_claim(claim), "application/json"
            ),
            "amount_minor": built.total.minor,
            "currency": built.total.currency,
            "relation": carried.related.relation.value if carried.related else None,
            "related_claim_id": carried.related_claim_id,
            "member_key": keys.member,
            "condition_key": keys.condition,
            "opinion_number": basis.consultation.opinion_number,
            "benefit_year": cover.plan.benefit_year(
                first_service_day(basis.consultation, cover.plan)
            ),
        },
    )
    submission_id = new_id(work.now)
    delivery = profile.delivery
    outbox.put(
        work,
        {
            "tenant_id": tenant_id,
            "insurer_id": profile.name,
            "id": submission_id,
            "claim_id": claim_id,
            "claim_identifier": claim.identifier,
            "idempotency_key": claim.number,
            "use": use.value,
            "lane_key": f"{basis.consultation_row.id}:{cover.coverage.order}",
            "follows_id": carried.follows_id,
            "consultation_id": basis.consultation_row.id,
            "decision_id": basis.decision_id,
            "body_id": bodies.put(work, tenant_id, built.body, "application/fhir+json"),
            "profile": profile.name,
            "profile_version": profile.version,
            "profile_digest": profile.digest,
            "plan_digest": cover.plan.digest,
            "stage": profile.stage,
            "amount_minor": built.total.minor,
            "currency": built.total.currency,
            "filing_due": last_service_day(basis.consultation, cover.plan)
            + timedelta(days=delivery.filing_days),
            "budget_until": work.now + retry_budget(delivery.retry_after_s),
        },
        by=principal.subject,
        event=event,
        reason=carried.reason,
    )
    why = why_asked_first(work, tenant_id, profile.name, claim.identifier)
    if why is not None:
        row = outbox.get(work, tenant_id, submission_id)
        put_in_doubt(s, work, row, profile, "asked first", principal.subject, reason=why)
    return submission_id


def _previous(work: Work, tenant_id: str, use: Use, carried: Carried) -> bytes | None:
    """The request, as it was sent, that this one replaces or voids; a denied one is not updated
    (Da Vinci PAS): it is asked for anew."""
    related = carried.related
    if use is not Use.PREAUTHORIZATION or related is None or carried.follows_id is None:
        return None
    if not is_correction(related.relation.value):
        return None
    old = outbox.get(work, tenant_id, carried.follows_id)
    decided = ledger.standing(work, old)
    if decided is not None and decided.review == Review.DENIED.value:
        return None
    return bodies.get(work, tenant_id, old.body_id)


def _must_have_codes(profile: Profile, consultation: Consultation) -> None:
    known = profile.codes["service"].values
    faults = tuple(
        Fault(
            f"services[{n}].code.code",
            service.code,
            f"{profile.name} has no code for it; leave it out, or add it under codes.service in"
            f" {profile.file}",
        )
        for n, service in enumerate(consultation.services)
        if known.get(service.code, UNSUPPORTED) == UNSUPPORTED
    )
    if faults:
        raise InvalidInput(faults)


def is_correction(relation: str | None) -> bool:
    """Whether acceptance of such a claim takes an accepted one's place."""
    return relation in (Relation.REPLACE.value, Relation.VOID.value)
