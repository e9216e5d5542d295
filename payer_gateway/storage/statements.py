"""The statements that both databases spell with an extension of their own, and those that are asked
at every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Dialect,
    LargeBinary,
    Select,
    Table,
    literal_column,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work, look_up

OPEN = (State.READY, State.RETRY_WAIT, State.IN_DOUBT)
_IN_LANE = (State.READY, State.SENDING, State.RETRY_WAIT, State.IN_DOUBT, State.INQUIRING)


def stands_in(state: ColumnElement[Any], states: Sequence[State] = OPEN) -> ColumnElement[bool]:
    """Spelled out, and in the same order, as in the partial indexes, so that planners know them
    again."""
    return state.in_([literal_column(f"'{each.value}'") for each in states])


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
    """Insert those whose unique keys are not taken; all rows name the same columns. One statement
    on PostgreSQL, one prepared statement on SQLite."""
    if not rows:
        return
    names = tuple(rows[0])
    by_column = map(
        _bound, zip(*(row.values() for row in rows), strict=True), _binders(work, table, names)
    )
    if work.is_postgresql:
        work.conn.exec_driver_sql(_all_at_once(work, table, names), tuple(map(list, by_column)))
        return
    quoted = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    statement = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks}) ON CONFLICT DO NOTHING'  # noqa: S608
    work.conn.exec_driver_sql(statement, list(zip(*by_column, strict=True)))


def _all_at_once(work: Work, table: Table, names: Sequence[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    kinds = (table.c[name].type.compile(work.conn.dialect) for name in names)
    lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
    into = f'INSERT INTO "{table.name}" ({quoted})'
    return f"{into} SELECT * FROM unnest({lists}) ON CONFLICT DO NOTHING"  # noqa: S608


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
    dialect: Any = work.conn.dialect
    try:
        with cursor, cursor.copy(statement) as copy:
            for row in values:
                copy.write_row(row)
    except dialect.loaded_dbapi.Error as exc:
        # The driver's own words would pass by everyone who waits for a database that is away.
        base = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, exc, base, dialect=dialect) from exc


def _binders(work: Work, table: Table, columns: Sequence[str]) -> list[Any]:
    """How each column's values are written for this database; None: as they are, which bytes
    are."""
    dialect = work.conn.dialect
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


class Prepared:
    """A SELECT (or several, united) that every request asks: put together and compiled once."""

    def __init__(self, make: Callable[[], Select[Any] | CompoundSelect[Any]]) -> None:
        self._make = make
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, work: Work, **asked: object) -> list[tuple[Any, ...]]:
        """``asked``: the values of the statement's own ``bindparam``s."""
        dialect = work.conn.dialect
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _Compiled(self._make(), dialect)
        return known.rows(work, asked)


class _Compiled:
    """A statement in one database's words, with how its values are written and read there."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any], dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        self._fixed: dict[str, Any] = {}
        self._binders: dict[str, Callable[[Any], Any]] = {}
        for bind, name in compiled.bind_names.items():
            binder = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if binder is not None:
                self._binders[name] = binder
            value = bind.value
            self._fixed[name] = value if binder is None or value is None else binder(value)
        readers = (
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in statement.selected_columns
        )
        self._readers = [(at, reader) for at, reader in enumerate(readers) if reader is not None]

    def rows(self, work: Work, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        values = {**self._fixed, **asked}
        for name, binder in self._binders.items():
            if name in asked and asked[name] is not None:
                values[name] = binder(asked[name])
        order = self._order
        given: Any = values if order is None else tuple(values[name] for name in order)
        found = look_up(work.conn, self._text, given)
        return [self._read(row) for row in found] if self._readers else found

    def _read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        cells = list(row)
        for at, reader in self._readers:
            cells[at] = reader(cells[at])
        return tuple(cells)
