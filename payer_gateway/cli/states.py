"""``payer-gateway states``: the table of states, drawn."""

from __future__ import annotations

import click

from payer_gateway.domain.submission import EDGES


@click.command()
@click.option("--mermaid", is_flag=True, help="As a Mermaid state diagram.")
def states(mermaid: bool) -> None:
    """Draw the states of a submission and every move there is."""
    click.echo(diagram() if mermaid else listing())


def diagram() -> str:
    lines = ["stateDiagram-v2", "    [*] --> ready"]
    lines += [f"    {e.source} --> {e.target}: {_short(e.when)}" for e in EDGES]
    return "\n".join(lines)


def listing() -> str:
    from tabulate import tabulate

    rows = [(e.source.value, e.target.value, e.when) for e in EDGES]
    return tabulate(rows, ["from", "to", "when"])


def _short(when: str) -> str:
    return when.replace(":", ",").replace(";", ",")
