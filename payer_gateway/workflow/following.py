"""What an insurer's answer sets in motion: planned claims, corrections that take effect, facts."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.answer import Adjudication, Reading
from payer_gateway.domain.claim import PriorResult, Related, Relation, Use, WaitsFor
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import Money
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.domain.submission import State
from payer_gateway.mapping import claim_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, consultations, ledger, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow.claiming import Basis, Carried, is_correction, put_claim
from payer_gateway.workflow.judging import covers_of
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.summary import stored_decision


def accepted(
    work: Work,
    row: Row[Any],
    reading: Reading,
    profile: Profile,
    reply_body_id: str | None,
    by: str,
) -> dict[str, Any]:
    """The insurer has the claim: the acknowledgement and, if it came along, the adjudication.

    Returns the columns to set on the submission that is being moved to accepted.
    """
    ledger.acknowledged(work, row, reading.control_number, reply_body_id)
    values: dict[str, Any] = {"cause_id": None}
    if reading.control_number is not None:
        values["control_number"] = reading.control_number
    take_its_place(work, row, reply_body_id, by)
    if reading.adjudication is None:
        values["adjudication_due"] = work.now + _poll(profile)
    else:
        values |= adjudicated(work, row, reading, reply_body_id)
    return values


def take_its_place(work: Work, row: Row[Any], reply_body_id: str | None, by: str) -> None:
    """A replacement or void that the insurer has: the accepted claim it names is superseded."""
    claim_row = consultations.claim_by_id(work, row.tenant_id, row.claim_id)
    if not is_correction(claim_row.relation) or row.follows_id is None:
        return
    replaced = outbox.get(work, row.tenant_id, row.follows_id, lock=True)
    if replaced.state == State.ACCEPTED.value:
        outbox.move(work, replaced, State.SUPERSEDED, f"{claim_row.relation}d", by)
        ledger.corrected(work, replaced, reply_body_id)


def adjudicated(
    work: Work, row: Row[Any], reading: Reading, reply_body_id: str | None
) -> dict[str, Any]:
    """The insurer's decision: into the ledger, and on to what waited for it."""
    answer = reading.adjudication
    assert answer is not None  # noqa: S101 - callers pass a reading that has one
    control_number = reading.control_number or row.control_number
    ledger.adjudicated(work, row, answer, control_number, reply_body_id)
    if row.use == Use.PREAUTHORIZATION.value:
        _authorization_answered(work, row, answer)
    else:
        _primary_answered(work, row, answer, control_number)
    values: dict[str, Any] = {"adjudication_due": None, "adjudicated_at": work.now}
    if control_number is not None:
        values["control_number"] = control_number
    return values


def _authorization_answered(work: Work, row: Row[Any], answer: Adjudication) -> None:
    for planned in consultations.planned(work, row.tenant_id, row.consultation_id):
        if planned.state != "open" or planned.follows_id != row.id:
            continue
        if answer.approved and answer.authorization_number is not None:
            carried = claim_json.encode_carried(
                authorization=(answer.authorization_number, answer.authorization_period),
                prior=None,
            )
            _give(work, planned, carried)
        else:
            cause = "the insurer denied the prior authorization"
            consultations.change_planned(work, planned, state="closed", closed_cause=cause)
            no_primary_result(work, row, planned.coverage_order, cause)


def no_primary_result(work: Work, row: Row[Any], order: int, cause: str) -> None:
    """The claim to the insurer billed first will not come: what waits for it waits for a person."""
    for planned in consultations.planned(work, row.tenant_id, row.consultation_id):
        if (
            planned.state == "open"
            and planned.waits_for == WaitsFor.PRIMARY.value
            and planned.coverage_order > order
        ):
            consultations.change_planned(
                work,
                planned,
                waits_for=WaitsFor.PERSON.value,
                closed_cause=f"no answer will come from the insurer billed first: {cause}",
            )


