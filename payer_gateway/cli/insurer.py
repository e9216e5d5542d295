"""``payer-gateway insurer list|test|pause|resume|drain|history``."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from payer_gateway.cli.output import json_line, table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.settings import Settings
from payer_gateway.workflow import insurers, notified, preflight, steering


@click.group()
def insurer() -> None:
    """List, test, pause, drain and resume insurers."""


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
    columns = ["insurer", "version", "stage", "address", "mode", "breaker", "hours"]
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


_ALL = click.option("--all", "everything", is_flag=True, help="Every insurer there is or will be.")


@insurer.command()
@click.argument("name", required=False)
@_ALL
@click.option("--reason", required=True)
def pause(name: str | None, everything: bool, reason: str) -> None:
    """Hold everything for this insurer, or with --all for everybody; nothing is dropped."""
    with opened() as services:
        if _one_of(name, everything) is None:
            steering.stop_everything(services, local_operator(), reason)
            click.echo("everything is stopped: payer-gateway insurer resume --all lets it flow")
        else:
            steering.set_mode(services, local_operator(), name or "", "paused", reason)
            click.echo(f"{name} is paused")


@insurer.command()
@click.argument("name", required=False)
@_ALL
@click.option("--reason", help="Why it may flow again.")
def resume(name: str | None, everything: bool, reason: str | None) -> None:
    """Let it flow again. With --all the stop of everything is lifted; insurers that are paused or
    draining one by one stay so."""
    with opened() as services:
        if _one_of(name, everything) is None:
            steering.start_everything(services, local_operator(), reason)
            click.echo("nothing is stopped any more")
        else:
            steering.set_mode(services, local_operator(), name or "", "on", reason)
            click.echo(f"{name} is on")


@insurer.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every insurer that is on.")
@click.option("--reason", required=True)
@click.option(
    "--wait", type=float, metavar="S", help="Wait up to S seconds until nothing is under way."
)
def drain(name: str | None, everything: bool, reason: str, wait: float | None) -> None:
    """Send nothing new; what is in doubt is asked about and decisions are fetched. Before an
    upgrade: drain --all --wait 300. With --wait it exits 1 if something is still under way."""
    with opened() as services:
        chosen = _one_of(name, everything)
        if chosen is None:
            steering.drain_everything(services, local_operator(), reason)
        else:
            steering.set_mode(services, local_operator(), chosen, "draining", reason)
        left = steering.wait_until_drained(services, local_operator(), chosen, wait or 0.0)
    click.echo(f"{chosen or 'every insurer'} is draining, {left} under way")
    if wait is not None and left:
        raise click.exceptions.Exit(1)


@insurer.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One event a line.")
def history(name: str | None, limit: int, as_json: bool) -> None:
    """Who paused, drained, stopped and resumed what and why, and what the breakers did."""
    with opened() as services:
        events = steering.history(services, local_operator(), name, limit)
    if as_json:
        for event in events:
            json_line(event)
        return
    rows = [(e["at"][:19], e["insurer"] or "all", e["event"], e["by"], e["reason"]) for e in events]
    table(["at", "insurer", "event", "by", "reason"], rows)


def _one_of(name: str | None, everything: bool) -> str | None:
    """The one insurer that is meant; None for all of them."""
    if (name is None) != everything:
        raise click.UsageError("name one insurer, or say --all")
    return name
