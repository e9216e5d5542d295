"""The fence (rule L4): right before the first byte leaves, is the submission still ours to send?

One indexed read by the database's clock: the row still carries our token in the state it was
leased in, its lease outlives what is left of the exchange, and nobody has paused its insurer or
stopped everything meanwhile. Threads that ask at the same moment share one statement on one
connection of its own.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from payer_gateway.storage.database import PLANNED_ONCE

# Each looked up by its own id (OFFSET 0): while the tables are not counted, a planner may rather go
# through all of an insurer's.
_POSTGRESQL = """
SELECT s.id::text, s.lease_token::text, s.state,
       extract(epoch FROM s.lease_until - clock_timestamp())::float8
FROM unnest(%s::uuid[]) AS asked (id)
CROSS JOIN LATERAL (SELECT * FROM submission WHERE id = asked.id OFFSET 0) AS s
JOIN insurer i ON i.tenant_id = s.tenant_id AND i.id = s.insurer_id AND i.mode <> 'paused'
JOIN tenant t ON t.id = s.tenant_id AND t.stopped_at IS NULL
"""
# All in one row: for each row that SQLite steps to, a thread gives Python's lock away.
_SQLITE = """
SELECT json_group_array(json_array(
    s.id, s.lease_token, s.state, (julianday(s.lease_until) - julianday('now')) * 86400.0
))
FROM submission s
JOIN insurer i ON i.tenant_id = s.tenant_id AND i.id = s.insurer_id AND i.mode <> 'paused'
JOIN tenant t ON t.id = s.tenant_id AND t.stopped_at IS NULL
WHERE s.id IN (SELECT value FROM json_each(?))
"""


@dataclass(slots=True)
class _Asked:
    id: str
    token: str
    state: str
    seconds: float
    woken: threading.Lock = field(default_factory=threading.Lock)
    answered: bool = False
    ours: bool = False


@dataclass(slots=True)
class Fence:
    """Shared by all threads of a process. A question that cannot be put is answered with no."""

    engine: Engine
    _connection: Any = None
    _cursor: Any = None
    _waiting: list[_Asked] = field(default_factory=list)
    _is_asking: bool = False
    _list: threading.Lock = field(default_factory=threading.Lock)

    def is_ours(self, row: Any, seconds: float) -> bool:
        """Whether ``row`` (as it was leased) may be sent in an exchange that ends within
        ``seconds``."""
        asked = _Asked(_plain(row.id), _plain(row.lease_token), row.state, seconds)
        asked.woken.acquire()
        with self._list:
            self._waiting.append(asked)
            waits, self._is_asking = self._is_asking, True
        if waits:
            # One asks at a time. Until then more come, and the next one asks for all of them.
            asked.woken.acquire()
        if not asked.answered:
            time.sleep(0)  # whoever is about to ask comes along
            with self._list:
                batch, self._waiting = self._waiting, []
            try:
                self._ask(batch)
            finally:
                self._pass_on(batch)
        return asked.ours

    def _pass_on(self, batch: list[_Asked]) -> None:
        """Whoever came meanwhile asks next; who is answered waits for nobody."""
        with self._list:
            if self._waiting:
                self._waiting[0].woken.release()
            else:
                self._is_asking = False
        for each in batch:
            each.answered = True
            each.woken.release()

    def close(self) -> None:
        """When nobody asks any more."""
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

    def _look_up(self, ids: list[str]) -> dict[str, tuple[str, str, float]]:
        cursor = self._connected()
        if self.engine.dialect.name == "postgresql":
            cursor.execute(_POSTGRESQL, (f"{{{','.join(ids)}}}",))
            rows = cursor.fetchall()
        else:
            cursor.execute(_SQLITE, (json.dumps(ids),))
            ((found,),) = cursor.fetchall()
            rows = json.loads(found)
        return {_plain(r[0]): (_plain(r[1]), r[2], r[3]) for r in rows if r[1] is not None}

    def _connected(self) -> Any:
        """The cursor of a connection that nobody else uses, each statement of it a transaction."""
        if self._connection is None:
            if self.engine.dialect.name == "postgresql":
                taken = self.engine.raw_connection()
                self._connection = taken.driver_connection
                taken.detach()
                if self._connection.prepare_threshold is not None:
                    # Nobody else's session, as behind a pooler it might be.
                    for name, value in PLANNED_ONCE.items():
                        self._connection.execute(f"SET {name} = {value}")
            else:
                # Threads share it, one at a time.
                path = self.engine.url.database or ""
                self._connection = sqlite3.connect(
                    path, timeout=30, isolation_level=None, check_same_thread=False
                )
            self._cursor = self._connection.cursor()
        return self._cursor

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()


def _plain(identifier: str) -> str:
    """The id as both databases can be compared by: without hyphens."""
    return identifier.replace("-", "")
