"""A roster by blocks of rows says the same however its lines are written and wherever it is cut."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from payer_gateway.mapping.roster_blocks import WORDED, Block, blocks_of

HEADER = b"insurer,plan,member_id,birth_date,cover_start,other_payer\n"
PLAIN = b"ACME,GOLD,M%d,1979-05-14,2026-01-01,\n"
SPACED = b" ACME ,GOLD,M%d, 1979-05-14,2026-01-01 , \r\n"
QUOTED = b'"ACME","GOLD",M%d,1979-05-14,2026-01-01,""\n'
UMLAUT = "ACME,GOLD,M%d,1979-05-14,2026-01-01,Zürich\n".encode()


def read(path: Path, content: bytes, size: int) -> list[Block]:
    path.write_bytes(content)
    return list(blocks_of(path, size))


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_the_same_text_is_the_same_word_however_its_line_is_written(
    tmp_path: Path, size: int
) -> None:
    lines = [each % n for n, each in enumerate([PLAIN, SPACED, QUOTED, UMLAUT] * 5)]

    blocks = read(tmp_path / "roster.csv", HEADER + b"".join(lines), size)

    whole = pl.concat([block.frame for block in blocks])
    for name in ("insurer", "plan", "birth_date", "cover_start"):
        assert whole[name].to_physical().unique().to_list() == [0], name
    assert whole["other_payer"].to_list() == [None, None, None, "Zürich"] * 5
    assert whole["member_id"].to_list() == [f"M{n}" for n in range(20)]
    assert pl.concat([block.lines for block in blocks]).to_list() == list(range(2, 22))


def test_what_the_file_leaves_out_is_empty_and_of_the_same_kind_as_what_it_says(
    tmp_path: Path,
) -> None:
    (block,) = read(tmp_path / "roster.csv", HEADER + PLAIN % 1, 1 << 20)

    assert block.frame["status"].to_list() == [None]
    assert {name for name, kind in block.frame.schema.items() if kind != pl.String} == set(WORDED)


def test_a_last_line_without_an_end_and_empty_lines_count_as_lines(tmp_path: Path) -> None:
    content = b"\n" + HEADER + PLAIN % 1 + b"\n" + (PLAIN % 2).rstrip(b"\n")

    blocks = read(tmp_path / "roster.csv", content, 1)

    assert [n for block in blocks for n in block.lines.to_list()] == [3, 5]
    assert blocks[-1].read == len(content)


def test_a_line_that_is_not_utf_8_spoils_no_word_of_the_others(tmp_path: Path) -> None:
    bad = "Zürich,GOLD,M9,1979-05-14,2026-01-01,\n".encode("latin-1")

    (block,) = read(tmp_path / "roster.csv", HEADER + PLAIN % 1 + bad + PLAIN % 2, 1 << 20)

    assert [fault.line for fault in block.faults] == [3]
    assert block.frame["insurer"].to_list() == ["ACME", "ACME"]
