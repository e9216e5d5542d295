"""Our side of ``benchmarks/delivery``, small: what it prints is what the published table says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "delivery" / "side_by_side.py"


@pytest.mark.slow
def test_dropped_answers_and_killed_workers_lose_no_claim_and_bill_none_twice() -> None:
    job = ["--claims", "60", "--only", "ours-sqlite"]

    done = subprocess.run([sys.executable, SCRIPT, *job], capture_output=True, text=True)

    assert done.returncode == 0, f"not every planned fault fired:\n{done.stdout}{done.stderr}"
    table = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    columns, ours = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table)
    told = dict(zip(columns, ours, strict=True))
    assert (told["sender"], told["lost"], told["doubled"]) == ("ours-sqlite", "0", "0")
    # 60 claims, and the 2 that were refused at first: nothing else was ever posted.
    assert int(told["posts"]) >= 62
