"""The statements that both databases spell with an extension of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def insert_all_if_absent(work: Work, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those whose unique keys are not taken; all rows name the same columns."""
    insert = postgresql.insert if work.is_postgresql else sqlite.insert
    if rows:
        work.conn.execute(insert(table).on_conflict_do_nothing(), list(rows))


def insert_many(
    work: Work, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert many new rows as fast as the database takes them: COPY on PostgreSQL, one prepared
    statement on SQLite. ``rows`` hold their values in the order of ``columns``."""
    if not rows:
        return
    quoted = [f'"{name}"' for name in columns]
    values = zip(*map(_bound, zip(*rows, strict=True), _binders(work, table, columns)), strict=True)
    if not work.is_postgresql:
        marks = ", ".join("?" * len(columns))
        statement = f'INSERT INTO "{table.name}" ({", ".join(quoted)}) VALUES ({marks})'  # noqa: S608
        work.conn.exec_driver_sql(statement, list(values))
        return
    statement = f'COPY "{table.name}" ({", ".join(quoted)}) FROM STDIN'
    cursor: Any = work.conn.connection.cursor()
    with cursor, cursor.copy(statement) as copy:
        for row in values:
            copy.write_row(row)


def _binders(work: Work, table: Table, columns: Sequence[str]) -> list[Any]:
    """How each column's values are written for this database; None: as they are."""
    dialect = work.conn.dialect
    return [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns]


def _bound(values: Sequence[Any], binder: Any) -> Sequence[Any]:
    if binder is None:
        return values
    first = values[0]
    if all(value is first for value in values):
        return [binder(first)] * len(values)
    return [binder(value) for value in values]
