"""``payer-gateway insurer list|test|pause|resume``."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from payer_gateway.cli.output import json_line, table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.settings import Settings
from payer_gateway.workflow import insurers, notified, preflight, repair


@click.group()
def insurer() -> None:
    """List, test, pause and resume insurers."""


@insurer.command("list")
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
def list_(as_json: bool) -> None:
    """Every insurer there is a file for, and how its traffic flows."""
    with opened() as services:
        rows = insurers.listing(services, local_operator())
    if as_json:
        for row in rows:
            json_line(row)
        return
    columns = ["insurer", "version", "stage", "address", "mode", "breaker"]
    table(columns, [[row[c] for c in columns] for row in rows])


@insurer.command()
@click.argument("name", required=False)
@click.option("--unknown", is_flag=True, help="Only those about no claim of ours.")
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
def answers(name: str | None, unknown: bool, as_json: bool) -> None:
    """Late answers that insurers brought, the newest first (500 at most)."""
    with opened() as services:
        rows = notified.listing(services, local_operator(), name, unmatched=unknown)
    if as_json:
        for row in rows:
            json_line(row)
        return
    columns = ["received_at", "insurer", "claim_identifier", "submission", "outcome", "became"]
    table(columns, [[row[c] for c in columns] for row in rows])


@insurer.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One finding a line.")
def test(name: str, as_json: bool) -> None:
    """A pre-flight with marked test claims; a report both sides can sign."""
    settings = Settings.from_env(os.environ)
    with opened(settings, store=False) as services:
        profile, findings = preflight.run(services, local_operator(), name, settings.fixtures)
    if as_json:
        for f in findings:
            json_line({"check": f.check, "result": f.result, "detail": f.detail})
    else:
        click.echo(f"Pre-flight of {profile.payer_name} ({profile.name} v{profile.version}, stage")
        click.echo(f"{profile.stage}), {datetime.now(UTC):%Y-%m-%d %H:%M}Z")
        click.echo(f"profile digest {profile.digest}\n")
        table(["result", "check", "detail"], [(f.result, f.check, f.detail) for f in findings])
        click.echo("\nfor the insurer: ______________________   for the programme: ____________")
    failed = sum(f.result == "fail" for f in findings)
    if failed:
        click.echo(f"\n{failed} of {len(findings)} checks failed", err=True)
        raise click.exceptions.Exit(1)


@insurer.command()
@click.argument("name")
@click.option("--reason", required=True)
def pause(name: str, reason: str) -> None:
    """Hold everything for this insurer; nothing is dropped."""
    with opened() as services:
        repair.set_insurer_mode(services, local_operator(), name, "paused", reason)
    click.echo(f"{name} is paused")


@insurer.command()
@click.argument("name")
def resume(name: str) -> None:
    """Let it flow again."""
    with opened() as services:
        repair.set_insurer_mode(services, local_operator(), name, "on", None)
    click.echo(f"{name} is on")
