"""Consultations, their revisions and decisions, and the claims that are planned from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from payer_gateway.domain.claim import Use, WaitsFor
from payer_gateway.domain.errors import NotFound
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import known_id, new_id
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import (
    claim,
    consultation,
    consultation_revision,
    decision,
    planned_claim,
)


def take(work: Work, tenant_id: str, source: str, source_id: str) -> tuple[Row[Any], bool]:
    """The consultation of this sender, locked for this transaction; True if it is new."""
    is_new = insert_if_absent(
        work,
        consultation,
        {
            "tenant_id": tenant_id,
            "id": new_id(work.now),
            "source": source,
            "source_id": source_id,
            "revision": 0,
            "created_at": work.now,
        },
    )
    row = work.conn.execute(
        select(consultation)
        .where(
            consultation.c.tenant_id == tenant_id,
            consultation.c.source == source,
            consultation.c.source_id == source_id,
        )
        .with_for_update()
    ).one()
    return row, is_new


def known_as(work: Work, tenant_id: str, source: str, source_id: str) -> str | None:
    """Our id of this sender's consultation; None when it was never taken in."""
    query = select(consultation.c.id).where(
        consultation.c.tenant_id == tenant_id,
        consultation.c.source == source,
        consultation.c.source_id == source_id,
    )
    return work.conn.execute(query).scalar_one_or_none()


def get(work: Work, tenant_id: str, consultation_id: str, *, lock: bool = False) -> Row[Any]:
    """Raises NotFound; another tenant's consultation is not found either."""
    wanted = known_id(consultation_id, "consultation")
    query = select(consultation).where(
        consultation.c.tenant_id == tenant_id, consultation.c.id == wanted
    )
    row = work.conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no consultation {wanted}")
    return row


def revision(work: Work, tenant_id: str, consultation_id: str, number: int) -> Row[Any]:
    return work.conn.execute(
        select(consultation_revision).where(
            consultation_revision.c.tenant_id == tenant_id,
            consultation_revision.c.consultation_id == consultation_id,
            consultation_revision.c.revision == number,
        )
    ).one()


def add_revision(
    work: Work, row: Row[Any], content_sha256: str, body_id: str, received_from: str
) -> int:
    """The next revision becomes the current one; its number."""
    number = int(row.revision) + 1
    work.conn.execute(
        consultation_revision.insert().values(
            tenant_id=row.tenant_id,
            consultation_id=row.id,
            revision=number,
            content_sha256=content_sha256,
            body_id=body_id,
            received_at=work.now,
            received_from=received_from,
        )
    )
    work.conn.execute(
        update(consultation)
        .where(consultation.c.tenant_id == row.tenant_id, consultation.c.id == row.id)
        .values(revision=number)
    )
    return number


def add_decision(work: Work, values: dict[str, Any]) -> str:
    decision_id = new_id(work.now)
    work.conn.execute(decision.insert().values(id=decision_id, decided_at=work.now, **values))
    return decision_id


def decisions(
    work: Work, tenant_id: str, consultation_id: str, revision_number: int
) -> Sequence[Row[Any]]:
    """Those in force for this revision, by coverage order (a superseded one is left out)."""
    superseded = select(decision.c.supersedes_id).where(
        decision.c.tenant_id == tenant_id,
        decision.c.consultation_id == consultation_id,
        decision.c.supersedes_id.is_not(None),
    )
    return work.conn.execute(
        select(decision)
        .where(
            decision.c.tenant_id == tenant_id,
            decision.c.consultation_id == consultation_id,
            decision.c.revision == revision_number,
            decision.c.id.not_in(superseded),
        )
        .order_by(decision.c.coverage_order)
    ).all()


def last_decision(
    work: Work, tenant_id: str, consultation_id: str, insurer: str, plan: str, order: int
) -> Row[Any] | None:
    """The latest decision on this coverage, whatever the revision; None: there is none yet."""
    d = decision.c
    row: Row[Any] | None = work.conn.execute(
        select(decision)
        .where(
            d.tenant_id == tenant_id,
            d.consultation_id == consultation_id,
            d.insurer_id == insurer,
            d.plan == plan,
            d.coverage_order == order,
        )
        .order_by(d.decided_at.desc(), d.id.desc())
        .limit(1)
    ).one_or_none()
    return row


