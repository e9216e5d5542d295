"""Is a value what a standard says it is? Structure, cardinality, types, required codes, references,
slices and invariants, by the standard's own definitions (``source.py`` says how).

Problems come in words, by path, never with a value that may name a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from payer_gateway.mapping.fhir.acceptance import Acceptance
from payer_gateway.mapping.fhir.source import Writer, namespace

STANDARDS = ("r4", "pas-2.2.1", "pas-2.0.1")
MAX_PROBLEMS = 50
At = Any
"""Where a value stands: None, (parent, name) or (parent, name, index)."""


class Check:
    """One check under way: what was found wrong, and which references were seen."""

    def __init__(self, standard: Standard) -> None:
        self._standard = standard
        self.problems: list[str] = []
        self.references: list[tuple[str, frozenset[str] | None, At]] = []

    def bad(self, at: At, words: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{told(at)}: {words}")

    def stray(self, value: Mapping[str, Any], known: frozenset[str], at: At) -> None:
        for key in value:
            if key not in known:
                self.bad((at, str(key)[:60]), "there is no such element here")

    def beside(self, value: Mapping[str, Any], at: At) -> None:
        """Keys that are no element's own: extensions of primitives (``_birthDate``), and null."""
        for key, inner in value.items():
            if inner is None:
                self.bad((at, str(key)[:60]), "is null; leave the element out")
            elif key[0] == "_":
                self._standard.function("Element")(inner, (at, key), self)

    def coded(self, value: Any, codes: frozenset[str], at: At) -> None:
        """A CodeableConcept or Coding under a required binding."""
        if type(value) is not dict:
            return
        codings = value.get("coding") if "coding" in value else [value]
        if type(codings) is list and not any(
            f"{each.get('system')}|{each.get('code')}" in codes
            for each in codings
            if type(each) is dict
        ):
            self.bad(at, "has no code that the standard allows here")

    def coded_in(self, value: Any, systems: frozenset[str], at: At) -> None:
        """The same where the codes are too many or not public: their systems are known."""
        if type(value) is not dict:
            return
        codings = value.get("coding") if "coding" in value else [value]
        if type(codings) is list and not any(
            str(each.get("system")) in systems for each in codings if type(each) is dict
        ):
            self.bad(at, "has no code of a system that the standard allows here")

    def rule(self, holds: Callable[[Any], bool], value: Any, words: str, at: At) -> None:
        """An invariant, after the structure of ``value`` was looked at."""
        try:
            if not holds(value):
                self.bad(at, words)
        except (AttributeError, KeyError, TypeError, IndexError):
            # Something in it is of a wrong type, and that has been said.
            if not self.problems:
                raise

    def extended(self, value: Any, url: str) -> Any:
        """The value of the extension at ``url``; None without one."""
        extensions = value.get("extension") if type(value) is dict else None
        for each in extensions if type(extensions) is list else ():
            if type(each) is dict and each.get("url") == url:
                return next((v for k, v in each.items() if k.startswith("value")), None)
        return None

    def refers(self, value: Any, targets: frozenset[str] | None, at: At) -> None:
        if type(value) is dict and type(value.get("reference")) is str:
            self.references.append((value["reference"], targets, at))

    def resource(
        self, value: Any, at: At, wanted: str | None = None, otherwise: str | None = None
    ) -> None:
        """A resource: by the profile that it claims for itself, else by ``otherwise``, else as its
        type. ``wanted``: the type that may stand here."""
        kind = value.get("resourceType") if type(value) is dict else None
        if type(kind) is not str or (wanted is not None and kind != wanted):
            self.bad(at, f"is no {wanted or 'resource'}")
            return
        meta = value.get("meta")
        profiles = meta.get("profile", ()) if type(meta) is dict else ()
        claimed = profiles if type(profiles) is list else ()
        if at is not None and at[1] == "resource":
            at = (at[0], kind)  # entry[2].Patient reads better than entry[2].resource
        for name in (*claimed, otherwise, kind):
            check = self._standard.of(name, kind) if type(name) is str else None
            if check is not None:
                check(value, at, self)
                return
        self.bad(at, "is no resource that we send")


class Standard:
    """One standard's shapes; each is compiled when it is first needed."""

    def __init__(self, name: str, base: Standard | None = None) -> None:
        self._base = base  # what a standard says nothing of is as that one has it
        text = files("payer_gateway.mapping.fhir").joinpath(f"{name}.json").read_text("utf-8")
        self._shapes: dict[str, Any] = json.loads(text)["shapes"]
        # Whether a Bundle is sound, said quickly or not at all.
        self.acceptance: Acceptance = Acceptance(
            self._shapes, None if base is None else base.acceptance
        )
        self._names = {key: f"S_{re.sub('[^A-Za-z0-9]', '_', key)}" for key in self._shapes}
        self._space = namespace()
        for key, name in self._names.items():
            self._space[name] = self._later(key, name)
        self._ready: dict[str, Callable[[Any, At, Check], None]] = {}
        self._found: dict[tuple[str, str], Callable[[Any, At, Check], None]] = {}

    def type_of(self, key: str) -> str | None:
        """The type of resource or data that a shape is of; None when there is no such shape."""
        shape = self._shapes.get(key)
        if shape is not None:
            return str(shape["type"])
        return None if self._base is None else self._base.type_of(key)

    def of(self, name: str, kind: str) -> Callable[[Any, At, Check], None] | None:
        """The function of the shape of that name (a profile's may have its version behind it); None
        when there is none, or when it is of another type than ``kind``."""
        if (name, kind) not in self._found:
            key = name.partition("|")[0]
            if self.type_of(key) != kind:
                return None  # not kept: the name may be anything
            self._found[name, kind] = self.function(key)
        return self._found[name, kind]

    def function(self, key: str) -> Callable[[Any, At, Check], None]:
        if key not in self._shapes and self._base is not None:
            return self._base.function(key)
        if key not in self._ready:
            writer = Writer(key, self._shapes[key], self._names.__getitem__)
            self._space |= writer.constants
            # The text comes from the tables of this package alone, see source.py.
            exec(compile(writer.text, f"<shape {key}>", "exec"), self._space)  # noqa: S102
            self._ready[key] = self._space[self._names[key]]
        return self._ready[key]

    def check(self, resource: Any) -> Check:
        """Check a resource (a Bundle with all that is in it)."""
        found = Check(self)
        found.resource(resource, None)
        return found

    def _later(self, key: str, name: str) -> Callable[[Any, At, Check], None]:
        def compile_and_run(value: Any, at: At, check: Check) -> None:
            self.function(key)(value, at, check)

        return compile_and_run


@cache
def standard(name: str) -> Standard:
    return Standard(name, None if name == "r4" else standard("r4"))


def told(at: At) -> str:
    """A place in words: ``entry[3].resource.birthDate``."""
    steps: list[str] = []
    while at is not None:
        steps.append(at[1] if len(at) == 2 else f"{at[1]}[{at[2]}]")
        at = at[0]
    return ".".join(reversed(steps)) or "the resource"
