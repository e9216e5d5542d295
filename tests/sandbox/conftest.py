from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_bundles import PAYER, SERVICES, Sandbox

PROFILE = {
    "profile": "first-insurer",
    "version": 3,
    "stage": "test",
    "payer": {"name": "Insurer One", "identifier": PAYER},
    "codes": {
        "service": {
            "system": SERVICES,
            "values": {"visit": "99244", "video": "99245", "records": None, "x": "unsupported"},
        },
        "place": {"system": "https://ignored.example", "values": {}},
    },
    "fees": {"99245": "150.00"},
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox") / "ledger.jsonl")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def named_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """With a profile, and a token that is wanted."""
    running = Sandbox(
        tmp_path_factory.mktemp("named") / "ledger.jsonl", profile=PROFILE, token="s3cret"
    )
    yield running
    running.stop()


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"
