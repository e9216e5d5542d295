"""``payer-gateway replay one ID --reason …``."""

from __future__ import annotations

import click

from payer_gateway.cli.output import json_line
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.workflow import repair


@click.group()
def replay() -> None:
    """Send failed submissions again."""


@replay.command()
@click.argument("submission_id", metavar="ID")
@click.option("--reason", required=True, help="Why: what has changed since it failed.")
def one(submission_id: str, reason: str) -> None:
    """Send one rejected or stuck submission again: same claim, same bytes."""
    with opened() as services:
        json_line(repair.replay_one(services, local_operator(), submission_id, reason))
