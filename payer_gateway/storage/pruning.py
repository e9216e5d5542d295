"""Retention: what may be taken away once it is old. Facts, moves, claims, decisions never are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, text, tuple_

from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import attempt, body, metadata, submission

AT_ONCE = 1000
_TOOK_IT = (
    OutcomeClass.ACCEPTED.value,
    OutcomeClass.ACCEPTED_ASYNC.value,
    OutcomeClass.FOUND.value,
)


def attempts(work: Work, before: datetime, *, dry_run: bool) -> int:
    """Closed attempts, older than that, of submissions that ended before; at most AT_ONCE.

    What waits for anybody (open, rejected, with a person, accepted and undecided) keeps all of
    them. What ended keeps its last one, and the one in which the insurer took it: that is the
    evidence a void or a dispute needs.
    """
    s, other = submission.c, attempt.alias("other")
    ended = exists().where(
        s.tenant_id == attempt.c.tenant_id,
        s.insurer_id == attempt.c.insurer_id,
        s.id == attempt.c.submission_id,
        s.closed_at < before,
        or_(
            s.state.in_([State.CANCELLED.value, State.SUPERSEDED.value]),
            and_(
                s.state == State.ACCEPTED.value,
                s.cause_id.is_(None),
                s.adjudication_due.is_(None),
                s.adjudicated_at < before,
            ),
        ),
    )
    same = and_(
        other.c.tenant_id == attempt.c.tenant_id,
        other.c.insurer_id == attempt.c.insurer_id,
        other.c.submission_id == attempt.c.submission_id,
    )
    last = select(func.max(other.c.n)).where(same).scalar_subquery()
    took_it = and_(same, other.c["class"].in_(_TOOK_IT))
    accepting = select(func.min(other.c.n)).where(took_it).scalar_subquery()
    key = (attempt.c.tenant_id, attempt.c.insurer_id, attempt.c.submission_id, attempt.c.n)
    old = select(*key).where(
        attempt.c.ended_at < before,
        ended,
        attempt.c.n != last,
        attempt.c.n != func.coalesce(accepting, -1),
    )
    if dry_run:
        return _count(work, old)
    return work.conn.execute(delete(attempt).where(tuple_(*key).in_(old.limit(AT_ONCE)))).rowcount


def bodies(work: Work, before: datetime, *, dry_run: bool) -> int:
    """Bodies older than that which nothing names any more; at most AT_ONCE."""
    unnamed = select(body.c.tenant_id, body.c.id).where(
        body.c.created_at < before, *(~named for named in _named())
    )
    if dry_run:
        return _count(work, unnamed)
    if work.is_postgresql:
        # Whoever stores a body holds its table for writing until what names it is committed: this
        # waits for them, and keeps the next ones out for the moment. Then nothing can come to
        # name a body that is being taken away.
        work.conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        work.conn.execute(text("LOCK TABLE body IN SHARE ROW EXCLUSIVE MODE"))
    return work.conn.execute(
        delete(body).where(tuple_(body.c.tenant_id, body.c.id).in_(unnamed.limit(AT_ONCE)))
    ).rowcount


def _named() -> list[ColumnElement[bool]]:
    """For every column of any table that names a body: this body is named there."""
    return [
        exists().where(
            table.c.tenant_id == body.c.tenant_id,
            column == body.c.id,
        )
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("body_id")
    ]


def _count(work: Work, query: Any) -> int:
    found: int = work.conn.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return found
