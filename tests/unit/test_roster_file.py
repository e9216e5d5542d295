"""Roster files: each column is read as it is documented, and what cannot be read names its cure."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from builders import ROOT

from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.roster import Line, Membership, Usage, Used
from payer_gateway.mapping.roster_file import (
    BY_NAME,
    COLUMNS,
    read_header,
    read_line,
    unfit_amounts,
)
from payer_gateway.mapping.roster_stream import read_roster

NEEDED = {
    "insurer": "NORTHWIND-PPO",
    "plan": "US-PPO-2026",
    "member_id": "W1",
    "birth_date": "1979-05-14",
    "cover_start": "2026-01-01",
}


def faults_of(**cells: str) -> list[tuple[str, object]]:
    with pytest.raises(InvalidInput) as refused:
        read_line(NEEDED | cells)
    return [(fault.path, fault.value) for fault in refused.value.faults]


def test_the_documented_table_is_the_table_of_the_code() -> None:
    documented = re.findall(
        r"(?m)^\| `\w+` \|.*$", (ROOT / "docs" / "roster.md").read_text("utf-8")
    )

    assert documented == [
        f"| `{c.name}` | {c.kind} | {'yes' if c.is_required else '-'} | `{c.example}` |"
        f" {c.meaning} |"
        for c in COLUMNS
    ]


def test_the_documented_examples_can_be_read() -> None:
    examples = {column.name: column.example for column in COLUMNS}

    line = read_line(examples)

    assert line == Line(
        Membership(
            insurer="acme-health",
            plan="US-PPO-2026",
            member_id="W0768884AE",
            birth_date=date(1979, 5, 14),
            start=date(2026, 1, 1),
            end=date(2026, 12, 31),
            status="active",
            relationship="child",
            subscriber_id="W0768884AF",
            employer_id="ACME",
            employee_id="E-10042",
            sex="female",
            disabled=False,
            residence="US-NY",
            order=1,
            network="US-PPO-NET",
            paid_through=date(2026, 2, 28),
            grace_ends=date(2026, 5, 31),
            change_recorded=date(2026, 4, 15),
            subscriber_birthday="09-30",
            other_payer="Insurer Z",
            other_order=1,
            other_subscriber_birthday="02-10",
        ),
        Usage(
            year=2026,
            deductible_met=Decimal("250.00"),
            out_of_pocket_met=Decimal("410.00"),
            amount_used=Decimal("0.00"),
            opinions_used=(Used("C50", 1, 0), Used("C78", 0, 1)),
        ),
    )


def test_what_a_file_leaves_out_is_not_made_up() -> None:
    line = read_line(NEEDED)

    assert line.usage is None
    assert line.membership == Membership(
        "NORTHWIND-PPO", "US-PPO-2026", "W1", date(1979, 5, 14), date(2026, 1, 1)
    )


def test_an_instant_of_cover_keeps_its_offset() -> None:
    line = read_line(NEEDED | {"cover_start": "2026-04-01T00:00:00+09:00", "cover_end": ""})

    tokyo = timezone(timedelta(hours=9))
    assert line.membership.start == datetime(2026, 4, 1, tzinfo=tokyo)
    assert line.membership.start == datetime(2026, 3, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("birth_date", "14.05.1979"),
        ("birth_date", "19790514"),
        ("birth_date", "1979-02-29"),
        ("birth_date", "2026-W11-4"),
        ("cover_start", "2026-04-01T00:00:00"),
        ("cover_end", "12/31/2026"),
        ("status", "ended"),
        ("relationship", "daughter"),
        ("sex", "f"),
        ("disabled", "yes"),
        ("residence", "New York"),
        ("order", "0"),
        ("order", "①"),
        ("network", "a\nb"),
        ("member_id", "9" * 201),
        ("subscriber_birthday", "13-01"),
        ("accumulator_year", "26"),
        ("deductible_met", "-1.00"),
        ("deductible_met", "1,000.00"),
        ("deductible_met", "NaN"),
        ("deductible_met", "1e3"),
        ("opinions_used", "C50"),
        ("opinions_used", "C50=1"),
        ("opinions_used", "C50=1/0;C50=0/1"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_value(column: str, value: str) -> None:
    assert faults_of(**({"accumulator_year": "2026"} | {column: value})) == [(column, value[:80])]


def test_every_fault_of_a_line_is_named_not_only_the_first() -> None:
    assert faults_of(member_id="", sex="f", order="x") == [
        ("member_id", ""),
        ("sex", "f"),
        ("order", "x"),
    ]


@pytest.mark.parametrize(
    ("cells", "at"),
    [
        ({"cover_end": "2025-12-31"}, "cover_end"),
        ({"birth_date": "2026-06-01", "cover_end": "2026-05-31"}, "birth_date"),
        ({"grace_ends": "2026-05-31"}, "grace_ends"),
        ({"paid_through": "2026-05-31", "grace_ends": "2026-05-30"}, "grace_ends"),
        ({"employer_id": "ACME"}, "employee_id"),
        ({"employee_id": "E-1"}, "employer_id"),
        ({"subscriber_id": "W2"}, "subscriber_id"),
        ({"deductible_met": "1.00"}, "accumulator_year"),
    ],
)
def test_cells_that_contradict_each_other_are_refused(cells: dict[str, str], at: str) -> None:
    assert [path for path, _ in faults_of(**cells)] == [at]


def test_a_header_names_all_that_is_wrong_with_it() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_header(["Insurer", "plan", "plan", "diagnosis", "birth_date", "cover_start"])

    faults = refused.value.faults
    assert [(f.path, f.value) for f in faults] == [
        ("column 4", "diagnosis"),
        ("column 3", "plan"),
        ("member_id", None),
    ]
    assert "'diagnosis' is no column of a roster" in faults[0].cure


def test_a_header_in_any_order_and_case_is_read() -> None:
    columns = read_header([" Member_ID", "PLAN", "insurer", "cover_start", "birth_date"])

    assert [c.name for c in columns] == [
        "member_id",
        "plan",
        "insurer",
        "cover_start",
        "birth_date",
    ]


def test_a_file_separated_by_semicolons_is_told_so() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_header(["insurer;plan;member_id"])

    assert "commas" in refused.value.faults[0].cure


def test_a_column_without_a_name_is_told_apart_from_an_unknown_one() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_header(["insurer", "plan", "member_id", "birth_date", "cover_start", ""])

    assert [(f.path, "no name" in f.cure) for f in refused.value.faults] == [("column 6", True)]


def test_an_import_of_parquet_is_told_that_it_reads_csv() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_roster(io.BufferedReader(io.BytesIO(b"PAR1....")))

    assert "Parquet" in refused.value.faults[0].cure


def test_an_amount_that_the_plans_currency_cannot_write_is_unfit() -> None:
    usage = Usage(2026, deductible_met=Decimal("0.50"), amount_used=Decimal("200.00"))

    assert [f.path for f in unfit_amounts(usage, "JPY")] == ["deductible_met"]
    assert unfit_amounts(usage, "USD") == ()


def test_every_column_is_found_by_its_name() -> None:
    assert list(BY_NAME) == [column.name for column in COLUMNS]
