"""``payer-gateway submission show|resolve|cancel ID``."""

from __future__ import annotations

import sys

import click

from payer_gateway.cli.output import json_line
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.workflow import reading, repair


@click.group()
def submission() -> None:
    """Show, resolve or cancel one submission."""


@submission.command()
@click.argument("submission_id", metavar="ID")
@click.option("--request", "what", flag_value="request", help="The exact bytes sent.")
@click.option("--reply", "what", flag_value="reply", help="The exact bytes that came back.")
def show(submission_id: str, what: str | None) -> None:
    """The submission with its attempts; or the exact bytes of its last attempt."""
    with opened() as services:
        principal = local_operator()
        if what is None:
            json_line(reading.one_submission(services, principal, submission_id))
            return
        data = reading.exchanged_bytes(services, principal, submission_id, what)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@submission.command()
@click.argument("submission_id", metavar="ID")
@click.option("--booked", is_flag=True, help="The insurer has it.")
@click.option("--not-booked", is_flag=True, help="The insurer has not got it.")
@click.option("--evidence", required=True, help="How you know: who said so, which number.")
@click.option(
    "--control-number", metavar="NUMBER", help="With --booked: the insurer's number of it."
)
def resolve(
    submission_id: str, booked: bool, not_booked: bool, evidence: str, control_number: str | None
) -> None:
    """A person found out whether the insurer booked it."""
    if booked == not_booked:
        raise click.UsageError("say either --booked or --not-booked")
    with opened() as services:
        json_line(
            repair.resolve(
                services,
                local_operator(),
                submission_id,
                booked=booked,
                evidence=evidence,
                control_number=control_number,
            )
        )


@submission.command()
@click.argument("submission_id", metavar="ID")
@click.option("--reason", required=True)
@click.option(
    "--not-booked",
    metavar="EVIDENCE",
    help="Where nobody knows: how you know that the insurer has not got it.",
)
def cancel(submission_id: str, reason: str, not_booked: str | None) -> None:
    """Take it back before anything is booked."""
    with opened() as services:
        row = repair.cancel(
            services, local_operator(), submission_id, reason, not_booked=not_booked
        )
        json_line(row)