def decision_by_id(work: Work, tenant_id: str, decision_id: str) -> Row[Any]:
    return work.conn.execute(
        select(decision).where(decision.c.tenant_id == tenant_id, decision.c.id == decision_id)
    ).one()


def plan_claim(
    work: Work,
    decision_row: Row[Any],
    *,
    use: Use,
    waits_for: WaitsFor,
    due_on: date,
    zone: str,
    follows_id: str | None,
) -> None:
    work.conn.execute(
        planned_claim.insert().values(
            tenant_id=decision_row.tenant_id,
            id=new_id(work.now),
            consultation_id=decision_row.consultation_id,
            decision_id=decision_row.id,
            insurer_id=decision_row.insurer_id,
            coverage_order=decision_row.coverage_order,
            use=use.value,
            waits_for=waits_for.value,
            due_on=due_on,
            zone=zone,
            follows_id=follows_id,
            state="open",
            created_at=work.now,
        )
    )


def planned(work: Work, tenant_id: str, consultation_id: str) -> Sequence[Row[Any]]:
    """Open ones first shown, by the coverage they belong to."""
    return work.conn.execute(
        select(planned_claim)
        .where(
            planned_claim.c.tenant_id == tenant_id,
            planned_claim.c.consultation_id == consultation_id,
        )
        .order_by(planned_claim.c.coverage_order, planned_claim.c.id)
    ).all()


def open_planned(work: Work, *, waits_for: WaitsFor, limit: int = 100) -> Sequence[Row[Any]]:
    """Open planned claims of all tenants that wait for this, oldest due first."""
    return work.conn.execute(
        select(planned_claim)
        .where(planned_claim.c.state == "open", planned_claim.c.waits_for == waits_for.value)
        .order_by(planned_claim.c.due_on, planned_claim.c.id)
        .limit(limit)
    ).all()


def waiting_for_person(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    """Open planned claims of the tenant that wait for a person, each with its source id."""
    return work.conn.execute(
        select(planned_claim, consultation.c.source_id)
        .join(
            consultation,
            and_(
                consultation.c.tenant_id == planned_claim.c.tenant_id,
                consultation.c.id == planned_claim.c.consultation_id,
            ),
        )
        .where(
            planned_claim.c.tenant_id == tenant_id,
            planned_claim.c.state == "open",
            planned_claim.c.waits_for == WaitsFor.PERSON.value,
        )
        .order_by(planned_claim.c.due_on, planned_claim.c.id)
    ).all()


def lock_planned(work: Work, tenant_id: str, planned_id: str) -> Row[Any] | None:
    """The planned claim if it is still open and nobody else is at it."""
    return work.conn.execute(
        select(planned_claim)
        .where(
            planned_claim.c.tenant_id == tenant_id,
            planned_claim.c.id == planned_id,
            planned_claim.c.state == "open",
        )
        .with_for_update(skip_locked=True)
    ).one_or_none()


def change_planned(work: Work, row: Row[Any], **values: Any) -> None:
    if values.get("state") in ("done", "closed"):
        values["closed_at"] = work.now
    work.conn.execute(
        update(planned_claim)
        .where(planned_claim.c.tenant_id == row.tenant_id, planned_claim.c.id == row.id)
        .values(**values)
    )


def close_planned_of(work: Work, tenant_id: str, consultation_id: str, cause: str) -> None:
    work.conn.execute(
        update(planned_claim)
        .where(
            planned_claim.c.tenant_id == tenant_id,
            planned_claim.c.consultation_id == consultation_id,
            planned_claim.c.state == "open",
        )
        .values(state="closed", closed_cause=cause, closed_at=work.now)
    )


def add_claim(work: Work, values: dict[str, Any]) -> None:
    work.conn.execute(claim.insert().values(created_at=work.now, **values))


def claims_made(work: Work, row: Row[Any], insurer_id: str, coverage_order: int, use: Use) -> int:
    """How many claims of this use there are for one coverage of the consultation ``row``."""
    return work.conn.execute(
        select(func.count()).where(
            claim.c.tenant_id == row.tenant_id,
            claim.c.consultation_id == row.id,
            claim.c.insurer_id == insurer_id,
            claim.c.coverage_order == coverage_order,
            claim.c.use == use.value,
        )
    ).scalar_one()


def claim_by_id(work: Work, tenant_id: str, claim_id: str) -> Row[Any]:
    return work.conn.execute(
        select(claim).where(claim.c.tenant_id == tenant_id, claim.c.id == claim_id)
    ).one()
