"""Settling many at once: what plain acceptances change, a statement per table for a whole group.

Plain: the insurer took it, and nothing else hangs on that. The same rows come about as one by one
(``workflow/recording.py``); a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    Row,
    Text,
    Update,
    bindparam,
    func,
    select,
    union,
    update,
)
from sqlalchemy.types import TypeEngine

from payer_gateway.domain.answer import Adjudication
from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import bodies, ledger
from payer_gateway.storage.database import Work
from payer_gateway.storage.prepared import Prepared, among
from payer_gateway.storage.statements import insert_all_if_absent, insert_many
from payer_gateway.storage.tables import attempt, claim, planned_claim, submission, transition
from payer_gateway.storage.tables import ledger as ledger_table
from payer_gateway.storage.types import Id, Instant


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


_GIVEN: dict[str, TypeEngine[Any]] = {
    "its_tenant": Text(),
    "its_insurer": Text(),
    "its_id": Id,
    "its_token": Id,
    "its_n": Integer(),
    "outcome": Text(),
    "status": Integer(),
    "head": Text(),
    "reply_id": Id,
    "retry": Integer(),
    "number": Text(),
    "due": Instant(),
    "decided": Instant(),
}
_AT: BindParameter[Any] = bindparam("at", type_=Instant())


def _close(given: Mapping[str, ColumnElement[Any]]) -> Update:
    return (
        update(attempt)
        .where(
            attempt.c.tenant_id == given["its_tenant"],
            attempt.c.insurer_id == given["its_insurer"],
            attempt.c.submission_id == given["its_id"],
            attempt.c.n == given["its_n"],
            attempt.c.lease_token == given["its_token"],
            attempt.c.ended_at.is_(None),
        )
        .values(
            {
                "ended_at": _AT,
                "class": given["outcome"],
                "http_status": given["status"],
                "reply_head": given["head"],
                "reply_body_id": given["reply_id"],
                "retry_after": given["retry"],
            }
        )
    )


def _accept(given: Mapping[str, ColumnElement[Any]]) -> Update:
    return (
        update(submission)
        .where(
            submission.c.tenant_id == given["its_tenant"],
            submission.c.insurer_id == given["its_insurer"],
            submission.c.id == given["its_id"],
            submission.c.state == State.SENDING.value,
            submission.c.lease_token == given["its_token"],
        )
        .values(
            state=State.ACCEPTED.value,
            lease_token=None,
            lease_until=None,
            cause_id=None,
            closed_at=_AT,
            last_class=given["outcome"],
            control_number=given["number"],
            adjudication_due=given["due"],
            adjudicated_at=given["decided"],
        )
    )


def _given(is_postgresql: bool) -> Mapping[str, ColumnElement[Any]]:
    """What the rows are given: on PostgreSQL, which would plan anew for each row, all at once with
    a list per column; on SQLite one row in turn."""
    if not is_postgresql:
        return {name: bindparam(name, type_=kind) for name, kind in _GIVEN.items()}
    lists = (bindparam(name, type_=ARRAY(kind)) for name, kind in _GIVEN.items())
    rows = func.unnest(*lists).table_valued(*_GIVEN, name="given").render_derived()
    return {name: rows.c[name] for name in _GIVEN}


_CLOSE = Prepared(lambda is_postgresql: _close(_given(is_postgresql)))
_ACCEPT = Prepared(lambda is_postgresql: _accept(_given(is_postgresql)))

_MOVED = (
    "tenant_id",
    "insurer_id",
    "submission_id",
    "at",
    "source",
    "target",
    "event",
    "by",
    "attempt_n",
)


def _hanging(is_postgresql: bool) -> CompoundSelect[Any]:
    def given(column: ColumnElement[Any]) -> ColumnElement[bool]:
        return among(column, "ids", is_postgresql=is_postgresql)

    return union(
        select(submission.c.id)
        .join(
            claim,
            (claim.c.tenant_id == submission.c.tenant_id) & (claim.c.id == submission.c.claim_id),
        )
        .where(given(submission.c.id), claim.c.relation.is_not(None)),
        select(submission.c.id)
        .join(
            planned_claim,
            (planned_claim.c.tenant_id == submission.c.tenant_id)
            & (planned_claim.c.consultation_id == submission.c.consultation_id),
        )
        .where(given(submission.c.id), planned_claim.c.state == "open"),
        select(ledger_table.c.submission_id).where(
            among(ledger_table.c.tenant_id, "tenants", is_postgresql=is_postgresql),
            given(ledger_table.c.submission_id),
        ),
    )


_HANGING = Prepared(_hanging)


def hangs_on(work: Work, rows: Sequence[Row[Any]]) -> set[str]:
    """The submissions among these on whose acceptance something hangs: they correct another claim,
    a claim is planned beside or behind them, or a decision of theirs is in the ledger already."""
    ids, tenants = [row.id for row in rows], list({row.tenant_id for row in rows})
    return {row.id for row in _HANGING.rows(work, ids=ids, tenants=tenants)}


def accept_all(work: Work, group: Sequence[Plain]) -> None:
    """Record these acceptances together. Raises LeaseLost, and then nothing may be kept of it,
    when one of them is not ours any more."""
    replies = bodies.put_all(
        work, [(each.row.tenant_id, each.reply, each.media_type) for each in group]
    )
    given = [
        {
            "its_tenant": each.row.tenant_id,
            "its_insurer": each.row.insurer_id,
            "its_id": each.row.id,
            "its_token": each.row.lease_token,
            "its_n": each.attempt_n,
            "outcome": each.outcome.value,
            "status": each.status,
            "head": each.head,
            "reply_id": reply_id,
            "retry": each.retry_after,
            "number": each.control_number or each.row.control_number,
            "due": each.due,
            "decided": each.decided,
            "at": work.now,
        }
        for each, reply_id in zip(group, replies, strict=True)
    ]
    if work.is_postgresql:
        lists: dict[str, object] = {name: [each[name] for each in given] for name in _GIVEN}
        closed = _CLOSE.changed(work, **lists, at=work.now)
        accepted = _ACCEPT.changed(work, **lists, at=work.now)
    else:
        closed = _CLOSE.changed_by_each(work, given)
        accepted = _ACCEPT.changed_by_each(work, given)
    if accepted != len(group) or closed != len(group):
        raise LeaseLost("one of the group is no longer ours")
    insert_many(
        work,
        transition,
        _MOVED,
        [
            (
                each.row.tenant_id,
                each.row.insurer_id,
                each.row.id,
                work.now,
                State.SENDING.value,
                State.ACCEPTED.value,
                each.outcome.value,
                each.worker,
                each.attempt_n,
            )
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
