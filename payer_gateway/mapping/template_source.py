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
from typing import Any

from payer_gateway.domain.consultation import Coding, Identifier
from payer_gateway.domain.money import Money
from payer_gateway.mapping.grammar import (
    UNSUPPORTED,
    Context,
    constant_of,
    is_leaf,
    is_present,
    translation,
)

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


@dataclass(frozen=True, slots=True)
class Filling:
    """``fill`` makes a Bundle of facts. ``constants`` are the objects and lists that it puts into
    every Bundle as they are."""

    fill: Callable[[Mapping[str, object]], dict[str, Any]]
    constants: tuple[object, ...]


def filling(envelope: object, entries: Sequence[Entry], context: Context) -> Filling:
    """Compile templates that ``grammar.compile_template`` has compiled before, and so checked."""
    writer = _Writer(context)
    lines = ["def fill(facts):", "  entries = []"]
    for entry in entries:
        lines += [f"  {line}" for line in writer.entry(entry)]
    made = writer.value(envelope, ("facts",), "0", "Bundle")
    lines += [f"  {line}" for line in made.lines]
    lines += [
        "  bundle = {'resourceType': 'Bundle', 'entry': entries}",
        f"  if {made.expression} is not None: bundle.update({made.expression})",
        "  bundle['id'] = facts['bundle']['id']",
        "  return bundle",
    ]
    source = "\n".join(lines)
    # Written above, of the templates that ship as data; see the module's own words.
    exec(compile(source, f"<templates of {context.file}>", "exec"), writer.space)  # noqa: S102
    return Filling(writer.space["fill"], tuple(writer.constants))


class _Writer:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._count = 0
        self.constants: list[object] = []
        self.space: dict[str, Any] = {
            "Odd": Odd,
            "Coding": Coding,
            "Identifier": Identifier,
            "Money": Money,
            "is_present": is_present,
        }

    def entry(self, entry: Entry) -> Iterator[str]:
        seen, element = self._name("s"), self._name("e")
        made = self.value(entry.template, (element, "facts"), "0", entry.key)
        yield f"{seen} = {self._read('.'.join(entry.of), ('facts',))}"
        yield f"if {seen} is not None:"
        yield f"  for {element} in {seen} if type({seen}) is list else ({seen},):"
        yield from (f"    {line}" for line in made.lines)
        yield f"    r = {{'resourceType': {entry.resource!r}, 'id': {element}['id']}}"
        yield f"    if {made.expression} is not None: r.update({made.expression})"
        yield f"    entries.append({{'fullUrl': {element}['url'], 'resource': r}})"

    def value(self, template: Any, frames: Frames, position: str, key: str) -> _Made:
        """``position``: the expression that has the number of the list entry being written."""
        given = None if isinstance(template, list) else template.get("given")
        if isinstance(given, str) and not isinstance(template.get("each"), str):
            rest = {name: each for name, each in template.items() if name != "given"}
            made = self.value(rest, frames, position, key)
            out = self._name("v")
            lines = [f"{out} = None", f"if is_present({self._read(given, frames)}):"]
            lines += [f"  {line}" for line in (*made.lines, f"{out} = {made.expression}")]
            return _Made(lines, out, is_sure=False)
        is_constant, value = self._constant(template, key)
        if is_constant:
            return _Made([], self._kept(value), value is not None)
        if isinstance(template, list) or isinstance(template.get("each"), str):
            items = template if isinstance(template, list) else [template]
            return self._list(items, frames, key)
        if is_leaf(template):
            return self._leaf(template, frames, position, key)
        return self._object(template, frames, position, key)

    def _constant(self, template: Any, key: str) -> tuple[bool, Any]:
        """Whether the template makes the same of all facts, and what."""
        if isinstance(template, list):
            parts = [self._constant(each, key) for each in template]
            held = [value for _, value in parts if value is not None]
            return all(is_constant for is_constant, _ in parts), held or None
        words = {k: v for k, v in template.items() if isinstance(v, str)}
        if {"each", "given", "from", "index"} & words.keys():
            return False, None
        if "const" in words:
            context = self._context
            return True, translation(words, context, key)(constant_of(words, context, key))
        fields = {name: self._constant(each, key) for name, each in template.items()}
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
        said = self._said(words, out, key)
        if "required" in words:
            lines.append(f"if {out} is not None:")
            return _Made([*lines, *(f"  {line}" for line in said)], out, is_sure=False)
        otherwise = words.get("else")
        if otherwise is None:
            lines.append(f"if {out} is None: raise Odd")
        else:
            lines.append(f"if {out} is None: {out} = {otherwise!r}")
        return _Made([*lines, *said], out, is_sure=True)

    def _said(self, words: Mapping[str, str], x: str, key: str) -> list[str]:
        """Lines that turn the fact in ``x`` into what stands in FHIR."""
        slow = translation(words, self._context, key)
        if "code" in words:
            table = self._context.tables[words["code"]]
            made = {
                ours: slow(ours) for ours, theirs in table.values.items() if theirs != UNSUPPORTED
            }
            self.constants += made.values()
            name = self._name("T")
            self.space[name] = made
            return [f"{x} = {name}[{x}]"]
        otherwise = self._name("M")
        self.space[otherwise] = slow
        system = words.get("system")
        kind = words.get("as", "text" if system is None else "concept")
        fast = _FAST.get((kind, system is not None))
        if fast is None:
            return [f"{x} = {otherwise}({x})"]
        type_, made_as = fast
        quick = made_as.format(x=x, system=repr(system))
        return [f"{x} = {quick} if type({x}) is {type_} else {otherwise}({x})"]

    def _read(self, path: str, frames: Frames) -> str:
        """A call that reads a fact. Which of the frames has it is found out at the first call: all
        facts of a kind have the same names, so it is the same one from then on."""
        name = self._name("g")
        steps = tuple(path.split("."))

        def first(*held: object) -> object:
            for n, frame in enumerate(held):
                if steps == ("this",) or (isinstance(frame, Mapping) and steps[0] in frame):
                    self.space[name] = _reader(() if steps == ("this",) else steps, n, len(held))
                    found: object = self.space[name](*held)
                    return found
            raise Odd(path)

        self.space[name] = first
        return f"{name}({', '.join(frames)})"

    def _kept(self, value: object) -> str:
        if value is None:
            return "None"
        name = self._name("K")
        self.space[name] = value
        self.constants.append(value)
        return name

    def _name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


# (kind, whether a system is given) → the type of fact it takes at once, and what becomes of it.
_FAST: Mapping[tuple[str, bool], tuple[str, str]] = {
    ("text", False): ("str", "{x}"),
    ("code", False): ("str", "{x}"),
    ("integer", False): ("int", "{x}"),
    ("boolean", False): ("bool", "{x}"),
    ("money", False): ("Money", "{{'value': {x}.amount, 'currency': {x}.currency}}"),
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


def _reader(steps: tuple[str, ...], frame: int, frames: int) -> Callable[..., object]:
    """A function of all frames that follows the steps in one of them; None stays None."""
    names = [f"f{n}" for n in range(frames)]
    source = names[frame]
    for n, step in enumerate(steps):
        source = (
            f"{source}[{step!r}]"
            if n == 0
            else f"(t[{step!r}] if (t := {source}) is not None else None)"
        )
    made: Callable[..., object] = eval(f"lambda {', '.join(names)}: {source}")  # noqa: S307
    return made
