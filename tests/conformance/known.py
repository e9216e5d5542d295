"""What is known of the validator's own limits, and which kinds of warnings are expected:
``known.yaml``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hl7_validator import Finding

from payer_gateway.mapping.yamlfile import load_yaml

FILE = Path(__file__).parent / "known.yaml"


@dataclass(frozen=True)
class Limit:
    """One error that is not ours: severity, id, the whole location and the whole message."""

    standard: str
    severity: str
    id: str
    location: str
    message: str
    why: str
    published_in: str = ""
    """The release whose published examples show it, where this one publishes no updates."""
    follows: str = ""
    """The id of another limit, without which this one is none: it is said of the same file."""

    def matches(self, found: Finding) -> bool:
        return (
            (found.severity, found.id) == (self.severity, self.id)
            and re.fullmatch(self.location, found.location) is not None
            and re.fullmatch(self.message, found.message, re.S) is not None
        )


@cache
def _document() -> Mapping[str, Any]:
    return load_yaml(FILE)


def limits(standard: str) -> tuple[Limit, ...]:
    every = (Limit(**each) for each in _document()["limits"])
    return tuple(each for each in every if each.standard == standard)


def beyond(standard: str, errors: Sequence[Finding]) -> list[Finding]:
    """The errors that no limit explains."""
    known = limits(standard)
    met = {(each.file, limit.id) for limit in known for each in errors if limit.matches(each)}
    return [
        each
        for each in errors
        if not any(
            limit.matches(each) and (not limit.follows or (each.file, limit.follows) in met)
            for limit in known
        )
    ]


def expected_warnings(standard: str) -> Mapping[str, str]:
    """Kind of warning → what it means and why it may stand."""
    expected: Mapping[str, str] = _document()["warnings"][standard]
    return expected


def by_kind(findings: Iterable[Finding]) -> Counter[str]:
    return Counter(each.kind for each in findings)
