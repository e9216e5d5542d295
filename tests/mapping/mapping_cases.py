"""Shared hands of the mapping tests: shipped files, golden cases, a shelf held in memory."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from payer_gateway.domain.claim import Claim, Use
from payer_gateway.domain.eligibility import Decision, no_coverage
from payer_gateway.mapping.goldens import Case
from payer_gateway.mapping.profile import Profile, Shelf
from payer_gateway.mapping.profile_check import Goldens, load_goldens
from payer_gateway.mapping.yamlfile import load_yaml

ROOT = Path(__file__).parents[2]
MAPPINGS = ROOT / "mappings"
FIXTURES = ROOT / "fixtures"
INSURERS = sorted(path.name for path in (MAPPINGS / "insurers").iterdir())

_files: dict[Path, dict[str, Any]] = {}
_goldens: dict[str, Goldens] = {}


def file_of(insurer: str) -> Path:
    return MAPPINGS / "insurers" / insurer / "v1.yaml"


def document_of(path: Path) -> dict[str, Any]:
    """A fresh copy of a shipped file; each is read from disk once."""
    if path not in _files:
        _files[path] = load_yaml(path)
    return copy.deepcopy(_files[path])


class EditedShelf(Shelf):
    """The shipped files, of which some are replaced by edited ones."""

    def __init__(self, edited: dict[Path, dict[str, Any]]) -> None:
        super().__init__(MAPPINGS)
        self._edited = edited

    def released(self) -> dict[str, str]:
        """Nothing: an edited file is what these tests are about."""
        return {}

    def document(self, path: Path) -> dict[str, Any]:
        return self._edited[path] if path in self._edited else document_of(path)


def edited(insurer: str, edit: Callable[[dict[str, Any]], object]) -> Profile:
    """The insurer's profile after ``edit`` has changed its file."""
    document = document_of(file_of(insurer))
    edit(document)
    return EditedShelf({file_of(insurer): document}).version(insurer, 1)


@cache
def shipped(insurer: str) -> Profile:
    """Read once for all tests, as the gateway does: a released version never changes."""
    return EditedShelf({}).version(insurer, 1)


def goldens_of(insurer: str) -> Goldens:
    if insurer not in _goldens:
        _goldens[insurer] = load_goldens(shipped(insurer), FIXTURES)
    return _goldens[insurer]


def case_of(insurer: str, name: str) -> Case:
    return next(c for c in goldens_of(insurer).cases if c.folder.name == name)


def a_claim(use: Use = Use.CLAIM, **facts: Any) -> Claim:
    claim = Claim(
        id="00000000-0000-4000-8000-0000000000ff",
        number="CLM-1",
        use=use,
        coverage_order=1,
        created_on=date(2026, 4, 1),
        authorization_number=None,
        authorization_period=None,
        related=None,
        prior_result=None,
    )
    return dataclasses.replace(claim, **facts)


def a_decision(service_type: str = "3") -> Decision:
    return dataclasses.replace(no_coverage(), service_type=service_type)
