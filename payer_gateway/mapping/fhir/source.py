"""Python for the check of one shape: written as text from the standard's own definition, compiled
once, run for every Bundle.

A shape says which elements an object has (``scripts/build_fhir_shapes.py``). The function written
for it takes the value, where it stands (a chain of steps, put into words only when something is
wrong) and the check under way. Text is compiled because a closure per element costs five times as
much, and every claim waits for it. Nothing from outside gets into the text: it is made of the
tables that ship with the package, names of elements in ``repr``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from payer_gateway.mapping.fhir.invariants import RULES

Shape = Mapping[str, Any]
_DAY = r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_WHOLE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"


def _on_a_day(pattern: str) -> Callable[[str], object]:
    """The pattern knows no months; the calendar does."""
    matches = re.compile(pattern).fullmatch

    def is_real(text: str) -> bool:
        if matches(text) is None:
            return False
        try:
            return len(text) < len("2026-02-30") or bool(date.fromisoformat(text[:10]))
        except ValueError:
            return False

    return is_real


# FHIR R4, data types: the pattern of each primitive that is written as text.
PATTERNS: Mapping[str, Callable[[str], object]] = {
    # Addresses, codes and days come again and again; what was found good need not be matched anew.
    name: lru_cache(maxsize=4096)(
        _on_a_day(pattern)
        if name in ("date", "dateTime", "instant")
        else re.compile(pattern).fullmatch
    )
    if name in ("code", "uri", "date", "dateTime", "instant")
    else re.compile(pattern).fullmatch
    for name, pattern in {
        "date": _DAY,
        "dateTime": rf"{_DAY}|{_WHOLE}T{_TIME}{_ZONE}",
        "instant": rf"{_WHOLE}T{_TIME}{_ZONE}",
        "time": _TIME,
        "code": r"[^\s]+(\s[^\s]+)*",
        "id": r"[A-Za-z0-9\-\.]{1,64}",
        "uri": r"\S+",
        "url": r"\S+",
        "canonical": r"\S+",
        "oid": r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+",
        "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "base64Binary": r"(\s*([0-9a-zA-Z\+/=]){4}\s*)+",
    }.items()
}
_PRIMITIVES: Mapping[str, str] = {
    "boolean": "type({x}) is bool",
    "integer": "type({x}) is int",
    "positiveInt": "type({x}) is int and {x} > 0",
    "unsignedInt": "type({x}) is int and {x} >= 0",
    "decimal": "type({x}) is Decimal and is_plain({x}) or type({x}) is int",
    "string": "type({x}) is str and {x} and not {x}.isspace()",
    "markdown": "type({x}) is str and {x} and not {x}.isspace()",
    "xhtml": "type({x}) is str and {x}",
    **{name: f"type({{x}}) is str and P_{name}({{x}})" for name in PATTERNS},
}


def namespace() -> dict[str, Any]:
    """What the text may name, beside what it defines itself."""
    return {
        "Decimal": Decimal,
        **{f"P_{name}": pattern for name, pattern in PATTERNS.items()},
        **{f"R_{name.replace('-', '_')}": rule for name, (_, rule) in RULES.items()},
        "holds": holds,
        "is_plain": is_plain,
        "dig": dig,
    }


def is_plain(number: Decimal) -> bool:
    """A number in plain digits: no exponent, no negative zero; so ``str`` writes it for JSON."""
    text = str(number)
    if text.replace(".", "").isdigit():
        return True
    return number.is_finite() and "E" not in text and (bool(number) or not number.is_signed())


def holds(value: Any, pattern: Any) -> bool:
    """Whether the value has all that the pattern has (FHIR ElementDefinition.pattern[x])."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(holds(value.get(k), v) for k, v in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(holds(v, p) for v in value) for p in pattern)
    return type(value) is type(pattern) and bool(value == pattern)


def dig(value: Any, path: tuple[str, ...]) -> Any:
    """What stands at the path; of a list the first entry that has it; None when nothing does."""
    for n, step in enumerate(path):
        if isinstance(value, list):
            found = (dig(each, path[n:]) for each in value)
            return next((each for each in found if each is not None), None)
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


# What stands in most objects is looked at first.
_FIRST = frozenset("coding system code reference value currency url".split())
_STEP = 4


def _rank(child: Shape) -> tuple[bool, bool, bool]:
    """What must be there before what may be, the seldom last; else in the standard's order."""
    return (
        not child.get("min"),
        child["name"] not in _FIRST,
        child["name"] in ("id", "extension", "modifierExtension", "implicitRules", "language"),
    )


