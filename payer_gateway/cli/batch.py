"""``payer-gateway eligibility batch``: a night's run over a roster file."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from payer_gateway.settings import Settings

if TYPE_CHECKING:
    from payer_gateway.domain.standard_question import Ask
    from payer_gateway.workflow.batch import Run, Shelves

_MODES = ("telemedicine", "in_person", "hybrid", "records_review")
_SHOWN = 20  # faults on the screen; the whole list stands in the file


@contextmanager
def _uncollected() -> Iterator[None]:
    """What a run makes is held to its end: to look for cycles in it again and again takes time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the answers go: a name that ends in .csv or .parquet. Without it: CSV on stdout.",
)
@click.option(
    "--faults",
    "faults_out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the rows with faults are listed (CSV). Without it: beside OUT, as NAME.faults.csv.",
)
@click.option("--on", "on", metavar="DAY", help="The day of the opinion, YYYY-MM-DD; else today.")
@click.option("--benefits", metavar="NAME,…", help="Ask about these only; else all of the plan's.")
@click.option("--opinion", type=click.IntRange(2, 3), default=2, help="Second (2) or third (3).")
@click.option("--mode", type=click.Choice(_MODES), default="telemedicine", show_default=True)
@click.option("--network", type=click.Choice(["in", "out"]), default="in", show_default=True)
@click.option(
    "--price",
    "prices",
    metavar="CURRENCY=AMOUNT",
    multiple=True,
    help="Allowed amount to estimate the cost share of, such as USD=420.00; one per currency.",
)
@click.option("--diagnosis", metavar="CODE", help="ICD-10-CM; else an example of the category.")
@click.option("--procedure", metavar="CODE", help="ICD-10-PCS; else an example of the category.")
@click.option("--json", "as_json", is_flag=True, help="What came of it as one object; needs --out.")
@_uncollected()
def batch(
    file: Path,
    out: Path | None,
    faults_out: Path | None,
    on: str | None,
    benefits: str | None,
    opinion: int,
    mode: str,
    network: str,
    prices: tuple[str, ...],
    diagnosis: str | None,
    procedure: str | None,
    as_json: bool,
) -> None:
    """Is an opinion paid for each member of the roster FILE (CSV or Parquet, docs/roster.md), for
    each benefit of the plan? One row per member and benefit (docs/batch.md); nothing is kept.
    Exit 1 if any row has a fault."""
    _check_places(file, out, faults_out, as_json)
    # Reading, deciding and writing have a thread each; more of them for each step of the engine's
    # would take the cores from one another. It asks for this when it is first imported.
    os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    # While decisions are made in Python, those who read and write need it for a moment only.
    sys.setswitchinterval(0.001)
    # Before all else, for the engine reads while Python still gets itself and the plans ready.
    from payer_gateway.mapping.roster_blocks import blocks_of

    blocks = blocks_of(file)
    from payer_gateway.cli.session import local_operator
    from payer_gateway.domain.standard_question import Ask
    from payer_gateway.mapping import batch_answers
    from payer_gateway.workflow.batch import decide_roster

    settings = Settings.from_env(os.environ)
    today = settings.today or datetime.now(UTC).astimezone().date()
    shelves = _shelves(settings)
    ask = Ask(
        on=_day(on) if on else today,
        asked=today,
        examples={},
        opinion_number=opinion,
        mode=mode,
        network=network,
        prices=dict(map(_price, prices)),
        benefits=tuple(filter(None, map(str.strip, (benefits or "").split(",")))),
    )
    ask = _with_examples(ask, shelves, diagnosis, procedure)
    with batch_answers.writing(out) as answers:
        run = decide_roster(shelves, local_operator(), blocks, ask, _progress(file), answers.some)
        with _written_to(out):
            answers.all(run.members, run.answers)
    if out is not None:
        faults_out = faults_out or out.with_name(f"{out.stem}.faults.csv")
    if faults_out is not None:
        with _written_to(faults_out):
            batch_answers.write_faults(faults_out, run.faults)
    _tell(run, ask, file, out, faults_out, as_json)
    if run.faults:
        raise click.exceptions.Exit(1)


@contextmanager
def _written_to(place: Path | None) -> Iterator[None]:
    """What keeps a file from being written, with its place and the cure; stdout (None) is every
    command's, and so are its errors."""
    from polars.exceptions import PolarsError

    try:
        yield
    except (OSError, PolarsError) as exc:
        if place is None:
            raise
        cure = "make room there or write to another place; what stood there is as it was"
        raise click.ClickException(f"{place} cannot be written: {exc}; {cure}") from None


def _check_places(file: Path, out: Path | None, faults_out: Path | None, as_json: bool) -> None:
    """Before the work, not after it."""
    if as_json and out is None:
        raise click.UsageError("--json needs --out: without it the answers stand on stdout")
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise click.UsageError(f"--out {out}: write a name that ends in .csv or .parquet")
    for place in filter(None, (out, faults_out)):
        if place.resolve() == file.resolve():
            raise click.UsageError(f"{place} is the roster itself; write to another name")
        if not place.parent.is_dir():
            raise click.UsageError(f"{place.parent} is no folder; make it first")


