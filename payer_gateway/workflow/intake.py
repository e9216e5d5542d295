"""Intake: a consultation comes in once, is decided per coverage, and what follows is committed
with it in one transaction: decisions, claims, submissions, bytes, planned claims."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row

from payer_gateway.domain.claim import Use, WaitsFor, what_follows
from payer_gateway.domain.consultation import Consultation
from payer_gateway.domain.errors import Conflict
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.storage import bodies, consultations, outbox, tenants
from payer_gateway.storage.database import Work
from payer_gateway.workflow import rejudging, summary
from payer_gateway.workflow.claiming import Basis, Carried, put_claim
from payer_gateway.workflow.judging import Cover, covers_of, judge, last_service_day
from payer_gateway.workflow.services import Services


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it. ``summary`` is the object of the outside contract."""

    how: Literal["new", "repeated", "revised"]
    summary: dict[str, Any]


def take_in(s: Services, principal: Principal, document: bytes) -> Taken:
    """Take one consultation (JSON bytes).

    The same content again changes nothing, unless the roster has changed under it. Other content
    under the same source id is a new revision while no submission exists. Raises InvalidInput
    (nothing stored) with every fault, Conflict once a submission exists, MappingError when an
    insurer's file cannot say the claim.
    """
    principal.must_be_allowed(Act.SUBMIT_CONSULTATION)
    received = read_consultation(document)
    consultation = received.consultation
    covers = covers_of(s, consultation)
    digest = hashlib.sha256(received.canonical).hexdigest()
    tenant_id = principal.tenant_id
    with s.database.write() as work:
        tenants.ensure(work, tenant_id)
        row, is_new = consultations.take(
            work, tenant_id, consultation.source, consultation.source_id
        )
        if not is_new:
            current = consultations.revision(work, tenant_id, row.id, row.revision)
            if current.content_sha256 == digest:
                _judge_again(s, work, principal, row, consultation, covers)
                return Taken("repeated", summary.of_consultation(work, tenant_id, row.id))
            _refuse_change_once_submitted(work, row)
            consultations.close_planned_of(work, tenant_id, row.id, "a newer revision came in")
        body_id = bodies.put(work, tenant_id, received.canonical, "application/json")
        revision = consultations.add_revision(work, row, digest, body_id, principal.subject)
        decide_and_follow(s, work, principal, row, revision, consultation, covers)
        return Taken(
            "new" if is_new else "revised", summary.of_consultation(work, tenant_id, row.id)
        )


def _refuse_change_once_submitted(work: Work, row: Row[Any]) -> None:
    if outbox.is_on_its_way(work, row.tenant_id, row.id):
        raise Conflict(
            f"consultation {row.id} has a claim on its way, so other content under the source id"
            f" {row.source_id!r} is not taken; correct it with POST"
            f" /api/v1/consultations/{row.id}/corrections"
        )


def _judge_again(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    consultation: Consultation,
    covers: tuple[Cover, ...],
) -> None:
    """The roster may have changed since the same content came in: then the decision is made anew,
    and takes the place of the earlier one."""
    changed = rejudging.answered_otherwise(s, work, row, consultation, covers)
    if not changed:
        return
    if outbox.is_on_its_way(work, row.tenant_id, row.id):
        rejudging.behind_a_claim(s, work, principal, row, consultation, changed)
        return
    consultations.close_planned_of(work, row.tenant_id, row.id, "the roster has changed")
    decide_and_follow(s, work, principal, row, row.revision, consultation, covers)


def decide_and_follow(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    revision: int,
    consultation: Consultation,
    covers: tuple[Cover, ...],
) -> None:
    """The decision → action table, for every coverage in billing order."""
    if not covers:
        judge(s, work, principal, row, revision, consultation, None)
        return
    primary_follows = False
    for cover in covers:
        decision_id, decision = judge(s, work, principal, row, revision, consultation, cover)
        last_day = last_service_day(consultation, cover.plan)
        following = what_follows(decision, last_day, s.business_day(work.now, cover.plan.zone))
        submission_id = None
        if following.now is not None:
            basis = Basis(row, revision, consultation, cover, decision_id, decision)
            submission_id = put_claim(
                s, work, principal, basis, following.now, Carried(), event="claimed"
            )
        if following.planned is not None:
            use, waits_for, due_on = following.planned
            if waits_for is WaitsFor.PRIMARY and not primary_follows:
                # The insurer billed first gets no claim, so its result will not come by itself.
                waits_for = WaitsFor.PERSON
            consultations.plan_claim(
                work,
                consultations.decision_by_id(work, row.tenant_id, decision_id),
                use=use,
                waits_for=waits_for,
                due_on=due_on or last_day,
                zone=cover.plan.zone.key,
                follows_id=submission_id if following.now is Use.PREAUTHORIZATION else None,
            )
        if cover is covers[0]:
            primary_follows = following.now is not None or following.planned is not None
