"""Documents to read in tests: a real consultation, and ways to change it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.consultation import Received, read_consultation

ROOT = Path(__file__).parents[2]
FIXTURES = sorted((ROOT / "fixtures" / "consultations").glob("*.json"))
Change = Callable[[dict[str, Any]], object]


def a_document() -> dict[str, Any]:
    document = parse_json(FIXTURES[0].read_bytes())
    assert isinstance(document, dict)
    return document


def read(document: object) -> Received:
    return read_consultation(canonical_json(document))


def faults(document: object) -> tuple[Fault, ...]:
    with pytest.raises(InvalidInput) as caught:
        read(document)
    return caught.value.faults


def put(path: str, value: object) -> Change:
    """A change that sets ``a.0.b`` in the document."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]

    def change(document: dict[str, Any]) -> None:
        inner: Any = document
        for step in way:
            inner = inner[step]
        inner[last] = value

    return change


def drop(path: str) -> Change:
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]

    def change(document: dict[str, Any]) -> None:
        inner: Any = document
        for step in way:
            inner = inner[step]
        del inner[last]

    return change
