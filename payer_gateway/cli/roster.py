"""``payer-gateway roster import FILE``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from payer_gateway.cli.output import json_line
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.errors import Fault
from payer_gateway.workflow.roster_import import Told, import_roster

# How often a pipe is told how far an import has come.
EVERY_LINES = 100_000


@click.group()
def roster() -> None:
    """Who is covered, and what of it is used."""


@roster.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--strict", is_flag=True, help="Keep all lines or, if one is bad, none.")
@click.option("--json", "as_json", is_flag=True, help="One object a bad line, then one of all.")
def import_(file: Path, strict: bool, as_json: bool) -> None:
    """Keep the members that FILE lists (CSV; the columns: docs/roster.md).

    A bad line is reported with its line number, column and cure, and left out. The same file again
    changes nothing. Exit 1 if any line was bad.
    """

    def bad(number: int, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            if as_json:
                json_line(
                    {
                        "line": number,
                        "column": fault.path,
                        "value": fault.value,
                        "cure": fault.cure,
                    }
                )
            else:
                value = "" if fault.value in (None, "") else f" = {fault.value!r}"
                click.echo(f"{file}:{number}: {fault.path}{value}: {fault.cure}")

    with opened() as services, _progress(file) as progress:
        summary = import_roster(
            services, local_operator(), file, Told(bad, progress), strict=strict
        )
    if as_json:
        json_line(summary)
    else:
        counts = ("added", "changed", "unchanged", "refused")
        click.echo(f"{summary['lines']} lines: " + ", ".join(f"{summary[c]} {c}" for c in counts))
        if not summary["kept"]:
            click.echo("nothing was kept: with --strict one bad line refuses the whole file")
    if summary["refused"]:
        raise click.exceptions.Exit(1)


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a plain line now and then in a pipe; both on stderr."""
    if sys.stderr.isatty():
        size = file.stat().st_size
        with click.progressbar(length=size, label="importing", file=sys.stderr) as bar:

            def moved(_lines: int, read_bytes: int) -> None:
                bar.update(read_bytes - bar.pos)

            yield moved
        return
    told = 0

    def counted(lines: int, _bytes: int) -> None:
        nonlocal told
        if lines // EVERY_LINES > told:
            told = lines // EVERY_LINES
            click.echo(f"{lines} lines read", err=True)

    yield counted
