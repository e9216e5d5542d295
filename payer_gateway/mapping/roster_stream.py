"""A roster file line by line, in bounded memory: bytes in, lines or their faults out; and the bytes
in which a line is kept, which hold what the file says as it says it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from json.encoder import encode_basestring
from typing import Any

from payer_gateway.domain.errors import Fault
from payer_gateway.domain.roster import Entry, Line
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.roster_file import (
    COLUMNS,
    EMPTY,
    SAVE_AS_UTF_8,
    Column,
    line_of,
    no_roster,
    read_header,
    read_line,
)

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # how Python keeps a byte that is no UTF-8
_WHOSE = ("insurer", "plan", "member_id")
_BROKEN_QUOTES = "the quotes of this line do not close; write a quote inside a value as two quotes"


@dataclass(frozen=True, slots=True)
class Read:
    """One line of a file: ``number`` is that of its first line of text, the header's being 1.
    Either it says something (``line``), or ``faults`` says what is wrong, by column."""

    number: int
    line: Line | None
    faults: tuple[Fault, ...]
    membership: bytes = b""
    usage: bytes = b""  # empty: it says nothing of what is used


def read_roster(stream: io.BufferedReader) -> Iterator[Read]:
    """Read a roster file. The header is read at once: raises InvalidInput, with every fault, for a
    file that cannot be a roster. What is wrong with a line comes with that line."""
    if stream.peek(4)[:2] in _UTF_16 or b"\0" in stream.peek(4)[:4]:
        raise no_roster(f"it is not UTF-8; {SAVE_AS_UTF_8}")
    if stream.peek(4)[:4] == b"PAR1":
        raise no_roster("it is a Parquet file; an import reads CSV, so export it as that")
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next((row for row in reader if row), [])
    except csv.Error:
        raise no_roster(_BROKEN_QUOTES) from None
    if not header:
        raise no_roster(EMPTY)
    return _lines(reader, read_header(header))


def _lines(reader: Any, columns: tuple[Column, ...]) -> Iterator[Read]:
    words = _Words(columns)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield _broken(number, reader.line_num, _BROKEN_QUOTES)
            continue
        if not any(cells):
            continue
        if len(cells) == len(columns):
            yield _read(number, cells, columns, words)
        else:
            cure = (
                f"it has {len(cells)} values, the first line of the file names {len(columns)}"
                " columns; quote a value that holds a comma"
            )
            yield _broken(number, reader.line_num, cure)


def _broken(first: int, last: int, cure: str) -> Read:
    several = f"lines {first} to {last} were read as one; " if last > first else ""
    return Read(first, None, (Fault("the line", None, several + cure),))


def _read(number: int, cells: list[str], columns: tuple[Column, ...], words: _Words) -> Read:
    if not "".join(cells).isascii():
        wrong = [c for c, cell in zip(columns, cells, strict=True) if _NOT_UTF_8.search(cell)]
        if wrong:
            cure = f"it is not UTF-8; {SAVE_AS_UTF_8}"
            return Read(number, None, tuple(Fault(c.name, None, cure) for c in wrong))
    cells = [cell.strip() for cell in cells]
    line, faults = line_of(columns, cells)
    if line is None:
        return Read(number, None, faults)
    usage = b"" if line.usage is None else words.usage(cells)
    return Read(number, line, (), words.membership(cells), usage)


class _Words:
    """Where the cells of a membership and of a use stand, in the order of the format: the same
    words give the same bytes whatever the order of the file's columns."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        place = {column.name: at for at, column in enumerate(columns)}
        there = [(c, f'"{c.name}":', place[c.name]) for c in COLUMNS if c.name in place]
        self._membership = [(key, at) for c, key, at in there if not c.is_usage]
        # The use names its member, so that no two members' bytes are equal.
        self._usage = [(key, at) for c, key, at in there if c.is_usage or c.name in _WHOSE]

    def membership(self, cells: Sequence[str]) -> bytes:
        return _object_of(self._membership, cells)

    def usage(self, cells: Sequence[str]) -> bytes:
        return _object_of(self._usage, cells)


def _object_of(places: list[tuple[str, int]], cells: Sequence[str]) -> bytes:
    """A JSON object of the cells that say something, each at its key."""
    said = [key + encode_basestring(cell) for key, at in places if (cell := cells[at])]
    return f"{{{','.join(said)}}}".encode()


def entry_of(membership: bytes, usage: Sequence[bytes], changed_on: date | None) -> Entry:
    """What is on the roster, from the bytes in which it is kept."""
    words = _object(membership)
    told = (read_line({**words, **_object(each)}).usage for each in usage)
    return Entry(
        read_line(words).membership,
        tuple(each for each in told if each is not None),
        changed_on,
    )


def _object(data: bytes) -> dict[str, str]:
    found = parse_json(data)
    assert isinstance(found, dict)  # noqa: S101 - we wrote it
    return found
