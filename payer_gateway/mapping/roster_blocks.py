"""A roster file by blocks of rows: columns for a columnar engine, each row with its line.

Says the same of a file as ``roster_file`` does line by line. A row is one line: no value of a
roster goes over a line's end. A block that is plainly a grid (no quotes, as many commas in every
line as in the first) is read by the engine; any other one by Python, line by line, with the same
result.
"""

from __future__ import annotations

import csv
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import polars as pl
from polars.exceptions import PolarsError

from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.roster_file import (
    COLUMNS,
    EMPTY,
    SAVE_AS_UTF_8,
    Column,
    no_roster,
    read_header,
)

BLOCK = 16 << 20  # bytes: some 150,000 lines; large enough for the engine, small in memory
_AHEAD = 4  # blocks that are read while the one before them is looked at
_ROWS = 131_072  # of a Parquet file at a time
_MARKS = b',"\r\n'
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(_MARKS))  # ASCII that can be seen, and the space
_NO_MARKS = bytes(set(range(256)) - set(_MARKS))
# Columns whose texts are a row's own, or not looked at.
_OWN = ("member_id", "employer_id", "employee_id", "subscriber_id", "network")
WORDED = tuple(column.name for column in COLUMNS if column.name not in _OWN)
_Kinds = Mapping[str, pl.DataType]


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with one line (of Parquet: one row, counted from 1)."""

    line: int
    column: str  # empty: the line as a whole
    value: str
    cure: str


@dataclass(frozen=True, slots=True)
class Block:
    """``frame``: every column of a roster, in the order of ``COLUMNS``; null where the file says
    nothing. Those of ``WORDED``, whose texts many rows share, are categories, the same ones in all
    blocks of a file; the others are text. ``has_odd_text``: control or other than ASCII characters
    may stand in it."""

    frame: pl.DataFrame
    lines: pl.Series
    faults: tuple[LineFault, ...]
    has_odd_text: bool
    read: int  # bytes (of Parquet: rows) of the file so far


def size_of(path: Path) -> int:
    """What ``Block.read`` grows to."""
    if is_parquet(path):
        try:
            return int(pl.scan_parquet(path).select(pl.len()).collect().item())
        except PolarsError:
            return 0  # whoever reads it is told
    return path.stat().st_size


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def blocks_of(path: Path, size: int = BLOCK) -> Iterator[Block]:
    """Reading begins at once, in a thread of its own. The first block that is asked for raises
    InvalidInput when the first line (the columns) is wrong, or it is no such file."""
    kinds = {name: pl.Categorical(pl.Categories(f"{name}-{uuid4().hex}")) for name in WORDED}
    if is_parquet(path):
        blocks = _parquet_blocks(path, kinds)
    else:
        blocks = _csv_blocks(path, kinds, size)
    reader = ThreadPoolExecutor(1)
    coming = deque(reader.submit(next, blocks, None) for _ in range(_AHEAD))

    def in_turn() -> Iterator[Block]:
        with reader:
            while (block := coming.popleft().result()) is not None:
                coming.append(reader.submit(next, blocks, None))
                yield block

    return in_turn()


# -- CSV ------------------------------------------------------------------------------------------


def _csv_blocks(path: Path, kinds: _Kinds, size: int) -> Iterator[Block]:
    with path.open("rb") as file:
        line, header = 0, b""
        for raw in file:
            line += 1
            header = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
            if header.strip():
                break
        if not header.strip():
            raise no_roster(EMPTY)
        try:
            cells = _cells(header.decode("utf-8").rstrip("\r\n"))
        except UnicodeDecodeError:
            raise no_roster(f"it is not UTF-8; {SAVE_AS_UTF_8}") from None
        except csv.Error:
            raise no_roster("its quotes do not close") from None
        if any("\r" in cell for cell in cells):
            raise no_roster(
                "lines end in CR alone; save the file with lines that end in LF or CRLF"
            )
        columns = read_header(cells)
        line += 1
        while data := _whole_lines(file, size):
            block, height = _block(data, line, columns, kinds, file.tell())
            line += height
            yield block


def _whole_lines(file: BinaryIO, size: int) -> bytes:
    """Some ``size`` bytes, up to the end of a line; read once, for copies of them take time."""
    begin = file.tell()
    file.seek(size, os.SEEK_CUR)
    file.readline()
    end = file.tell()
    file.seek(begin)
    data = file.read(end - begin)
    return data if not data or data.endswith(b"\n") else data + b"\n"


def _block(
    data: bytes, first_line: int, columns: Sequence[Column], kinds: _Kinds, read: int
) -> tuple[Block, int]:
    """With the number of its lines."""
    names = [column.name for column in columns]
    rows = _rows_of_grid(data.translate(None, _PLAIN), len(names))
    if has_odd_text := rows is None:
        rows = _rows_of_grid(data.translate(None, _NO_MARKS), len(names))
    if rows is not None:
        has_spaces = has_odd_text or _has_spaces_around(data)
        # What stands around a word must not make another word of it.
        frame = _grid(data, names, {} if has_spaces else kinds)
        if frame is not None:
            lines = pl.int_range(first_line, first_line + rows, dtype=pl.UInt32, eager=True)
            return Block(_whole(frame, kinds, has_spaces), lines, (), has_odd_text, read), rows
    good: list[list[str]] = []
    at: list[int] = []
    faults: list[LineFault] = []
    texts = data.split(b"\n")[:-1]
    for number, raw in enumerate(texts, start=first_line):
        cells, fault = _row(raw.removesuffix(b"\r"), number, len(names))
        if fault is not None:
            faults.append(fault)
        elif cells is not None:
            good.append(cells)
            at.append(number)
    frame = pl.DataFrame(good, schema=dict.fromkeys(names, pl.String), orient="row")
    lines = pl.Series(at, dtype=pl.UInt32)
    return Block(_whole(frame, kinds, True), lines, tuple(faults), True, read), len(texts)


def _rows_of_grid(marks: bytes, width: int) -> int | None:
    """How many lines, where these, which are all that is no plain text, are as many commas in each
    of them."""
    for end in (b"\n", b"\r\n"):
        line = b"," * (width - 1) + end
        rows, rest = divmod(len(marks), len(line))
        if not rest and marks == line * rows:
            return rows
    return None


def _has_spaces_around(data: bytes) -> bool:
    """Whether a space stands at the beginning or end of a cell. ``data`` ends with a line's end."""
    at = data.find(b" ")
    while at >= 0:
        if at == 0 or data[at - 1] in b",\n" or data[at + 1] in b",\r\n":
            return True
        at = data.find(b" ", at + 1)
    return False


