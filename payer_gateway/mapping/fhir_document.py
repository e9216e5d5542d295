"""What was posted to a FHIR operation: the resource asked about, and those that come with it.

A resource alone (with ``contained`` ones), a Bundle of it with the resources it points at, or
Parameters with one ``resource``. References are found inside what was sent; nothing is fetched.
Source: HL7 FHIR R4, Bundle (resolving references), OperationDefinition
CoverageEligibilityRequest-submit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from payer_gateway.domain.consultation import Identifier
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.fhir_element import Element, Faults, identifier_of

# Other Bundles are orders to a server, or a server's own.
_QUESTIONS = ("collection", "document", "message")
_MOST_ENTRIES = 200
# What the question was called before R4 (STU3).
_BEFORE_R4 = {"CoverageEligibilityRequest": "EligibilityRequest"}


@dataclass(slots=True)
class Pool:
    """The resources that came along, by every name under which they may be pointed at."""

    by_name: dict[str, Element] = field(default_factory=dict)
    contained: dict[str, list[tuple[str, Element]]] = field(default_factory=dict)  # by id
    all: list[Element] = field(default_factory=list)
    shared: set[str] = field(default_factory=set)  # names that two resources go by

    def put(self, resource: Element, *names: str | None) -> None:
        self.all.append(resource)
        for name in names:
            if name and self.by_name.setdefault(name, resource) is not resource:
                self.shared.add(name)
        for each in resource.children("contained"):
            self.all.append(each)
            local = each.value.get("id")
            if isinstance(local, str):
                self.contained.setdefault(local, []).append((f"{resource.path}.", each))

    def of(self, kind: str) -> list[Element]:
        return [each for each in self.all if each.type == kind]

    def find(self, reference: Element | None, *kinds: str) -> Element | None:
        """The resource that a Reference leads to: by its address, else by its identifier. One of
        none of these ``kinds`` is a fault, and is not found."""
        found = None if reference is None else self._find(reference)
        if reference is None or found is None or not kinds or found.type in kinds:
            return found
        what = found.type or "resource without a type"
        article = "an" if kinds[0].startswith("O") else "a"
        wanted = f"{article} {' or '.join(kinds)}"
        reference.wrong("reference", f"point at {wanted}; this is a {what}")
        return None

    def _find(self, reference: Element) -> Element | None:
        address = reference.text("reference")
        if address is not None:
            found = self._at(address, reference)
            if found is not None:
                return found
        named = reference.child("identifier")
        wanted = identifier_of(named) if named is not None else None
        return None if wanted is None else self._called(wanted)

    def _at(self, address: str, reference: Element) -> Element | None:
        if address.startswith("#"):  # inside the resource that points at it, and nowhere else
            holders = self.contained.get(address[1:], [])
            inside = [e for holder, e in holders if reference.path.startswith(holder)]
            if len(inside) != 1:
                cure = "send exactly one resource of this id contained in the one that points at it"
                reference.wrong("reference", cure)
            return inside[0] if inside else None
        # A version asked for (…/_history/2) is that of the one copy that was sent.
        address = address.partition("/_history/")[0]
        if address not in self.by_name and "/" in address:
            address = "/".join(address.split("/")[-2:])
        if address in self.shared:
            reference.wrong("reference", "write the fullUrl; several resources go by this name")
        return self.by_name.get(address)

    def _called(self, wanted: Identifier) -> Element | None:
        # Practitioner and organization may share a number; the first that has it is meant.
        return next((each for each in self.all if wanted in each.identifiers()), None)


@dataclass(frozen=True, slots=True)
class Submitted:
    request: Element
    pool: Pool
    full_url: str | None  # of the request, where a Bundle gives it one


def submitted(document: object, wanted: str, faults: Faults) -> Submitted:
    """Raises InvalidInput when there is no resource of the type ``wanted`` to be judged."""
    root = _object(document, wanted, faults)
    if root.type == "Parameters":
        root = _parameter(root, faults)
    if root.type == "Bundle":
        return _bundle(root, wanted, faults)
    if root.type != wanted:
        faults.add(f"{root.path}.resourceType", root.value.get("resourceType"), _cure(root, wanted))
        raise InvalidInput(tuple(faults.found))
    pool = Pool()
    pool.put(root)
    return Submitted(root, pool, None)


def _object(document: object, wanted: str, faults: Faults) -> Element:
    kind = document.get("resourceType") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(kind, str):
        cure = f"send an object with resourceType {wanted}, Bundle or Parameters"
        faults.add("$" if not isinstance(document, dict) else "resourceType", kind, cure)
        raise InvalidInput(tuple(faults.found))
    return Element(document, kind if kind.isidentifier() else "$", faults)


def _cure(root: Element, wanted: str) -> str:
    if root.type == _BEFORE_R4.get(wanted):
        return f"send FHIR R4 (4.0.1); there it is called {wanted}"
    return f"send a {wanted}, or a Bundle or Parameters with one"


def _parameter(root: Element, faults: Faults) -> Element:
    """The ``resource`` parameter; its path begins at the Parameters."""
    found = [each for each in root.children("parameter") if each.value.get("name") == "resource"]
    inner = found[0].child("resource") if len(found) == 1 else None
    if inner is None:
        cure = "send exactly one parameter named resource that holds the resource"
        root.wrong("parameter", cure)
        raise InvalidInput(tuple(faults.found))
    return inner


def _bundle(bundle: Element, wanted: str, faults: Faults) -> Submitted:
    kind = bundle.text("type")
    if kind not in _QUESTIONS:
        bundle.wrong("type", "send a Bundle of type collection")
    pool = Pool()
    asked: list[tuple[Element, str | None]] = []
    entries = bundle.children("entry")
    if len(entries) > _MOST_ENTRIES:
        bundle.wrong("entry", f"send at most {_MOST_ENTRIES} entries")
        raise InvalidInput(tuple(faults.found))
    urls: set[str] = set()
    for entry in entries:
        resource = entry.child("resource")
        if resource is None:
            continue
        url, kind_of = entry.text("fullUrl"), resource.type
        if url in urls:
            entry.wrong("fullUrl", "write another; an entry before has this one")
        urls.update((url,) if url else ())
        name = resource.value.get("id")
        short = f"{kind_of}/{name}" if isinstance(name, str) else ""
        tail = "/".join(url.split("/")[-2:]) if url and "/" in url else ""
        pool.put(resource, url, short, tail)
        if kind_of == wanted:
            asked.append((resource, url))
    if len(asked) != 1:
        bundle.wrong("entry", f"send exactly one {wanted} in a Bundle; there are {len(asked)}")
        raise InvalidInput(tuple(faults.found))
    return Submitted(asked[0][0], pool, asked[0][1])


def names(resource: Mapping[str, object]) -> str:
    """``Type/id`` of a resource that has an id, else its type."""
    name = resource.get("id")
    kind = str(resource.get("resourceType", ""))
    return f"{kind}/{name}" if isinstance(name, str) else kind
