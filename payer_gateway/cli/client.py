"""``payer-gateway client add``."""

from __future__ import annotations

import click

from payer_gateway.cli.output import json_line
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.principal import DEFAULT_TENANT, Role
from payer_gateway.workflow import clients


@click.group()
def client() -> None:
    """API clients and their keys."""


@client.command()
@click.argument("name")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@click.option(
    "--role",
    type=click.Choice([r.value for r in Role if r is not Role.WORKER]),
    required=True,
)
@click.option("--insurer", metavar="INSURER", help="With role insurer: whose answers it brings.")
@click.option("--json", "as_json", is_flag=True)
def add(name: str, tenant: str, role: str, insurer: str | None, as_json: bool) -> None:
    """Add a client. Its key is shown this once and kept only as a hash.

    A client of role insurer is bound to the insurer that bears its NAME, or to --insurer.
    """
    with opened() as services:
        added = clients.add(services, local_operator(), tenant, name, Role(role), insurer)
    if as_json:
        json_line(added)
    else:
        click.echo(f"{added['key']}\nKeep it now: it is not shown again.")
