"""Listings: a table for people, one JSON object a line for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click


def json_line(row: Any) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from tabulate import tabulate

    click.echo(tabulate([list(map(_cell, r)) for r in rows], headers, disable_numparse=True))


def _cell(value: object) -> str:
    return "" if value is None else str(value)
