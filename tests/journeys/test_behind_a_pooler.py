"""PostgreSQL behind pgbouncer in transaction mode, which hands out another session each time."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from builders import WORKER, a_house, a_submission
from processes import SandboxInsurer
from sqlalchemy import select

from payer_gateway.storage.database import PREPARED_AFTER, Database
from payer_gateway.storage.tables import submission
from payer_gateway.workflow.delivery import Delivery

INI = """
[databases]
* = host={sockets} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 2
server_reset_query =
"""


@contextmanager
def a_pooler(direct: str) -> Iterator[str]:
    """The same database through pgbouncer."""
    command = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if command is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must bring pgbouncer; .ci/run installs it")
        pytest.skip("needs pgbouncer")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    address = urlsplit(direct)
    # Where the server's own user, whom it runs as, may read.
    with tempfile.TemporaryDirectory(prefix="gateway-pooler-") as folder:
        Path(folder).chmod(0o755)
        told = Path(folder) / "pgbouncer.ini"
        sockets = parse_qs(address.query)["host"][0]
        told.write_text(INI.format(sockets=sockets, port=port, folder=folder), encoding="utf-8")
        (told.parent / "users.txt").write_text('"postgres" ""\n', encoding="utf-8")
        owner = Path(sockets).owner() if os.getuid() == 0 else None
        as_owner = ["-u", owner] if owner else []
        pooler = subprocess.Popen(
            [command, *as_owner, str(told)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            yield f"postgresql://postgres@127.0.0.1:{port}{address.path}"
        finally:
            pooler.terminate()
            pooler.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def prepared_after(url: str) -> int | None:
    """After how many runs a statement is prepared on a connection to that address."""
    with closing(Database(url)) as database, database.read() as work:
        driver = work.conn.connection.driver_connection
        assert driver is not None
        found: int | None = driver.prepare_threshold
        return found


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_claims_get_there_through_a_pooler_on_which_nothing_is_prepared(
    insurer: SandboxInsurer, database_url: str
) -> None:
    with a_pooler(database_url) as pooled:
        services = a_house(pooled, url=insurer.url)
        ids = {a_submission(services) for _ in range(30)}

        Delivery(services, WORKER, threads=4).run_until_idle()

        with services.database.read() as work:
            states = Counter(work.conn.execute(select(submission.c.state)).scalars())
        services.database.close()
        services.client.close()
        assert states == {"accepted": len(ids)}
        assert (prepared_after(pooled), prepared_after(database_url)) == (None, PREPARED_AFTER)
