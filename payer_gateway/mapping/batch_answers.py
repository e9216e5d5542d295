"""The answers of a night's run as a file: one row per member and benefit (``docs/batch.md``).

Equal answers are written once and then repeated by the columnar engine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Protocol

import polars as pl

from payer_gateway.domain.cost import Cost
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.roster import Membership
from payer_gateway.mapping.roster_blocks import LineFault
from payer_gateway.mapping.whole_files import whole

Cell = str | int | bool | date | None


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: type[pl.DataType]
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("member_id", pl.String, "as the roster writes it"),
    Column("insurer", pl.String, "as the roster writes it"),
    Column("plan", pl.String, "the plan's name"),
    Column("plan_version", pl.Int32, "the version of the plan's file that was applied"),
    Column("benefit", pl.String, "the benefit that was asked about"),
    Column("decision", pl.String, "ELIGIBLE, CONDITIONAL, PENDED, NOT_ELIGIBLE or INVALID"),
    Column("reasons", pl.String, "reason codes in order, separated by spaces"),
    Column("auth_required", pl.Boolean, "whether an authorization is asked for first"),
    Column("allowed", pl.String, "the price that was asked about, as a decimal"),
    Column("member_pays", pl.String, "the member's share of it; an estimate"),
    Column("plan_pays", pl.String, "the plan's share; both together are what is allowed"),
    Column("currency", pl.String, "ISO 4217, of every amount of the row"),
    Column("remaining_second", pl.Int32, "second opinions left; empty: no limit"),
    Column("remaining_third", pl.Int32, "third opinions left; empty: no limit"),
    Column("remaining_amount", pl.String, "what is left of an allowance in money; empty: none"),
    Column("eligible_from", pl.Date, "first day covered, where that is still to come"),
    Column("bill_first", pl.String, "the insurer that is billed before this one"),
    Column("notes", pl.String, "codes of what else is to be known, separated by spaces"),
    Column("service_type", pl.String, "X12 service type"),
    Column("modifier_hint", pl.String, "HCPCS modifier for the claim"),
    Column("carc", pl.String, "X12 claim adjustment reason of the first reason that has one"),
    Column("eb01", pl.String, "X12 271 EB01 of the first reason that has one"),
    Column("aaa", pl.String, "X12 271 AAA03 of the first reason that has one"),
    Column("valid_until", pl.Date, "last day that the answer holds for"),
)
# Where the estimate stands, without member_id.
_COST = [column.name for column in COLUMNS].index("allowed") - 1
_AFTER = _COST + 3
# In a list of names, each with a tab before it.
_ODD_IN_CSV = ('"', ",", "\r", "\n", "\t-", "\t=", "\t+", "\t@")
FAULT_COLUMNS = ("line", "column", "value", "cure")


def cells_of(member: Membership, plan: Plan, benefit: str, decision: Decision) -> tuple[Cell, ...]:
    """The cells of an answer, without the member's own number."""
    cost = decision.cost
    return (
        member.insurer,
        plan.name,
        plan.version,
        benefit,
        decision.verdict.value,
        " ".join(reason.code.value for reason in decision.reasons),
        decision.auth_required,
        *map(_amount, (None,) * 3 if cost is None else _shares(cost)),
        plan.currency,
        decision.remaining.get(2),
        decision.remaining.get(3),
        _amount(decision.remaining_amount),
        decision.eligible_from,
        decision.bill_first,
        " ".join(decision.notes),
        decision.service_type,
        decision.modifier_hint,
        *(decision.number(name) for name in ("carc", "eb01", "aaa")),
        decision.valid_until,
    )


def with_cost(cells: tuple[Cell, ...], cost: Cost) -> tuple[Cell, ...]:
    """The cells of an answer that differs in its estimate alone."""
    return (*cells[:_COST], *map(_amount, _shares(cost)), *cells[_AFTER:])


def _shares(cost: Cost) -> tuple[Money, Money, Money]:
    return cost.allowed, cost.member, cost.plan


def _amount(money: Money | None) -> str | None:
    return None if money is None else str(money.amount)


@contextmanager
def writing(path: Path | None) -> Iterator[Writing]:
    """Where the answers of a run go: a file whose name ends in .csv or .parquet, or stdout. What
    stands under the name is replaced when the block ends."""
    if path is None:
        yield _AtTheEnd(_print_csv)
    elif path.suffix.lower() == ".parquet":
        with whole(path) as temporary:
            yield _AtTheEnd(partial(_write_parquet, temporary))
    else:
        with (
            whole(path) as temporary,
            temporary.open("wb") as file,
            ThreadPoolExecutor(1, "answers") as writer,
        ):
            yield _AsTheyCome(file, writer)


