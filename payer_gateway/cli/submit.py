"""``payer-gateway submit PATH…``: files or folders of consultations come in."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from payer_gateway.cli.output import json_line, table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.errors import Conflict, Fault, InvalidInput, MappingError
from payer_gateway.domain.principal import Principal
from payer_gateway.workflow import intake
from payer_gateway.workflow.services import Services


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One object a line, a line per file.")
def submit(paths: tuple[Path, ...], as_json: bool) -> None:
    """Take consultations in: decide them and put the claims that follow into the outbox.

    PATH is a JSON file or a folder of them. A bad file is reported and never stops the others;
    submitting the same file again changes nothing.
    """
    with opened() as services:
        lines = list(submit_files(services, local_operator(), paths, as_json=as_json))
    if not as_json:
        _summarize(lines)
    if any(line.get("errors") for line in lines):
        raise click.exceptions.Exit(1)


def submit_files(
    services: Services, principal: Principal, paths: Sequence[Path], *, as_json: bool
) -> Iterator[dict[str, Any]]:
    """A line of the outside contract for each file, printed as it comes."""
    files = [file for path in paths for file in _files_of(path)]
    shown = not as_json and sys.stderr.isatty()
    with click.progressbar(
        files, label="submitting", file=sys.stderr, hidden=not shown
    ) as progress:
        for file in progress:
            line = {"file": str(file), **_submit_one(services, principal, file)}
            if as_json:
                json_line(line)
            yield line


def _files_of(path: Path) -> list[Path]:
    """The consultations of a folder; a folder that has none stands for itself, to be reported."""
    found = sorted(path.glob("*.json")) if path.is_dir() else []
    return found or [path]


def _submit_one(services: Services, principal: Principal, file: Path) -> dict[str, Any]:
    if file.is_dir():
        return _refused((Fault("$", str(file), "name a JSON file, or a folder that holds some"),))
    try:
        document = file.read_bytes()
    except OSError as exc:
        return _refused((Fault("$", str(file), f"cannot be read: {exc.strerror}"),))
    try:
        return intake.take_in(services, principal, document).summary
    except InvalidInput as exc:
        return _refused(exc.faults)
    except Conflict as exc:
        return _refused((Fault("id", file.name, str(exc)),))
    except MappingError as exc:
        return _refused((Fault("$", file.name, str(exc)),))


def _refused(faults: tuple[Fault, ...]) -> dict[str, Any]:
    return {
        "consultation": None,
        "decision": None,
        "errors": [{"path": f.path, "value": f.value, "cure": f.cure} for f in faults],
    }


def _summarize(lines: list[dict[str, Any]]) -> None:
    table(
        ["file", "decision", "reasons", "submissions", "planned"],
        [
            (
                Path(line["file"]).name,
                line["decision"] or "not taken",
                " ".join(line.get("reasons", ())),
                ", ".join(f"{s['use']} → {s['insurer']}" for s in line.get("submissions", ())),
                ", ".join(f"{p['use']} ({p['waits_for']})" for p in line.get("planned", ())),
            )
            for line in lines
        ],
    )
    for line in lines:
        for error in line.get("errors", ()):
            click.echo(f"{line['file']}: {error['path']} = {error['value']!r}: {error['cure']}")
    counts = Counter(line["decision"] or "not taken" for line in lines)
    click.echo(
        f"\n{len(lines)} files: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
    )
