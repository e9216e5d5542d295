"""Python for the quick check of one form of a shape; see ``acceptance.py``.

What stands in the text comes from the tables of this package, in ``repr``; all else is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from payer_gateway.mapping.fhir.invariants import OF_ELEMENTS, RULES
from payer_gateway.mapping.fhir.source import PATTERNS, dig, holds, is_plain

if TYPE_CHECKING:
    from payer_gateway.mapping.fhir.acceptance import Acceptance, Forms, Seen

Shape = Mapping[str, Any]
Form = tuple[str, ...]
"""The keys of an object, in order."""
Rules = tuple[str, ...]
Test = Callable[[Any, "Seen"], None]
MAX_GOOD = 4096


class Unsound(Exception):
    """Not known to be sound."""


class _Good(set[str]):
    """Texts that were found good. Addresses and codes come again and again."""

    def __init__(self, matches: Callable[[str], object]) -> None:
        super().__init__()
        self._matches = matches

    def learn(self, text: str) -> bool:
        if not self._matches(text):
            return False
        if len(self) >= MAX_GOOD:
            self.clear()
        self.add(text)
        return True


_GOOD = {name: _Good(PATTERNS[name]) for name in ("code", "uri", "date", "dateTime", "instant")}
_PRIMITIVES: Mapping[str, str] = {
    "boolean": "type({x}) is bool",
    "integer": "type({x}) is int",
    "positiveInt": "type({x}) is int and {x} > 0",
    "unsignedInt": "type({x}) is int and {x} >= 0",
    "decimal": "(type({x}) is int or type({x}) is Decimal and is_plain({x}))",
    "string": "type({x}) is str and {x} and not {x}.isspace()",
    "markdown": "type({x}) is str and {x} and not {x}.isspace()",
    "xhtml": "type({x}) is str and {x}",
    **{name: f"type({{x}}) is str and P_{name}({{x}})" for name in PATTERNS},
    **{name: f"type({{x}}) is str and ({{x}} in G_{name} or L_{name}({{x}}))" for name in _GOOD},
    # Addresses within the Bundle were looked at together, and are not met again.
    "uri": "type({x}) is str and ({x} in c.kinds or {x} in G_uri or L_uri({x}))",
    "id": "type({x}) is str and ({x} in c.ids or P_id({x}))",
}
_SAME_FOR_ALL = frozenset({"CodeableConcept", "Meta", "Extension", "Coding", "ContactPoint"})
"""Types whose values are often the same object in every Bundle."""

_SAME_AS: Shape = {"code": "BackboneElement"}
"""The type of an element that is as another one; none of them stands in what we send."""


_ELEMENT: Shape = {"code": "Element", "shape": "Element"}
"""What stands beside a primitive, under its name with a line before it."""


def _spelled(child: Shape) -> Mapping[str, Shape]:
    """The keys under which an element may stand, each with its type."""
    if not child.get("choice"):
        return {child["name"]: child.get("types", (_SAME_AS,))[0]}
    return {f"{child['name']}{t['code'][0].upper()}{t['code'][1:]}": t for t in child["types"]}


# Most of the objects of these types have these elements and no other.
_USUAL: Mapping[str, Form] = {
    "CodeableConcept": ("coding",),
    "Coding": ("system", "code"),
    "Identifier": ("system", "value"),
    "Money": ("value", "currency"),
}
# The same of an element that has elements of its own, by its name.
_USUAL_OF_ELEMENTS: Mapping[str, Form] = {"entry": ("fullUrl", "resource")}


def _unsound(_value: Any, _seen: Seen) -> None:
    raise Unsound


def _coded(value: Any, codes: frozenset[str]) -> bool:
    """See ``Check.coded``; the structure of ``value`` has been looked at."""
    for each in value["coding"] if "coding" in value else (value,):
        if f"{each.get('system')}|{each.get('code')}" in codes:
            return True
    return False


def _coded_in(value: Any, systems: frozenset[str]) -> bool:
    for each in value["coding"] if "coding" in value else (value,):
        if each.get("system") in systems:
            return True
    return False


def _sole(concept: Any) -> tuple[object, object] | None:
    """System and code of a concept's one coding; None when there is no concept."""
    if concept is None:
        return None
    (coding,) = concept["coding"]  # ValueError where there are more
    return coding.get("system"), coding.get("code")


def _extended(value: Any, url: str) -> Any:
    """See ``Check.extended``."""
    for each in value.get("extension", ()):
        if each.get("url") == url:
            return next((v for k, v in each.items() if k.startswith("value")), None)
    return None


_SPACE: Mapping[str, Any] = {
    "Decimal": Decimal,
    "Unsound": Unsound,
    "coded": _coded,
    "coded_in": _coded_in,
    "dig": dig,
    "extended": _extended,
    "holds": holds,
    "is_plain": is_plain,
    "sole": _sole,
    **{f"P_{name}": matches for name, matches in PATTERNS.items()},
    **{f"G_{name}": good for name, good in _GOOD.items()},
    **{f"L_{name}": good.learn for name, good in _GOOD.items()},
    **{f"R_{name.replace('-', '_')}": rule for name, (_, rule) in RULES.items()},
}


