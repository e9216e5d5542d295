"""The proof that the tests bite can be made: ``make fault-matrix`` takes each rule away and looks
whether the suite goes red; here only that it still can, and that what it wrote is of today."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults_matrix import PAGE
from faults_runner import check_targets
from faults_without import RULES, Without, make


def test_every_step_that_is_interrupted_is_still_there() -> None:
    check_targets()


@pytest.mark.parametrize("without", RULES, ids=lambda each: each.rule)
def test_every_rule_can_still_be_taken_away(without: Without, tmp_path: Path) -> None:
    copy = make(without, tmp_path)

    for edit in without.edits:
        path = copy / "payer_gateway" / edit.file
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_the_page_of_the_proof_tells_of_every_rule() -> None:
    page = PAGE.read_text(encoding="utf-8")

    told = [without.rule for without in RULES if f"| {without.rule} | {without.means} |" in page]

    assert told == [without.rule for without in RULES]
    assert "**none**" not in page
