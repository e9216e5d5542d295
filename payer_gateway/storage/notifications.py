"""What insurers brought of their own accord, each answer once; and the claims it may be about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, or_, select, update

from payer_gateway.domain.submission import OPEN_IN_LANE, State
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import notification, submission


def by_identifier(
    work: Work, tenant_id: str, insurer_id: str, identifiers: Sequence[str]
) -> Row[Any] | None:
    return _locked(work, tenant_id, insurer_id, submission.c.claim_identifier.in_(identifiers))


def by_id(work: Work, tenant_id: str, insurer_id: str, submission_id: str) -> Row[Any] | None:
    return _locked(work, tenant_id, insurer_id, submission.c.id == submission_id)


def by_number(
    work: Work, tenant_id: str, insurer_id: str, numbers: Sequence[str]
) -> Row[Any] | None:
    """By the number that the insurer gave the case; None unless exactly one bears it."""
    return _locked(work, tenant_id, insurer_id, submission.c.control_number.in_(numbers))


def _locked(work: Work, tenant_id: str, insurer_id: str, which: Any) -> Row[Any] | None:
    found = work.conn.execute(
        select(submission)
        .where(submission.c.tenant_id == tenant_id, submission.c.insurer_id == insurer_id, which)
        .limit(2)
        .with_for_update()
    ).all()
    return found[0] if len(found) == 1 else None


def unanswered(work: Work, tenant_id: str, insurer_id: str, limit: int) -> list[tuple[str, str]]:
    """Id and claim id of submissions that an answer may be about, the newest first."""
    waits = or_(
        submission.c.state.in_([state.value for state in OPEN_IN_LANE]),
        submission.c.adjudication_due.is_not(None),
        submission.c.state == State.NEEDS_HUMAN.value,
    )
    found = work.conn.execute(
        select(submission.c.id, submission.c.claim_id)
        .where(submission.c.tenant_id == tenant_id, submission.c.insurer_id == insurer_id, waits)
        .order_by(submission.c.id.desc())
        .limit(limit)
    )
    return [(row.id, row.claim_id) for row in found]


def seen(work: Work, tenant_id: str, insurer_id: str, body_id: str, n: int) -> Row[Any] | None:
    return work.conn.execute(
        select(notification).where(
            notification.c.tenant_id == tenant_id,
            notification.c.insurer_id == insurer_id,
            notification.c.body_id == body_id,
            notification.c.n == n,
        )
    ).one_or_none()


def keep(
    work: Work,
    tenant_id: str,
    insurer_id: str,
    body_id: str,
    n: int,
    received_from: str,
    **facts: Any,
) -> None:
    """Note one answer; what came before any claim of ours was known is noted anew."""
    added = insert_if_absent(
        work,
        notification,
        {
            "tenant_id": tenant_id,
            "id": new_id(work.now),
            "insurer_id": insurer_id,
            "body_id": body_id,
            "n": n,
            "received_at": work.now,
            "received_from": received_from,
            **facts,
        },
    )
    if not added:
        work.conn.execute(
            update(notification)
            .where(
                notification.c.tenant_id == tenant_id,
                notification.c.insurer_id == insurer_id,
                notification.c.body_id == body_id,
                notification.c.n == n,
                notification.c.submission_id.is_(None),
            )
            .values(**facts)
        )


def listing(
    work: Work, tenant_id: str, insurer_id: str | None, *, unmatched: bool, limit: int
) -> Sequence[Row[Any]]:
    """The newest first."""
    conditions = [notification.c.tenant_id == tenant_id]
    if insurer_id is not None:
        conditions.append(notification.c.insurer_id == insurer_id)
    if unmatched:
        conditions.append(notification.c.submission_id.is_(None))
    return work.conn.execute(
        select(notification).where(*conditions).order_by(notification.c.id.desc()).limit(limit)
    ).all()


def fetch_soon(work: Work, tenant_id: str, insurer_id: str) -> int:
    """The insurer says that something happened, not what: its answers are due now."""
    changed = work.conn.execute(
        update(submission)
        .where(
            submission.c.tenant_id == tenant_id,
            submission.c.insurer_id == insurer_id,
            submission.c.state == State.ACCEPTED.value,
            submission.c.adjudication_due > work.now,
        )
        .values(adjudication_due=work.now)
    )
    return changed.rowcount
