"""The ledger: what has happened, append-only. Money as minor units with its currency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, func, select

from payer_gateway.domain.answer import Adjudication
from payer_gateway.domain.money import Money
from payer_gateway.storage.database import Work
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import ledger, submission

_DECIDED = func.coalesce(ledger.c.said_at, ledger.c.at)


def acknowledged(
    work: Work,
    row: Row[Any],
    control_number: str | None,
    reply_body_id: str | None,
    so_far: Adjudication | None = None,
) -> None:
    """The insurer has it. Says nothing about being paid; ``so_far``: what it says already while
    its decision is still to come."""
    fact = acknowledgement(work, row, control_number, reply_body_id, so_far)
    insert_if_absent(work, ledger, fact)


def acknowledgement(
    work: Work,
    row: Row[Any],
    control_number: str | None,
    reply_body_id: str | None,
    so_far: Adjudication | None = None,
) -> dict[str, Any]:
    """The row that ``acknowledged`` writes."""
    return _fact(
        work,
        row,
        "acknowledged",
        0,
        reply_body_id,
        control_number=control_number,
        review=None if so_far is None else so_far.review,
        second_opinion=None if so_far is None else so_far.second_opinion,
    )


def adjudicated(
    work: Work,
    row: Row[Any],
    adjudication: Adjudication,
    control_number: str | None,
    reply_body_id: str | None,
) -> None:
    """The insurer's decision, a fact per line; line 0 is the claim as a whole."""
    for fact in decision(work, row, adjudication, control_number, reply_body_id):
        insert_if_absent(work, ledger, fact)


def decision(
    work: Work,
    row: Row[Any],
    adjudication: Adjudication,
    control_number: str | None,
    reply_body_id: str | None,
) -> list[dict[str, Any]]:
    """The rows that ``adjudicated`` writes. A time that the insurer puts in the future is no time
    of a decision."""
    facts = []
    said_at = adjudication.said_at
    if said_at is not None and said_at > work.now:
        said_at = None
    for result in adjudication.lines:
        currencies = {
            m.currency
            for m in (result.billed, result.allowed, result.payable, result.patient)
            if m is not None
        }
        facts.append(
            _fact(
                work,
                row,
                "adjudicated",
                result.line,
                reply_body_id,
                control_number=control_number,
                outcome=adjudication.outcome,
                approved=adjudication.approved,
                currency=currencies.pop() if currencies else None,
                billed_minor=_minor(result.billed),
                allowed_minor=_minor(result.allowed),
                payable_minor=_minor(result.payable),
                patient_minor=_minor(result.patient),
                review=result.review if result.line else adjudication.review,
                second_opinion=result.second_opinion
                if result.line
                else adjudication.second_opinion,
                said_at=said_at,
            )
        )
    return facts


def standing(work: Work, row: Row[Any]) -> Row[Any] | None:
    """The decision that stands (line 0): the one the insurer dates last, else the last to come."""
    return work.conn.execute(
        select(ledger)
        .where(
            ledger.c.tenant_id == row.tenant_id,
            ledger.c.submission_id == row.id,
            ledger.c.kind == "adjudicated",
            ledger.c.line == 0,
        )
        .order_by(_DECIDED.desc(), ledger.c.seq.desc())
        .limit(1)
    ).one_or_none()


def says_the_same(work: Work, fact: Row[Any], adjudication: Adjudication) -> bool:
    """Whether the decision that ``fact`` is line 0 of says this, line by line."""
    stored = work.conn.execute(
        select(ledger).where(
            ledger.c.tenant_id == fact.tenant_id,
            ledger.c.submission_id == fact.submission_id,
            ledger.c.kind == "adjudicated",
            ledger.c.body_id.is_not_distinct_from(fact.body_id),
        )
    )
    known = {
        (f.line, f.review, f.billed_minor, f.allowed_minor, f.payable_minor, f.patient_minor)
        for f in stored
    }
    told = {
        (
            r.line,
            r.review if r.line else adjudication.review,
            *(_minor(m) for m in (r.billed, r.allowed, r.payable, r.patient)),
        )
        for r in adjudication.lines
    }
    whole = (fact.outcome, fact.approved) == (adjudication.outcome, adjudication.approved)
    return whole and known == told


