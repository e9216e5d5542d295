"""The fence (rule L4): right before the first byte leaves, is the submission still ours to send?

One indexed read by the database's clock: the row still carries our token in the state it was
leased in, its lease outlives what is left of the exchange, and nobody has paused its insurer or
stopped everything meanwhile. Threads that ask at the same moment share one statement on one
connection of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

_POSTGRESQL = """
SELECT s.id::text, s.lease_token::text, s.state,
       extract(epoch FROM s.lease_until - clock_timestamp())::float8
FROM submission s
JOIN insurer i ON i.tenant_id = s.tenant_id AND i.id = s.insurer_id AND i.mode <> 'paused'
JOIN tenant t ON t.id = s.tenant_id AND t.stopped_at IS NULL
WHERE s.id = ANY(%s::uuid[])
"""
_SQLITE = """
SELECT s.id, s.lease_token, s.state,
       (julianday(s.lease_until) - julianday('now')) * 86400.0
FROM submission s
JOIN insurer i ON i.tenant_id = s.tenant_id AND i.id = s.insurer_id AND i.mode <> 'paused'
JOIN tenant t ON t.id = s.tenant_id AND t.stopped_at IS NULL
WHERE s.id IN ({marks})
"""


@dataclass(slots=True)
class _Asked:
    id: str
    token: str
    state: str
    seconds: float
    answered: bool = False
    ours: bool = False


@dataclass(slots=True)
class Fence:
    """Shared by all threads of a process. A question that cannot be put is answered with no."""

    engine: Engine
    _connection: Any = None
    _waiting: list[_Asked] = field(default_factory=list)
    _list: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def is_ours(self, row: Any, seconds: float) -> bool:
        """Whether ``row`` (as it was leased) may be sent in an exchange that ends within
        ``seconds``."""
        asked = _Asked(_plain(row.id), _plain(row.lease_token), row.state, seconds)
        with self._list:
            self._waiting.append(asked)
        # Whoever has the turn asks for all who came meanwhile; they find their answer in place.
        with self._turn:
            if not asked.answered:
                with self._list:
                    batch, self._waiting = self._waiting, []
                self._ask(batch)
        return asked.ours

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _ask(self, batch: list[_Asked]) -> None:
        try:
            found = self._look_up([each.id for each in batch])
        except Exception:
            # Nobody is let through unasked; the connection is made anew for the next question.
            self._drop()
            found = {}
        for each in batch:
            token, state, left = found.get(each.id, (None, None, 0.0))
            each.ours = token == each.token and state == each.state and left > each.seconds
            each.answered = True

    def _look_up(self, ids: list[str]) -> dict[str, tuple[str, str, float]]:
        cursor = self._connected().cursor()
        try:
            if self.engine.dialect.name == "postgresql":
                cursor.execute(_POSTGRESQL, (ids,))
            else:
                cursor.execute(_SQLITE.format(marks=",".join("?" * len(ids))), ids)
            rows = cursor.fetchall()
        finally:
            cursor.close()
        return {_plain(r[0]): (_plain(r[1]), r[2], r[3]) for r in rows if r[1] is not None}

    def _connected(self) -> Any:
        """A connection that nobody else uses, each statement of it a transaction."""
        if self._connection is None:
            if self.engine.dialect.name == "postgresql":
                taken = self.engine.raw_connection()
                self._connection = taken.driver_connection
                taken.detach()
                self._connection.autocommit = True
            else:
                # Threads share it, one at a time; that is what _turn is for.
                path = self.engine.url.database or ""
                self._connection = sqlite3.connect(
                    path, timeout=30, isolation_level=None, check_same_thread=False
                )
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()


def _plain(identifier: str) -> str:
    """The id as both databases can be compared by: without hyphens."""
    return identifier.replace("-", "")
