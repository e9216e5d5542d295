from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_surface import Surface, opened


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is migrated once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("migrated")
    with opened(folder):
        return folder / "gateway.db"


@pytest.fixture
def surface(tmp_path: Path, migrated: Path) -> Iterator[Surface]:
    shutil.copy(migrated, tmp_path / "gateway.db")
    with opened(tmp_path) as running:
        yield running
