"""``payer-gateway plan check``: a plan file, from its schema to its own decided cases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from payer_gateway.settings import Settings

if TYPE_CHECKING:
    from payer_gateway.mapping.plans import PlanShelf


@click.group()
def plan() -> None:
    """Check plan files."""


@plan.command()
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Schema, settings that contradict each other or never come to bear, and the plan's own cases
    (scenarios.yaml beside its file). Without NAME: every plan. Exit 1 if anything is wrong."""
    from payer_gateway.domain.errors import MappingError
    from payer_gateway.mapping.plans import PlanShelf

    shelf = PlanShelf(Settings.from_env(os.environ).mappings)
    wrong = False
    for each in (name,) if name else shelf.names():
        try:
            problems, cases = list(_contradictions(shelf, each)), list(_cases(shelf, each))
        except MappingError as error:
            problems, cases = [str(error)], []
        failed = [text for text in cases if text]
        for problem in problems:
            click.echo(f"{each}: {problem}")
        for text in failed:
            click.echo(text)
        if problems or failed:
            wrong = True
            continue
        own = f"; {len(cases)} of its own cases decided as they should be" if cases else ""
        click.echo(f"{each}: nothing wrong{own}")
    if wrong:
        raise click.exceptions.Exit(1)


def _contradictions(shelf: PlanShelf, name: str) -> Iterator[str]:
    from payer_gateway.mapping.plan_check import contradictions

    yield from contradictions(shelf.plan(name), shelf.keys(name))


def _cases(shelf: PlanShelf, name: str) -> Iterator[str]:
    """For each of the plan's own cases what differs; nothing where it is decided as it should."""
    from payer_gateway.cli.eligibility import run_file, told

    file = shelf.file(name).with_name("scenarios.yaml")
    if file.is_file():
        for outcome in run_file(file):
            yield "" if outcome.passed else told(outcome)
