"""The mapping grammar: a template of a FHIR resource, compiled once, filled from facts often.

The words and their meaning stand in ``mappings/README.md``. There are no expressions and no
hooks: what the words cannot say is computed as a fact in ``facts.py``, for every insurer alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from payer_gateway.domain.consultation import Coding, Identifier
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping.kinds import KINDS

OMIT = "omit"
UNSUPPORTED = "unsupported"
LEAF_WORDS = ("from", "const", "index")
WORDS = frozenset({*LEAF_WORDS, "code", "as", "system", "required", "else", "each", "given"})
_SEGMENT = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Ours → theirs; ``system`` is None where the table's codes only ever stand bare."""

    name: str
    system: str | None
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """What a template needs to be compiled: its code tables, the code systems that the insurer
    knows by another address, and the file to name in errors."""

    file: str
    tables: Mapping[str, CodeTable]
    code_systems: Mapping[str, str] = field(default_factory=dict)

    def error(self, key: str, cure: str) -> MappingError:
        return MappingError(f"{self.file}: {key}: {cure}")


class Scope:
    """The facts a template sees: the innermost element first, then what stands around it."""

    __slots__ = ("frames", "position")

    def __init__(self, frames: tuple[object, ...], position: int = 0) -> None:
        self.frames = frames  # innermost first
        self.position = position  # of the list entry being written, from 0

    def into(self, element: object) -> Scope:
        return Scope((element, *self.frames), self.position)

    def at(self, position: int) -> Scope:
        return Scope(self.frames, position)

    def get(self, path: tuple[str, ...]) -> object:
        """The fact at ``path``; None when it is absent. KeyError when there is no such fact."""
        if path == ("this",):
            return self.frames[0]
        for frame in self.frames:
            if isinstance(frame, Mapping) and path[0] in frame:
                value: object = frame
                for segment in path:
                    if value is None:
                        return None
                    if not isinstance(value, Mapping):
                        break
                    value = value[segment]
                else:
                    return value
        raise KeyError(".".join(path))


Node = Callable[[Scope], object]
"""Fills a template; None means: nothing to write here."""


def normalize(template: object) -> object:
    """Dotted keys (``patient.reference``) as nested mappings, so that files merge key by key."""
    if isinstance(template, list):
        return [normalize(item) for item in template]
    if not isinstance(template, Mapping):
        return template
    out: dict[str, object] = {}
    for key, value in template.items():
        first, _, rest = key.partition(".")
        inner = normalize({rest: value} if rest else value)
        before = out.get(first)
        if isinstance(before, dict) and isinstance(inner, dict):
            inner = merge(before, inner)
        out[first] = inner
    return out


def merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """``over`` laid onto ``base``: objects key by key, leaves and lists as a whole."""
    out = dict(base)
    for key, value in over.items():
        before = out.get(key)
        if value == OMIT:
            out.pop(key, None)
        elif (
            isinstance(before, Mapping)
            and isinstance(value, Mapping)
            and not is_leaf(before)
            and not is_leaf(value)
        ):
            out[key] = merge(before, value)
        else:
            out[key] = value
    return out


def is_leaf(template: Mapping[str, object]) -> bool:
    return any(isinstance(template.get(word), str) for word in LEAF_WORDS)


def compile_template(template: object, context: Context, key: str) -> Node:
    """Compile one template. Raises MappingError for a word that cannot stand where it stands."""
    if isinstance(template, list):
        return _list(template, context, key)
    if not isinstance(template, Mapping):
        raise context.error(key, f"write a mapping or a list here, not {template!r}")
    words = {k: v for k, v in template.items() if isinstance(v, str)}
    unknown = sorted(set(words) - WORDS)
    if unknown:
        raise context.error(key, f"{unknown[0]!r} is no word of the grammar; use {_known()}")
    if "each" in words:
        return _list([template], context, key)
    return _entry(template, context, key)


def _known() -> str:
    return ", ".join(sorted(WORDS))


def _entry(template: Mapping[str, object], context: Context, key: str) -> Node:
    """One leaf or object, with its ``given`` but without its ``each``."""
    if is_leaf(template):
        node = _leaf(template, context, key)
    else:
        node = _object(template, context, key)
    given = template.get("given")
    if not isinstance(given, str):
        return node
    condition = _reader(given, context, f"{key}.given")

    def guarded(scope: Scope) -> object:
        return node(scope) if is_present(condition(scope)) else None

    return guarded


def is_present(value: object) -> bool:
    return value is not None and value is not False and value != []


def _object(template: Mapping[str, object], context: Context, key: str) -> Node:
    stray = [k for k, v in template.items() if isinstance(v, str) and k not in ("each", "given")]
    if stray:
        raise context.error(key, f"{stray[0]!r} belongs to a leaf: add from, const or index")
    fields = [
        (name, compile_template(value, context, f"{key}.{name}"))
        for name, value in template.items()
        if not isinstance(value, str)
    ]

    def fill(scope: Scope) -> object:
        out: dict[str, object] = {}
        for name, node in fields:
            value = node(scope)
            if value is not None:
                out[name] = value
        return out or None

    return fill


