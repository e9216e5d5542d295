"""A dialect's templates as one Python function: facts in, the Bundle out, with the result of the
closures of ``grammar.py`` and some ten times as fast.

The closures are the definition: they were compiled first, have refused what is wrong with the file,
and say what is wrong with a claim. The function here knows no words; where anything is not as it
expects (an absent fact, a code without an entry, another type) it raises, and whoever called it
lets the closures run. A test holds the two equal over every golden case and consultation.

Nothing from outside gets into the text: elements and codes stand in ``repr``, all else is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from payer_gateway.domain.consultation import Coding, Identifier
from payer_gateway.domain.money import Money
from payer_gateway.mapping.grammar import (
    UNSUPPORTED,
    Context,
    constant_of,
    is_leaf,
    translation,
)
from payer_gateway.mapping.our_codes import OPEN

_BUNDLES_TO_LEARN_FROM = 16
Frames = tuple[str, ...]
"""Names of the variables that hold what the template sees, innermost first."""


class Odd(Exception):
    """Something is not as the text expects it; the closures say what."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of entry of the Bundle: its resource, the fact it is made of, its template."""

    resource: str
    of: tuple[str, ...]
    template: object
    key: str


@dataclass(frozen=True, slots=True)
class _Made:
    """Lines that make a value, the expression that then has it, and whether it is ever absent."""

    lines: list[str]
    expression: str
    is_sure: bool


class Filling:
    """Templates that ``grammar.compile_template`` has compiled before, and so checked, as one
    function.

    In which of the frames a fact stands is found out when it is first read: all facts of a kind
    have the same names, so it is the same one from then on. After some Bundles the function is
    written anew with what was found out. ``constants`` are the objects and lists that are put into
    every Bundle as they are, the same in each writing.
    """

    def __init__(self, envelope: object, entries: Sequence[Entry], context: Context) -> None:
        self._envelope, self._entries, self._context = envelope, entries, context
        self._space: dict[str, Any] = dict(_SPACE)
        self._found: dict[str, int] = {}  # the name of a reading → the number of its frame
        self._constants: list[object] = []
        self._waiting = 0
        self._write()
        self.constants = tuple(self._constants)

    def fill(self, facts: Mapping[str, object]) -> dict[str, Any]:
        """The Bundle of these facts. Raises at anything unexpected."""
        made = self._fill(facts)
        if len(self._found) > self._written_with:
            self._waiting += 1
            if self._waiting >= _BUNDLES_TO_LEARN_FROM:
                self._write()
        return made

    def _write(self) -> None:
        self._waiting, self._written_with = 0, len(self._found)
        writer = _Writer(self._context, self._space, self._found, self._constants)
        lines = ["def fill(facts):", "  entries = []"]
        for entry in self._entries:
            lines += [f"  {line}" for line in writer.entry(entry)]
        made = writer.value(self._envelope, ("facts",), "0", "Bundle")
        lines += [f"  {line}" for line in made.lines]
        lines += [
            "  bundle = {'resourceType': 'Bundle', 'entry': entries}",
            f"  if {made.expression} is not None: bundle.update({made.expression})",
            "  bundle['id'] = facts['bundle']['id']",
            "  return bundle",
        ]
        source = "\n".join(lines)
        # Written above, of the templates that ship as data; see the module's own words.
        code = compile(source, f"<templates of {self._context.file}>", "exec")
        exec(code, self._space)  # noqa: S102
        self._fill: Callable[[Mapping[str, object]], dict[str, Any]] = self._space["fill"]


def constant(template: object, context: Context, key: str) -> Any:
    """What a template makes of all facts alike; None where that depends on them."""
    is_constant, value = _Writer(context, {}, {}, []).constant(template, key)
    return value if is_constant else None


