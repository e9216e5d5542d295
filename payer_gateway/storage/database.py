"""The database: engine, unit of work with the database's own clock, and its schema version."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool, QueuePool

from payer_gateway.domain.errors import SettingError
from payer_gateway.storage.driver import IS_READING, begin, look_up, must_be_allowed

PREPARED_AFTER = 3  # runs of a statement on one connection
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Work:
    """One transaction. ``now`` is the database's clock at its start: leases, retries and settling
    go by this one clock, however many machines work on the database."""

    conn: Connection
    now: datetime
    is_reading: bool = False  # then whatever is seen is committed

    @property
    def is_postgresql(self) -> bool:
        return self.conn.dialect.name == "postgresql"


class Database:
    """SQLite (WAL, one machine) or PostgreSQL, by URL."""

    def __init__(self, url: str) -> None:
        self._writer: AbstractContextManager[object] = nullcontext()
        self._readers: _Readers | None = None
        self._writers: _Writers | None = None
        try:
            parsed = make_url(url)
        except ArgumentError as exc:
            raise SettingError(
                "PAYER_GATEWAY_DATABASE_URL cannot be read; write sqlite:///file.db or"
                " postgresql://user@host/name"
            ) from exc
        if parsed.get_backend_name() == "postgresql":
            # One driver is shipped; a bare postgresql:// means it.
            self.engine: Engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=20,
                max_overflow=20,
                # Nothing begins by itself. What writes begins its transaction and asks for the time
                # in one trip. What reads needs none: each statement sees what is committed when it
                # begins, in a transaction as without one.
                isolation_level="AUTOCOMMIT",
                connect_args={"prepare_threshold": None},
            )
            _ping_what_idled(self.engine)
            _prepare_statements(self.engine)
            self._reading: Engine = self.engine.execution_options(**{IS_READING: True})
            _refuse_to_write(self._reading)
        elif parsed.get_backend_name() == "sqlite":
            self.engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": 30})
            # SQLite has one writer. Threads of this process queue for it here, where the next one
            # starts at once; among processes SQLite's own waiting sleeps in growing steps.
            self._writer = threading.Lock()
            _prepare_sqlite(self.engine, "BEGIN IMMEDIATE")
            self._reading = self.engine
            self._readers = _Readers(parsed)
            self._writers = _Writers(parsed, self.engine)
        else:
            raise SettingError(
                f"PAYER_GATEWAY_DATABASE_URL: {parsed.get_backend_name()} is not supported;"
                " write sqlite:///file.db or postgresql://user@host/name"
            )

    @property
    def is_sqlite(self) -> bool:
        return self._readers is not None

    @contextmanager
    def write(self, *, planned_once: bool = False) -> Iterator[Work]:
        """A transaction that commits when the block ends and rolls back when it raises.
        ``planned_once``: its statements are those of every batch and each goes by an index, so that
        PostgreSQL need not plan them for each batch's own values."""
        with self._writer:
            engine = self.engine if self._writers is None else self._writers.engine()
            with engine.begin() as conn:
                yield Work(conn, _now(conn) if self.is_sqlite else _begun(conn, planned_once))

    @contextmanager
    def read(self) -> Iterator[Work]:
        """For what writes nothing. On SQLite a transaction that does not wait for the writer; on
        PostgreSQL each statement sees what is committed when it begins."""
        reading = self._reading.connect() if self._readers is None else self._readers.reading()
        with reading as conn:
            yield Work(conn, _now(conn), is_reading=True)

    def upgrade(self) -> None:
        """Bring the schema to this version of the package (all migrations, in order)."""
        with self.engine.begin() as conn:
            if not self.is_sqlite:
                # Two first commands at once: the second waits, then finds nothing to do.
                begin(conn, "SELECT pg_advisory_xact_lock(7239001)")
            _migrate(conn)

    def ensure_schema(self) -> None:
        """Migrate an empty database; refuse one of another version with the cure."""
        found = self.schema_version()
        if found is None:
            self.upgrade()
        else:
            _must_fit(found)

    def must_fit(self) -> None:
        """Raise SettingError, with the cure, unless the schema is that of this version."""
        _must_fit(self.schema_version())

    def schema_version(self) -> str | None:
        """None for a database that no command has touched yet. Waits for no writer."""
        with self.read() as work:
            if not inspect(work.conn).has_table("alembic_version"):
                return None
            found = work.conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)

    def close(self) -> None:
        self.engine.dispose()
        if self._readers is not None:
            self._readers.close()
        if self._writers is not None:
            self._writers.close()


class _Readers:
    """SQLite's connections for reading, kept open: opening one costs more than most readings, and
    so does a pool with its locks and events. They belong to one process: SQLite's files must not be
    carried over a fork."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._of: tuple[int, Engine, deque[Connection]] | None = None
        self._opening = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection inside a transaction that ends with the block."""
        engine, idle = self._here()
        try:
            conn = idle.pop()
        except IndexError:
            conn = engine.connect()
        driver: Any = conn.connection.driver_connection
        is_well = False
        try:
            driver.execute("BEGIN")
            yield conn
            is_well = True
        finally:
            try:
                conn.rollback()  # nothing was written; this ends SQLAlchemy's own transaction, too
                if driver.in_transaction:
                    driver.execute("ROLLBACK")
                idle.append(conn)
            except (sqlite3.Error, SQLAlchemyError):
                conn.invalidate()
                conn.close()
                if is_well:
                    raise

    def _here(self) -> tuple[Engine, deque[Connection]]:
        kept = self._of
        if kept is None or kept[0] != os.getpid():
            with self._opening:
                kept = self._of
                if kept is None or kept[0] != os.getpid():
                    engine = create_engine(
                        self._url,
                        poolclass=NullPool,
                        # A connection is one thread's at a time, but not always the same one's.
                        connect_args={"timeout": 30, "check_same_thread": False},
                    )
                    _prepare_sqlite(engine, is_reading=True)
                    kept = self._of = (os.getpid(), engine, deque())
        return kept[1], kept[2]

    def close(self) -> None:
        kept = self._of
        if kept is not None and kept[0] == os.getpid():
            while kept[2]:
                kept[2].pop().close()


