"""``payer-gateway mapping check|render``: insurers' files and what they make."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import NotFound
from payer_gateway.settings import Settings


@click.group()
def mapping() -> None:
    """Check and render insurers' mapping files."""


@mapping.command()
@click.argument("name")
def check(name: str) -> None:
    """Schema, codes and every golden case of an insurer's file; differences in words."""
    from payer_gateway.mapping import profile_check
    from payer_gateway.mapping.profile import Shelf

    settings = Settings.from_env(os.environ)
    shelf = Shelf(settings.mappings)
    problems = profile_check.check(shelf, shelf.find(name), settings.fixtures)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.exceptions.Exit(1)
    click.echo(f"{name}: nothing wrong")


@mapping.command()
@click.argument("name")
@click.argument("consultation", required=False)
@click.option("--use", type=click.Choice([u.value for u in Use]), default=None)
@click.option("--resolved", is_flag=True, help="The whole of what the insurer's file means.")
def render(name: str, consultation: str | None, use: str | None, resolved: bool) -> None:
    """Print the Bundle(s) that CONSULTATION (a file, or the id of one taken in) becomes for
    insurer NAME, one JSON line each, whatever the decision was."""
    from payer_gateway.mapping.canonical import canonical_json
    from payer_gateway.mapping.profile import Shelf

    if resolved == (consultation is not None):
        raise click.UsageError("give a CONSULTATION, or --resolved")
    if consultation is None:
        shelf = Shelf(Settings.from_env(os.environ).mappings)
        lines = [canonical_json(shelf.profile(shelf.find(name)).resolved())]
    else:
        from payer_gateway.cli.session import local_operator, opened
        from payer_gateway.workflow import rendering

        uses = (Use(use),) if use else (Use.CLAIM,)
        file = Path(consultation)
        if not file.is_file() and ("/" in consultation or consultation.endswith(".json")):
            raise NotFound(f"no file {consultation!r}")
        document = file.read_bytes() if file.is_file() else None
        with opened(store=document is None) as services:
            if document is None:
                document = rendering.stored_document(services, local_operator(), consultation)
            lines = rendering.render(services, name, document, uses)
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
