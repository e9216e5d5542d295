"""From a consultation to a stored decision, one per coverage."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.consultation import Consultation, Coverage, local_day
from payer_gateway.domain.eligibility import (
    RULESET,
    Decision,
    Snapshot,
    decide,
    no_coverage,
    question_of,
)
from payer_gateway.domain.errors import Fault, InvalidInput, MappingError
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.principal import Principal
from payer_gateway.mapping import decision_json
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, consultations, tenants
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services


@dataclass(frozen=True, slots=True)
class Cover:
    """A coverage with the insurer's profile and the plan that it names."""

    index: int
    coverage: Coverage
    profile: Profile
    plan: Plan


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """Blind keys: equal for equal people and conditions of a tenant, readable by nobody."""

    member: str
    condition: str


def covers_of(s: Services, consultation: Consultation) -> tuple[Cover, ...]:
    """Raises InvalidInput naming every insurer and plan that no file describes."""
    faults: list[Fault] = []
    covers: list[Cover] = []
    for index, coverage in enumerate(consultation.coverages):
        try:
            name = s.shelf.find(coverage.insurer)
            profile = s.shelf.profile(name, consultation.requested_at.date())
        except MappingError as exc:
            faults.append(Fault(f"coverages[{index}].insurer", coverage.insurer, str(exc)))
            continue
        try:
            plan = s.plans.plan(coverage.plan)
        except MappingError as exc:
            faults.append(Fault(f"coverages[{index}].plan", coverage.plan, str(exc)))
            continue
        covers.append(Cover(index, coverage, profile, plan))
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(sorted(covers, key=lambda cover: cover.coverage.order))


def last_service_day(consultation: Consultation, plan: Plan) -> date:
    return max(local_day(service.serviced, plan.zone) for service in consultation.services)


def first_service_day(consultation: Consultation, plan: Plan) -> date:
    return min(local_day(service.serviced, plan.zone) for service in consultation.services)


def member_keys(work: Work, tenant_id: str, cover: Cover, episode_id: str) -> MemberKeys:
    insurer, plan = cover.profile.name, cover.plan.name
    return keys_of(work, tenant_id, insurer, plan, cover.coverage.member_id, episode_id)


def keys_of(
    work: Work, tenant_id: str, insurer: str, plan: str, member_id: str, episode_id: str
) -> MemberKeys:
    secret = tenants.blind_key(work, tenant_id)

    def blind(*parts: str) -> str:
        return hmac.new(secret, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()

    # Member ids are compared as insurers do: case, spaces and hyphens apart.
    member = member_id.upper().replace(" ", "").replace("-", "")
    return MemberKeys(
        blind("member", insurer, plan, member), blind("condition", insurer, episode_id)
    )


def judge(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    revision: int,
    consultation: Consultation,
    cover: Cover | None,
) -> tuple[str, Decision]:
    """Decide one coverage (None: the consultation names none) and store it; id and decision."""
    if cover is None:
        decision = no_coverage()
        question, known, plan = None, None, None
    else:
        fee = cover.profile.agreed_fee(consultation.services)
        plan = cover.plan
        question = question_of(consultation, cover.coverage, plan, fee)
        known = snapshot_of(work, row.tenant_id, row.id, cover, consultation)
        decision = decide(question, plan, known, s.codes)
    body_id = bodies.put(
        work,
        principal.tenant_id,
        decision_json.encode(decision, question, known),
        "application/json",
    )
    decision_id = consultations.add_decision(
        work,
        {
            "tenant_id": principal.tenant_id,
            "consultation_id": row.id,
            "revision": revision,
            "coverage_order": cover.coverage.order if cover else None,
            "insurer_id": cover.profile.name if cover else None,
            "plan": plan.name if plan else None,
            "plan_version": plan.version if plan else None,
            "plan_digest": plan.digest if plan else None,
            "ruleset": RULESET,
            "coverage_source": "asserted",
            "verdict": decision.verdict.value,
            "input_sha256": decision_json.input_digest(question, plan, known),
            "body_id": body_id,
            "decided_on": s.today or work.now.date(),
            "decided_by": "engine",
        },
    )
    return decision_id, decision


def snapshot_of(
    work: Work,
    tenant_id: str,
    consultation_id: str | None,
    cover: Cover,
    consultation: Consultation,
) -> Snapshot:
    """Opinions used by our own accepted claims, but for those of the consultation itself (None: it
    is not taken); a roster adds to it once the tenant has one."""
    keys = member_keys(work, tenant_id, cover, consultation.episode_id)
    used = opinions_used(work, tenant_id, keys, consultation.episode_id, consultation_id)
    # A service is held against the day on which its sender asked, so that the answer does not
    # depend on when we come to it.
    return Snapshot(opinions_used=used, deductible_met=None, as_of=consultation.requested_at)


def opinions_used(
    work: Work,
    tenant_id: str,
    keys: MemberKeys,
    episode_id: str | None,
    but_consultation: str | None,
) -> dict[tuple[str, int, date], int]:
    """By our own accepted claims: (the episode, or * for all of the member's, number, year) → n."""
    used: dict[tuple[str, int, date], int] = {}
    for found in consultations.opinions_used(work, tenant_id, keys.member, but_consultation or ""):
        scopes = ["*"]
        if episode_id is not None and found.condition_key == keys.condition:
            scopes.append(episode_id)
        for scope in scopes:
            key = (scope, found.opinion_number, found.benefit_year)
            used[key] = used.get(key, 0) + found.n
    return used
