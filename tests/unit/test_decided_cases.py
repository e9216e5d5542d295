"""Decided cases, by file: the published ones and those that we decided from the standard. Each is
decided as it says, none could say something else, and together they speak the whole vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from builders import ROOT
from eligibility_cases import CODES, SHELF

from payer_gateway.domain.reasons import Code
from payer_gateway.mapping.scenario_file import (
    EXPECT,
    EXPECT_OF_EMPLOYER,
    GIVEN,
    Scenario,
    read_scenarios,
)
from payer_gateway.mapping.scenarios import run
from payer_gateway.mapping.yamlfile import load_yaml

FILES = sorted((ROOT / "fixtures" / "eligibility").glob("*.yaml"))
CASES = {file.stem: read_scenarios(file, SHELF) for file in FILES}
EVERY_CASE = [case for cases in CASES.values() for case in cases]
# Said by people, or of what is no question to a plan.
NOT_DECIDED_HERE = {"DECIDED_BY_PERSON", "REFUSED_BY_PERSON"}


@pytest.mark.parametrize("name", CASES)
def test_every_case_of_the_file_is_decided_as_it_says(name: str) -> None:
    outcomes = [run(case, CODES) for case in CASES[name]]

    assert {each.scenario.id: each.differences for each in outcomes if not each.passed} == {}


def others(value: Any) -> Iterator[Any]:
    """The same with one thing in it changed, for each thing in it."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            for other in others(below):
                yield {**value, key: other}
    elif isinstance(value, list):
        yield [*value, "ANOTHER"]
        yield from (value[:n] + value[n + 1 :] for n in range(len(value)))
        yield from (
            [*value[:n], value[n + 1], value[n], *value[n + 2 :]]
            for n in range(len(value) - 1)
            if value[n] != value[n + 1]
        )
    else:
        yield {"true": "false", "false": "true"}.get(value, "98765")


def a_change(key: str, expected: Any, other: Any) -> bool:
    """Notes and fields are sets: their order is no difference. Nothing that is expected not to be
    there is still not there without it."""
    if key in ("notes", "visible_fields"):
        return sorted(expected) != sorted(other)
    return key != "forbidden_fields"


@pytest.mark.parametrize("name", CASES)
def test_a_case_that_expected_anything_else_would_fail(name: str) -> None:
    tried, unnoticed = 0, []
    for case in CASES[name]:
        for key, expected in case.expect.items():
            for other in others(expected):
                if a_change(key, expected, other):
                    tried += 1
                    wrong: Scenario = replace(case, expect={**case.expect, key: other})
                    if run(wrong, CODES).passed:
                        unnoticed.append((case.id, key, other))

    assert unnoticed == []
    assert tried > len(CASES[name])


def paths(words: Any, above: str = "") -> set[str]:
    """Every key of a vocabulary, or of what is written in it, dotted."""
    if isinstance(words, list):
        return {path for each in words for path in paths(each, above)}
    if not isinstance(words, Mapping):
        return {above}
    found: set[str] = set()
    for key, below in words.items():
        name = "*" if above.endswith("opinions_used") else key
        found |= paths(below, f"{above}.{name}".lstrip("."))
    return found or {above}


def test_the_cases_speak_every_word_of_given_and_expect() -> None:
    given = {path for case in EVERY_CASE for path in paths(case.merged)}
    expected = {path for case in EVERY_CASE for path in paths(case.expect)}

    assert paths(GIVEN) <= given
    assert paths({**EXPECT, **EXPECT_OF_EMPLOYER}) <= expected


def test_the_cases_speak_every_word_of_a_plan() -> None:
    schema = load_schema()
    own = [load_yaml(file).get("plans", {}) for file in FILES]
    plans = [keys for plans in own for keys in plans.values()]
    plans += [SHELF.keys(name) for name in SHELF.names()]
    plans += [case.plan_overrides for case in EVERY_CASE]

    assert set(schema["properties"]) <= {key for plan in plans for key in plan}


def load_schema() -> Any:
    from payer_gateway.mapping.canonical import parse_json

    file = ROOT / "payer_gateway" / "mapping" / "schemas" / "plan.schema.json"
    return parse_json(file.read_bytes())


def test_every_reason_is_the_answer_of_some_case() -> None:
    said = {reason for case in EVERY_CASE for reason in case.expect.get("reasons", ())}

    assert said == {code.value for code in Code} - NOT_DECIDED_HERE


def test_every_decision_is_told_first_by_some_reason_alone() -> None:
    alone = {
        (case.expect["decision"], case.expect["reasons"][0])
        for case in EVERY_CASE
        if len(case.expect.get("reasons", ())) == 1
    }

    assert len({decision for decision, _ in alone}) == 5
