"""``payer-gateway explain ID``."""

from __future__ import annotations

import click

from payer_gateway.cli.session import local_operator, opened
from payer_gateway.workflow import explaining


@click.command()
@click.argument("any_id", metavar="ID")
def explain(any_id: str) -> None:
    """The story of a consultation or a submission, in plain sentences."""
    with opened() as services:
        for line in explaining.story(services, local_operator(), any_id):
            click.echo(line)