class _Writer:
    """One writing. What the text names is kept in ``space`` and made at the first writing alone;
    names are counted, so that they are the same each time."""

    def __init__(
        self,
        context: Context,
        space: dict[str, Any],
        found: dict[str, int],
        constants: list[object],
    ) -> None:
        self._context, self._space, self._found = context, space, found
        self._constants = constants
        self._count = 0

    def entry(self, entry: Entry) -> Iterator[str]:
        seen, element = self._name("s"), self._name("e")
        made = self.value(entry.template, (element, "facts"), "0", entry.key)
        yield f"{seen} = {self._read('.'.join(entry.of), ('facts',))}"
        yield f"if {seen} is not None:"
        yield f"  for {element} in {seen} if type({seen}) is list else ({seen},):"
        yield from (f"    {line}" for line in made.lines)
        first = f"'resourceType': {entry.resource!r}, 'id': {element}['id']"
        otherwise = "" if made.is_sure else " or {}"
        yield f"    r = {{{first}, **({made.expression}{otherwise})}}"
        yield f"    entries.append({{'fullUrl': {element}['url'], 'resource': r}})"

    def value(self, template: Any, frames: Frames, position: str, key: str) -> _Made:
        """``position``: the expression that has the number of the list entry being written."""
        given = None if isinstance(template, list) else template.get("given")
        if isinstance(given, str) and not isinstance(template.get("each"), str):
            rest = {name: each for name, each in template.items() if name != "given"}
            made = self.value(rest, frames, position, key)
            out = self._name("v")
            lines = [f"{out} = {self._read(given, frames)}"]
            lines += [f"if {out} is None or {out} is False or {out} == []: {out} = None", "else:"]
            lines += [f"  {line}" for line in (*made.lines, f"{out} = {made.expression}")]
            return _Made(lines, out, is_sure=False)
        is_constant, value = self.constant(template, key)
        if is_constant:
            return _Made([], self._kept(value), value is not None)
        if isinstance(template, list) or isinstance(template.get("each"), str):
            items = template if isinstance(template, list) else [template]
            return self._list(items, frames, key)
        if is_leaf(template):
            return self._leaf(template, frames, position, key)
        return self._object(template, frames, position, key)

    def constant(self, template: Any, key: str) -> tuple[bool, Any]:
        """Whether the template makes the same of all facts, and what."""
        if isinstance(template, list):
            parts = [self.constant(each, key) for each in template]
            held = [value for _, value in parts if value is not None]
            return all(is_constant for is_constant, _ in parts), held or None
        words = {k: v for k, v in template.items() if isinstance(v, str)}
        if {"each", "given", "from", "index"} & words.keys():
            return False, None
        if "const" in words:
            context = self._context
            return True, translation(words, context, key)(constant_of(words, context, key))
        fields = {name: self.constant(each, key) for name, each in template.items()}
        held_fields = {name: value for name, (_, value) in fields.items() if value is not None}
        return all(is_constant for is_constant, _ in fields.values()), held_fields or None

    def _object(self, template: Mapping[str, Any], frames: Frames, at: str, key: str) -> _Made:
        lines: list[str] = []
        sure: list[str] = []
        unsure: list[tuple[str, str]] = []
        for name, each in template.items():
            if isinstance(each, str):
                continue
            made = self.value(each, frames, at, f"{key}.{name}")
            lines += made.lines
            if made.is_sure:
                sure.append(f"{name!r}: {made.expression}")
            else:
                unsure.append((name, made.expression))
        out = self._name("d")
        lines.append(f"{out} = {{{', '.join(sure)}}}")
        for name, value in unsure:
            lines.append(f"if {value} is not None: {out}[{name!r}] = {value}")
        if not sure:
            lines.append(f"if not {out}: {out} = None")
        return _Made(lines, out, bool(sure))

    def _list(self, items: Sequence[Any], frames: Frames, key: str) -> _Made:
        out = self._name("l")
        position = f"len({out})"
        lines = [f"{out} = []"]
        has_sure = False
        for n, item in enumerate(items):
            where = f"{key}[{n}]" if len(items) > 1 else key
            each = item.get("each")
            inner = {k: v for k, v in item.items() if not (k == "each" and isinstance(v, str))}
            if not isinstance(each, str):
                made = self.value(inner, frames, position, where)
                lines += [*made.lines, *_append(out, made)]
                has_sure = has_sure or made.is_sure
                continue
            seen, element = self._name("s"), self._name("e")
            made = self.value(inner, (element, *frames), position, where)
            lines += [f"{seen} = {self._read(each, frames)}", f"if {seen} is not None:"]
            lines += [f"  if type({seen}) is not list: raise Odd", f"  for {element} in {seen}:"]
            lines += [f"    {line}" for line in (*made.lines, *_append(out, made))]
        if not has_sure:
            lines.append(f"if not {out}: {out} = None")
        return _Made(lines, out, has_sure)

    def _leaf(self, template: Mapping[str, Any], frames: Frames, at: str, key: str) -> _Made:
        words = {k: v for k, v in template.items() if isinstance(v, str)}
        if "index" in words:
            return _Made([], f"{int(words['index'])} + {at}", is_sure=True)
        out = self._name("v")
        lines = [f"{out} = {self._read(words['from'], frames)}"]
        otherwise = words.get("else")
        if otherwise is not None:
            lines.append(f"if {out} is None: {out} = {otherwise!r}")
        is_sure = "required" not in words
        return _Made([*lines, *self._said(words, out, key, is_sure=is_sure)], out, is_sure)

    def _said(self, words: Mapping[str, str], x: str, key: str, *, is_sure: bool) -> list[str]:
        """Lines that turn the fact in ``x`` into what stands in FHIR. Without a fact ``x`` stays
        None where that may be."""
        slow = translation(words, self._context, key)
        absent = f"if {x} is None: raise Odd" if is_sure else f"if {x} is None: pass"
        if "code" in words:
            name = self._put("T", lambda: self._table(words["code"], slow))
            is_coded = f"{x}.code if type({x}) is Coding else {x}"
            found = is_coded if words["code"] in OPEN else x
            return [absent, f"else: {x} = {name}[{found}]"]
        otherwise = self._put("M", lambda: slow)
        system = words.get("system")
        kind = words.get("as", "text" if system is None else "concept")
        fast = _FAST.get((kind, system is not None))
        # Codes said in another system than ours go the slow way, in that insurer's bundles alone.
        if fast is None or (kind in ("coding", "concept") and self._context.code_systems):
            return [absent, f"else: {x} = {otherwise}({x})"]
        type_, made_as = fast
        quick = made_as.format(x=x, system=repr(system))
        at_once = "pass" if quick == x else f"{x} = {quick}"
        return [
            f"if type({x}) is {type_}: {at_once}",
            f"el{absent}",
            f"else: {x} = {otherwise}({x})",
        ]

    def _table(self, name: str, slow: Callable[[object], object]) -> dict[str, object]:
        values = self._context.tables[name].values.items()
        made = {ours: slow(ours) for ours, theirs in values if theirs != UNSUPPORTED}
        self._constants += made.values()
        return made

    def _read(self, path: str, frames: Frames) -> str:
        """An expression for a fact; see ``Filling``."""
        name = self._name("g")
        steps = () if path == "this" else tuple(path.split("."))
        if name in self._found:
            return _reading(steps, frames[self._found[name]])

        def first(*held: object) -> object:
            for n, frame in enumerate(held):
                if not steps or (isinstance(frame, Mapping) and steps[0] in frame):
                    names = [f"f{k}" for k in range(len(held))]
                    text = f"lambda {', '.join(names)}: {_reading(steps, names[n])}"
                    self._space[name] = read = eval(text)  # noqa: S307 - see the module's own words
                    fact: object = read(*held)
                    self._found[name] = n
                    return fact
            raise Odd(path)

        self._space[name] = first
        return f"{name}({', '.join(frames)})"

    def _kept(self, value: object) -> str:
        if value is None:
            return "None"

        def keep() -> object:
            self._constants.append(value)
            return value

        return self._put("K", keep)

    def _put(self, letter: str, make: Callable[[], object]) -> str:
        name = self._name(letter)
        if name not in self._space:
            self._space[name] = make()
        return name

    def _name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


