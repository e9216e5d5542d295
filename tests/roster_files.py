"""Roster files of tests, and what imports of them told."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from builders import OPS

from payer_gateway.domain.errors import Fault
from payer_gateway.workflow.roster_import import Told, import_roster
from payer_gateway.workflow.services import Services

A_MEMBER = {
    "insurer": "NORTHWIND-PPO",
    "plan": "US-PPO-2026",
    "member_id": "W1",
    "birth_date": "1979-05-14",
    "cover_start": "2026-01-01",
    "cover_end": "2026-12-31",
}


def a_roster(folder: Path, *members: dict[str, str]) -> Path:
    """A file of these members, each like A_MEMBER but for what is given."""
    lines = [A_MEMBER | each for each in members]
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(lines)
    return written(folder, text.getvalue().encode())


def written(folder: Path, content: bytes) -> Path:
    file = folder / "roster.csv"
    file.write_bytes(content)
    return file


class Imported:
    """An import that was run: its summary, and the bad lines it told."""

    def __init__(self, services: Services, file: Path, *, strict: bool = False) -> None:
        self.bad: list[tuple[int, str]] = []
        self.faults: list[Fault] = []
        self.summary: dict[str, Any] = import_roster(
            services, OPS, file, Told(self._told, lambda lines, size: None), strict=strict
        )

    def _told(self, number: int, faults: tuple[Fault, ...]) -> None:
        self.bad += [(number, fault.path) for fault in faults]
        self.faults += faults

    @property
    def counts(self) -> tuple[int, int, int, int]:
        s = self.summary
        return s["added"], s["changed"], s["unchanged"], s["refused"]
