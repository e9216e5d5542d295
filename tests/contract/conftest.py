"""An outsider's bench: the installed command in an empty folder, and an insurer to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_process import Gateway, addresses, sandbox
from recording_line import RecordingLine, recording


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
