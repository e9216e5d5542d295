"""Which keys of a long file were seen already, and on which line, in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from types import TracebackType


class SeenKeys:
    """A scratch table of SQLite's, in a nameless file that is gone when it is closed or the process
    ends. It holds no person: halves of blind keys, and line numbers."""

    def __init__(self) -> None:
        self._scratch = sqlite3.connect("", isolation_level=None)
        self._scratch.execute("PRAGMA journal_mode = OFF")
        self._scratch.execute("PRAGMA cache_size = -32768")
        self._scratch.execute(
            "CREATE TABLE seen (key BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._scratch.execute("BEGIN")

    def __enter__(self) -> SeenKeys:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._scratch.close()

    def repeated(self, lines: Sequence[tuple[str, int]]) -> dict[int, int]:
        """Take note of (key in hexadecimal, line number); line → the line that had its key first,
        for those whose key was seen before."""
        rows = [(bytes.fromhex(key)[:16], line) for key, line in lines]
        before = self._scratch.total_changes
        self._scratch.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows)
        if self._scratch.total_changes - before == len(rows):
            return {}
        found = {}
        for key, line in rows:
            query = self._scratch.execute("SELECT line FROM seen WHERE key = ?", (key,))
            first = query.fetchone()[0]
            if first != line:
                found[line] = first
        return found
