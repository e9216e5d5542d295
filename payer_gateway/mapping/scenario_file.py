"""The file format of decision scenarios: its vocabulary, its merges, its plans.

The vocabulary is that of the eligibility standard and complete: every other key is refused by
name. ``given`` is merged deeply into ``defaults``; ``inherit`` and ``plan_overrides`` replace
whole top-level keys of a plan. Every scalar is text, ``null`` means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from payer_gateway.domain.errors import Fault, InvalidInput, MappingError
from payer_gateway.domain.plan import Plan
from payer_gateway.mapping.plans import PlanShelf, plan_from
from payer_gateway.mapping.yamlfile import load_yaml

# A vocabulary: None is a value, a dict its keys, a list a list of such, "*" any key.
Words = Any


def _keys(text: str, **deeper: Words) -> dict[str, Words]:
    return {**dict.fromkeys(text.split()), **deeper}


_PERIOD = _keys("start end")
GIVEN: Words = _keys(
    "as_of member_found subscriber_birthday",
    member=_keys("birth_date sex relationship disabled residence employer"),
    coverage=_keys("status order network paid_through grace_ends change_recorded", period=_PERIOD),
    other_coverage=_keys("order payer subscriber_birthday"),
    provider=_keys("npi tin_group network coe country", licensed_in=[None]),
    request=_keys(
        "opinion_number mode service urgency kind patient_location benefit_requested surgery_date"
        " auth_number performing_surgeon_npi written_referral_from_attending",
        proposed_procedure=[None],
        modifiers=[None],
        legs=[_keys("mode service network")],
        diagnosis=_keys("system code"),
        auth_period=_PERIOD,
        first_opinion=_keys("npi tin_group date recommends_surgery"),
        second_opinion=_keys("npi tin_group date agrees"),
        billed=_keys("value currency"),
    ),
    accumulators=_keys(
        "deductible_met amount_used accumulator_year", opinions_used={"*": _keys("second third")}
    ),
    prior_answer=_keys("decision evaluated_at id"),
)
EXPECT: Words = _keys(
    "decision benefit auth_required penalty units carc eb01 aaa eligible_from bill_first"
    " supersedes normalized suggestion_prefix modifier_hint service_type",
    reasons=[None],
    notes=[None],
    per_leg_network=[None],
    cost=_keys("allowed member plan currency"),
    remaining=_keys("second third"),
)
EXPECT_OF_EMPLOYER: Words = _keys(
    "decision http body_equals timing_class", visible_fields=[None], forbidden_fields=[None]
)
_SCENARIO: Words = _keys("id title plan caller", plan_overrides=..., given=GIVEN, expect=...)
_SCENARIO["price"] = _keys("allowed")
_FILE: Words = _keys(
    "version",
    npi_test_numbers=[None],
    defaults=GIVEN,
    plans={"*": ...},  # the grammar of plan files checks what stands below
    scenarios=[_SCENARIO],
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """``given`` is what it says itself, ``merged`` the same over the file's defaults."""

    id: str
    title: str
    plan: Plan
    plan_overrides: Mapping[str, Any]
    caller: str | None
    given: Mapping[str, Any]
    merged: Mapping[str, Any]
    price: str | None
    expect: Mapping[str, Any]


def is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and value in ("", "~", "null", "Null", "NULL"))


def read_scenarios(path: Path, shelf: PlanShelf) -> tuple[Scenario, ...]:
    """Raises InvalidInput naming the scenario, the key and what to write. Plans that the file does
    not hold are looked for on the shelf."""
    try:
        document = load_yaml(path)
    except MappingError as error:
        raise InvalidInput((Fault("file", str(path), str(error)),)) from None
    document = {key: value for key, value in document.items() if not is_nothing(value)}
    faults = list(_unknown(document, _FILE, ""))
    if faults:
        raise InvalidInput(tuple(faults))
    plans = _Plans(path, document.get("plans") or {}, shelf)
    defaults: Mapping[str, Any] = document.get("defaults") or {}
    found: dict[str, Scenario] = {}
    cases = document.get("scenarios") or ()
    if not cases:
        raise InvalidInput((Fault("scenarios", None, "write at least one case"),))
    for n, keys in enumerate(cases):
        scenario = _scenario(
            keys, f"scenarios[{n}]", {} if is_nothing(defaults) else defaults, plans
        )
        if scenario.id in found:
            cure = f"give it another id: {scenario.id} stands above"
            raise InvalidInput((Fault(f"scenarios[{n}].id", scenario.id, cure),))
        found[scenario.id] = scenario
    return tuple(found.values())


