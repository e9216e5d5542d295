"""``payer-gateway metrics``: what /metrics says, for a textfile collector or a look."""

from __future__ import annotations

import click

from payer_gateway.cli.session import local_operator, opened
from payer_gateway.workflow import measuring


@click.command()
def metrics() -> None:
    """Print the Prometheus metrics."""
    with opened() as services:
        click.echo(measuring.exposition(measuring.measure(services, local_operator())), nl=False)