def _primary_answered(
    work: Work, row: Row[Any], answer: Adjudication, control_number: str | None
) -> None:
    own_order = consultations.claim_by_id(work, row.tenant_id, row.claim_id).coverage_order
    for planned in consultations.planned(work, row.tenant_id, row.consultation_id):
        if (
            planned.state != "open"
            or planned.waits_for != WaitsFor.PRIMARY.value
            or planned.coverage_order <= own_order
        ):
            continue
        prior = PriorResult(
            insurer=row.insurer_id,
            claim_identifier=row.claim_identifier,
            outcome=answer.outcome,
            paid=answer.payable or Money.zero(row.currency),
            control_number=control_number,
        )
        _give(work, planned, claim_json.encode_carried(authorization=None, prior=prior))


def _give(work: Work, planned: Row[Any], carried: bytes) -> None:
    """What it waited for has come; it becomes a claim once the service day has, too."""
    consultations.change_planned(
        work,
        planned,
        waits_for=WaitsFor.SERVICE_DAY.value,
        carries_body_id=bodies.put(work, planned.tenant_id, carried, "application/json"),
    )


def promote_planned(s: Services, worker: str) -> int:
    """Turn every planned claim whose time has come into a claim and submission; how many."""
    with s.database.read() as work:
        due = [
            (p.tenant_id, p.id)
            for p in consultations.open_planned(work, waits_for=WaitsFor.SERVICE_DAY)
        ]
    return sum(_promote(s, worker, tenant_id, planned_id) for tenant_id, planned_id in due)


def _promote(s: Services, worker: str, tenant_id: str, planned_id: str) -> int:
    principal = Principal(tenant_id, Role.WORKER, worker)
    try:
        with s.database.write() as work:
            planned = consultations.lock_planned(work, tenant_id, planned_id)
            if planned is None or planned.waits_for != WaitsFor.SERVICE_DAY.value:
                return 0
            basis = basis_of(s, work, tenant_id, planned.consultation_id, planned.decision_id)
            if planned.due_on > s.business_day(work.now, basis.cover.plan.zone):
                return 0
            submission_id = put_claim(
                s,
                work,
                principal,
                basis,
                Use(planned.use),
                _carried(work, planned),
                event="planned claim due",
            )
            consultations.change_planned(work, planned, state="done", submission_id=submission_id)
            return 1
    except MappingError as exc:
        # The insurer's file does not cover it: a person mends the file and says so.
        with s.database.write() as work:
            planned = consultations.lock_planned(work, tenant_id, planned_id)
            if planned is not None:
                consultations.change_planned(
                    work, planned, waits_for=WaitsFor.PERSON.value, closed_cause=str(exc)
                )
        return 0


def _carried(work: Work, planned: Row[Any]) -> Carried:
    related, related_claim_id = None, None
    if planned.follows_id is not None:
        asked = outbox.get(work, planned.tenant_id, planned.follows_id)
        related = Related(asked.claim_identifier, Relation.FOLLOWS, asked.control_number)
        related_claim_id = asked.claim_id
    carried = Carried(
        related=related, related_claim_id=related_claim_id, follows_id=planned.follows_id
    )
    if planned.carries_body_id is None:
        return carried
    number, period, prior = claim_json.decode_carried(
        bodies.get(work, planned.tenant_id, planned.carries_body_id)
    )
    return dataclasses.replace(
        carried,
        authorization_number=number,
        authorization_period=period,
        prior_result=prior,
    )


def basis_of(
    s: Services, work: Work, tenant_id: str, consultation_id: str, decision_id: str
) -> Basis:
    """The consultation and decision that a claim of it is made from, as they were stored."""
    row = consultations.get(work, tenant_id, consultation_id)
    decision_row = consultations.decision_by_id(work, tenant_id, decision_id)
    revision = consultations.revision(work, tenant_id, row.id, decision_row.revision)
    received = read_consultation(bodies.get(work, tenant_id, revision.body_id))
    cover = next(
        c
        for c in covers_of(s, received.consultation)
        if c.coverage.order == decision_row.coverage_order
    )
    return Basis(
        row,
        decision_row.revision,
        received.consultation,
        cover,
        decision_id,
        stored_decision(work, decision_row),
    )


def _poll(profile: Profile) -> timedelta:
    return timedelta(seconds=profile.delivery.adjudication_poll_s)
