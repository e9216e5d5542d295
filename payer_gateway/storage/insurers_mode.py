"""How traffic to each insurer flows: on or paused by a person, breaker closed or open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from payer_gateway.storage.database import Work
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import insurer

# Probes of an open breaker: soon at first, then every half minute.
_PROBE_AFTER_S = (1, 2, 4, 8, 15, 30)


def ensure(work: Work, tenant_id: str, insurer_id: str, max_inflight: int) -> None:
    added = insert_if_absent(
        work,
        insurer,
        {"tenant_id": tenant_id, "id": insurer_id, "mode": "on", "max_inflight": max_inflight},
    )
    if not added:
        work.conn.execute(
            update(insurer)
            .where(*_mine(tenant_id, insurer_id), insurer.c.max_inflight != max_inflight)
            .values(max_inflight=max_inflight)
        )


def all_of(work: Work, tenant_id: str) -> Sequence[Row[Any]]:
    return work.conn.execute(
        select(insurer).where(insurer.c.tenant_id == tenant_id).order_by(insurer.c.id)
    ).all()


def get(work: Work, tenant_id: str, insurer_id: str) -> Row[Any] | None:
    return work.conn.execute(select(insurer).where(*_mine(tenant_id, insurer_id))).one_or_none()


def set_mode(
    work: Work, tenant_id: str, insurer_id: str, mode: str, reason: str | None, by: str
) -> None:
    work.conn.execute(
        update(insurer)
        .where(*_mine(tenant_id, insurer_id))
        .values(mode=mode, mode_reason=reason, mode_by=by, mode_at=work.now)
    )


def endpoint_failed(work: Work, tenant_id: str, insurer_id: str, error: str) -> None:
    """Open the breaker, or keep it open: everything is held, nothing is dropped or spent."""
    row = work.conn.execute(
        select(insurer).where(*_mine(tenant_id, insurer_id)).with_for_update()
    ).one()
    wait = _PROBE_AFTER_S[min(row.breaker_failures, len(_PROBE_AFTER_S) - 1)]
    work.conn.execute(
        update(insurer)
        .where(*_mine(tenant_id, insurer_id))
        .values(
            breaker_failures=row.breaker_failures + 1,
            breaker_until=work.now + timedelta(seconds=wait),
            breaker_error=error,
        )
    )


def endpoint_answered(work: Work, tenant_id: str, insurer_id: str) -> None:
    """Any answer that is about the claim closes the breaker."""
    work.conn.execute(
        update(insurer)
        .where(*_mine(tenant_id, insurer_id), insurer.c.breaker_failures > 0)
        .values(breaker_failures=0, breaker_until=None, breaker_error=None)
    )


def _mine(tenant_id: str, insurer_id: str) -> tuple[ColumnElement[bool], ...]:
    return insurer.c.tenant_id == tenant_id, insurer.c.id == insurer_id
