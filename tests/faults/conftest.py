"""The laboratory for every test here, and what it counted, told at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from faults_lab import Laboratory
from faults_verdict import Tally

_told: dict[str, Tally] = {}
FULL = os.environ.get("FAULTS") == "full"


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    # In memory where that is to be had: nothing here has to survive a power cut, and a disk that is
    # busy with other things would end leases. Not in pytest's own folder, closed to PostgreSQL.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="gateway-faults-", dir=memory) as folder:
        laboratory = Laboratory(
            Path(folder), lambda: str(request.getfixturevalue("postgresql_url"))
        )
        yield laboratory
        laboratory.close()


@pytest.fixture
def full() -> bool:
    """Whether this is the long run (``make faults-full``)."""
    return FULL


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str, Tally], None]:
    """Keep the counts of an experiment for the table at the end, then hold them to zero."""

    def told(experiment: str, tally: Tally) -> None:
        _told.setdefault(experiment, Tally()).add(tally)
        assert tally.is_clean, f"{tally.told()}\n" + "\n".join(tally.findings)

    return told


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Run by several processes, each tells what it counted."""
    if hasattr(session.config, "workeroutput"):
        counted = {experiment: asdict(tally) for experiment, tally in _told.items()}
        session.config.workeroutput["faults"] = counted


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for experiment, counted in getattr(node, "workeroutput", {}).get("faults", {}).items():
        _told.setdefault(experiment, Tally()).add(Tally(**counted))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _told:
        return
    terminalreporter.section("fault laboratory")
    total = Tally()
    for experiment, tally in _told.items():
        terminalreporter.write_line(f"{experiment}: {tally.told()}")
        total.add(tally)
    terminalreporter.write_line(f"all: {total.told()}")