_SPACE: Mapping[str, Any] = {
    "Odd": Odd,
    "Coding": Coding,
    "Identifier": Identifier,
    "Money": Money,
    "date": date,
}
# (kind, whether a system is given) → the type of fact it takes at once, and what becomes of it.
_FAST: Mapping[tuple[str, bool], tuple[str, str]] = {
    ("text", False): ("str", "{x}"),
    ("code", False): ("str", "{x}"),
    ("integer", False): ("int", "{x}"),
    ("boolean", False): ("bool", "{x}"),
    ("money", False): ("Money", "{{'value': {x}.amount, 'currency': {x}.currency}}"),
    ("date", False): ("date", "{x}.isoformat()"),
    ("datetime", False): ("date", "{x}.isoformat()"),
    ("quantity", False): ("int", "{{'value': {x}}}"),
    ("identifier", False): ("Identifier", "{{'system': {x}.system, 'value': {x}.value}}"),
    ("identifier", True): ("str", "{{'system': {system}, 'value': {x}}}"),
    ("coding", False): ("Coding", "{{'system': {x}.system, 'code': {x}.code}}"),
    ("coding", True): ("str", "{{'system': {system}, 'code': {x}}}"),
    ("concept", False): (
        "Coding",
        "{{'coding': [{{'system': {x}.system, 'code': {x}.code}}]}}",
    ),
    ("concept", True): ("str", "{{'coding': [{{'system': {system}, 'code': {x}}}]}}"),
}


def _append(out: str, made: _Made) -> list[str]:
    if made.is_sure:
        return [f"{out}.append({made.expression})"]
    return [f"if {made.expression} is not None: {out}.append({made.expression})"]


def _reading(steps: tuple[str, ...], frame: str) -> str:
    """An expression that follows the steps in a frame; None stays None."""
    source = frame
    for n, step in enumerate(steps):
        source = (
            f"(t[{step!r}] if (t := {source}) is not None else None)"
            if n
            else f"{source}[{step!r}]"
        )
    return source
