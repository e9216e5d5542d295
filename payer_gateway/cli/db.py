"""``payer-gateway db upgrade|after-restore``."""

from __future__ import annotations

import os

import click

from payer_gateway.cli.output import json_line
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.errors import Conflict
from payer_gateway.settings import Settings
from payer_gateway.storage.database import Database
from payer_gateway.storage.workers import working_against
from payer_gateway.workflow import restoring


@click.group()
def db() -> None:
    """The database's schema, and what to do after a restore."""


@db.command()
@click.option("--force", is_flag=True, help="Even while workers are at work.")
def upgrade(force: bool) -> None:
    """Bring the schema to this version. Stop the workers first: it is refused while one works."""
    database = Database(Settings.from_env(os.environ).database_url)
    try:
        working = [] if force else working_against(database)
        if working:
            raise Conflict(
                f"{len(working)} workers are at work on it ({', '.join(working[:5])}): stop them"
                " first. One that was killed counts as gone after 30 s"
            )
        database.upgrade()
        click.echo(f"schema {database.schema_version()}")
    finally:
        database.close()


@db.command("after-restore")
@click.option(
    "--ask-first-days",
    type=click.IntRange(0, 365),
    default=restoring.ASK_FIRST_DAYS,
    show_default=True,
    help="How long new claims are asked about before they are sent.",
)
@click.option("--lift", is_flag=True, help="End that: new claims are sent at once again.")
@click.option("--json", "as_json", is_flag=True, help="The counts as one object.")
def after_restore(ask_first_days: int, lift: bool, as_json: bool) -> None:
    """Run this once after a restore, before any worker: a backup must not bill twice.

    The database has forgotten what was sent since the backup. Everything open is put in doubt,
    so that the insurer is asked before anything leaves; new claims are asked about first, too.
    """
    with opened() as services:
        if lift:
            lifted = restoring.lift(services, local_operator())
            click.echo("new claims are sent at once" if lifted else "no restore is in force")
            return
        counts = restoring.after_restore(services, local_operator(), ask_first_days)
    if as_json:
        json_line(counts)
        return
    click.echo(f"{counts['in_doubt']} in doubt: their insurers are asked before anything is sent")
    if counts["needs_human"]:
        click.echo(
            f"{counts['needs_human']} for a person: their insurers cannot be asked"
            " (payer-gateway submissions --state needs_human)"
        )
    if counts["unknown"]:
        click.echo(
            f"{counts['unknown']} rejected or with a person: a replay asks first, or wants evidence"
        )
    click.echo(f"new claims are asked about first until {counts['ask_first_until']}")
    click.echo("Next: payer-gateway deliver, then payer-gateway reconcile for each insurer.")
