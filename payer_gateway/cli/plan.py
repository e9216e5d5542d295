"""``payer-gateway plan check|release``: a plan file, from its schema to its own decided cases."""

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
    """Check and release plan files."""


@plan.command()
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Schema, settings that contradict each other or never come to bear, and the plan's own cases
    (scenarios.yaml beside its file). Without NAME: every plan. Exit 1 if anything is wrong."""
    from payer_gateway.mapping.plans import PlanShelf

    shelf = PlanShelf(Settings.from_env(os.environ).mappings)
    right = [_is_right(shelf, each) for each in ((name,) if name else shelf.names())]
    if not all(right):
        raise click.exceptions.Exit(1)


@plan.command()
@click.argument("name")
def release(name: str) -> None:
    """Freeze the plan's highest version: from then on a changed file is refused. Exit 1, and
    nothing frozen, if anything is wrong with it."""
    from payer_gateway.mapping.plans import PlanShelf
    from payer_gateway.mapping.released import add_released

    settings = Settings.from_env(os.environ)
    shelf = PlanShelf(settings.mappings)
    found = shelf.plan(name)
    if not _is_right(shelf, name):
        raise click.exceptions.Exit(1)
    version = f"plans/{found.name.lower()}/v{found.version}"
    add_released(settings.mappings, {version: found.digest})
    click.echo(f"released {version} {found.digest}")


def _is_right(shelf: PlanShelf, name: str) -> bool:
    """Says what is wrong with the plan, or that nothing is."""
    from payer_gateway.domain.errors import MappingError

    try:
        problems, cases = list(_contradictions(shelf, name)), list(_cases(shelf, name))
    except MappingError as error:
        problems, cases = [str(error)], []
    failed = [text for text in cases if text]
    for problem in problems:
        click.echo(f"{name}: {problem}")
    for text in failed:
        click.echo(text)
    if problems or failed:
        return False
    own = f"; {len(cases)} of its own cases decided as they should be" if cases else ""
    click.echo(f"{name}: nothing wrong{own}")
    return True


def _contradictions(shelf: PlanShelf, name: str) -> Iterator[str]:
    from payer_gateway.mapping.plan_check import contradictions

    yield from contradictions(shelf.plan(name), shelf.keys(name))
    for key in shelf.repeated(name):
        yield f"{key}: it says what the plan inherits anyway; take it out"


def _cases(shelf: PlanShelf, name: str) -> Iterator[str]:
    """For each of the plan's own cases what differs; nothing where it is decided as it should."""
    from payer_gateway.cli.eligibility import run_file, told

    file = shelf.file(name).with_name("scenarios.yaml")
    if file.is_file():
        for outcome in run_file(file):
            yield "" if outcome.passed else told(outcome)