class Writer:
    """The text of one shape's functions. ``constants``: what the text names and cannot hold."""

    def __init__(self, key: str, shape: Shape, function_of: Callable[[str], str]) -> None:
        self._shape = shape
        self._function_of = function_of  # the name of another shape's function
        self._base = function_of(key)
        self.constants: dict[str, object] = {}
        self._functions: list[str] = []
        self._object(self._base, shape, shape["type"])

    @property
    def text(self) -> str:
        return "\n".join(self._functions)

    def _constant(self, value: object) -> str:
        name = f"K{len(self.constants)}_{self._base}"
        self.constants[name] = value
        return name

    def _object(self, name: str, shape: Shape, path: str) -> str:
        """Write the function for an object; ``path`` is the element's, as the standard names it."""
        is_resource = bool(shape.get("is_resource"))
        keys: set[str] = {"resourceType"} if is_resource else set()
        # m: how many keys were not looked at yet. With none left, the rest is not asked for.
        lines = [f"m = len(v) - {int(is_resource)}"]
        depth = 0
        for n, child in enumerate(sorted(shape["children"], key=_rank)):
            if n and n % _STEP == 0 and not child.get("min"):
                lines.append(f"{'  ' * depth}if m:")
                depth += 1
            names, written = self._child(name, child, f"{path}.{child['name']}")
            keys |= names
            lines += [f"{'  ' * depth}{line}" for line in written or ["pass"]]
        allowed = self._constant(frozenset(keys))
        body = [
            f"def {name}(v, at, c):",
            "  if type(v) is not dict or not v:",
            "    c.bad(at, 'write an object with something in it'); return",
            f"  if not v.keys() <= {allowed}: c.stray(v, {allowed}, at)",
            *(f"  {line}" for line in lines),
            "  if m: c.beside(v, at)",
            *(f"  {line}" for line in self._rules(shape, "v", "at")),
        ]
        self._functions.append("\n".join(body))
        return name

    def _child(self, owner: str, child: Shape, path: str) -> tuple[set[str], list[str]]:
        """The keys of an element and the lines that check it."""
        name = child["name"]
        if child.get("max") == 0:
            return set(), []
        if "same_as" in child:
            # The text names the resource type first; our functions begin with the shape's own.
            called = self._base + "_" + "_".join(child["same_as"].split(".")[1:])
            types: list[Shape] = [{"code": "BackboneElement", "call": called}]
        else:
            types = list(child["types"])
        if child.get("choice"):
            return self._choice(owner, child, types, path)
        is_primitive = types[0]["code"] in _PRIMITIVES
        keys = {name, f"_{name}"} if is_primitive else {name}
        lines = [f"x = v.get({name!r})", "if x is None:"]
        if not child.get("min"):
            lines.append("  pass")
        elif is_primitive:  # an extension may stand in its place, to say why it is not there
            lines.append(f"  if '_{name}' not in v: c.bad((at, {name!r}), 'is missing')")
        else:
            lines.append(f"  c.bad((at, {name!r}), 'is missing')")
        lines += ["else:", "  m -= 1"]
        if child["list"]:
            lines += ["  if type(x) is not list or not x:"]
            lines += [f"    c.bad((at, {name!r}), 'write a list with something in it')"]
            lines += ["  else:"]
            lines += [f"    {line}" for line in self._list(owner, child, types[0], path)]
        else:
            checks = self._value(owner, child, types[0], path, "x", f"(at, {name!r})")
            lines += [f"  {line}" for line in checks]
        return keys, lines

    def _choice(
        self, owner: str, child: Shape, types: list[Shape], path: str
    ) -> tuple[set[str], list[str]]:
        """``value[x]``: at most one of the typed names, each checked as its type."""
        stem = child["name"]
        keys: set[str] = set()
        table: dict[str, str] = {}
        for each in types:
            key = stem + each["code"][0].upper() + each["code"][1:]
            keys |= {key, f"_{key}"} if each["code"] in _PRIMITIVES else {key}
            function = f"{owner}_{key}"
            checks = self._value(owner, {**child, **each}, each, f"{path}:{key}", "x", "at")
            body = "".join(f"\n  {line}" for line in checks or ["pass"])
            self._functions.append(f"def {function}(x, at, c):{body}")
            table[key] = function
        entries = ", ".join(f"{key!r}: {function}" for key, function in table.items())
        dispatch = f"T_{owner}_{stem}"
        # The functions stand above by the time the text is run.
        self._functions.append(f"{dispatch} = {{{entries}}}")
        lines = [
            "n = 0",
            "for k in v:",
            f"  f = {dispatch}.get(k)",
            "  if f is not None:",
            "    n += 1; m -= 1; f(v[k], (at, k), c)",
            f"if n > 1: c.bad((at, {stem!r}), 'write it once, in one type')",
        ]
        if child.get("min"):
            lines.append(f"if not n: c.bad((at, {stem!r}), 'is missing')")
        return keys, lines

    def _list(self, owner: str, child: Shape, type_: Shape, path: str) -> list[str]:
        name = child["name"]
        lines = []
        if child.get("min", 0) > 1:
            lines.append(
                f"if len(x) < {child['min']}:"
                f" c.bad((at, {name!r}), 'write at least {child['min']} of it')"
            )
        if "max" in child:
            lines.append(
                f"if len(x) > {child['max']}:"
                f" c.bad((at, {name!r}), 'write at most {child['max']} of it')"
            )
        base = self._value(owner, child, type_, path, "y", f"(at, {name!r}, i)")
        slices = child.get("slices", ())
        if not slices:
            return [*lines, "for i, y in enumerate(x):", *(f"  {line}" for line in base)]
        counts = ", ".join(f"n{n}" for n in range(len(slices)))
        lines.append(
            f"{counts} = {', '.join('0' for _ in slices)}" if len(slices) > 1 else "n0 = 0"
        )
        lines.append("for i, y in enumerate(x):")
        for n, each in enumerate(slices):
            word = "elif" if n else "if"
            lines.append(f"  {word} {self._is_slice(each)}:")
            lines.append(f"    n{n} += 1")
            inner = {**each, "name": name}
            inner_type = each["types"][0] if each.get("types") else type_
            checks = self._value(
                owner, inner, inner_type, f"{path}:{each['slice']}", "y", f"(at, {name!r}, i)"
            )
            lines += [f"    {line}" for line in checks]
        lines += ["  else:", *(f"    {line}" for line in base or ["pass"])]
        for n, each in enumerate(slices):
            shown = f"{name}:{each['slice']}"
            if each.get("min"):
                lines.append(f"if n{n} < {each['min']}: c.bad((at, {shown!r}), 'is missing')")
            if "max" in each:
                lines.append(
                    f"if n{n} > {each['max']}:"
                    f" c.bad((at, {shown!r}), 'write at most {each['max']} of it')"
                )
        return lines

    def _is_slice(self, each: Shape) -> str:
        tests = []
        for test in each["when"]:
            path = tuple(test["path"])
            if path == ("url",):
                tests.append(f"type(y) is dict and y.get('url') == {test['is']!r}")
            elif "is" in test:
                tests.append(f"dig(y, {path!r}) == {test['is']!r}")
            elif "has" in test:
                tests.append(f"c.extended(y, {test['has']!r}) == {test['is_value']!r}")
            else:
                value = f"dig(y, {path!r})" if path else "y"
                tests.append(f"holds({value}, {self._constant(test['holds'])})")
        return " and ".join(f"({test})" for test in tests)

    def _value(
        self, owner: str, child: Shape, type_: Shape, path: str, x: str, at: str
    ) -> list[str]:
        """The lines that check one value of one type, and what the element says beside it."""
        code = type_["code"]
        lines: list[str] = []
        if code in _PRIMITIVES:
            lines += self._primitive(type_, x, at)
        elif "call" in type_:
            lines.append(f"{type_['call']}({x}, {at}, c)")
        elif child.get("children"):
            inner = f"{owner}_{path.rpartition('.')[2].replace(':', '_').replace('-', '_')}"
            self._object(inner, {"children": child["children"]}, path)
            lines.append(f"{inner}({x}, {at}, c)")
            lines += self._coded(type_, x, at)
        elif code == "Resource":
            lines.append(f"c.resource({x}, {at}, {type_.get('is')!r}, {type_.get('shape')!r})")
        elif "shape" in type_:
            lines.append(f"{self._function_of(type_['shape'])}({x}, {at}, c)")
            lines += self._coded(type_, x, at)
        if code == "Reference":
            targets = type_.get("targets")
            wanted = None if not targets or "Resource" in targets else frozenset(targets)
            lines.append(f"c.refers({x}, {self._constant(wanted)}, {at})")
        for word in ("fixed", "pattern"):
            if word in child:
                expected = self._constant(child[word])
                test = f"{x} == {expected}" if word == "fixed" else f"holds({x}, {expected})"
                said = "is not what the standard writes here"
                lines.append(f"if not ({test}): c.bad({at}, {said!r})")
        lines += self._rules(child, x, at)
        return lines or ["pass"]

    def _primitive(self, type_: Shape, x: str, at: str) -> list[str]:
        code = type_["code"]
        if "codes" in type_:
            codes = self._constant(frozenset(type_["codes"]))
            return [
                f"if type({x}) is not str or {x} not in {codes}:"
                f" c.bad({at}, 'is no code of the standard')"
            ]
        test = _PRIMITIVES[code].format(x=x)
        return [f"if not ({test}): c.bad({at}, 'is no {code} of FHIR')"]

    def _coded(self, type_: Shape, x: str, at: str) -> list[str]:
        return [
            f"c.{check}({x}, {self._constant(frozenset(type_[said]))}, {at})"
            for said, check in (("codes", "coded"), ("systems", "coded_in"))
            if said in type_
        ]

    def _rules(self, said: Shape, x: str, at: str) -> Iterator[str]:
        for name in said.get("rules", ()):
            yield f"c.rule(R_{name.replace('-', '_')}, {x}, {RULES[name][0]!r}, {at})"
