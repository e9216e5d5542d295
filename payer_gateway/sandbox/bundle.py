"""Finding one's way in a FHIR Bundle of unknown quality: nothing here trusts a shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from payer_gateway.sandbox.refusal import Issue

Resource = dict[str, Any]


def dicts(value: object) -> list[Resource]:
    """The objects of a list; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def section(parent: Resource, key: str) -> Resource:
    """The object under a key; an empty one if there is none."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """The string, blanks stripped; empty for anything else."""
    return value.strip() if isinstance(value, str) else ""


class Bundle:
    """The resources of a Bundle, found by reference."""

    def __init__(self, raw: Resource) -> None:
        entries = dicts(raw.get("entry"))
        self.resources = [r for e in entries if (r := section(e, "resource"))]
        self._by_url: dict[str, Resource] = {}
        for entry in entries:
            resource = section(entry, "resource")
            full_url, kind, own_id = (
                text(entry.get("fullUrl")),
                text(resource.get("resourceType")),
                text(resource.get("id")),
            )
            self._by_url.setdefault(full_url, resource)
            self._by_url.setdefault("/".join(full_url.split("/")[-2:]), resource)
            if kind and own_id:
                self._by_url.setdefault(f"{kind}/{own_id}", resource)
        self._by_url.pop("", None)

    def first(self, kind: str) -> Resource | None:
        return next((r for r in self.resources if r.get("resourceType") == kind), None)

    def follow(self, reference: Resource, container: Resource) -> Resource:
        """The resource a Reference leads to; empty if it leads nowhere."""
        target = text(reference.get("reference"))
        if target.startswith("#"):
            inside = dicts(container.get("contained"))
            return next((r for r in inside if r.get("id") == target[1:]), {})
        return self._by_url.get(target, {})

    def dangling(self) -> list[Issue]:
        """An issue for each reference into this Bundle that leads nowhere in it."""
        return [
            Issue(
                "not-found",
                f"The reference '{target}' leads nowhere in this Bundle; add the resource it"
                " names, with that fullUrl, or refer to it by identifier.",
                path,
            )
            for resource in self.resources
            for path, reference in _references(resource, text(resource.get("resourceType")))
            if (target := text(reference.get("reference")))
            and not target.startswith(("http://", "https://"))
            and target != "#"
            and not self.follow(reference, resource)
        ]


def _references(node: object, path: str) -> Iterator[tuple[str, Resource]]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield path, node
        for key, child in node.items():
            yield from _references(child, f"{path}.{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _references(child, f"{path}[{index}]")


def logical(kind: str, resource: Resource, otherwise: str) -> Resource:
    """A reference by identifier or by name, which cannot dangle once it left its Bundle."""
    reference: Resource = {"type": text(resource.get("resourceType")) or kind}
    for identifier in dicts(resource.get("identifier")):
        if text(identifier.get("value")):
            reference["identifier"] = bare_identifier(identifier)
            return {**reference, **_display(resource)}
    return {**reference, "display": _display(resource).get("display", otherwise)}


def bare_identifier(identifier: Resource) -> Resource:
    """The identifier without its assigner, whose reference would dangle."""
    return {k: identifier[k] for k in ("use", "type", "system", "value") if identifier.get(k)}


def _display(resource: Resource) -> dict[str, str]:
    # Only an organization has its name in one string; people are known by identifier.
    name = text(resource.get("name"))
    return {"display": name} if name else {}
