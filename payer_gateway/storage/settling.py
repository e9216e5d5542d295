"""Settling many at once: what plain acceptances change, for a whole group in one go.

Plain: the insurer took it, and nothing else hangs on that. The same rows come about as one by one
(``workflow/recording.py``); a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Insert,
    Integer,
    Row,
    Select,
    Text,
    Update,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from payer_gateway.domain.answer import Adjudication
from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import bodies, ledger
from payer_gateway.storage.database import Work
from payer_gateway.storage.prepared import Given, Prepared, among
from payer_gateway.storage.statements import by_itself
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
    "worker": Text(),
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
_Values = Mapping[str, ColumnElement[Any]]


# Rows are looked up by what is theirs alone. Whatever else they have to be is asked in words that
# no index answers: one that was last counted empty would look as good to the planner, and then all
# rows of a tenant, or all that were ever sending, are gone through.
def _close(given: _Values) -> Update:
    return (
        update(attempt)
        .where(
            attempt.c.submission_id == given["its_id"],
            attempt.c.ended_at.is_(None),
            attempt.c.tenant_id.is_not_distinct_from(given["its_tenant"]),
            attempt.c.insurer_id.is_not_distinct_from(given["its_insurer"]),
            attempt.c.n.is_not_distinct_from(given["its_n"]),
            attempt.c.lease_token.is_not_distinct_from(given["its_token"]),
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


def _accept(given: _Values) -> Update:
    return (
        update(submission)
        .where(
            submission.c.id == given["its_id"],
            submission.c.tenant_id.is_not_distinct_from(given["its_tenant"]),
            submission.c.insurer_id.is_not_distinct_from(given["its_insurer"]),
            submission.c.state.is_not_distinct_from(State.SENDING.value),
            submission.c.lease_token.is_not_distinct_from(given["its_token"]),
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


def _move(given: _Values) -> dict[str, ColumnElement[Any]]:
    return {
        "tenant_id": given["its_tenant"],
        "insurer_id": given["its_insurer"],
        "submission_id": given["its_id"],
        "at": _AT,
        "source": literal(State.SENDING.value),
        "target": literal(State.ACCEPTED.value),
        "event": given["outcome"],
        "by": given["worker"],
        "attempt_n": given["its_n"],
    }


def _given(is_postgresql: bool) -> _Values:
    return dict(_ROWS.table(is_postgresql=is_postgresql).c.items())


def _moved(given: _Values) -> Insert:
    facts = _move(given)
    return transition.insert().from_select(list(facts), select(*facts.values()))


def _kept(is_postgresql: bool) -> Insert:
    insert: Any = postgresql.insert if is_postgresql else sqlite.insert
    # "WHERE true": without, SQLite takes ON CONFLICT for a join's ON.
    facts = select(_FACTS.table(is_postgresql=is_postgresql)).where(true())
    made: Insert = insert(ledger_table).from_select(ledger.COLUMNS, facts)
    return made.on_conflict_do_nothing()  # type: ignore[attr-defined, no-any-return]


def _whole() -> Select[Any]:
    """On PostgreSQL one statement for all tables: how many attempts were closed, and how many
    submissions moved."""
    given = dict(select(*_given(is_postgresql=True).values()).cte("given").c.items())
    mine = among(attempt.c.submission_id, "ids", is_postgresql=True)
    closed = _close(given).where(mine).returning(attempt.c.n).cte("closed")
    mine = among(submission.c.id, "ids", is_postgresql=True)
    accepted = _accept(given).where(mine).returning(*given.values()).cte("accepted")
    moved = _moved(dict(accepted.c.items())).cte("moved")
    counts = (select(func.count()).select_from(part) for part in (closed, accepted))
    whole = select(*(count.scalar_subquery() for count in counts))
    return whole.add_cte(moved, _kept(is_postgresql=True).cte("kept"))


_ROWS = Given("rows", _GIVEN)
_FACTS = Given("facts", {name: ledger_table.c[name].type for name in ledger.COLUMNS})
_AT_ONCE = Prepared(lambda _: _whole())
# On SQLite, where a statement is a call, one for each table.
_CLOSE = Prepared(lambda _: _close(_given(is_postgresql=False)))
_ACCEPT = Prepared(lambda _: _accept(_given(is_postgresql=False)))
_MOVE = Prepared(lambda _: _moved(_given(is_postgresql=False)))
_KEEP = Prepared(lambda _: _kept(is_postgresql=False))


def _hanging(is_postgresql: bool) -> Select[Any]:
    row = submission.c
    hangs: list[Select[Any]] = [
        select(claim.c.id).where(
            claim.c.tenant_id == row.tenant_id,
            claim.c.id == row.claim_id,
            claim.c.relation.is_not(None),
        ),
        select(planned_claim.c.id).where(
            planned_claim.c.tenant_id == row.tenant_id,
            planned_claim.c.consultation_id == row.consultation_id,
            # Not "=": not by the index of all that are open.
            planned_claim.c.state.is_not_distinct_from("open"),
        ),
        select(ledger_table.c.seq).where(
            ledger_table.c.tenant_id == row.tenant_id, ledger_table.c.submission_id == row.id
        ),
    ]
    if is_postgresql:
        hangs = [by_itself(each) for each in hangs]
    return select(row.id).where(
        among(row.id, "ids", is_postgresql=is_postgresql), or_(*(each.exists() for each in hangs))
    )


_HANGING = Prepared(_hanging)


def hangs_on(work: Work, rows: Sequence[Row[Any]]) -> set[str]:
    """The submissions among these on whose acceptance something hangs: they correct another claim,
    a claim is planned beside or behind them, or a decision of theirs is in the ledger already."""
    return {row.id for row in _HANGING.rows(work, ids=[row.id for row in rows])}


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
            "worker": each.worker,
            "outcome": each.outcome.value,
            "status": each.status,
            "head": each.head,
            "reply_id": reply_id,
            "retry": each.retry_after,
            "number": each.control_number or each.row.control_number,
            "due": each.due,
            "decided": each.decided,
        }
        for each, reply_id in zip(group, replies, strict=True)
    ]
    facts = []
    for each, reply_id in zip(group, replies, strict=True):
        number = each.control_number
        facts.append(ledger.acknowledgement(work, each.row, number, reply_id, each.so_far))
        if each.adjudication is not None:
            number = number or each.row.control_number
            facts += ledger.decision(work, each.row, each.adjudication, number, reply_id)
    rows, known = _ROWS.bound(work, given), _FACTS.bound(work, facts)
    if work.is_postgresql:
        ids = [each.row.id for each in group]
        found = _AT_ONCE.rows(work, ids=ids, rows=rows, facts=known, at=work.now)
        ((closed, accepted),) = found
    else:
        closed = _CLOSE.changed(work, rows=rows, at=work.now)
        accepted = _ACCEPT.changed(work, rows=rows, at=work.now)
        _MOVE.changed(work, rows=rows, at=work.now)
        _KEEP.changed(work, facts=known)
    if accepted != len(group) or closed != len(group):
        raise LeaseLost("one of the group is no longer ours")
