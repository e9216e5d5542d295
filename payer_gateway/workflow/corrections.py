"""Corrections: a claim that exists is never edited; a new claim of its lane names it.

Edit (the old one was never accepted): the new one takes its place at once. Replace and void (the
old one was accepted): the old one is superseded when the insurer has accepted the new one.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row

from payer_gateway.domain.claim import Claim, Related, Relation, Use, what_follows
from payer_gateway.domain.consultation import Authorization, Consultation
from payer_gateway.domain.errors import Conflict, Fault, InvalidInput
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.reasons import Code
from payer_gateway.domain.submission import State
from payer_gateway.mapping import claim_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.storage import bodies, consultations, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow import summary, waiting
from payer_gateway.workflow.claiming import Basis, Carried, is_correction, put_claim
from payer_gateway.workflow.judging import Cover, covers_of, judge, last_service_day
from payer_gateway.workflow.repair import must_be_known, must_say
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.waiting import basis_of


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
        old_claim_row = consultations.claim_by_id(work, row.tenant_id, old.claim_id)
        old_claim = claim_json.decode_claim(bodies.get(work, row.tenant_id, old_claim_row.body_id))
        relation, named = _names(work, old, old_claim_row, kind)
        if document is None:
            basis = basis_of(s, work, row.tenant_id, row.id, old.decision_id)
        else:
            basis = _corrected_basis(s, work, principal, row, old, old_claim, document)
        carried = Carried(
            authorization_number=old_claim.authorization_number,
            authorization_period=old_claim.authorization_period,
            prior_result=old_claim.prior_result,
            related=Related(named.claim_identifier, relation, named.control_number),
            related_claim_id=named.claim_id,
            follows_id=named.id,
            reason=reason,
        )
        new_id = put_claim(s, work, principal, basis, Use(old.use), carried, event=kind)
        if State(old.state) is not State.ACCEPTED:
            outbox.move(work, old, State.SUPERSEDED, "edited", principal.subject, reason=reason)
        waiting.authorization_corrected(work, old, new_id, basis, relation)
        return summary.of_consultation(work, row.tenant_id, row.id)


_WAIT = "it is corrected once the insurer has answered"
_WAY_ON = {
    State.CANCELLED: "submit the consultation again, corrected, under its source id",
    State.SUPERSEDED: "correct the claim that took its place",
}


def _names(
    work: Work, old: Row[Any], old_claim_row: Row[Any], kind: str
) -> tuple[Relation, Row[Any]]:
    """How the new claim relates, and to which submission.

    An accepted claim is replaced or voided. One that never was accepted is edited: the new claim
    takes its place in every respect, so the edit of a failed replacement replaces the same
    accepted claim that the failed one was to replace.
    """
    state = State(old.state)
    if state is State.ACCEPTED:
        _must_be_uncorrected(work, old)
        return (Relation.REPLACE if kind == "replace" else Relation.VOID), old
    if state not in (State.REJECTED, State.NEEDS_HUMAN):
        raise Conflict(f"submission {old.id} is {state}: {_WAY_ON.get(state, _WAIT)}")
    must_be_known(old)
    if kind == "void":
        raise Conflict(
            f"submission {old.id} was never accepted, so there is nothing to void; cancel it"
            f" with `payer-gateway submission cancel {old.id} --reason …`"
        )
    if old_claim_row.relation == Relation.VOID.value:
        raise Conflict(f"submission {old.id} is a void: replay it or cancel it")
    if old_claim_row.relation == Relation.REPLACE.value:
        return Relation.REPLACE, outbox.get(work, old.tenant_id, old.follows_id, lock=True)
    return Relation.PRIOR, old


def _relation_of(work: Work, row: Row[Any]) -> str | None:
    relation: str | None = consultations.claim_by_id(work, row.tenant_id, row.claim_id).relation
    return relation


def _must_be_uncorrected(work: Work, old: Row[Any]) -> None:
    """Nothing else may be about to take this claim's place, or be made from it already."""
    for other in outbox.followers(work, old):
        if other.state in (State.CANCELLED.value, State.SUPERSEDED.value):
            continue
        if is_correction(_relation_of(work, other)):
            raise Conflict(
                f"submission {old.id} is corrected by {other.id} already, which is {other.state};"
                " correct, replay or cancel that one"
            )
    for other in outbox.of_consultation(work, old.tenant_id, old.consultation_id):
        made_on_it = (
            old.use == Use.PREAUTHORIZATION.value
            and other.use == Use.CLAIM.value
            and other.lane_key == old.lane_key
            and other.state not in (State.CANCELLED.value, State.SUPERSEDED.value)
            and _relation_of(work, other) != Relation.VOID.value
        )
        if made_on_it:
            raise Conflict(
                f"the claim {other.id} was made on authorization {old.id}; correct that claim first"
            )


def _corrected_basis(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    old: Row[Any],
    old_claim: Claim,
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
    judged = [
        (each, *judge(s, work, principal, row, revision, _as_authorized(each), each.cover))
        for each in (_Judged(c, consultation, old_claim if c is cover else None) for c in covers)
    ]
    mine = next(found for found in judged if found[0].cover is cover)
    basis = Basis(row, revision, consultation, cover, mine[1], mine[2])
    _must_follow(s, work, basis, Use(old.use), old_claim)
    for each, decision_id, decision in judged:
        if each.cover is not cover:
            waiting.decided_afresh(s, work, row, each.cover, decision_id, decision, basis)
    return basis


@dataclass(frozen=True, slots=True)
class _Judged:
    """A coverage to judge afresh; with the old claim where that is what is corrected."""

    cover: Cover
    consultation: Consultation
    old_claim: Claim | None


def _as_authorized(each: _Judged) -> Consultation:
    """The consultation with the authorization that the insurer gave for the old claim, which the
    sender need not know of."""
    old = each.old_claim
    if old is None or old.authorization_number is None or each.consultation.authorization:
        return each.consultation
    given = Authorization(old.authorization_number, old.authorization_period)
    return dataclasses.replace(each.consultation, authorization=given)


def _must_follow(s: Services, work: Work, basis: Basis, use: Use, old_claim: Claim) -> None:
    """A correction obeys the decision → action table like any other claim: what may not leave
    as a new claim does not leave as a correction."""
    decision, cover = basis.decision, basis.cover
    last_day = last_service_day(basis.consultation, cover.plan)
    today = s.business_day(work.now, cover.plan.zone)
    codes = {reason.code for reason in decision.reasons}
    if what_follows(decision, last_day, today).now is use:
        return
    is_due = last_day <= today
    if codes == {Code.SECONDARY_PAYER} and old_claim.prior_result is not None and is_due:
        return
    why = ", ".join(sorted(codes)) if is_due else f"the service is on {last_day}"
    raise Conflict(
        f"the corrected consultation was decided {decision.verdict} ({why}), from which no {use}"
        " follows now; void the claim, or cancel it if it was never accepted, instead of"
        " replacing it"
    )