class _Writers:
    """Kept connections for writing to a SQLite file: opening one costs more than most transactions.
    They belong to one process, as the readers', and to one file: should another be put in its
    place, nothing more goes into the one that is gone. ``fresh`` serves while there is no file."""

    def __init__(self, url: URL, fresh: Engine) -> None:
        self._url, self._fresh = url, fresh
        self._path = Path(url.database or "")
        self._opening = threading.Lock()
        self._open: tuple[tuple[int, int, int], Engine] | None = None

    def engine(self) -> Engine:
        of = self._identity()
        if of is None:
            return self._fresh
        with self._opening:
            if self._open is None or self._open[0] != of:
                self._let_go()
                engine = create_engine(
                    self._url,
                    poolclass=QueuePool,
                    max_overflow=64,
                    pool_reset_on_return=None,  # every transaction is ended by itself
                    connect_args={"timeout": 30},
                )
                _prepare_sqlite(engine, "BEGIN IMMEDIATE")
                self._open = of, engine
            return self._open[1]

    def close(self) -> None:
        with self._opening:
            self._let_go()

    def _let_go(self) -> None:
        if self._open is not None and self._open[0][0] == os.getpid():
            self._open[1].dispose()

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return os.getpid(), found.st_dev, found.st_ino


# A connection that was used within that time is taken to be alive. If it is not (the server was
# restarted), one transaction fails, and the pool is made anew.
_TRUSTED_S = 2.0


def _refuse_to_write(engine: Engine) -> None:
    """Of what SQLAlchemy runs; ``run`` asks for itself."""

    @event.listens_for(engine, "before_cursor_execute")
    def _before(conn: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        must_be_allowed(conn, statement)


def _ping_what_idled(engine: Engine) -> None:
    """SQLAlchemy's own pre-ping is a round trip before every transaction."""

    @event.listens_for(engine, "checkin")
    def _checkin(_dbapi: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _checkout(dbapi: Any, record: Any, _proxy: Any) -> None:
        used_at = record.info.get("used_at")
        if used_at is None or time.monotonic() - used_at < _TRUSTED_S:
            return
        try:
            engine.dialect.do_ping(dbapi)
        except engine.dialect.loaded_dbapi.Error as exc:
            raise DisconnectionError() from exc


def _prepare_statements(engine: Engine) -> None:
    """The server plans a statement once for each connection, not at each run, which takes it longer
    than most runs. Not through a pooler, which may hand out another session each time; there the
    process that answers is not the one that greeted us."""

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        (answers,) = dbapi.execute("SELECT pg_backend_pid()").fetchone()
        dbapi.rollback()
        if answers == dbapi.info.backend_pid:
            dbapi.prepare_threshold = PREPARED_AFTER


def _must_fit(found: str | None) -> None:
    if found != head_version():
        raise SettingError(
            f"the database has schema {found}, this version of payer-gateway needs"
            f" {head_version()}: stop the workers, then run `payer-gateway db upgrade`"
        )


@cache
def head_version() -> str:
    """The schema version that this package needs."""
    return max(file.name for file in _MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]


def _migrate(conn: Connection) -> None:
    # Here and not above: it takes a fifth of a second, which no other command needs to wait for.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


# A worker that is frozen inside a transaction must not hold the others' rows for ever. Set for this
# transaction alone: what lives in a session is not ours to count on behind a pooler. The time comes
# in microseconds, whatever way of writing dates the server is set to.
_BEGUN = (
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,"
    " set_config('idle_in_transaction_session_timeout', '15000', true)"
)
# To plan takes longer than to run, for a batch. By index whatever the tables hold when the plan is
# made: an empty table, read as it lies, is a million rows later. (Neither is for other statements:
# one plan for all values knows no partial index of a value that is bound.)
PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}
_PLANNED_ONCE = "".join(f", set_config('{k}', '{v}', true)" for k, v in PLANNED_ONCE.items())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_SQLITE_NOW = "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"


def _now(conn: Connection) -> datetime:
    """The database's clock."""
    if conn.dialect.name == "postgresql":
        moment: datetime = look_up(conn, "SELECT clock_timestamp()")[0][0]
        return moment.astimezone(UTC)
    ((written,),) = look_up(conn, _SQLITE_NOW)
    return datetime.fromisoformat(written)


def _begun(conn: Connection, planned_once: bool) -> datetime:
    """The database's clock at the beginning of this transaction of PostgreSQL, which begins here:
    both in one trip."""
    moment, *_ = begin(conn, f"{_BEGUN}{_PLANNED_ONCE}" if planned_once else _BEGUN)
    return _EPOCH + timedelta(microseconds=int(moment))


def _prepare_sqlite(engine: Engine, begin: str | None = None, *, is_reading: bool = False) -> None:
    """WAL so that readers never wait; FULL so that a committed attempt survives a power cut;
    BEGIN IMMEDIATE so that two writers queue instead of failing half-way."""

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # we begin our own transactions
        cursor = dbapi.cursor()
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if is_reading:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    if begin is None:
        return

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql(begin)
