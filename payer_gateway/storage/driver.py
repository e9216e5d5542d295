"""Statements run by the driver: SQLAlchemy between takes ten times as long as SQLite itself. Its
errors, and the rule that a reading writes nothing, hold here all the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InvalidRequestError

# Of a connection of PostgreSQL that reads: there is no transaction to roll back, so that a mistake
# would stay. SQLite refuses by itself.
IS_READING = "payer_gateway_is_reading"
_CURSOR = "payer_gateway_cursor"
# PostgreSQL's WITH may write, too.
_WRITES = re.compile(r"\b(INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM)\b", re.IGNORECASE)


def must_be_allowed(conn: Connection, statement: str) -> None:
    """Raises InvalidRequestError for what is no question where only questions are asked."""
    if conn.get_execution_options().get(IS_READING) and not _asks(statement):
        raise InvalidRequestError("a reading writes nothing; write in Database.write()")


@lru_cache(1024)
def _asks(statement: str) -> bool:
    begins = statement.split(None, 1)[0].upper()
    if begins == "WITH":
        return _WRITES.search(statement) is None
    return begins in ("SELECT", "EXPLAIN")


def begin(conn: Connection, statement: str) -> tuple[Any, ...]:
    """Begin a transaction of PostgreSQL and ask that SELECT, without values, in the same trip; its
    row, as text. The connection is one that begins nothing by itself. Raises as ``look_up``
    does."""
    dialect: Any = conn.dialect
    try:
        cursor = _cursor_of(conn)
        cursor.execute(f"BEGIN; {statement}", prepare=False)
        cursor.nextset()
        row: tuple[Any, ...] = cursor.fetchone()
        return row
    except dialect.loaded_dbapi.Error as exc:
        raise _as_sqlalchemy_says(conn, statement, exc) from exc


def look_up(conn: Connection, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
    """The rows that a statement returns. Raises SQLAlchemy's errors, for which the callers look;
    they carry none of ``values``."""
    return list(_run(conn, statement, values, many=False, fetch=True))


def run(conn: Connection, statement: str, values: Any = (), *, many: bool = False) -> int:
    """How many rows a statement changes. ``many``: once for each of ``values``. Raises as
    ``look_up`` does."""
    return int(_run(conn, statement, values, many=many, fetch=False))


def _run(conn: Connection, statement: str, values: Any, *, many: bool, fetch: bool) -> Any:
    must_be_allowed(conn, statement)
    dialect: Any = conn.dialect
    try:
        if dialect.name == "postgresql":
            cursor = _cursor_of(conn)
            values = _with_lists_written(values)
            # Bytes, ids and instants come as they are, not as text to be read.
            how = {"binary": True} if fetch else {}
        else:
            cursor, how = conn.connection.cursor(), {}
        (cursor.executemany if many else cursor.execute)(statement, values, **how)
        # SQLite goes on working while it is fetched from, and may fail there, too.
        return cursor.fetchall() if fetch else cursor.rowcount
    except dialect.loaded_dbapi.Error as exc:
        raise _as_sqlalchemy_says(conn, statement, exc) from exc


def _cursor_of(conn: Connection) -> Any:
    """The cursor that a connection of PostgreSQL keeps: making one costs a tenth of a small
    statement. Whatever it returns is fetched before the next statement."""
    connection = conn.connection
    cursor = connection.info.get(_CURSOR)
    if cursor is None:
        cursor = connection.info[_CURSOR] = connection.cursor()
    return cursor


def _with_lists_written(values: Any) -> Any:
    """The driver looks at each element of a list several times, which takes longer than most
    statements; a list of plain values is written here. Every statement says a list's type."""
    if isinstance(values, dict):
        return {name: _list_of(value) for name, value in values.items()}
    return tuple([_list_of(value) for value in values]) if isinstance(values, tuple) else values


def _list_of(value: Any) -> Any:
    """PostgreSQL's literal of an array (manual, 8.15.2), where the value is a list of such."""
    if type(value) is not list:
        return value
    written = []
    for each in value:
        if type(each) is str:
            if "\\" in each or '"' in each:
                each = each.replace("\\", "\\\\").replace('"', '\\"')
            written.append(f'"{each}"')
        elif type(each) is int:
            written.append(str(each))
        elif type(each) is datetime:
            written.append(f'"{each.isoformat()}"')
        elif each is None:
            written.append("NULL")
        else:
            return value
    return f"{{{','.join(written)}}}"


def copy_in(conn: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """PostgreSQL's COPY … FROM STDIN. Raises as ``look_up`` does."""
    must_be_allowed(conn, statement)
    dialect: Any = conn.dialect
    try:
        cursor: Any = conn.connection.cursor()
        with cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except dialect.loaded_dbapi.Error as exc:
        raise _as_sqlalchemy_says(conn, statement, exc) from exc


def _as_sqlalchemy_says(conn: Connection, statement: str, exc: Exception) -> BaseException:
    """The driver's own error would pass by everyone who waits for a database that is away."""
    dialect: Any = conn.dialect
    if dialect.is_disconnect(exc, conn.connection.driver_connection, None):
        # Fails again, by SQLAlchemy, which then makes its pool anew.
        conn.exec_driver_sql("SELECT 1")
    return DBAPIError.instance(statement, None, exc, dialect.loaded_dbapi.Error, dialect=dialect)
