"""How traffic to each insurer flows: switched by a person (on, paused, draining, everything
stopped), or held by its bucket and breaker (``domain/flow.py``). Who and why are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)

from payer_gateway.domain.flow import Breaker, Flow
from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work
from payer_gateway.storage.prepared import Prepared, among
from payer_gateway.storage.statements import by_itself, insert_if_absent
from payer_gateway.storage.tables import insurer, insurer_event, submission, tenant
from payer_gateway.storage.types import Instant

_FLOW = tuple(f.name for f in fields(Flow))
_SEVERAL = Prepared(
    lambda is_postgresql: select(insurer).where(
        among(insurer.c.tenant_id, "tenants", is_postgresql=is_postgresql),
        among(insurer.c.id, "ids", is_postgresql=is_postgresql),
    )
)


def ensure(
    work: Work,
    tenant_id: str,
    insurer_id: str,
    max_inflight: int,
    rate_per_s: float | None = None,
) -> None:
    """The insurer's row, with the limits that its file states now."""
    limits = {"max_inflight": max_inflight, "rate_per_s": rate_per_s}
    row = {"tenant_id": tenant_id, "id": insurer_id, "mode": "on", **limits}
    if not insert_if_absent(work, insurer, row):
        limit_to(work, insurer_id, max_inflight, rate_per_s, tenant_id)


def limit_to(
    work: Work,
    insurer_id: str,
    max_inflight: int,
    rate_per_s: float | None,
    tenant_id: str | None = None,
) -> None:
    """Bring the limits of that insurer (of all tenants, or one) up to its file; writes nothing
    when they stand there already."""
    whose = [] if tenant_id is None else [insurer.c.tenant_id == tenant_id]
    work.conn.execute(
        update(insurer)
        .where(
            insurer.c.id == insurer_id,
            *whose,
            or_(
                insurer.c.max_inflight != max_inflight,
                insurer.c.rate_per_s.is_distinct_from(rate_per_s),
            ),
        )
        .values(max_inflight=max_inflight, rate_per_s=rate_per_s)
    )


