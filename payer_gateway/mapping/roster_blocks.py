"""A roster file by blocks of rows: columns of text for a columnar engine, each row with its line.

Says the same of a file as ``roster_file`` does line by line. A row is one line: no value of a
roster goes over a line's end. A block that is plainly a grid (no quotes, as many commas in every
line as in the first) is read by the engine; any other one by Python, line by line, with the same
result.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.roster_file import COLUMNS, Column, read_header

BLOCK = 16 << 20  # bytes: some 150,000 lines; large enough for the engine, small in memory
_ROWS = 131_072  # of a Parquet file at a time
_MARKS = b',"\r\n'
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(_MARKS))  # ASCII that can be seen, and the space
_NO_MARKS = bytes(set(range(256)) - set(_MARKS))


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with one line (of Parquet: one row, counted from 1)."""

    line: int
    column: str  # empty: the line as a whole
    value: str
    cure: str


@dataclass(frozen=True, slots=True)
class Block:
    """``frame``: every column of a roster as text, in the order of ``COLUMNS``; null where the file
    says nothing. ``has_odd_text``: control or other than ASCII characters may stand in it."""

    frame: pl.DataFrame
    lines: pl.Series
    faults: tuple[LineFault, ...]
    has_odd_text: bool
    read: int  # bytes (of Parquet: rows) of the file so far


def size_of(path: Path) -> int:
    """What ``Block.read`` grows to."""
    if is_parquet(path):
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    return path.stat().st_size


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def blocks_of(path: Path, size: int = BLOCK) -> Iterator[Block]:
    """Raises InvalidInput when the first line (the columns) is wrong, or it is no such file."""
    return _ahead(_parquet_blocks(path) if is_parquet(path) else _csv_blocks(path, size))


def _ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The next block is read while the one before it is looked at."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, blocks, None)
            yield block


# -- CSV ------------------------------------------------------------------------------------------


def _csv_blocks(path: Path, size: int) -> Iterator[Block]:
    with path.open("rb") as file:
        line, header = 0, b""
        for raw in file:
            line += 1
            header = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
            if header.strip():
                break
        try:
            cells = _cells(header.decode("utf-8").rstrip("\r\n"))
        except (UnicodeDecodeError, csv.Error):
            cure = "write it as UTF-8 text, the columns separated by commas"
            raise InvalidInput((Fault("line 1", None, cure),)) from None
        columns = read_header(cells)
        rest = b""
        while chunk := file.read(size):
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            block, rest = data[:end], data[end:]
            if block:
                yield _block(block, line + 1, columns, file.tell() - len(rest))
                line += block.count(b"\n")
        if rest:
            yield _block(rest + b"\n", line + 1, columns, file.tell())


def _block(data: bytes, first_line: int, columns: Sequence[Column], read: int) -> Block:
    names = [column.name for column in columns]
    rows = data.count(b"\n")
    marks = data.translate(None, _PLAIN)
    if has_odd_text := not _is_grid(marks, rows, len(names)):
        marks = data.translate(None, _NO_MARKS)
    if _is_grid(marks, rows, len(names)) and (frame := _grid(data, names)) is not None:
        lines = pl.int_range(first_line, first_line + rows, dtype=pl.UInt32, eager=True)
        has_spaces = has_odd_text or (b" " in data and _has_spaces_around(data))
        return Block(_whole(frame, has_spaces), lines, (), has_odd_text, read)
    good: list[list[str]] = []
    at: list[int] = []
    faults: list[LineFault] = []
    for number, raw in enumerate(data.split(b"\n")[:-1], start=first_line):
        cells, fault = _row(raw.removesuffix(b"\r"), number, len(names))
        if fault is not None:
            faults.append(fault)
        elif cells is not None:
            good.append(cells)
            at.append(number)
    frame = pl.DataFrame(good, schema=dict.fromkeys(names, pl.String), orient="row")
    return Block(_whole(frame, True), pl.Series(at, dtype=pl.UInt32), tuple(faults), True, read)


def _is_grid(marks: bytes, rows: int, width: int) -> bool:
    """Whether these, which are all that is no plain text, are as many commas in every line."""
    commas = b"," * (width - 1)
    return marks == (commas + b"\n") * rows or marks == (commas + b"\r\n") * rows


def _has_spaces_around(data: bytes) -> bool:
    parts = data.split(b" ")
    is_before = any(part[-1:] in (b",", b"\n") for part in parts[:-1])
    return not parts[0] or is_before or any(part[:1] in (b",", b"\r", b"\n") for part in parts[1:])


def _grid(data: bytes, names: list[str]) -> pl.DataFrame | None:
    """None for what is no UTF-8."""
    schema = dict.fromkeys(names, pl.String)
    try:
        return pl.read_csv(data, has_header=False, schema=schema, quote_char=None)
    except PolarsError:
        return None


def _row(raw: bytes, line: int, width: int) -> tuple[list[str] | None, LineFault | None]:
    """The cells of a line, or what is wrong with it; neither for an empty one."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None, LineFault(line, "", "", "it is not UTF-8; export the file as UTF-8")
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


def _parquet_blocks(path: Path) -> Iterator[Block]:
    try:
        table = pl.scan_parquet(path)
        schema = table.collect_schema()
    except PolarsError as exc:
        fault = Fault(path.name, None, f"it is no Parquet file ({exc}); export it again")
        raise InvalidInput((fault,)) from None
    names = [column.name for column in read_header(schema.names())]
    texts = [_as_text(old, kind).alias(new) for (old, kind), new in zip(schema.items(), names)]  # noqa: B905
    at = 0
    while (frame := table.slice(at, _ROWS).select(texts).collect()).height:
        lines = pl.int_range(at + 1, at + 1 + frame.height, dtype=pl.UInt32, eager=True)
        at += frame.height
        yield Block(_whole(frame, True), lines, (), True, at)


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """As the same value is written in CSV."""
    if isinstance(kind, pl.Datetime):
        # An instant without a zone is not taken: the reader of the column says so.
        return pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%:z" if kind.time_zone else "iso")
    return pl.col(name).cast(pl.String)


def _whole(frame: pl.DataFrame, has_spaces: bool) -> pl.DataFrame:
    """All columns of a roster, what the file leaves out as null; no cell empty."""
    if has_spaces:
        text = pl.all().str.strip_chars()
        frame = frame.select(pl.when(text != "").then(text))
    absent = [column.name for column in COLUMNS if column.name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    return frame.select(column.name for column in COLUMNS)
