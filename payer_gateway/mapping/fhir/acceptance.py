"""A quick yes for what is sound: the check that ``source.py`` writes, for objects as we make them.

A Bundle of ours consists of few forms: an object of one shape nearly always has the same elements
in the same order. For each form that is met a function is written, once, that looks at the values
and nothing else: which elements may, must and must not stand together was settled when it was
written. It has no words and no places. It says yes, or that it does not know (``Unsound``); then
the check of ``shapes.py``, which is the definition, looks and says what is wrong. A mistake here
may cost time, and must never let pass what the other refuses: a test spoils Bundles in thousands of
ways and holds the two equal.

``form_source.py`` writes the functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from payer_gateway.mapping.fhir.form_source import Form, Rules, Shape, Test, Unsound, Writer
from payer_gateway.mapping.references import references_in

MAX_FORMS = 256  # of one shape; beyond them nothing is kept, and the slow check looks


class Seen:
    """What stands around a value: where each address of the Bundle leads to, and the identities of
    objects that are the same in every Bundle and never change."""

    __slots__ = ("ids", "kinds", "known", "resource")

    def __init__(
        self, kinds: Mapping[str, str], known: frozenset[int], resource: Callable[..., None]
    ) -> None:
        self.kinds, self.known, self.resource = kinds, known, resource
        self.ids = {url[_LEAD:] for url in kinds}


# All addresses of a Bundle in one look, a line each: some twenty, never met again.
_GUIDS = re.compile(r"(?:urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\n)*")
_LEAD = len("urn:uuid:")


def same_for_all(constants: Iterable[Any]) -> frozenset[int]:
    """The identities of the objects in what is put into every Bundle as it is and never changes.
    One that refers to something has to be looked at each time."""
    found: set[int] = set()
    todo = list(constants)
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            todo += each.values()
            if next(references_in(each), None) is None:
                found.add(id(each))
        elif isinstance(each, list):
            todo += each
    return frozenset(found)


class Forms(dict[Form, Test]):
    """The forms of one shape that were met, each with its function."""

    def __init__(self, shape: Shape, acceptance: Acceptance) -> None:
        super().__init__()
        self.shape, self._acceptance = shape, acceptance

    def __missing__(self, form: Form) -> Test:
        if len(self) >= MAX_FORMS:
            raise Unsound
        self[form] = made = Writer(self._acceptance).made(self.shape, form)
        return made


class Acceptance:
    """Quick yes by the shapes of one standard; what it has none of is as in ``base``."""

    def __init__(self, shapes: Mapping[str, Shape], base: Acceptance | None) -> None:
        self._shapes, self._base = shapes, base
        self._forms: dict[tuple[object, Rules], Forms] = {}
        self._resources: dict[tuple[str, str], Forms] = {}

    def accepts(self, bundle: Any, known: frozenset[int] = frozenset()) -> bool:
        """Whether a Bundle is known to be sound, its addresses are GUIDs, and its references lead
        to entries of it that may stand there. ``known``: identities of objects that are the same
        in every Bundle, never change and hold no reference."""
        try:
            kinds = {e["fullUrl"]: e["resource"]["resourceType"] for e in bundle["entry"]}
            addresses = "\n".join((*kinds, ""))
            if addresses.count("\n") > len(kinds) or _GUIDS.fullmatch(addresses) is None:
                return False
            self._resource(bundle, None, None, Seen(kinds, known, self._resource))
        except (Unsound, TypeError, ValueError, AttributeError, LookupError):
            return False  # something in it is of a wrong type, or worse
        return True

    def shape(self, key: str) -> Shape | None:
        found = self._shapes.get(key)
        return self._base.shape(key) if found is None and self._base is not None else found

    def forms(self, key: str, rules: Rules = ()) -> Forms:
        """The forms of a shape, and of it those that further rules about elements allow."""
        if key not in self._shapes and self._base is not None:
            return self._base.forms(key, rules)
        return self._of(key, self._shapes[key], rules)

    def inside(self, children: Sequence[Shape], rules: Rules) -> Forms:
        """The forms of an element that has elements of its own."""
        return self._of(id(children), {"children": children}, rules)  # they live as long as we

    def _of(self, name: object, shape: Shape, rules: Rules) -> Forms:
        if (name, rules) not in self._forms:
            said = {**shape, "rules": (*shape.get("rules", ()), *rules)}
            self._forms[name, rules] = Forms(said, self)
        return self._forms[name, rules]

    def _resource(self, value: Any, wanted: str | None, otherwise: str | None, c: Seen) -> None:
        """See ``Check.resource``."""
        kind = value["resourceType"]
        if wanted is not None and kind != wanted:
            raise Unsound
        names = [otherwise, kind]
        if "meta" in value:
            names = [*value["meta"].get("profile", ()), *names]
        for name in names:
            if name is None:
                continue
            forms = self._resources.get((name, kind)) or self._claimed(name, kind)
            if forms is not None:
                forms[tuple(value)](value, c)
                return
        raise Unsound

    def _claimed(self, name: str, kind: str) -> Forms | None:
        """The forms of a profile (its version may stand behind its name) or type."""
        key = name.partition("|")[0]
        shape = self.shape(key)
        if shape is None or shape["type"] != kind:
            return None  # not kept: the name may be anything
        self._resources[name, kind] = forms = self.forms(key)
        return forms
