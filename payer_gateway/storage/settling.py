"""Settling many at once: what plain acceptances change, a statement per table for a whole group.

Plain: the insurer took it, and nothing else hangs on that. The same rows come about as one by one
(``workflow/recording.py``); a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, select, union, update

from payer_gateway.domain.answer import Adjudication
from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import bodies, ledger
from payer_gateway.storage.database import Work
from payer_gateway.storage.statements import insert_all_if_absent
from payer_gateway.storage.tables import attempt, claim, planned_claim, submission, transition
from payer_gateway.storage.tables import ledger as ledger_table


@dataclass(frozen=True, slots=True)
class Plain:
    """One acceptance; ``due`` and ``decided``: when its decision is fetched, or came."""

    row: Row[Any]
    attempt_n: int
    worker: str
    outcome: OutcomeClass
    status: int
    head: str
    reply: bytes
    media_type: str
    retry_after: int | None
    control_number: str | None
    adjudication: Adjudication | None
    so_far: Adjudication | None
    due: datetime | None
    decided: datetime | None


_CLOSE = (
    update(attempt)
    .where(
        attempt.c.tenant_id == bindparam("its_tenant"),
        attempt.c.insurer_id == bindparam("its_insurer"),
        attempt.c.submission_id == bindparam("its_id"),
        attempt.c.n == bindparam("its_n"),
        attempt.c.lease_token == bindparam("its_token"),
        attempt.c.ended_at.is_(None),
    )
    .values(
        {
            "ended_at": bindparam("at"),
            "class": bindparam("outcome"),
            "http_status": bindparam("status"),
            "reply_head": bindparam("head"),
            "reply_body_id": bindparam("reply_id"),
            "retry_after": bindparam("retry"),
        }
    )
)
_ACCEPT = (
    update(submission)
    .where(
        submission.c.tenant_id == bindparam("its_tenant"),
        submission.c.insurer_id == bindparam("its_insurer"),
        submission.c.id == bindparam("its_id"),
        submission.c.state == State.SENDING.value,
        submission.c.lease_token == bindparam("its_token"),
    )
    .values(
        state=State.ACCEPTED.value,
        lease_token=None,
        lease_until=None,
        cause_id=None,
        closed_at=bindparam("at"),
        last_class=bindparam("outcome"),
        control_number=bindparam("number"),
        adjudication_due=bindparam("due"),
        adjudicated_at=bindparam("decided"),
    )
)


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_HANGING = union(
    select(submission.c.id)
    .join(
        claim,
        (claim.c.tenant_id == submission.c.tenant_id) & (claim.c.id == submission.c.claim_id),
    )
    .where(submission.c.id.in_(_IDS), claim.c.relation.is_not(None)),
    select(submission.c.id)
    .join(
        planned_claim,
        (planned_claim.c.tenant_id == submission.c.tenant_id)
        & (planned_claim.c.consultation_id == submission.c.consultation_id),
    )
    .where(submission.c.id.in_(_IDS), planned_claim.c.state == "open"),
    select(ledger_table.c.submission_id).where(
        ledger_table.c.tenant_id.in_(bindparam("tenants", expanding=True)),
        ledger_table.c.submission_id.in_(_IDS),
    ),
)
_MOVED = transition.insert()


def hangs_on(work: Work, rows: Sequence[Row[Any]]) -> set[str]:
    """The submissions among these on whose acceptance something hangs: they correct another claim,
    a claim is planned beside or behind them, or a decision of theirs is in the ledger already."""
    asked = {"ids": [row.id for row in rows], "tenants": list({row.tenant_id for row in rows})}
    return set(work.conn.execute(_HANGING, asked).scalars())


def accept_all(work: Work, group: Sequence[Plain]) -> None:
    """Record these acceptances together. Raises LeaseLost, and then nothing may be kept of it,
    when one of them is not ours any more."""
    replies = bodies.put_all(
        work, [(each.row.tenant_id, each.reply, each.media_type) for each in group]
    )
    keys = [
        {
            "its_tenant": each.row.tenant_id,
            "its_insurer": each.row.insurer_id,
            "its_id": each.row.id,
            "its_token": each.row.lease_token,
            "at": work.now,
            "outcome": each.outcome.value,
        }
        for each in group
    ]
    closed = work.conn.execute(
        _CLOSE,
        [
            {
                **key,
                "its_n": each.attempt_n,
                "status": each.status,
                "head": each.head,
                "reply_id": reply_id,
                "retry": each.retry_after,
            }
            for key, each, reply_id in zip(keys, group, replies, strict=True)
        ],
    )
    accepted = work.conn.execute(
        _ACCEPT,
        [
            {
                **key,
                "number": each.control_number or each.row.control_number,
                "due": each.due,
                "decided": each.decided,
            }
            for key, each in zip(keys, group, strict=True)
        ],
    )
    if accepted.rowcount != len(group) or closed.rowcount != len(group):
        raise LeaseLost("one of the group is no longer ours")
    work.conn.execute(
        _MOVED,
        [
            {
                "tenant_id": each.row.tenant_id,
                "insurer_id": each.row.insurer_id,
                "submission_id": each.row.id,
                "at": work.now,
                "source": State.SENDING.value,
                "target": State.ACCEPTED.value,
                "event": each.outcome.value,
                "by": each.worker,
                "attempt_n": each.attempt_n,
            }
            for each in group
        ],
    )
    facts = []
    for each, reply_id in zip(group, replies, strict=True):
        number = each.control_number
        facts.append(ledger.acknowledgement(work, each.row, number, reply_id, each.so_far))
        if each.adjudication is not None:
            number = number or each.row.control_number
            facts += ledger.decision(work, each.row, each.adjudication, number, reply_id)
    insert_all_if_absent(work, ledger_table, facts)