def _scenario(
    keys: Mapping[str, Any], where: str, defaults: Mapping[str, Any], plans: _Plans
) -> Scenario:
    for needed in ("id", "plan", "expect"):
        if is_nothing(keys.get(needed)):
            raise InvalidInput((Fault(f"{where}.{needed}", None, "add it"),))
    name = f"{keys['id']}"
    given = {} if is_nothing(keys.get("given")) else keys["given"]
    caller = None if is_nothing(keys.get("caller")) else str(keys["caller"])
    if caller not in (None, "employer"):
        raise InvalidInput((Fault(f"{name}.caller", caller, "write employer, or leave it out"),))
    words = EXPECT if caller is None else EXPECT_OF_EMPLOYER
    faults = tuple(_unknown(keys["expect"], words, f"{name}.expect"))
    if faults:
        raise InvalidInput(faults)
    if not keys["expect"]:
        cure = "it expects nothing, so it cannot fail; write at least the decision"
        raise InvalidInput((Fault(f"{name}.expect", None, cure),))
    overrides = {} if is_nothing(keys.get("plan_overrides")) else keys["plan_overrides"]
    price = {} if is_nothing(keys.get("price")) else keys["price"]
    return Scenario(
        id=name,
        title=str(keys.get("title", "")),
        plan=plans.plan(str(keys["plan"]), overrides, f"{name}.plan"),
        plan_overrides=overrides,
        caller=caller,
        given=given,
        merged=merged(defaults, given),
        price=None if is_nothing(price.get("allowed")) else str(price["allowed"]),
        expect=keys["expect"],
    )


def merged(base: Any, over: Any) -> Any:
    """Mappings are merged key by key, all the way down; anything else replaces."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over


def _unknown(value: Any, words: Words, where: str) -> Iterator[Fault]:
    """Every key that the vocabulary does not hold, and every shape that is not its own."""
    if words is ... or is_nothing(value):
        return
    if words is None:
        if not isinstance(value, str):
            yield Fault(where, value, "write one value")
    elif isinstance(words, list):
        # One value may stand for a list of one.
        for n, each in enumerate(value if isinstance(value, list) else [value]):
            yield from _unknown(each, words[0], f"{where}[{n}]")
    elif not isinstance(value, Mapping):
        yield Fault(where or "file", value, "write 'key: value' lines")
    else:
        for key, below in value.items():
            inner = f"{where}.{key}" if where else key
            if key in words or "*" in words:
                yield from _unknown(below, words.get(key, words.get("*")), inner)
            else:
                known = ", ".join(sorted(words))
                yield Fault(inner, below, f"{key!r} is no key here; known are: {known}")


class _Plans:
    """The plans of one file, each with what it inherits."""

    def __init__(self, path: Path, own: Mapping[str, Any], shelf: PlanShelf) -> None:
        self._path, self._own, self._shelf = path, own, shelf

    def plan(self, name: str, overrides: Mapping[str, Any], where: str) -> Plan:
        """Raises InvalidInput."""
        try:
            if not isinstance(overrides, Mapping):
                raise MappingError(f"plan_overrides: {overrides!r}: write 'key: value' lines")
            keys = {**self._keys(name, ()), **overrides}
            return plan_from(self._path, keys, name, 1)
        except MappingError as error:
            raise InvalidInput((Fault(where, name, str(error)),)) from None

    def _keys(self, name: str, heirs: tuple[str, ...]) -> dict[str, Any]:
        if name in heirs:
            raise MappingError(f"{name}: inherit: plans inherit in a circle; take one out")
        if name not in self._own:
            return self._shelf.keys(name)
        own = self._own[name]
        if not isinstance(own, Mapping):
            raise MappingError(f"{name}: write 'key: value' lines")
        own = dict(own)
        parent = own.pop("inherit", None)
        if parent is None:
            return own
        return {**self._keys(str(parent), (*heirs, name)), **own}
