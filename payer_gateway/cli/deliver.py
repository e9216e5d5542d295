"""``payer-gateway deliver``: the worker."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

import click

from payer_gateway.cli.logs import log_to_stderr
from payer_gateway.cli.processes import run_processes
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.principal import Role
from payer_gateway.storage.listings import Standing
from payer_gateway.workflow.delivery import Delivery


@click.command()
@click.option("--until-idle", is_flag=True, help="End when nothing can move without a person.")
@click.option("--max-wait", type=float, metavar="S", help="With --until-idle: end after S seconds.")
@click.option("--threads", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="That many processes of so many threads; not with --until-idle.",
)
def deliver(until_idle: bool, max_wait: float | None, threads: int, processes: int) -> None:
    """Send what is ready, ask about what is in doubt, fetch what is due.

    Runs until stopped. With --until-idle it exits 0 if nothing waits for a person, 1 if something
    is rejected, needs a person, is held by a pause or calling hours, or has no address.
    """
    if max_wait is not None and not until_idle:
        raise click.UsageError("--max-wait goes with --until-idle")
    if processes > 1:
        if until_idle:
            raise click.UsageError("--processes does not go with --until-idle")
        log_to_stderr()
        run_processes(processes, threads)
        return
    with opened() as services:
        delivery = Delivery(services, local_operator(Role.WORKER), threads=threads)
        if not until_idle:
            log_to_stderr()
            delivery.run(stop_on_signals())
            return
        delivery.on_progress = _progress() if sys.stderr.isatty() else None
        standing = delivery.run_until_idle(max_wait)
    for line in told(standing):
        click.echo(line)
    if needs_attention(standing):
        raise click.exceptions.Exit(1)


def stop_on_signals() -> threading.Event:
    """Set on SIGTERM and SIGINT: each thread finishes what it holds, then the process ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def needs_attention(standing: Standing) -> bool:
    left = standing.moving + standing.paused + standing.unaddressed + standing.after_hours
    return bool(standing.for_person or left)


def told(standing: Standing) -> list[str]:
    """What is left, in plain lines."""
    lines = []
    if standing.moving > standing.refused:
        lines.append(f"{standing.moving - standing.refused} still moving: deliver again")
    if standing.refused:
        lines.append(
            f"{standing.refused} held: their insurer's endpoint refuses us; see"
            " payer-gateway insurer list"
        )
    if standing.for_person:
        lines.append(
            f"{standing.for_person} waiting for a person: payer-gateway submissions,"
            " payer-gateway consultation waiting"
        )
    if standing.paused:
        lines.append(f"{standing.paused} held: their insurer is paused")
    if standing.after_hours:
        lines.append(f"{standing.after_hours} held: outside their insurer's calling hours")
    if standing.unaddressed:
        lines.append(
            f"{standing.unaddressed} held: their insurer has no address"
            " (PAYER_GATEWAY_INSURER_<NAME>_URL)"
        )
    if standing.unanswered:
        lines.append(f"{standing.unanswered} accepted, adjudication not here yet")
    return lines or ["everything is delivered and answered"]


def _progress() -> Callable[[Standing], None]:
    last: list[Standing] = []

    def show(standing: Standing) -> None:
        if last[-1:] != [standing]:
            last.append(standing)
            click.echo(
                f"\r{standing.moving} moving, {standing.for_person} for a person   ",
                err=True,
                nl=False,
            )

    return show
