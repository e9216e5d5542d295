from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_surface import Surface, opened


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    with opened(tmp_path) as running:
        yield running