def all_of(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    return work.conn.execute(
        select(insurer).where(insurer.c.tenant_id == tenant_id).order_by(insurer.c.id)
    ).all()


def get(work: Work, tenant_id: str, insurer_id: str) -> Row[Any] | None:
    return several(work, [(tenant_id, insurer_id)]).get((tenant_id, insurer_id))


def several(work: Work, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
    """The rows of these (tenant, insurer); what is unknown is left out."""
    tenants, ids = ({each[at] for each in wanted} for at in (0, 1))
    found = _SEVERAL.rows(work, tenants=list(tenants), ids=list(ids))
    rows = {(row.tenant_id, row.id): row for row in found}
    return {each: rows[each] for each in wanted if each in rows}


def set_mode(
    work: Work, tenant_id: str, insurer_id: str, mode: str, reason: str | None, by: str
) -> None:
    """Switched by a person; kept in the insurer's history."""
    work.conn.execute(
        update(insurer)
        .where(*_mine(tenant_id, insurer_id))
        .values(mode=mode, mode_reason=reason, mode_by=by, mode_at=work.now)
    )
    happened(work, tenant_id, insurer_id, mode, reason, by)


def stop_all(work: Work, tenant_id: str, reason: str, by: str) -> None:
    """Nothing goes out for this tenant, to whichever insurer, known or new."""
    work.conn.execute(
        update(tenant)
        .where(tenant.c.id == tenant_id)
        .values(stopped_at=work.now, stopped_by=by, stopped_reason=reason)
    )
    happened(work, tenant_id, None, "stopped", reason, by)


def start_all(work: Work, tenant_id: str, reason: str | None, by: str) -> None:
    """Lift the stop; insurers that are paused one by one stay so."""
    work.conn.execute(
        update(tenant)
        .where(tenant.c.id == tenant_id)
        .values(stopped_at=None, stopped_by=None, stopped_reason=None)
    )
    happened(work, tenant_id, None, "started", reason, by)


def stopped(work: Work, tenant_id: str) -> Row[Any] | None:
    """Since when, by whom and why everything is stopped; None while it is not."""
    return work.conn.execute(
        select(tenant).where(tenant.c.id == tenant_id, tenant.c.stopped_at.is_not(None))
    ).one_or_none()


def happened(
    work: Work, tenant_id: str, insurer_id: str | None, event: str, reason: str | None, by: str
) -> None:
    work.conn.execute(
        insurer_event.insert().values(
            tenant_id=tenant_id,
            insurer_id=insurer_id,
            at=work.now,
            event=event,
            reason=reason,
            by=by,
        )
    )


def history(work: Work, tenant_id: str, insurer_id: str | None, limit: int) -> Sequence[Row[Any]]:
    """The last events of an insurer, with those that concerned all of them; oldest first."""
    whose = (
        []
        if insurer_id is None
        else [or_(insurer_event.c.insurer_id == insurer_id, insurer_event.c.insurer_id.is_(None))]
    )
    rows = work.conn.execute(
        select(insurer_event)
        .where(insurer_event.c.tenant_id == tenant_id, *whose)
        .order_by(insurer_event.c.seq.desc())
        .limit(limit)
    ).all()
    return rows[::-1]


def flow_of(row: Row[Any]) -> Flow:
    """The part of an insurer's row that traffic is reckoned by."""
    values = row._asdict()
    return Flow(**{name: values[name] for name in _FLOW})


def lock(work: Work, tenant_id: str, insurer_id: str) -> Row[Any] | None:
    """The insurer's row, ours until the transaction ends."""
    return work.conn.execute(
        select(insurer).where(*_mine(tenant_id, insurer_id)).with_for_update()
    ).one_or_none()


def keep(work: Work, row: Row[Any], flow: Flow, by: str = "delivery") -> None:
    """Store what changed in the flow; a breaker's turn goes into the history."""
    before = flow_of(row)
    if before == flow:
        return
    changed = {n: getattr(flow, n) for n in _FLOW if getattr(flow, n) != getattr(before, n)}
    work.conn.execute(update(insurer).where(*_mine(row.tenant_id, row.id)).values(**changed))
    if flow.breaker != before.breaker:
        error = flow.breaker_error or before.breaker_error
        happened(work, row.tenant_id, row.id, f"breaker {flow.breaker}", error, by)


def probes_due(work: Work, insurers: Sequence[str], *, lock: bool) -> Sequence[Row[Any]]:
    """Insurers with an open breaker whose next probe is due and for whom something waits."""
    return _probes_due(lock=lock).rows(work, insurers=insurers, now=work.now)


@cache
def _probes_due(*, lock: bool) -> Prepared:
    return Prepared(lambda is_postgresql: due_for_probe(lock=lock, is_postgresql=is_postgresql))


def due_for_probe(*, lock: bool, is_postgresql: bool) -> Select[Any]:
    now: BindParameter[Any] = bindparam("now", type_=Instant())
    waits = [
        select(submission.c.id).where(
            submission.c.tenant_id == insurer.c.tenant_id,
            submission.c.insurer_id == insurer.c.id,
            submission.c.state == literal_column(f"'{state}'"),
            submission.c.next_at <= now,
        )
        for state in (State.READY, State.IN_DOUBT)
    ]
    if is_postgresql:
        # By the index that has them in this order, never through all that waits elsewhere.
        waits = [by_itself(each.order_by(submission.c.next_at)) for each in waits]
    due = (
        select(insurer)
        .join(tenant, tenant.c.id == insurer.c.tenant_id)
        .where(
            among(insurer.c.id, "insurers", is_postgresql=is_postgresql),
            insurer.c.mode != "paused",
            tenant.c.stopped_at.is_(None),
            insurer.c.breaker == Breaker.OPEN.value,
            or_(insurer.c.breaker_until.is_(None), insurer.c.breaker_until <= now),
            or_(insurer.c.not_before.is_(None), insurer.c.not_before <= now),
            or_(*(each.exists() for each in waits)),
        )
        .order_by(insurer.c.breaker_until)
    )
    return due.with_for_update(skip_locked=True, of=insurer) if lock else due


def under_way(work: Work, tenant_id: str, insurer_id: str | None) -> int:
    """How many submissions are being exchanged or in doubt: what a drain waits for."""
    whose = [] if insurer_id is None else [submission.c.insurer_id == insurer_id]
    return work.conn.execute(
        select(func.count()).where(
            submission.c.tenant_id == tenant_id,
            *whose,
            or_(
                submission.c.state == "in_doubt",
                submission.c.lease_until.is_not(None),
            ),
        )
    ).scalar_one()


def _mine(tenant_id: str, insurer_id: str) -> tuple[ColumnElement[bool], ...]:
    return (and_(insurer.c.tenant_id == tenant_id, insurer.c.id == insurer_id),)
