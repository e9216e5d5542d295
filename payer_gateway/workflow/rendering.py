"""Rendering without sending: what a consultation would become for an insurer."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path

from payer_gateway.domain.claim import Claim, Use
from payer_gateway.domain.consultation import Consultation, Coverage
from payer_gateway.domain.eligibility import Snapshot, decide, question_of
from payer_gateway.domain.errors import Conflict
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.mapping import bundle
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.goldens import load_case
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, consultations
from payer_gateway.workflow.judging import last_service_day
from payer_gateway.workflow.services import Services


def stored_document(s: Services, principal: Principal, consultation_id: str) -> bytes:
    """The consultation as it was taken in, at its current revision. Raises NotFound."""
    principal.must_be_allowed(Act.READ_BYTES)
    with s.database.read() as work:
        row = consultations.get(work, principal.tenant_id, consultation_id)
        current = consultations.revision(work, principal.tenant_id, row.id, row.revision)
        return bodies.get(work, principal.tenant_id, current.body_id)


def render(
    s: Services,
    insurer: str,
    document: bytes,
    uses: tuple[Use, ...],
    *,
    number: str | None = None,
) -> list[bytes]:
    """The Bundle of each coverage with this insurer and each use, as exact bytes.

    A consultation that does not name the insurer is rendered as though its first coverage did:
    that is how a new file is tried on old cases. Nothing is stored.
    """
    consultation = read_consultation(document).consultation
    profile = s.shelf.profile(s.shelf.find(insurer))
    if not consultation.coverages:
        raise Conflict("the consultation names no coverage, so there is nothing to claim")
    named = [c for c in consultation.coverages if _is(s, c, profile)]
    first = min(consultation.coverages, key=lambda each: each.order)
    return [
        _one(s, profile, consultation, coverage, use, number)
        for coverage in named or [first]
        for use in uses
    ]


def golden(s: Services, insurer: str, folder: Path, use: Use) -> bytes | None:
    """The Bundle of a golden case by its own ``claim.json``: replacements, withdrawals and second
    payers as `mapping release` keeps them. None where the case is none of that use."""
    profile, case = s.shelf.profile(s.shelf.find(insurer)), load_case(folder)
    if use not in case.claims:
        return None
    before = case.previous.get(use)
    told = case.consultation, case.coverage, case.claims[use], case.decision
    return bundle.build(profile, *told, before).body


def _is(s: Services, coverage: Coverage, profile: Profile) -> bool:
    known = {profile.name.casefold(), *(a.casefold() for a in profile.aliases)}
    return coverage.insurer.casefold() in known


def _one(
    s: Services,
    profile: Profile,
    consultation: Consultation,
    coverage: Coverage,
    use: Use,
    number: str | None,
) -> bytes:
    coverage = dataclasses.replace(coverage, insurer=profile.name)
    plan = s.plans.plan(coverage.plan)
    question = question_of(consultation, coverage, plan, profile.agreed_fee(consultation.services))
    decision = decide(question, plan, Snapshot({}, None), s.codes)
    own = consultation.authorization if use is Use.CLAIM else None
    # The same consultation renders to the same bytes: no clock, no chance.
    fixed = uuid.uuid5(
        uuid.NAMESPACE_URL, f"{consultation.source}/{consultation.source_id}/{coverage.order}/{use}"
    )
    claim = Claim(
        id=str(fixed),
        number=number or str(fixed),
        use=use,
        coverage_order=coverage.order,
        created_on=s.today or last_service_day(consultation, plan),
        authorization_number=own.number if own else None,
        authorization_period=own.period if own else None,
        related=None,
        prior_result=None,
    )
    return bundle.build(profile, consultation, coverage, claim, decision).body