def _shelves(settings: Settings) -> Shelves:
    from payer_gateway.codes import load_code_sets
    from payer_gateway.mapping.plans import PlanShelf
    from payer_gateway.mapping.profile import Shelf
    from payer_gateway.workflow.batch import Shelves

    return Shelves(Shelf(settings.mappings), PlanShelf(settings.mappings), load_code_sets())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--on {text}: write a day as YYYY-MM-DD") from None


def _price(text: str) -> tuple[str, Any]:
    from payer_gateway.domain.money import Money

    currency, _, amount = text.partition("=")
    currency = currency.strip().upper()
    try:
        price = Money(Decimal(amount.strip()), currency)
    except (ValueError, InvalidOperation) as exc:
        said = "no amount" if isinstance(exc, InvalidOperation) else str(exc)
        raise click.UsageError(f"--price {text}: {said}; write it like USD=420.00") from None
    if price.amount < 0:
        raise click.UsageError(f"--price {text}: an amount has no sign; write it like USD=420.00")
    return currency, price


def _with_examples(ask: Ask, shelves: Shelves, diagnosis: str | None, procedure: str | None) -> Ask:
    """The ask with the conditions that are asked about. Raises UsageError for a code that is none
    on the day, and for a benefit that no plan has."""
    from payer_gateway.codes import ICD_10_CM, ICD_10_PCS
    from payer_gateway.domain.consultation import Coding
    from payer_gateway.workflow.batch import EXAMPLES

    examples = dict(EXAMPLES)
    if diagnosis:
        coding = Coding(ICD_10_CM, diagnosis)
        verdict = shelves.codes.diagnosis(coding, ask.on).verdict
        if verdict != "valid":
            cure = "write an ICD-10-CM code that can be billed on that day, such as C50.911"
            raise click.UsageError(f"--diagnosis {diagnosis}: {verdict.replace('_', ' ')}; {cure}")
        examples = {name: replace(each, diagnosis=coding) for name, each in examples.items()}
    if procedure:
        coding = Coding(ICD_10_PCS, procedure)
        if shelves.codes.surgery_group(coding) is None:
            cure = "write an ICD-10-PCS code of a complex operation, such as 021109W"
            raise click.UsageError(f"--procedure {procedure}: it is in no group; {cure}")
        examples = {
            name: replace(each, procedure=coding) if each.procedure else each
            for name, each in examples.items()
        }
    if ask.benefits:
        known = sorted({b for n in shelves.plans.names() for b in shelves.plans.plan(n).benefits})
        for name in ask.benefits:
            if name not in known:
                cure = f"write some of {', '.join(known)}"
                raise click.UsageError(f"--benefits {name}: no plan has it; {cure}")
    return replace(ask, examples=examples)


def _progress(file: Path) -> Callable[[int, int], None]:
    """On a terminal one line that changes, in a pipe a plain line now and then; on stderr."""
    from payer_gateway.mapping.roster_blocks import size_of

    whole, is_terminal = max(1, size_of(file)), sys.stderr.isatty()
    told_at = time.monotonic()

    def tell(read: int, rows: int) -> None:
        nonlocal told_at
        is_done = read >= whole
        if is_terminal:
            text = f"\r{100 * read // whole:>3} % of {file.name}, {rows:,} rows"
            click.echo(text, err=True, nl=is_done)
        elif is_done or time.monotonic() - told_at >= 2:
            told_at = time.monotonic()
            click.echo(f"{100 * read // whole} % of {file.name}, {rows} rows", err=True)

    return tell


def _tell(
    run: Run, ask: Ask, file: Path, out: Path | None, faults_out: Path | None, as_json: bool
) -> None:
    bad = len({fault.line for fault in run.faults})
    answers = sum(sum(told.values()) for told in run.decisions.values())
    if as_json:
        from payer_gateway.cli.output import json_line

        json_line(
            {
                "file": str(file),
                "on": ask.on.isoformat(),
                "rows": run.rows,
                "members": run.members.height,
                "answers": answers,
                "rows_with_faults": bad,
                "faults": len(run.faults),
                "decided": run.decided,
                "decisions": run.decisions,
                "out": str(out),
                "faults_out": str(faults_out),
            }
        )
        return
    err = out is None  # the answers stand on stdout
    click.echo(
        f"{run.rows} rows: {run.members.height} members answered ({answers} answers, {run.decided}"
        f" kinds of member decided), {bad} rows with faults",
        err=err,
    )
    for benefit, told in run.decisions.items():
        counts = ", ".join(f"{n} {verdict}" for verdict, n in told.items())
        click.echo(f"  {benefit}: {counts}", err=err)
    for fault in run.faults[:_SHOWN]:
        where = f"line {fault.line}" + (f": {fault.column}" if fault.column else "")
        said = f": {fault.value!r}" if fault.value else ""
        click.echo(f"  {where}{said}: {fault.cure}", err=True)
    if len(run.faults) > _SHOWN:
        rest = f"all of them in {faults_out}" if faults_out else "--faults FILE lists them all"
        click.echo(f"  … {len(run.faults) - _SHOWN} more; {rest}", err=True)
