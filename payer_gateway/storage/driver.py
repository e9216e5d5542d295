"""Statements run by the driver: SQLAlchemy between takes ten times as long as SQLite itself. Its
errors, and the rule that a reading writes nothing, hold here all the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InvalidRequestError

# Of a connection of PostgreSQL that reads: there is no transaction to roll back, so that a mistake
# would stay. SQLite refuses by itself.
IS_READING = "payer_gateway_is_reading"


def must_be_allowed(conn: Connection, statement: str) -> None:
    """Raises InvalidRequestError for what is no question where only questions are asked."""
    if not conn.get_execution_options().get(IS_READING):
        return
    if statement.split(None, 1)[0].upper() not in ("SELECT", "WITH", "EXPLAIN"):
        raise InvalidRequestError("a reading writes nothing; write in Database.write()")


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
        # Bytes, ids and instants come as they are, not as text to be read.
        how = {"binary": True} if fetch and dialect.name == "postgresql" else {}
        cursor = conn.connection.cursor(**how)
        (cursor.executemany if many else cursor.execute)(statement, values)
        # SQLite goes on working while it is fetched from, and may fail there, too.
        return cursor.fetchall() if fetch else cursor.rowcount
    except dialect.loaded_dbapi.Error as exc:
        raise _as_sqlalchemy_says(conn, statement, exc) from exc


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
