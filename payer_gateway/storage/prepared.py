"""Statements that every request or every batch asks: put together and compiled once, run by the
driver. SQLAlchemy takes several times as long around one as the database over it."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Dialect,
    Float,
    FromClause,
    Text,
    TypeDecorator,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.types import TypeEngine

from payer_gateway.storage.database import Work
from payer_gateway.storage.driver import look_up, run
from payer_gateway.storage.types import Instant, as_text, from_text, in_utc


class Prepared:
    """A statement in the words of both databases. ``make`` is told whether it is PostgreSQL's."""

    def __init__(self, make: Callable[[bool], Any]) -> None:
        self._make = make
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, work: Work, **asked: object) -> list[Any]:
        """What it returns, as named tuples. ``asked``: the values of its own ``bindparam``s."""
        return self._of(work).rows(work, asked)

    def changed(self, work: Work, **asked: object) -> int:
        """Run it for what it changes; how many rows."""
        return self._of(work).changed(work, asked)

    def _of(self, work: Work) -> _Compiled:
        dialect = work.conn.dialect
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _Compiled(
                self._make(work.is_postgresql), dialect
            )
        return known


class _Compiled:
    """A statement in one database's words, with how its values are written and read there."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text = str(compiled)
        # SQLAlchemy would write a list of literals out at each run: spell them (stands_in), or bind
        # the list as one value (among).
        assert "POSTCOMPILE" not in self._text, self._text  # noqa: S101
        self._order: Sequence[str] | None = compiled.positiontup
        self._fixed: dict[str, Any] = {}
        self._binders: dict[str, Callable[[Any], Any]] = {}
        for bind, name in compiled.bind_names.items():
            binder = _writer(bind.type, dialect)
            if binder is not None:
                self._binders[name] = binder
            value = bind.value
            self._fixed[name] = value if binder is None or value is None else binder(value)
        columns = tuple(statement.exported_columns) if _returns(statement) else ()
        readers = (_reader(column.type, dialect) for column in columns)
        self._readers = [(at, reader) for at, reader in enumerate(readers) if reader is not None]
        self._named: Any = _named([column.key for column in columns])

    def rows(self, work: Work, asked: Mapping[str, Any]) -> list[Any]:
        found = look_up(work.conn, self._text, self._written(asked))
        make = self._named._make
        if not self._readers:
            return list(map(make, found))
        return [make(self._read(row)) for row in found]

    def changed(self, work: Work, asked: Mapping[str, Any]) -> int:
        return run(work.conn, self._text, self._written(asked))

    def _written(self, asked: Mapping[str, Any]) -> Any:
        values = {**self._fixed, **asked}
        for name, binder in self._binders.items():
            value = asked.get(name)
            if value is not None:
                values[name] = binder(value)
        order = self._order
        return values if order is None else tuple([values[name] for name in order])

    def _read(self, row: Sequence[Any]) -> list[Any]:
        cells = list(row)
        for at, reader in self._readers:
            cells[at] = reader(cells[at])
        return cells


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Any:
    """How a value of that type, which is not None, is written; None: as it is."""
    if dialect.name == "sqlite" and isinstance(kind, Instant):
        return as_text
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Any:
    """How a value of that type is read; None: as the driver gives it, as both do with floats."""
    if isinstance(kind, Float):
        return None
    if dialect.name == "sqlite" and isinstance(kind, Uuid):
        return _hyphened
    if isinstance(kind, Instant):
        return from_text if dialect.name == "sqlite" else in_utc
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _hyphened(digits: str | None) -> str | None:
    """An id as it is written everywhere else. SQLAlchemy makes a UUID of it first, which takes four
    times as long, nine times per claim."""
    if digits is None:
        return None
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _named(names: Sequence[str]) -> Any:
    return namedtuple("Found", names, rename=True)


def _returns(statement: Any) -> bool:
    return bool(statement.is_select or getattr(statement, "_returning", ()))


class _Listed(TypeDecorator[list[Any]]):
    """A list of values as one bound value, on SQLite: JSON, whose elements a query can read."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: TypeEngine[Any]) -> None:
        super().__init__()
        self._kind = kind

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        binder = self._kind.dialect_impl(dialect).bind_processor(dialect)
        return json.dumps([v if binder is None else binder(v) for v in value])


def among(column: ColumnElement[Any], name: str, *, is_postgresql: bool) -> ColumnElement[bool]:
    """The column's value is one of the list that is bound as ``name``, however long it is: the
    statement's words stay the same."""
    if is_postgresql:
        return column == func.any(bindparam(name, type_=ARRAY(column.type)))
    listed = func.json_each(bindparam(name, type_=_Listed(column.type))).table_valued("value")
    return column.in_(select(listed.c.value))


class Given:
    """Rows of these columns that are bound as one value, and read by a statement like a table. A
    statement for each would take a turn at Python's lock for each."""

    def __init__(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> None:
        self._name, self._columns = name, columns
        self._writers: list[tuple[str, Any]] | None = None  # SQLite's

    def table(self, *, is_postgresql: bool) -> FromClause:
        bound = bindparam(self._name, type_=Text())
        if is_postgresql:
            named = [column(name, kind) for name, kind in self._columns.items()]
            recordset = func.json_to_recordset(cast(bound, JSON())).table_valued(*named)
            return recordset.render_derived(with_types=True)
        each = func.json_each(bound).table_valued("value")
        values = (
            func.json_extract(each.c.value, literal_column(f"'$.{name}'"), type_=kind).label(name)
            for name, kind in self._columns.items()
        )
        return select(*values).subquery()

    def bound(self, work: Work, rows: Sequence[Mapping[str, Any]]) -> str:
        """``rows`` as the statement takes them: JSON."""
        if work.is_postgresql:
            return msgspec.json.encode(rows).decode()
        if self._writers is None:
            dialect = work.conn.dialect
            self._writers = [(name, _writer(kind, dialect)) for name, kind in self._columns.items()]
        written = [
            {
                name: row[name] if writer is None or row[name] is None else writer(row[name])
                for name, writer in self._writers
            }
            for row in rows
        ]
        return msgspec.json.encode(written).decode()
