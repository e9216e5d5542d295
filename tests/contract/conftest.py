"""An outsider's bench: the installed command in an empty folder, and an insurer to talk to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import BY_VIDEO, ROOT, another
from gateway_process import Gateway, addresses, booked, sandbox
from recording_line import RecordingLine, recording
from walked import MOODS, Walk


@pytest.fixture(scope="session")
def contract_insurer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One sandbox for all; each test looks at its own claims only."""
    with sandbox(tmp_path_factory.mktemp("contract-insurer")) as url:
        yield url


@pytest.fixture
def recorded_line(contract_insurer: str) -> Iterator[RecordingLine]:
    """A line to that insurer whose exchanges are kept, byte for byte."""
    with recording(contract_insurer) as line:
        yield line


@pytest.fixture
def gateway(tmp_path: Path, contract_insurer: str) -> Gateway:
    """Connected to the sandbox, with nothing in its database."""
    return Gateway(tmp_path, addresses(contract_insurer))


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory, contract_insurer: str) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    shutil.copytree(ROOT / "fixtures" / "consultations", folder / "consultations")
    with recording(contract_insurer) as line:
        gateway = Gateway(folder, addresses(line.url))
        for mood in MOODS:
            gateway.file(f"moods/{mood}.json", another(BY_VIDEO, mood=mood))
        approved = gateway.file("approved.json", another(BY_VIDEO))
        taken = gateway("submit", "--json", "consultations", "moods", approved)
        waiting = gateway.submissions()[0]
        would_go = gateway("submission", "show", waiting["id"], "--request").stdout
        delivered = gateway.deliver("--max-wait", "90")
        listed = gateway("submissions", "--json")
        yield Walk(
            gateway, line, taken, waiting, would_go, delivered, listed, booked(contract_insurer)
        )
