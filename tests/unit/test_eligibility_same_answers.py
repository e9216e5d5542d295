"""The same digest, the same answer, from one release to the next: what the decided cases were
answered is on file by the digest of what was asked."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from builders import ROOT
from eligibility_cases import CODES, SHELF

from payer_gateway.domain.eligibility import Decision, decide
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


def answers() -> dict[str, str]:
    told: dict[str, str] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        for case in read_scenarios(file, SHELF):
            asked = question_of_scenario(case) if case.caller is None else None
            if asked is not None:
                question, known = asked
                digest = input_digest(question, case.plan, known)
                told[digest] = answer_digest(decide(question, case.plan, known, CODES))
    return told


def test_what_was_asked_before_is_answered_as_before() -> None:
    lines = ON_FILE.read_text(encoding="ascii").splitlines()
    on_file = dict(line.split() for line in lines if not line.startswith("#"))

    told = answers()

    cure = f"raise RULESET if an answer changed, then write {ON_FILE.name} anew (see its head)"
    assert {asked: told.get(asked) for asked in on_file} == on_file, cure
    assert set(told) == set(on_file), cure


if __name__ == "__main__":
    rows = "".join(f"{asked} {answer}\n" for asked, answer in sorted(answers().items()))
    ON_FILE.write_text(HEAD + rows, encoding="ascii")