def _list(template: Sequence[object], context: Context, key: str) -> Node:
    """A list of entries; ``index`` runs over everything the whole list writes."""
    entries: list[tuple[Node | None, Node]] = []
    for n, item in enumerate(template):
        where = f"{key}[{n}]" if len(template) > 1 else key
        if not isinstance(item, Mapping):
            raise context.error(where, f"write a mapping as the list's entry, not {item!r}")
        each = item.get("each")
        source = _reader(each, context, f"{where}.each") if isinstance(each, str) else None
        rest = {k: v for k, v in item.items() if not (k == "each" and isinstance(v, str))}
        entries.append((source, compile_template(rest, context, where)))

    def fill(scope: Scope) -> object:
        out: list[object] = []
        for source, node in entries:
            if source is None:
                scopes = [scope]
            else:
                elements = source(scope)
                if elements is None:
                    continue
                if not isinstance(elements, list):
                    raise context.error(f"{key}.each", "this fact is no list")
                scopes = [scope.into(element) for element in elements]
            for each_scope in scopes:
                value = node(each_scope.at(len(out)))
                if value is not None:
                    out.append(value)
        return out or None

    return fill


def _reader(path: str, context: Context, key: str) -> Callable[[Scope], object]:
    segments = tuple(path.split("."))
    if not all(_SEGMENT.fullmatch(s) for s in segments):
        raise context.error(key, f"{path!r} is no name of a fact; mappings/README.md lists them")

    def read(scope: Scope) -> object:
        try:
            return scope.get(segments)
        except KeyError:
            raise context.error(
                key, f"there is no fact {path!r} here; mappings/README.md lists the facts"
            ) from None

    return read


def _leaf(template: Mapping[str, object], context: Context, key: str) -> Node:
    words = {k: v for k, v in template.items() if isinstance(v, str)}
    nested = sorted(set(template) - set(words))
    if nested:
        raise context.error(key, f"a leaf has no element {nested[0]!r} inside; take one of them")
    sources = [w for w in LEAF_WORDS if w in words]
    if len(sources) > 1:
        raise context.error(key, f"{' and '.join(sources)} exclude each other; keep one")
    if words.get("required", "no") != "no":
        raise context.error(f"{key}.required", "every fact is required; the word is only 'no'")
    if sources != ["from"] and {"required", "else", "code"} & set(words):
        raise context.error(key, "required, else and code go with from only")
    if "required" in words and "else" in words:
        raise context.error(key, "with else the leaf is always written; drop required")
    if "index" in words:
        return _index(words, context, key)
    translate = translation(words, context, key)
    if "const" in words:
        constant = constant_of(words, context, key)
        translate(constant)  # so that a wrong kind is found now, not at the first claim
        return lambda _scope: translate(constant)
    read = _reader(words["from"], context, f"{key}.from")
    optional, otherwise = "required" in words, words.get("else")

    def fill(scope: Scope) -> object:
        value = read(scope)
        if value is None:
            value = otherwise
        if value is None:
            if optional:
                return None
            raise context.error(
                key,
                f"the consultation has no {words['from']}, and this insurer's mapping requires it;"
                " send it, or mark the leaf 'required: no'",
            )
        return translate(value)

    return fill


def _index(words: Mapping[str, str], context: Context, key: str) -> Node:
    if set(words) - {"index", "given"} or not re.fullmatch(r"[0-9]{1,4}", words["index"]):
        raise context.error(key, "index takes the first number and no other word beside it")
    start = int(words["index"])
    return lambda scope: start + scope.position


def constant_of(words: Mapping[str, str], context: Context, key: str) -> object:
    text, kind = words["const"], words.get("as")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in ("integer", "boolean"):
        raise context.error(key, f"{text!r} is no {kind}")
    return text


def translation(words: Mapping[str, str], context: Context, key: str) -> Callable[[object], object]:
    """From a fact to what stands in FHIR: the code table, then the kind."""
    table = _table(words["code"], context, key) if "code" in words else None
    system = words.get("system")
    if table is not None and system is not None:
        raise context.error(key, "code brings the system of its table; drop system")
    coded = table is not None or system is not None
    kind = words.get("as", "concept" if coded else "text")
    make = KINDS.get(kind)
    if make is None:
        raise context.error(f"{key}.as", f"{kind!r} is no kind; use {', '.join(sorted(KINDS))}")
    if table is not None:
        system = table.system
        if kind in ("concept", "coding") and system is None:
            raise context.error(key, f"codes.{table.name} needs a system to become a {kind}")
    if coded and kind not in ("concept", "coding", "code", "identifier"):
        raise context.error(key, f"a code or system does not go with 'as: {kind}'")

    def translate(value: object) -> object:
        if table is not None:
            value = _lookup(table, value, context, key)
        if system is not None and kind != "code":
            if not isinstance(value, str):
                raise context.error(key, f"{type(value).__name__} already brings its system")
            value = Identifier(system, value) if kind == "identifier" else Coding(system, value)
        if isinstance(value, Coding) and value.system in context.code_systems:
            value = Coding(context.code_systems[value.system], value.code)
        try:
            return make(value)
        except TypeError:
            raise context.error(
                key, f"this fact is a {type(value).__name__}, which is no {kind}; change 'as'"
            ) from None

    return translate


def _table(name: str, context: Context, key: str) -> CodeTable:
    table = context.tables.get(name)
    if table is None:
        raise context.error(key, f"there is no table codes.{name}; add it, system and values")
    return table


def _lookup(table: CodeTable, value: object, context: Context, key: str) -> str:
    # A modifier is a code already, of one of two systems; the table goes by the code alone.
    value = value.code if isinstance(value, Coding) else value
    theirs = table.values.get(value) if isinstance(value, str) else None
    if theirs is None:
        raise context.error(
            key,
            f"codes.{table.name} has no entry for {value!r}; add the insurer's code there,"
            f" or '{UNSUPPORTED}'",
        )
    if theirs == UNSUPPORTED:
        raise context.error(
            key, f"codes.{table.name}: this insurer takes no {value!r}; agree on a code with it"
        )
    return theirs
