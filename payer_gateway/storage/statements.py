"""The one statement that both databases spell with an extension of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from payer_gateway.storage.database import Work


def insert_if_absent(work: Work, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert unless a unique key is taken already; True if the row is new."""
    insert = postgresql.insert if work.is_postgresql else sqlite.insert
    result = work.conn.execute(
        insert(table).values(**row).on_conflict_do_nothing(),
        # SQLAlchemy keeps it of an INSERT only on demand; without it PostgreSQL's reads -1.
        execution_options={"preserve_rowcount": True},
    )
    return result.rowcount == 1
