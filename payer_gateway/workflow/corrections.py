"""Corrections: a claim that exists is never edited; a new claim of its lane names it.

Edit (the old one was never accepted): the new one takes its place at once. Replace and void (the
old one was accepted): the old one is superseded when the insurer has accepted the new one.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from sqlalchemy import Row

from payer_gateway.domain.claim import Related, Relation, Use
from payer_gateway.domain.errors import Conflict, Fault, InvalidInput
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.reasons import Verdict
from payer_gateway.domain.submission import State
from payer_gateway.mapping import claim_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.storage import bodies, consultations, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow import summary
from payer_gateway.workflow.claiming import Basis, Carried, put_claim
from payer_gateway.workflow.following import basis_of
from payer_gateway.workflow.judging import covers_of, judge, last_service_day
from payer_gateway.workflow.repair import must_be_known, must_say
from payer_gateway.workflow.services import Services


def correct(
    s: Services,
    principal: Principal,
    consultation_id: str,
    *,
    kind: Literal["replace", "void"],
    submission_id: str,
    reason: str,
    document: bytes | None,
) -> dict[str, Any]:
    """Replace a claim by what ``document`` (a whole consultation, same source id) says now, or
    void it (no document). Returns the consultation's summary.

    Raises NotFound, InvalidInput, or Conflict while the old claim's fate is not settled.
    """
    principal.must_be_allowed(Act.CORRECT_CLAIM)
    must_say(reason, "reason")
    if (kind == "replace") != (document is not None):
        cure = "give the whole corrected consultation to replace, and none to void"
        raise InvalidInput((Fault("consultation", kind, cure),))
    with s.database.write() as work:
        row = consultations.get(work, principal.tenant_id, consultation_id, lock=True)
        old = outbox.get(work, principal.tenant_id, submission_id, lock=True)
        if old.consultation_id != row.id:
            raise Conflict(f"submission {old.id} belongs to another consultation")
        relation = _relation(work, old, kind)
        if document is None:
            basis = basis_of(s, work, row.tenant_id, row.id, old.decision_id)
        else:
            basis = _corrected_basis(s, work, principal, row, old, document)
        old_claim_row = consultations.claim_by_id(work, row.tenant_id, old.claim_id)
        old_claim = claim_json.decode_claim(bodies.get(work, row.tenant_id, old_claim_row.body_id))
        carried = Carried(
            authorization_number=old_claim.authorization_number,
            authorization_period=old_claim.authorization_period,
            prior_result=old_claim.prior_result,
            related=Related(old.claim_identifier, relation, old.control_number),
            related_claim_id=old.claim_id,
            follows_id=old.id,
            reason=reason,
        )
        new_id = put_claim(s, work, principal, basis, Use(old.use), carried, event=kind)
        if relation is Relation.PRIOR:
            outbox.move(work, old, State.SUPERSEDED, "edited", principal.subject, reason=reason)
            _hand_on(work, old, new_id, basis)
        return summary.of_consultation(work, row.tenant_id, row.id)


_WAIT = "it is corrected once the insurer has answered"
_WAY_ON = {
    State.CANCELLED: "submit the consultation again, corrected, under its source id",
    State.SUPERSEDED: "correct the claim that took its place",
}


def _relation(work: Work, old: Row[Any], kind: str) -> Relation:
    state = State(old.state)
    if state is State.ACCEPTED:
        if outbox.followed_by_open(work, old):
            raise Conflict(
                f"a correction of submission {old.id} is on its way already; wait for its answer"
            )
        return Relation.REPLACE if kind == "replace" else Relation.VOID
    if state in (State.REJECTED, State.NEEDS_HUMAN):
        if kind == "void":
            raise Conflict(
                f"submission {old.id} was never accepted, so there is nothing to void; cancel it"
                f" with `payer-gateway submission cancel {old.id} --reason …`"
            )
        must_be_known(old)
        return Relation.PRIOR
    raise Conflict(f"submission {old.id} is {state}: {_WAY_ON.get(state, _WAIT)}")


def _corrected_basis(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    old: Row[Any],
    document: bytes,
) -> Basis:
    """A new revision of the consultation, decided afresh for the coverage of the old claim."""
    received = read_consultation(document)
    consultation = received.consultation
    if (consultation.source, consultation.source_id) != (row.source, row.source_id):
        raise InvalidInput(
            (
                Fault(
                    "consultation.id",
                    consultation.source_id,
                    f"a correction keeps source {row.source!r} and id {row.source_id!r}",
                ),
            )
        )
    order = consultations.claim_by_id(work, row.tenant_id, old.claim_id).coverage_order
    covers = covers_of(s, consultation)
    cover = next((c for c in covers if c.coverage.order == order), None)
    if cover is None or cover.profile.name != old.insurer_id:
        raise InvalidInput(
            (
                Fault(
                    "consultation.coverages",
                    order,
                    f"keep the coverage of order {order} with insurer {old.insurer_id}; a claim to"
                    " another insurer is a new consultation",
                ),
            )
        )
    digest = hashlib.sha256(received.canonical).hexdigest()
    body_id = bodies.put(work, row.tenant_id, received.canonical, "application/json")
    revision = consultations.add_revision(work, row, digest, body_id, principal.subject)
    basis = None
    for each in covers:
        decision_id, decision = judge(s, work, principal, row, revision, consultation, each)
        if each is cover:
            basis = Basis(row, revision, consultation, cover, decision_id, decision)
            if decision.verdict in (Verdict.INVALID, Verdict.NOT_ELIGIBLE):
                raise Conflict(
                    "the corrected consultation is not eligible ("
                    + ", ".join(r.code for r in decision.reasons)
                    + "); void the claim instead of replacing it"
                )
    assert basis is not None  # noqa: S101 - cover is one of covers
    return basis


def _hand_on(work: Work, old: Row[Any], new_id: str, basis: Basis) -> None:
    """What waited for the edited submission waits for the one that took its place, and will be made
    from what the consultation says now."""
    for planned in consultations.planned(work, old.tenant_id, old.consultation_id):
        if planned.state == "open" and planned.follows_id == old.id:
            consultations.change_planned(
                work,
                planned,
                follows_id=new_id,
                decision_id=basis.decision_id,
                due_on=last_service_day(basis.consultation, basis.cover.plan),
            )
