"""What planned claims wait for, in one place: an authorization, the answer of the insurer billed
first, the service day, a person; and what each answer or correction does to them.

A planned claim hangs on the submission it ``follows`` (its prior authorization) or on the coverage
billed before its own. Whatever happens to that, the planned claim moves here and nowhere else: it
is given what it waited for, handed on, put before a person, or closed with its cause.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from payer_gateway.domain.answer import Adjudication, Review
from payer_gateway.domain.claim import PriorResult, Related, Relation, Use, WaitsFor, what_follows
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.errors import InvalidInput, MappingError
from payer_gateway.domain.money import Money
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.mapping import claim_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.storage import bodies, consultations, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow.claiming import Basis, Carried, put_claim
from payer_gateway.workflow.judging import Cover, covers_of, last_service_day
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.summary import stored_decision

# Of a prior authorization: neither leave for what was asked nor a denial of it.
_UNSETTLED = {
    Review.MODIFIED: "the insurer gave leave for something else than was asked",
    Review.PARTLY: "the insurer gave leave for some of the lines and denied others",
    Review.UNCLEAR: "the insurer answered in a way that is neither leave nor a denial",
}
_DENIED = "the insurer denied the prior authorization"


def _open(work: Work, row: Row[Any]) -> Iterator[Row[Any]]:
    """Open planned claims of the consultation that this submission belongs to."""
    for planned in consultations.planned(work, row.tenant_id, row.consultation_id):
        if planned.state == "open":
            yield planned


def authorization_answered(work: Work, row: Row[Any], answer: Adjudication) -> bool:
    """Approved: its number goes on the planned claim. Denied: that claim is closed; approved
    after that: it is open again. True when it was refused and a claim quotes it already."""
    is_approved = answer.approved and answer.authorization_number is not None
    for planned in consultations.planned(work, row.tenant_id, row.consultation_id):
        if planned.follows_id != row.id:
            continue
        if planned.state == "done" and not is_approved:
            return True
        if planned.state == "closed" and planned.closed_cause == _DENIED and is_approved:
            consultations.change_planned(
                work, planned, state="open", closed_cause=None, closed_at=None
            )
        elif planned.state != "open":
            continue
        unsettled = _unsettled(answer)
        if unsettled is not None:
            _ask_a_person(work, planned, unsettled, _number_of(answer))
        elif answer.approved:
            _give(work, planned, _number_of(answer))
        else:
            consultations.change_planned(work, planned, state="closed", closed_cause=_DENIED)
            no_primary_result(work, row, planned.coverage_order, _DENIED)
    return False


def _unsettled(answer: Adjudication) -> str | None:
    """Why an answer is neither leave for what was asked nor a denial of it; None when it is one of
    these. A person looks at it, and decides what is claimed."""
    if answer.outcome == "error":
        return "the insurer could not process the prior authorization"
    if answer.review in _UNSETTLED:
        return _UNSETTLED[answer.review]
    if answer.approved and answer.authorization_number is None:
        return "the insurer gave leave without a number that a claim could quote"
    return None


def _number_of(answer: Adjudication) -> bytes | None:
    """What a claim made on this answer carries; None when it has no number."""
    if answer.authorization_number is None or not answer.approved:
        return None
    return claim_json.encode_carried(
        authorization=(answer.authorization_number, answer.authorization_period), prior=None
    )


def authorization_corrected(
    work: Work, old: Row[Any], new_id: str, basis: Basis, relation: Relation
) -> None:
    """The authorization that a planned claim follows is edited, replaced or being withdrawn: the
    old number is not used any more, and the claim will be made from what is said now."""
    for planned in _open(work, old):
        if planned.follows_id != old.id:
            continue
        if relation is Relation.VOID:
            _ask_a_person(work, planned, "its prior authorization is being withdrawn")
            continue
        consultations.change_planned(
            work,
            planned,
            follows_id=new_id,
            decision_id=basis.decision_id,
            due_on=last_service_day(basis.consultation, basis.cover.plan),
            waits_for=WaitsFor.AUTHORIZATION.value,
            carries_body_id=None,
        )


def authorization_withdrawn(work: Work, old: Row[Any]) -> None:
    """The insurer has taken the withdrawal: what was planned on it is closed."""
    for planned in _open(work, old):
        if planned.follows_id == old.id:
            cause = "its prior authorization was withdrawn"
            consultations.change_planned(work, planned, state="closed", closed_cause=cause)


def cancelled(work: Work, row: Row[Any]) -> None:
    """A submission that never was booked is taken back: its planned claim has no ground."""
    relation = consultations.claim_by_id(work, row.tenant_id, row.claim_id).relation
    for planned in _open(work, row):
        if planned.follows_id != row.id:
            continue
        if relation in (Relation.REPLACE.value, Relation.VOID.value):
            _ask_a_person(work, planned, "the correction of its prior authorization was cancelled")
        else:
            cause = "its prior authorization was cancelled"
            consultations.change_planned(work, planned, state="closed", closed_cause=cause)
    if relation not in (Relation.REPLACE.value, Relation.VOID.value):
        order = consultations.claim_by_id(work, row.tenant_id, row.claim_id).coverage_order
        no_primary_result(work, row, order, "it was cancelled")


def primary_answered(
    work: Work, row: Row[Any], answer: Adjudication, control_number: str | None
) -> None:
    """The next insurer in line gets this one's result; those behind it wait for that one."""
    claim_row = consultations.claim_by_id(work, row.tenant_id, row.claim_id)
    if claim_row.relation == Relation.VOID.value:
        return  # the answer to a withdrawal is no result
    if answer.outcome == "error":
        cause = "it could not process the claim"
        no_primary_result(work, row, claim_row.coverage_order, cause)
        return
    behind = [
        planned
        for planned in _open(work, row)
        # Given a result before, and waiting for its day only: it gets the one that stands now.
        if (planned.waits_for == WaitsFor.PRIMARY.value or _carries_result(planned))
        and planned.coverage_order > claim_row.coverage_order
    ]
    if not behind:
        return
    following = min(behind, key=lambda planned: int(planned.coverage_order))
    prior = PriorResult(
        insurer=row.insurer_id,
        claim_identifier=row.claim_identifier,
        outcome=answer.outcome,
        paid=answer.payable or Money.zero(row.currency),
        control_number=control_number,
    )
    _give(work, following, claim_json.encode_carried(authorization=None, prior=prior))