def corrected(work: Work, row: Row[Any], reply_body_id: str | None) -> None:
    """This accepted submission was replaced or voided by a later one that is accepted."""
    insert_if_absent(work, ledger, _fact(work, row, "corrected", 0, reply_body_id))


def of_submission(work: Work, tenant_id: str, submission_id: str) -> Sequence[Row[Any]]:
    return work.conn.execute(
        select(ledger)
        .where(ledger.c.tenant_id == tenant_id, ledger.c.submission_id == submission_id)
        .order_by(ledger.c.seq)
    ).all()


def totals(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    """Per insurer and currency: claims booked (use = claim), billed, payable, in minor units.

    An adjudication that came twice in other words counts once: the last one stands.
    """
    ranked = (
        select(
            ledger.c.seq,
            ledger.c.submission_id,
            func.row_number()
            .over(
                partition_by=ledger.c.submission_id,
                order_by=(_DECIDED.desc(), ledger.c.seq.desc()),
            )
            .label("rank"),
        )
        .where(ledger.c.tenant_id == tenant_id, ledger.c.kind == "adjudicated", ledger.c.line == 0)
        .subquery()
    )
    whole = select(ranked.c.seq, ranked.c.submission_id).where(ranked.c.rank == 1).subquery()
    # Not by state: a submission that was replaced was booked all the same.
    acknowledged_ids = select(ledger.c.submission_id).where(
        ledger.c.tenant_id == tenant_id, ledger.c.kind == "acknowledged"
    )
    return work.conn.execute(
        select(
            submission.c.insurer_id,
            submission.c.currency,
            func.count().label("claims"),
            func.sum(submission.c.amount_minor).label("billed_minor"),
            func.coalesce(func.sum(ledger.c.payable_minor), 0).label("payable_minor"),
            func.count(ledger.c.seq).label("adjudicated"),
        )
        .select_from(
            submission.outerjoin(whole, whole.c.submission_id == submission.c.id).outerjoin(
                ledger, and_(ledger.c.seq == whole.c.seq)
            )
        )
        .where(
            submission.c.tenant_id == tenant_id,
            submission.c.use == "claim",
            submission.c.id.in_(acknowledged_ids),
        )
        .group_by(submission.c.insurer_id, submission.c.currency)
        .order_by(submission.c.insurer_id, submission.c.currency)
    ).all()


def _minor(money: Money | None) -> int | None:
    """None too for a sum that no BIGINT holds: an insurer's absurd words must not stop a worker;
    they stand in its reply."""
    if money is None or abs(money.minor) >= 2**63:
        return None
    return money.minor


_UNSAID: dict[str, Any] = dict.fromkeys(
    (
        "control_number",
        "outcome",
        "approved",
        "currency",
        "billed_minor",
        "allowed_minor",
        "payable_minor",
        "patient_minor",
        "review",
        "second_opinion",
        "said_at",
    )
)


# Of every fact, in this order.
COLUMNS = (
    *("tenant_id", "insurer_id", "submission_id", "kind", "line", "at", "body_id"),
    *_UNSAID,
)


def _fact(
    work: Work, row: Row[Any], kind: str, line: int, body_id: str | None, **said: Any
) -> dict[str, Any]:
    """One row; every column of it, so that rows of all kinds go into one statement."""
    return {
        "tenant_id": row.tenant_id,
        "insurer_id": row.insurer_id,
        "submission_id": row.id,
        "kind": kind,
        "line": line,
        "at": work.now,
        "body_id": body_id,
        **_UNSAID,
        **said,
    }
