"""``payer-gateway mapping new|check|render|release``: an insurer by files alone."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import click

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import NotFound
from payer_gateway.settings import Settings


@click.group()
def mapping() -> None:
    """Write, check, render and release insurers' mapping files."""


@mapping.command()
@click.argument("name")
@click.option("--like", required=True, help="Dialect of its prior authorizations: base-r4, pas-…")
def new(name: str, like: str) -> None:
    """Write an insurer's first file, with holes to fill in, and its first golden case."""
    from payer_gateway.mapping.onboarding import new_insurer

    settings = Settings.from_env(os.environ)
    for path in new_insurer(settings.mappings, settings.fixtures, name, like):
        click.echo(f"wrote {path}")
    click.echo(f"Fill in each FILL-ME, then: payer-gateway mapping check {name}")


@mapping.command()
@click.argument("name", required=False)
@click.option("--strict", is_flag=True, help="What no golden case exercises counts as a problem.")
def check(name: str | None, strict: bool) -> None:
    """Schema, codes and every golden case of an insurer's file; differences in words. Without
    NAME: of every insurer. Exit 1 if anything is wrong."""
    from payer_gateway.mapping import profile_check
    from payer_gateway.mapping.profile import Shelf

    settings = Settings.from_env(os.environ)
    shelf = Shelf(settings.mappings)
    names = shelf.names() if name is None else [shelf.find(name)]
    wrong = False
    for each in names:
        findings = profile_check.check(shelf, each, settings.fixtures)
        for problem in findings.problems:
            click.echo(problem)
        for untested in findings.untested:
            click.echo(f"not exercised: {untested}")
        wrong |= bool(findings.problems or (strict and findings.untested))
        if not findings.problems:
            click.echo(f"{each}: nothing wrong")
    if wrong:
        raise click.exceptions.Exit(1)


@mapping.command()
@click.argument("name")
def release(name: str) -> None:
    """Freeze the insurer's versions that are not frozen yet: from then on a changed file is
    refused. Golden cases that keep no Bundle get theirs. Exit 1, and nothing frozen, if anything
    is wrong."""
    from payer_gateway.mapping.onboarding import release as freeze
    from payer_gateway.mapping.profile import Shelf

    settings = Settings.from_env(os.environ)
    shelf = Shelf(settings.mappings)
    released = freeze(shelf, settings.mappings, settings.fixtures, shelf.find(name))
    for path in released.kept:
        click.echo(f"kept {path}: read it")
    for problem in released.problems:
        click.echo(problem)
    if released.problems:
        raise click.exceptions.Exit(1)
    for version, digest in released.digests.items():
        click.echo(f"released {version} {digest}")
    if not released.digests:
        click.echo(f"{name}: every version is released already")


@mapping.command()
@click.argument("name")
@click.argument("consultation", required=False)
@click.option(
    "--use",
    type=click.Choice([u.value for u in Use]),
    default=Use.CLAIM.value,
    show_default=True,
    help="What it is rendered as.",
)
@click.option("--resolved", is_flag=True, help="The whole of what the insurer's file means.")
def render(name: str, consultation: str | None, use: str, resolved: bool) -> None:
    """Print the Bundle(s) that CONSULTATION becomes for insurer NAME, one JSON line each, whatever
    the decision was. CONSULTATION: a file, the id of one taken in, or the name of one of NAME's
    golden cases, then by its claim.json."""
    from payer_gateway.mapping.canonical import canonical_json
    from payer_gateway.mapping.profile import Shelf

    if resolved == (consultation is not None):
        raise click.UsageError("give a CONSULTATION, or --resolved")
    settings = Settings.from_env(os.environ)
    if consultation is None:
        shelf = Shelf(settings.mappings)
        lines = [canonical_json(shelf.profile(shelf.find(name)).resolved())]
    else:
        from payer_gateway.cli.session import local_operator, opened
        from payer_gateway.workflow import rendering

        uses = (Use(use),)
        case = _case_of(settings, name, consultation)
        file = case or Path(consultation)
        if not file.is_file() and not _is_id(consultation):
            Shelf(settings.mappings).find(name)  # an insurer that there is not is said first
            known = ", ".join(sorted(_cases(settings, name))) or "none yet"
            raise NotFound(
                f"no file and no golden case of {name} is called {consultation!r} (golden cases:"
                f" {known}); write one of them, the path of a file, or a consultation's id"
            )
        document = file.read_bytes() if file.is_file() else None
        with opened(store=document is None) as services:
            if document is None:
                document = rendering.stored_document(services, local_operator(), consultation)
            kept = rendering.golden(services, name, case.parent, Use(use)) if case else None
            lines = [kept] if kept else rendering.render(services, name, document, uses)
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _case_of(settings: Settings, insurer: str, case: str) -> Path | None:
    """The consultation of the insurer's golden case of that name, in its newest version."""
    return _cases(settings, insurer).get(case)


def _cases(settings: Settings, insurer: str) -> dict[str, Path]:
    """The insurer's golden cases by name, each in the newest version that has it."""
    found = (settings.fixtures / insurer).glob("v*/*/consultation.json")
    ordered = sorted(found, key=lambda path: int(path.parent.parent.name[1:]))
    return {path.parent.name: path for path in ordered}


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
