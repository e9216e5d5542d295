"""``payer-gateway sandbox``: an insurer to try things against."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="0 takes a free one.")
@click.option("--ledger", type=click.Path(path_type=Path), required=True, help="What it booked.")
@click.option(
    "--profile",
    type=click.Path(path_type=Path, exists=True),
    help="An insurer's file as `mapping render --resolved` prints it.",
)
@click.option("--token", help="Bearer token it asks for.", envvar="PAYER_GATEWAY_SANDBOX_TOKEN")
@click.option("--notify", help="Address that late answers to prior authorizations are brought to.")
@click.option(
    "--notify-token",
    help="Bearer token it brings along.",
    envvar="PAYER_GATEWAY_SANDBOX_NOTIFY_TOKEN",
)
def sandbox(
    port: int,
    ledger: Path,
    profile: Path | None,
    token: str | None,
    notify: str | None,
    notify_token: str | None,
) -> None:
    """An insurer in its own process. It books every claim it accepts and never deduplicates,
    except in the mood that says so; moods end a member id: -MOOD-DENY, -AUTH, -REJECT, -BUSY,
    -DROP, -LATE, -GARBAGE, -DEDUPE; for prior authorizations -PEND, -MODIFY, -SECOND, -ERROR."""
    from payer_gateway.sandbox import serve

    def ready(actual: int) -> None:
        click.echo(f"sandbox insurer on http://127.0.0.1:{actual}")

    try:
        serve(
            port,
            ledger,
            profile,
            token=token,
            notify=notify,
            notify_token=notify_token,
            on_ready=ready,
        )
    except (OSError, ValueError) as exc:
        raise click.ClickException(str(exc)) from exc
