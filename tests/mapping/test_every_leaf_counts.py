"""No line of a mapping file is there for nothing: take any of them away and the check says so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mapping_cases import (
    INSURERS,
    MAPPINGS,
    EditedShelf,
    case_of,
    document_of,
    file_of,
    goldens_of,
)

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping import profile_check
from payer_gateway.mapping.bundle import render
from payer_gateway.mapping.canonical import canonical_json

Step = str | int
DIALECT = MAPPINGS / "dialects" / "base-r4.yaml"


def leaves(value: object, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The path of every scalar. The retry schedule is one value, written as a list."""
    if path[-1:] == ("retry_after",):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            if (*path, key) != ("hints",):  # words for people: nothing is made or read by them
                yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves(inner, (*path, n))
        if not value:
            yield path
    else:
        yield path


def without(document: dict[str, Any], path: tuple[Step, ...]) -> dict[str, Any]:
    """The document less one leaf, and less what is empty once it is gone."""
    for depth in range(len(path), 0, -1):
        holder: Any = document
        for step in path[: depth - 1]:
            holder = holder[step]
        del holder[path[depth - 1]]
        if holder:
            break
    return document


def is_missed(path: Path, document: dict[str, Any], insurers: list[str]) -> bool:
    shelf = EditedShelf({path: document})
    for insurer in insurers:
        try:
            profile = shelf.version(insurer, 1)
        except MappingError:
            return True
        goldens = goldens_of(insurer)
        if profile_check.check_profile(profile, goldens) or any(
            profile_check.idle(profile, goldens)
        ):
            return True
    return path == DIALECT and is_missed_live(document)


def live_bytes(dialect: dict[str, Any]) -> bytes:
    """What one golden becomes for an insurer that is live; the shipped ones are all at test."""
    live = document_of(file_of("northwind-ppo")) | {"stage": "live"}
    shelf = EditedShelf({DIALECT: dialect, file_of("northwind-ppo"): live})
    case = case_of("northwind-ppo", "void")
    claim = case.claims[Use.CLAIM]
    profile = shelf.version("northwind-ppo", 1)
    return canonical_json(render(profile, case.consultation, case.coverage, claim, case.decision))


@cache
def live_as_shipped() -> bytes:
    return live_bytes(document_of(DIALECT))


def is_missed_live(dialect: dict[str, Any]) -> bool:
    try:
        return live_bytes(dialect) != live_as_shipped()
    except MappingError:
        return True


@pytest.mark.parametrize("insurer", INSURERS)
def test_every_leaf_of_an_insurer_file_counts(insurer: str) -> None:
    path = file_of(insurer)

    idle = [
        ".".join(map(str, leaf))
        for leaf in leaves(document_of(path))
        if not is_missed(path, without(document_of(path), leaf), [insurer])
    ]

    assert idle == []


def test_every_leaf_of_the_dialect_counts() -> None:
    idle = [
        ".".join(map(str, leaf))
        for leaf in leaves(document_of(DIALECT))
        if not is_missed(DIALECT, without(document_of(DIALECT), leaf), INSURERS)
    ]

    assert idle == []


def test_there_are_leaves_to_take_away() -> None:
    assert len(list(leaves(document_of(DIALECT)))) > 400
