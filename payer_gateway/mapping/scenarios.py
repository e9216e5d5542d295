"""Scenarios run: what a decided case gives is decided again, and every key that it expects is held
against the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from payer_gateway.domain.eligibility import CodeSets, Decision, Trace, decide, no_coverage
from payer_gateway.domain.employer import (
    UNKNOWN_MEMBER,
    EmployerAnswer,
    Enrolment,
    employer_view,
)
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.decision_json import answer_of
from payer_gateway.mapping.scenario_file import Scenario, is_nothing
from payer_gateway.mapping.scenario_given import Given
from payer_gateway.mapping.scenario_question import question_of_scenario

# The employer who asks; a member without the key ``employer`` is theirs.
_CALLER = "the-caller"


@dataclass(frozen=True, slots=True)
class Difference:
    key: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Outcome:
    scenario: Scenario
    differences: tuple[Difference, ...]
    trace: Sequence[Trace]

    @property
    def passed(self) -> bool:
        return not self.differences


def run(scenario: Scenario, codes: CodeSets) -> Outcome:
    """Decide and compare. Raises InvalidInput for a value that cannot be read."""
    if scenario.caller == "employer":
        answer = _answer_to_employer(scenario)
        return Outcome(scenario, tuple(_employer_differences(scenario.expect, answer)), ())
    decision = decide_scenario(scenario, codes)
    return Outcome(scenario, tuple(_differences(scenario.expect, decision)), decision.trace)


def decide_scenario(scenario: Scenario, codes: CodeSets) -> Decision:
    asked = question_of_scenario(scenario)
    if asked is None:
        return no_coverage()
    question, known = asked
    return decide(question, scenario.plan, known, codes)


def _differences(expect: Mapping[str, Any], decision: Decision) -> Iterator[Difference]:
    got = answer_of(decision)
    for key, expected in expect.items():
        if key in ("carc", "eb01", "aaa"):
            equal = expected in _published(decision, key) or _same(expected, got[key])
        elif key == "notes":
            equal = _same(sorted(_list(expected)), sorted(got[key]))
        elif key in ("reasons", "per_leg_network"):
            equal = _same(_list(expected), got[key])
        elif key in ("cost", "remaining") and isinstance(expected, Mapping):
            yield from _within(key, expected, got[key])
            continue
        elif key == "penalty":
            equal = _same_money("0" if is_nothing(expected) else expected, got[key] or "0")
        else:
            equal = _same(expected, got[key])
        if not equal:
            yield Difference(key, _say(expected), _say(got[key]))


def _within(key: str, expected: Mapping[str, Any], got: Mapping[str, Any] | None) -> Iterator[Any]:
    same = _same_money if key == "cost" else _same
    for each, value in expected.items():
        found = (got or {}).get(each)
        alike = _same if each == "currency" else same
        if not alike(value, found):
            yield Difference(f"{key}.{each}", _say(value), _say(found))


def _published(decision: Decision, column: str) -> tuple[str, ...]:
    """Of the reason that the answer's number comes from, every number published for it."""
    for reason in decision.reasons:
        if getattr(reason.meaning, column) is not None:
            return reason.meaning.accepted(column)
    return ()


def _same(expected: Any, got: Any) -> bool:
    """A scenario file holds text: true, 1 and 2026-03-31 are compared as they are written."""
    if is_nothing(expected) or got is None:
        return is_nothing(expected) and got in (None, [], "")
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(_same, expected, got))
    if isinstance(got, bool):
        return str(expected).lower() == str(got).lower()
    return str(expected) == str(got)


def _same_money(expected: Any, got: Any) -> bool:
    if is_nothing(expected) or got is None:
        return is_nothing(expected) and got is None
    try:
        return Decimal(expected) == Decimal(got)
    except (InvalidOperation, TypeError, ValueError):
        return False


def _list(value: Any) -> list[Any]:
    if is_nothing(value):
        return []
    return value if isinstance(value, list) else [value]


def _say(value: Any) -> str:
    if value is None or value == []:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_say(v)}" for k, v in value.items())
    return str(value)


# -- employers ------------------------------------------------------------------------------------


def _answer_to_employer(scenario: Scenario) -> EmployerAnswer:
    g = Given(scenario)
    as_of = g.when("as_of") or g.when("request.service")
    if as_of is None:
        raise InvalidInput((Fault(f"{scenario.id}.given.as_of", None, "write when it is asked"),))
    return employer_view(_CALLER, _enrolment(g), scenario.plan, as_of)


def _enrolment(g: Given) -> Enrolment | None:
    if not g.flag("member_found", otherwise=True) or g.part("coverage") is None:
        return None
    return Enrolment(
        employer=g.text("member.employer") or _CALLER,
        status=g.text("coverage.status") or "active",
        period=g.period("coverage.period"),
    )


def _employer_differences(
    expect: Mapping[str, Any], answer: EmployerAnswer
) -> Iterator[Difference]:
    checks: dict[str, Callable[[Any], tuple[bool, str]]] = {
        "decision": lambda e: (_same(e, answer.decision), _say(answer.decision)),
        "http": lambda e: (_same(e, answer.status), str(answer.status)),
        "visible_fields": lambda e: (
            sorted(_list(e)) == sorted(answer.body),
            _say(list(answer.body)),
        ),
        "forbidden_fields": lambda e: _not_there(_list(e), answer),
        "body_equals": lambda e: _fixed(e, answer),
        # The same code path and the same constant: the very answer that an unknown person gets.
        "timing_class": lambda e: (
            e == "same" and answer is UNKNOWN_MEMBER,
            "same" if answer is UNKNOWN_MEMBER else "another answer",
        ),
    }
    for key, expected in expect.items():
        equal, got = checks[key](expected)
        if not equal:
            yield Difference(key, _say(expected), got)


def _fixed(expected: Any, answer: EmployerAnswer) -> tuple[bool, str]:
    is_fixed = answer.body == UNKNOWN_MEMBER.body
    return expected == "unknown_member" and is_fixed, _say(answer.body)


def _not_there(names: Iterable[str], answer: EmployerAnswer) -> tuple[bool, str]:
    shown = sorted(set(names) & set(_every_key(answer.body)))
    return not shown, f"shown: {', '.join(shown)}" if shown else "none of them"


def _every_key(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield str(key)
            yield from _every_key(below)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _every_key(each)
