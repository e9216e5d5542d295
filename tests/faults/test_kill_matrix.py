"""T1: a process is killed at every named step; nothing is lost, nothing is billed twice."""

from __future__ import annotations

from collections.abc import Callable

import faults_cases
import pytest
from faults_lab import Laboratory
from faults_verdict import Tally

Report = Callable[[str, Tally], None]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_process_killed_at_any_step_loses_nothing_and_bills_nothing_twice(
    lab: Laboratory, kind: str, full: bool, report: Report
) -> None:
    seeds = {"sqlite": 2, "postgresql": 4}[kind]
    planned = faults_cases.full(kind, seeds) if full else faults_cases.short(kind)
    cases = faults_cases.chosen(planned)

    tally = faults_cases.run_all(lab, cases)

    report(f"T1 kill matrix, {kind}", tally)