def _carries_result(planned: Row[Any]) -> bool:
    is_given = planned.carries_body_id is not None and planned.follows_id is None
    return planned.waits_for == WaitsFor.SERVICE_DAY.value and is_given


def no_primary_result(work: Work, row: Row[Any], order: int, cause: str) -> None:
    """The insurer billed first will not answer: what waits for it waits for a person."""
    for planned in _open(work, row):
        if planned.waits_for == WaitsFor.PRIMARY.value and planned.coverage_order > order:
            why = f"no answer will come from the insurer billed first: {cause}"
            _ask_a_person(work, planned, why)


def decided_afresh(
    s: Services,
    work: Work,
    row: Row[Any],
    cover: Cover,
    decision_id: str,
    decision: Decision,
    basis: Basis,
) -> None:
    """A correction was decided for this other coverage as well: what is planned for it will be
    made from what the consultation says now, or is closed when that is not covered."""
    due_on = last_service_day(basis.consultation, cover.plan)
    following = what_follows(decision, due_on, s.business_day(work.now, cover.plan.zone))
    for planned in consultations.planned(work, row.tenant_id, row.id):
        if planned.state != "open" or planned.coverage_order != cover.coverage.order:
            continue
        if following.now is None and following.planned is None:
            cause = "the corrected consultation is not covered here"
            consultations.change_planned(work, planned, state="closed", closed_cause=cause)
        else:
            consultations.change_planned(work, planned, decision_id=decision_id, due_on=due_on)


def _ask_a_person(work: Work, planned: Row[Any], cause: str, carried: bytes | None = None) -> None:
    values = {} if carried is None else {"carries_body_id": _kept(work, planned, carried)}
    consultations.change_planned(
        work, planned, waits_for=WaitsFor.PERSON.value, closed_cause=cause, **values
    )


def _give(work: Work, planned: Row[Any], carried: bytes | None) -> None:
    """What it waited for has come; it becomes a claim once the service day has, too."""
    assert carried is not None  # noqa: S101 - leave without a number goes to a person
    consultations.change_planned(
        work,
        planned,
        waits_for=WaitsFor.SERVICE_DAY.value,
        closed_cause=None,
        carries_body_id=_kept(work, planned, carried),
    )


def _kept(work: Work, planned: Row[Any], carried: bytes) -> str:
    return bodies.put(work, planned.tenant_id, carried, "application/json")


def promote_planned(s: Services, worker: str) -> int:
    """Turn every planned claim whose time has come into a claim and submission; how many."""
    with s.database.read() as work:
        due = [
            (p.tenant_id, p.consultation_id, p.id)
            for p in consultations.open_planned(work, waits_for=WaitsFor.SERVICE_DAY)
            if p.due_on <= s.business_day(work.now, ZoneInfo(p.zone))
        ]
    return sum(_promote(s, worker, *each) for each in due)


def _promote(
    s: Services, worker: str, tenant_id: str, consultation_id: str, planned_id: str
) -> int:
    principal = Principal(tenant_id, Role.WORKER, worker)
    try:
        with s.database.write() as work:
            # The consultation first, as corrections take it: two claims of it get two numbers.
            consultations.get(work, tenant_id, consultation_id, lock=True)
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
    except (MappingError, InvalidInput) as exc:
        # A file no longer covers it (a code, an alias, a plan): a person mends the file, then
        # decides. One such claim must not stop the others.
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
