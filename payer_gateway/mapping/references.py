"""The addresses that a resource refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def references_in(value: object) -> Iterator[str]:
    """Every ``Reference.reference`` in whatever this is, in the order in which it stands there."""
    if isinstance(value, Mapping):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from references_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references_in(inner)
