"""From a consultation to a stored decision, one per coverage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.consultation import Consultation, Coverage, local_day
from payer_gateway.domain.eligibility import (
    RULESET,
    Decision,
    Question,
    Snapshot,
    decide,
    no_coverage,
    question_of,
)
from payer_gateway.domain.eligibility_question import PriorAnswer
from payer_gateway.domain.eligibility_roster import by_roster
from payer_gateway.domain.errors import Fault, InvalidInput, MappingError
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.principal import Principal
from payer_gateway.mapping import decision_json
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, consultations
from payer_gateway.storage.blind_keys import BlindKeys
from payer_gateway.storage.database import Work
from payer_gateway.storage.known import Known, known_of
from payer_gateway.workflow.enrolment import Standing, on_roster
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
    keys = BlindKeys.of(work, tenant_id)
    return MemberKeys(keys.member(insurer, plan, member_id), keys.condition(insurer, episode_id))


@dataclass(frozen=True, slots=True)
class Asked:
    """One coverage's question and what is known of it. ``standing`` None: there is no roster of its
    plan, and what the sender asserts of the cover counts."""

    question: Question
    known: Snapshot
    standing: Standing | None

    @property
    def source(self) -> str:
        return "asserted" if self.standing is None else "roster"


def asked_of(
    s: Services,
    work: Work,
    tenant_id: str,
    consultation_id: str | None,
    cover: Cover,
    consultation: Consultation,
) -> Asked:
    """What a consultation (None: it is not taken) asks of one coverage. Where its plan has a roster
    the roster wins, and the earlier answer is known: cover that ended after it is told so."""
    fee = cover.profile.agreed_fee(consultation.services)
    question = question_of(consultation, cover.coverage, cover.plan, fee)
    insurer, plan, episode = cover.profile.name, cover.plan, consultation.episode_id
    keys = member_keys(work, tenant_id, cover, episode)
    of_member = known_of(work, tenant_id, insurer, plan.name, keys.member, consultation_id)
    # A service is held against the day on which its sender asked, so that the answer does not
    # depend on when we come to it.
    known = Snapshot(
        opinions_used=opinions_used(of_member, keys, episode),
        deductible_met=None,
        as_of=consultation.requested_at,
    )
    found = on_roster(work, tenant_id, keys.member, of_member)
    if found is None:
        return Asked(question, known, None)
    prior = None
    if consultation_id is not None:
        last = last_decision(work, tenant_id, consultation_id, cover)
        if last is not None:
            answered = datetime.combine(last.decided_on, time(), plan.zone)
            prior = PriorAnswer(str(last.id), last.verdict, answered)
    question, known = by_roster(question, replace(known, prior=prior), found.entry, plan)
    return Asked(question, known, found)


def last_decision(
    work: Work, tenant_id: str, consultation_id: str, cover: Cover
) -> Row[Any] | None:
    """The latest decision on this coverage; None: there is none yet."""
    names = (cover.profile.name, cover.plan.name, cover.coverage.order)
    return consultations.last_decision(work, tenant_id, consultation_id, *names)


def judge(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    revision: int,
    consultation: Consultation,
    cover: Cover | None,
) -> tuple[str, Decision]:
    """Decide one coverage (None: the consultation names none) and store it; id and decision.

    Never instead of an earlier decision: it says which one it takes the place of, and both stay.
    """
    question, known, plan, source, supersedes = None, None, None, "asserted", None
    if cover is None:
        decision = no_coverage()
    else:
        plan = cover.plan
        asked = asked_of(s, work, row.tenant_id, row.id, cover, consultation)
        question, known, source = asked.question, asked.known, asked.source
        decision = decide(question, plan, known, s.codes)
        supersedes = _superseded(work, row, revision, cover, decision)
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
            "coverage_source": source,
            "verdict": decision.verdict.value,
            "input_sha256": decision_json.input_digest(question, plan, known),
            "body_id": body_id,
            "decided_on": s.today or work.now.date(),
            "decided_by": "engine",
            "supersedes_id": supersedes,
        },
    )
    return decision_id, decision


def _superseded(
    work: Work, row: Row[Any], revision: int, cover: Cover, decision: Decision
) -> str | None:
    """The earlier decision that this one takes the place of: of the same revision in any case, of
    an earlier one where the answer is another."""
    last = last_decision(work, row.tenant_id, row.id, cover)
    if last is None or (last.revision != revision and decision.supersedes is None):
        return None
    return str(last.id)


def opinions_used(
    known: Known, keys: MemberKeys, episode_id: str | None
) -> dict[tuple[str, int, date], int]:
    """By our own accepted claims, but for those of the consultation itself: (the episode, or * for
    all of the member's, number, year) → n. A roster adds to them."""
    used: dict[tuple[str, int, date], int] = {}
    for found in known.opinions_used:
        scopes = ["*"]
        if episode_id is not None and found.condition_key == keys.condition:
            scopes.append(episode_id)
        for scope in scopes:
            key = (scope, found.opinion_number, found.benefit_year)
            used[key] = used.get(key, 0) + found.n
    return used
