"""The same digest, the same answer, from one release to the next: what the decided cases were
answered is on file by the digest of what was asked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ROOT
from eligibility_cases import CODES, SHELF

from payer_gateway.domain.eligibility import Decision, Question, Snapshot, decide
from payer_gateway.domain.plan import Plan
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.decision_json import input_digest, plain
from payer_gateway.mapping.scenario_file import read_scenarios
from payer_gateway.mapping.scenario_question import question_of_scenario

FOLDER = ROOT / "fixtures" / "eligibility"
ON_FILE = FOLDER / "answers.txt"
HEAD = """\
# Of every decided case: the digest of what is asked (ruleset, question, plan, what is known), and
# that of the whole answer. Where an answer changes, raise RULESET; then, or after new cases, write
# this file anew: PYTHONPATH=tests python tests/unit/test_eligibility_same_answers.py
"""


def answer_digest(decision: Decision) -> str:
    """Over all that is answered, with what each rule found; what the rules looked at is asked."""
    found = tuple(replace(each, inputs={}) for each in decision.trace)
    return hashlib.sha256(canonical_json(plain(replace(decision, trace=found)))).hexdigest()


def asked_in(file: Path) -> dict[str, tuple[Question, Plan, Snapshot]]:
    """By the digest of what is asked, every case of the file that asks a plan."""
    asked: dict[str, tuple[Question, Plan, Snapshot]] = {}
    for case in read_scenarios(file, SHELF):
        each = question_of_scenario(case) if case.caller is None else None
        if each is not None:
            question, known = each
            digest = input_digest(question, case.plan, known)
            asked[digest] = (question, case.plan, known)
    return asked


def on_file() -> dict[str, str]:
    lines = ON_FILE.read_text(encoding="ascii").splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


CASES = {file.stem: asked_in(file) for file in sorted(FOLDER.glob("*.yaml"))}
CURE = f"raise RULESET if an answer changed, then write {ON_FILE.name} anew (see its head)"


@pytest.mark.parametrize("name", CASES)
def test_what_was_asked_before_is_answered_as_before(name: str) -> None:
    filed = on_file()

    for digest, asked in CASES[name].items():
        assert answer_digest(decide(*asked, CODES)) == filed.get(digest), CURE


def test_every_answer_on_file_is_asked_for_by_some_case() -> None:
    assert {digest for asked in CASES.values() for digest in asked} == set(on_file()), CURE


if __name__ == "__main__":
    answers = {
        digest: answer_digest(decide(*each, CODES))
        for asked in CASES.values()
        for digest, each in asked.items()
    }
    rows = "".join(f"{asked} {answer}\n" for asked, answer in sorted(answers.items()))
    ON_FILE.write_text(HEAD + rows, encoding="ascii")
