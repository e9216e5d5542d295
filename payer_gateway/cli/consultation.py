"""``payer-gateway consultation waiting|decide|correct``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from payer_gateway.cli.output import json_line, table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.workflow import corrections, reading, repair


@click.group()
def consultation() -> None:
    """Decide what waits for a person; correct a claim."""


@consultation.command()
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
def waiting(as_json: bool) -> None:
    """What waits for a person's decision, and why."""
    with opened() as services:
        rows = reading.waiting_for_person(services, local_operator())
    if as_json:
        for row in rows:
            json_line(row)
        return
    columns = ["consultation", "source_id", "insurer", "use", "due_on", "why"]
    table(columns, [[row[c] for c in columns] for row in rows])


@consultation.command()
@click.argument("consultation_id", metavar="ID")
@click.option("--eligible", is_flag=True)
@click.option("--refuse", is_flag=True)
@click.option("--reason", required=True)
def decide(consultation_id: str, eligible: bool, refuse: bool, reason: str) -> None:
    """Decide a consultation that waits for a person."""
    if eligible == refuse:
        raise click.UsageError("say either --eligible or --refuse")
    with opened() as services:
        json_line(
            repair.decide_by_person(
                services, local_operator(), consultation_id, eligible=eligible, reason=reason
            )
        )


@consultation.command()
@click.argument("consultation_id", metavar="ID")
@click.option("--submission", "submission_id", metavar="ID", required=True)
@click.option("--replace", "document", type=click.Path(path_type=Path, exists=True))
@click.option("--void", is_flag=True)
@click.option("--reason", required=True)
def correct(
    consultation_id: str, submission_id: str, document: Path | None, void: bool, reason: str
) -> None:
    """Replace a claim by what a corrected consultation says, or void it."""
    if (document is None) != void:
        raise click.UsageError("give either --replace FILE or --void")
    kind: Literal["replace", "void"] = "void" if void else "replace"
    with opened() as services:
        json_line(
            corrections.correct(
                services,
                local_operator(),
                consultation_id,
                kind=kind,
                submission_id=submission_id,
                reason=reason,
                document=document.read_bytes() if document else None,
            )
        )