def _grid(data: bytes, names: Sequence[str], kinds: _Kinds) -> pl.DataFrame | None:
    """None for what is no UTF-8."""
    schema = {name: kinds.get(name, pl.String()) for name in names}
    try:
        return pl.read_csv(data, has_header=False, schema=schema, quote_char=None)
    except PolarsError:
        return None


def _row(raw: bytes, line: int, width: int) -> tuple[list[str] | None, LineFault | None]:
    """The cells of a line, or what is wrong with it; neither for an empty one."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None, LineFault(line, "", "", f"it is not UTF-8; {SAVE_AS_UTF_8}")
    if not text.strip():
        return None, None
    try:
        cells = _cells(text)
    except csv.Error:
        cure = "a quote is not closed, or text follows it; write one line, quotes doubled inside"
        return None, LineFault(line, "", text[:80], cure)
    if len(cells) != width:
        cure = f"it has {len(cells)} cells and the file {width} columns; quote commas in values"
        return None, LineFault(line, "", text[:80], cure)
    return cells, None


def _cells(text: str) -> list[str]:
    return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")


# -- Parquet --------------------------------------------------------------------------------------


def _parquet_blocks(path: Path, kinds: _Kinds) -> Iterator[Block]:
    try:
        table = pl.scan_parquet(path)
        schema = table.collect_schema()
    except PolarsError as exc:
        raise _broken(path, exc) from None
    names = [column.name for column in read_header(schema.names())]
    texts = [_as_text(old, kind).alias(new) for (old, kind), new in zip(schema.items(), names)]  # noqa: B905
    at = 0
    while (frame := _rows(path, table.slice(at, _ROWS).select(texts))).height:
        lines = pl.int_range(at + 1, at + 1 + frame.height, dtype=pl.UInt32, eager=True)
        at += frame.height
        yield Block(_whole(frame, kinds, True), lines, (), True, at)


def _rows(path: Path, table: pl.LazyFrame) -> pl.DataFrame:
    try:
        return table.collect()
    except PolarsError as exc:
        raise _broken(path, exc) from None


def _broken(path: Path, exc: PolarsError) -> InvalidInput:
    said = str(exc).splitlines()[0]
    return InvalidInput(
        (Fault(path.name, None, f"the Parquet file is broken ({said}); export it again"),)
    )


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """As the same value is written in CSV."""
    if isinstance(kind, pl.Datetime):
        # An instant without a zone is not taken: the reader of the column says so.
        return pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%:z" if kind.time_zone else "iso")
    return pl.col(name).cast(pl.String)


def _whole(frame: pl.DataFrame, kinds: _Kinds, has_spaces: bool) -> pl.DataFrame:
    """All columns of a roster, what the file leaves out as null; no cell empty."""
    if has_spaces:
        text = pl.all().str.strip_chars()
        frame = frame.select(pl.when(text != "").then(text))
    kind_of = {column.name: kinds.get(column.name, pl.String()) for column in COLUMNS}
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in kind_of.items()
    )
