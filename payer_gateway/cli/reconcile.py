"""``payer-gateway reconcile``: our accepted claims against the insurer's own list."""

from __future__ import annotations

import click

from payer_gateway.cli.output import json_line, table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.errors import Conflict
from payer_gateway.workflow import reconciling


@click.command()
@click.argument("name", required=False)
@click.option("--days", type=click.IntRange(0, 3650), default=31, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One object per insurer, a line each.")
def reconcile(name: str | None, days: int, as_json: bool) -> None:
    """Compare what we hold as accepted with what the insurer (or each one) lists.

    Exit code 1 when they differ, or when an insurer's list could not be had.
    """
    wrong = False
    with opened() as services:
        for insurer in [name] if name else sorted(services.addresses):
            try:
                found = reconciling.reconcile(services, local_operator(), insurer, days)
            except (Conflict, reconciling.CannotList) as exc:
                if name is not None:
                    raise
                wrong = True
                click.echo(f"payer-gateway: {exc}", err=True)
                continue
            wrong |= bool(found.differences)
            if as_json:
                json_line(found.as_json())
            else:
                _tell(found)
    if wrong:
        raise click.exceptions.Exit(1)


def _tell(found: reconciling.Reconciled) -> None:
    click.echo(
        f"{found.insurer}, {found.first_day} to {found.last_day}: {found.listed} listed;"
        f" {found.count('ours')} ours it does not list, {found.count('theirs')} it lists that we do"
        f" not hold as accepted, {found.count('twice')} listed more than once"
    )
    if found.differences:
        rows = [
            [each.side, each.claim_identifier, each.submission, each.state, each.times]
            for each in found.differences
        ]
        table(["side", "claim_identifier", "submission", "state", "times"], rows)