class Writer:
    """The text for one form of one shape, compiled."""

    def __init__(self, acceptance: Acceptance) -> None:
        self._acceptance = acceptance
        self._space: dict[str, Any] = dict(_SPACE)
        self._count = 0

    def made(self, shape: Shape, form: Form) -> Test:
        values = {key: self._name("x") for key in form}
        lines = self._object(shape, "v", values)
        if lines is None:
            return _unsound
        unpacked = f"{''.join(f'{x}, ' for x in values.values())}= v.values()"
        text = "\n".join(["def test(v, c):", *(f"  {line}" for line in (unpacked, *lines))])
        exec(compile(text, "<form of a shape>", "exec"), self._space)  # noqa: S102 - see above
        made: Test = self._space["test"]
        return made

    def _name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _keep(self, value: object) -> str:
        name = self._name("K")
        self._space[name] = value
        return name

    def _object(self, shape: Shape, v: str, values: Mapping[str, str]) -> list[str] | None:
        """The lines that look at the values (the names of variables, by key) of the object in
        ``v``. None: no object of this form is known to be sound."""
        left = set(values) - ({"resourceType"} if shape.get("is_resource") else set())
        if not left:
            return None
        lines: list[str] = []
        for child in shape["children"]:
            if child.get("max") == 0:
                continue
            spelled = _spelled(child)
            found = [key for key in values if key in spelled]
            beside = [f"_{key}" for key, type_ in spelled.items() if type_["code"] in _PRIMITIVES]
            extended = [key for key in values if key in beside]
            if len(found) > 1:
                return None
            # An extension may stand in the place of a primitive, to say why it is not there.
            if child.get("min") and not found and (child.get("choice") or not extended):
                return None
            left -= {*found, *extended}
            for key in extended:
                lines += self._value({}, _ELEMENT, values[key])
            for key in found:
                said = {**child, **spelled[key]} if child.get("choice") else child
                write = self._list if child["list"] else self._value
                lines += write(said, spelled[key], values[key])
        if left:
            return None
        for rule in shape.get("rules", ()):
            if rule in OF_ELEMENTS and not RULES[rule][1](dict.fromkeys(values)):
                return None
        return [*lines, *self._rules(shape, v, is_form_known=True)]

    def _list(self, child: Shape, type_: Shape, x: str) -> list[str]:
        wrong = [f"type({x}) is not list", f"not {x}"]
        if child.get("min", 0) > 1:
            wrong.append(f"len({x}) < {child['min']}")
        if "max" in child:
            wrong.append(f"len({x}) > {child['max']}")
        y = self._name("y")
        lines = [f"if {' or '.join(wrong)}: raise Unsound"]
        base = self._value(child, type_, y)
        slices = child.get("slices", ())
        if not slices:
            return [*lines, f"for {y} in {x}:", *(f"  {line}" for line in base)]
        n = self._name("n")
        lines += [f"{n} = [0] * {len(slices)}", f"for {y} in {x}:"]
        which, tests = self._slices(slices, y)
        lines += [f"  {line}" for line in which]
        for number, (each, test) in enumerate(zip(slices, tests, strict=True)):
            lines.append(f"  {'elif' if number else 'if'} {test}:")
            lines.append(f"    {n}[{number}] += 1")
            inner_type = each["types"][0] if each.get("types") else type_
            inner = {**each, "name": child["name"]}
            lines += [f"    {line}" for line in self._value(inner, inner_type, y)]
        lines += ["  else:", *(f"    {line}" for line in base)]
        for number, each in enumerate(slices):
            if each.get("min"):
                lines.append(f"if {n}[{number}] < {each['min']}: raise Unsound")
            if "max" in each:
                lines.append(f"if {n}[{number}] > {each['max']}: raise Unsound")
        return lines

    def _slices(self, slices: Sequence[Shape], y: str) -> tuple[list[str], list[str]]:
        """Lines that go before, and for each slice whether ``y`` is of it."""
        marks = [_mark(each["when"]) for each in slices]
        looks = {look for look, _ in marks}
        if len(looks) > 1 or None in looks:
            return [], [" and ".join(self._is(test, y) for test in each["when"]) for each in slices]
        # One look says which.
        table = self._keep({mark: n for n, (_, mark) in reversed([*enumerate(marks)])})
        i = self._name("i")
        line = f"{i} = {table}.get({str(looks.pop()).format(y=y)})"
        return [line], [f"{i} == {n}" for n in range(len(slices))]

    def _is(self, test: Shape, y: str) -> str:
        path = tuple(test["path"])
        if path == ("resource", "resourceType"):  # read before, and so there
            return f"{y}['resource']['resourceType'] == {test['is']!r}"
        value = f"dig({y}, {path!r})" if path else y
        if "is" in test:
            return f"{value} == {test['is']!r}"
        if "has" in test:
            return f"extended({y}, {test['has']!r}) == {test['is_value']!r}"
        pattern = test["holds"]
        if not path and pattern.keys() == {"system"}:
            return f"{y}.get('system') == {pattern['system']!r}"
        return f"holds({value}, {self._keep(pattern)})"

    def _value(self, child: Shape, type_: Shape, x: str) -> list[str]:
        """The lines that raise where one value is not known to be sound."""
        code = type_["code"]
        lines: list[str] = []
        found = None
        if code in _PRIMITIVES:
            if "codes" in type_:
                test = f"type({x}) is str and {x} in {self._keep(frozenset(type_['codes']))}"
            else:
                test = _PRIMITIVES[code].format(x=x)
            lines = [f"if not ({test}): raise Unsound"]
        elif code == "Resource":
            lines = [f"c.resource({x}, {type_.get('is')!r}, {type_.get('shape')!r}, c)"]
        else:
            found = self._forms(child, type_)
            if found is None:
                return ["raise Unsound"]
            usual = _USUAL.get(code) or _USUAL_OF_ELEMENTS.get(child.get("name", ""), ())
            lines = self._known_form(found, usual, x)
            for said, check in (("codes", "coded"), ("systems", "coded_in")):
                if said in type_:
                    kept = self._keep(frozenset(type_[said]))
                    lines.append(f"if not {check}({x}, {kept}): raise Unsound")
        if code == "Reference":
            targets = type_.get("targets") or ("Resource",)
            is_wrong = "r not in c.kinds"
            if "Resource" not in targets:
                is_wrong = f"c.kinds.get(r) not in {self._keep(frozenset(targets))}"
            lines = [
                *lines[:1],
                f"r = {x}.get('reference')",
                f"if {is_wrong} or len({x}) > 1:",  # an address that is there, alone, is text too
                *(f"  {line}" for line in lines[1:]),
                f"  if r is not None and {is_wrong}: raise Unsound",
            ]
        if "fixed" in child:
            lines.append(f"if {x} != {self._keep(child['fixed'])}: raise Unsound")
        if "pattern" in child:
            lines.append(f"if not holds({x}, {self._keep(child['pattern'])}): raise Unsound")
        lines += self._rules(child, x, is_form_known=found is not None)
        if code not in _SAME_FOR_ALL:
            return lines
        # Kept with the object itself, so that no other can come to have its identity.
        good = self._keep({})
        return [
            f"if id({x}) not in {good}:",
            *(f"  {line}" for line in lines),
            f"  if id({x}) in c.known: {good}[id({x})] = {x}",
        ]

    def _known_form(self, forms: Forms, usual: Form, x: str) -> list[str]:
        """Lines that look at an object: here where it has the usual form, else by its own."""
        called = f"{self._keep(forms)}[tuple({x})]({x}, c)"
        lines = [f"if type({x}) is not dict: raise Unsound"]
        values = {key: self._name("x") for key in usual}
        looked = self._object(forms.shape, x, values) if usual else None
        if looked is None:
            return [*lines, called]
        there = [f"({name} := {x}.get({key!r})) is not None" for key, name in values.items()]
        return [
            *lines,
            f"if len({x}) == {len(usual)} and {' and '.join(there)}:",
            *(f"  {line}" for line in looked),
            f"else: {called}",
        ]

    def _forms(self, child: Shape, type_: Shape) -> Forms | None:
        rules = tuple(rule for rule in child.get("rules", ()) if rule in OF_ELEMENTS)
        if child.get("children"):
            return self._acceptance.inside(child["children"], rules)
        return self._acceptance.forms(type_["shape"], rules) if "shape" in type_ else None

    def _rules(self, said: Shape, x: str, *, is_form_known: bool) -> list[str]:
        """What is left of the invariants: those about elements were settled with the form."""
        return [
            f"if not R_{name.replace('-', '_')}({x}): raise Unsound"
            for name in said.get("rules", ())
            if not (is_form_known and name in OF_ELEMENTS)
        ]


def _mark(when: Sequence[Shape]) -> tuple[str | None, object]:
    """By what a slice of ``{y}`` is told from others, in one look, and what is then found; None:
    not in one look."""
    if len(when) > 1:
        return None, None
    (test,) = when
    if test["path"] == ["url"] and "is" in test:
        return "{y}.get('url')", test["is"]
    pattern, codings = test.get("holds", {}), test.get("holds", {}).get("coding", ())
    is_coded = pattern.keys() == {"coding"} and len(codings) == 1 and len(test["path"]) == 1
    if is_coded and codings[0].keys() == {"system", "code"}:
        look = f"sole({{y}}.get({test['path'][0]!r}))"
        return look, (codings[0]["system"], codings[0]["code"])
    return None, None
