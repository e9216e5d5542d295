"""``payer-gateway submissions``: the listing."""

from __future__ import annotations

from contextlib import suppress

import click

from payer_gateway.cli.output import json_line, table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.submission import State
from payer_gateway.storage.listings import Filters
from payer_gateway.workflow import reading


@click.command()
@click.option("--state", type=click.Choice([s.value for s in State]))
@click.option("--insurer", metavar="NAME")
@click.option("--consultation", metavar="ID")
@click.option("--use", type=click.Choice(["claim", "preauthorization"]))
@click.option(
    "--unanswered",
    type=click.IntRange(0, 36500),
    metavar="DAYS",
    help="Accepted so many days ago or more, and not decided.",
)
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
def submissions(
    state: str | None,
    insurer: str | None,
    consultation: str | None,
    use: str | None,
    unanswered: int | None,
    as_json: bool,
) -> None:
    """List submissions, oldest first."""
    with opened() as services:
        if insurer is not None:
            # An alias is the insurer too; a name that no file knows any more is taken as it is.
            with suppress(MappingError):
                insurer = services.shelf.find(insurer)
        rows = reading.all_submissions(
            services,
            local_operator(),
            Filters(
                state=state,
                insurer=insurer,
                consultation=consultation,
                use=use,
                unanswered_days=unanswered,
                limit=500,
            ),
        )
        if as_json:
            for row in rows:
                json_line(row)
            return
        columns = ["id", "insurer", "use", "state", "attempts", "amount", "currency", "cause"]
        table(columns, [[row[c] for c in columns] for row in rows])
