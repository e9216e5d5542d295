"""``payer-gateway retention``: old exchanges age out."""

from __future__ import annotations

import re

import click

from payer_gateway.cli.output import json_line
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.workflow import retaining


@click.command()
@click.option(
    "--older-than",
    default=f"{retaining.KEPT_DAYS}d",
    show_default=True,
    metavar="DAYS",
    help="How old, in days: 400d.",
)
@click.option("--dry-run", is_flag=True, help="Count, take nothing away.")
@click.option("--json", "as_json", is_flag=True, help="The counts as one object.")
def retention(older_than: str, dry_run: bool, as_json: bool) -> None:
    """Take away old exchanges of claims that have ended, and bodies that nothing names.

    Never taken away: claims, facts, moves; anything of a claim that waits for somebody; the last
    exchange of a claim, and the one in which the insurer took it.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,4})d?", older_than)
    if match is None:
        raise click.UsageError(f"--older-than {older_than!r}: write days, such as 400d")
    with opened() as services:
        counts = retaining.retain(services, local_operator(), int(match[1]), dry_run=dry_run)
    if as_json:
        json_line(counts)
        return
    would = "would be taken away" if dry_run else "taken away"
    click.echo(
        f"{counts['attempts']} attempts and {counts['bodies']} bodies {would}"
        f" (before {counts['older_than'][:10]})"
    )
