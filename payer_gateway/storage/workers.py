"""Which worker processes are at work: each leaves its mark now and then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, inspect, select, update

from payer_gateway.storage.database import Database, Work, head_version
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import worker

# A worker that left no mark for so long is gone, however it ended.
GONE_AFTER = timedelta(seconds=30)
_FORGOTTEN_AFTER = timedelta(days=1)


def beat(work: Work, name: str, version: str) -> None:
    changed = work.conn.execute(
        update(worker).where(worker.c.name == name).values(seen_at=work.now, version=version)
    )
    if changed.rowcount == 0:
        insert_if_absent(
            work,
            worker,
            {"name": name, "version": version, "started_at": work.now, "seen_at": work.now},
        )
        work.conn.execute(delete(worker).where(worker.c.seen_at < work.now - _FORGOTTEN_AFTER))


def leave(work: Work, name: str) -> None:
    """It ended in good order."""
    work.conn.execute(delete(worker).where(worker.c.name == name))


def every(work: Work) -> Sequence[Row[Any]]:
    return work.conn.execute(select(worker).order_by(worker.c.name)).all()


def at_work(work: Work) -> list[str]:
    """Names of those that left their mark lately."""
    return [row.name for row in every(work) if row.seen_at > work.now - GONE_AFTER]


def working_against(database: Database) -> list[str]:
    """Workers at work on a database that is about to be migrated; none where nothing is to do."""
    if database.schema_version() in (None, head_version()):
        return []
    with database.read() as work:
        if not inspect(work.conn).has_table(worker.name):
            return []  # older than heartbeats
        return at_work(work)