class Writing(Protocol):
    """``members``: member_id, and the first and count of its rows in ``answers``."""

    def some(self, members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
        """More members are answered; ``answers`` are all so far."""

    def all(self, members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
        """What is to be written, in the end: all that there was some of, or less."""


class _AtTheEnd:
    def __init__(self, write: Callable[[pl.DataFrame, Sequence[tuple[Cell, ...]]], None]) -> None:
        self.all = write

    def some(self, members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
        """Nothing: what is written cannot be taken back there."""


class _AsTheyCome:
    """Writes in a thread of its own while others are still being decided, and begins anew should
    it turn out that the file named a member twice."""

    def __init__(self, file: BinaryIO, writer: ThreadPoolExecutor) -> None:
        self._file, self._writer = file, writer
        self._lines: list[str] = []
        self._members = self._known = 0
        self._under_way: list[Future[None]] = [writer.submit(_write_header, file)]

    def some(self, members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
        self._members += members.height
        new = answers[self._known :]
        self._known = len(answers)
        self._under_way.append(self._writer.submit(self._write, members, new))

    def all(self, members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
        for each in self._under_way:
            each.result()
        if members.height != self._members:
            self._file.seek(0)
            self._file.truncate()
            write_csv(self._file, members, answers)

    def _write(self, members: pl.DataFrame, new: Sequence[tuple[Cell, ...]]) -> None:
        self._lines += _lines(new)
        _write_members(self._file, members, pl.Series(self._lines, dtype=pl.String))


def write_csv(file: IO[bytes], members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
    _write_header(file)
    texts = pl.Series(_lines(answers), dtype=pl.String)
    for part in members.iter_slices(250_000):
        _write_members(file, part, texts)


def _print_csv(members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
    """Written by Python, which knows stdout: the engine would go to the file behind it."""
    _write_header(sys.stdout.buffer)
    texts = pl.Series(_lines(answers), dtype=pl.String)
    for part in members.iter_slices(50_000):
        written = BytesIO()
        _write_members(written, part, texts)
        sys.stdout.buffer.write(written.getbuffer())
    sys.stdout.flush()


def _write_header(file: IO[bytes]) -> None:
    file.write((",".join(column.name for column in COLUMNS) + "\n").encode())


def _write_members(file: IO[bytes], members: pl.DataFrame, texts: pl.Series) -> None:
    """What all answers have in common is put into CSV once for each of them, not once a row."""
    if _need_care(members["member_id"]):
        careful = pl.col("member_id").map_elements(_cell, return_dtype=pl.String)
        members = members.with_columns(careful)
    rows = _exploded(members)
    answer = texts.gather(rows["answer"])
    pl.DataFrame([rows["member_id"], answer.alias("answer")]).write_csv(
        file, include_header=False, quote_style="never"
    )


def _need_care(names: pl.Series) -> bool:
    """Whether CSV may write one of them otherwise. One look at all of them together, for one at
    each takes longer."""
    text = "".join(["\t", *names.str.join("\t")])
    return any(mark in text for mark in _ODD_IN_CSV) or text.count("\t") > names.len()


def _write_parquet(path: Path, members: pl.DataFrame, answers: Sequence[tuple[Cell, ...]]) -> None:
    schema = {column.name: column.kind for column in COLUMNS[1:]}
    table = pl.DataFrame(answers, schema=schema, orient="row")
    rows = _exploded(members)
    # As categories: a text that many rows share is held once.
    table = table.select(pl.col(pl.String).cast(pl.Categorical), pl.exclude(pl.String))
    told = table[rows["answer"]].with_columns(rows["member_id"])
    told.select(column.name for column in COLUMNS).write_parquet(path)


def _exploded(members: pl.DataFrame) -> pl.DataFrame:
    """One row per answer: member_id, answer."""
    ranges = pl.int_ranges(pl.col("first"), pl.col("first") + pl.col("count"), dtype=pl.UInt32)
    return members.select("member_id", ranges.alias("answer")).explode("answer")


def _lines(answers: Iterable[tuple[Cell, ...]]) -> Iterator[str]:
    for each in answers:
        yield ",".join(map(_text, (each[:_COST], each[_COST:_AFTER], each[_AFTER:])))


# Many answers differ in their estimate alone.
@lru_cache(maxsize=65536)
def _text(cells: tuple[Cell, ...]) -> str:
    return ",".join(map(_cell, cells))


def _cell(value: Cell) -> str:
    """As CSV writes it. A text that a spreadsheet would take for a formula gets an apostrophe in
    front of it (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        text = "'" + text
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_faults(path: Path, faults: Iterable[LineFault]) -> None:
    with whole(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(FAULT_COLUMNS) + "\n")
            for each in faults:
                cells: tuple[Cell, ...] = (each.line, each.column, each.value, each.cure)
                file.write(",".join(map(_cell, cells)) + "\n")
