"""Fixtures do not age: the business day is pinned, so the machine's clock may stand anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_demo_tells_the_same_story_with_the_machines_clock_five_years_on() -> None:
    faketime = shutil.which("faketime")
    if faketime is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must bring faketime; .ci/run installs it")
        pytest.skip("needs libfaketime's faketime command")
    command = Path(sys.executable).with_name("payer-gateway")
    shifted = [faketime, "-f", "+1826d", str(command), "demo"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PAYER_GATEWAY_")}

    told = subprocess.run(
        shifted, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "They agree." in told.stdout
