"""The statements that both databases spell with an extension of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Dialect, LargeBinary, Select, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite

from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work
from payer_gateway.storage.driver import copy_in, run

OPEN = (State.READY, State.RETRY_WAIT, State.IN_DOUBT)
_IN_LANE = (State.READY, State.SENDING, State.RETRY_WAIT, State.IN_DOUBT, State.INQUIRING)


def stands_in(state: ColumnElement[Any], states: Sequence[State] = OPEN) -> ColumnElement[bool]:
    """Spelled out, and in the same order, as in the partial indexes, so that planners know them
    again."""
    return state.in_([literal_column(f"'{each.value}'") for each in states])


def by_itself(found: Select[Any]) -> Select[Any]:
    """Looked up for each row that it is asked for, never joined to all that there are: a fence that
    PostgreSQL's planner respects. Spelled, for it takes a step of its own for a value."""
    return found.offset(literal_column("0"))


def open_in_lane(state: ColumnElement[Any]) -> ColumnElement[bool]:
    """It can still move by itself, so what comes later in its lane waits."""
    return stands_in(state, _IN_LANE)


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
    """Insert those whose unique keys are not taken; all rows name the same columns. One prepared
    statement, run for each."""
    if not rows:
        return
    names = tuple(rows[0])
    by_column = map(
        _bound,
        zip(*(row.values() for row in rows), strict=True),
        _binders(table, names, work.conn.dialect),
    )
    quoted = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join(["%s" if work.is_postgresql else "?"] * len(names))
    statement = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks}) ON CONFLICT DO NOTHING'  # noqa: S608
    run(work.conn, statement, list(zip(*by_column, strict=True)), many=True)


def insert_many(
    work: Work, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert many new rows as fast as the database takes them: COPY on PostgreSQL, one prepared
    statement on SQLite. ``rows`` hold their values in the order of ``columns``."""
    if not rows:
        return
    quoted = [f'"{name}"' for name in columns]
    binders = _binders(table, tuple(columns), work.conn.dialect)
    values = zip(*map(_bound, zip(*rows, strict=True), binders), strict=True)
    if not work.is_postgresql:
        marks = ", ".join("?" * len(columns))
        statement = f'INSERT INTO "{table.name}" ({", ".join(quoted)}) VALUES ({marks})'  # noqa: S608
        run(work.conn, statement, list(values), many=True)
        return
    copy = f'COPY "{table.name}" ({", ".join(quoted)}) FROM STDIN'
    copy_in(work.conn, copy, values)


@lru_cache(256)
def _binders(table: Table, columns: tuple[str, ...], dialect: Dialect) -> list[Any]:
    """How each column's values are written for this database; None: as they are, which bytes
    are."""
    kinds = (table.c[name].type for name in columns)
    return [
        None
        if isinstance(kind, LargeBinary)
        else kind.dialect_impl(dialect).bind_processor(dialect)
        for kind in kinds
    ]


def _bound(values: Sequence[Any], binder: Any) -> Sequence[Any]:
    if binder is None:
        return values
    first = values[0]
    if all(value is first for value in values):
        return [binder(first)] * len(values)
    return [binder(value) for value in values]
