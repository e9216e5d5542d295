"""``payer-gateway eligibility batch``: by the installed command, as a night's run uses it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from builders import MAPPINGS

from payer_gateway.codes import load_code_sets
from payer_gateway.domain.errors import NotAllowed
from payer_gateway.domain.principal import ALLOWED, Act, Principal, Role
from payer_gateway.domain.standard_question import Ask
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.mapping.roster_blocks import blocks_of
from payer_gateway.workflow.batch import EXAMPLES, Run, Shelves, decide_roster

HEAD = "insurer,plan,member_id,birth_date,cover_start,relationship,accumulator_year,opinions_used"
GOOD = [
    "NORTHWIND-PPO,US-PPO-2026,W1,1979-05-14,2026-01-01,self,,",
    "NORTHWIND-PPO,US-PPO-2026,W2,2015-05-14,2026-01-01,child,,",
    "NORTHWIND-PPO,US-PPO-2026,W3,1979-05-14,2026-08-01,,,",
    "NORTHWIND-PPO,IN-CORP-2026,W1,1979-05-14,2026-06-10,,,",
]
BAD = [
    "NORTHWIND-PPO,US-PPO-2026,W4,1979-15-14,2026-01-01,,,",
    "NORTHWIND-PPO,NO-SUCH-PLAN,W5,1979-05-14,2026-01-01,,,",
    "NORTHWIND-PPO,US-PPO-2026,W6,1979-05-14",
    "NORTHWIND-PPO,US-PPO-2026,w-1,1979-05-14,2026-01-01,,,",
]


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("payer-gateway"), "eligibility", "batch", *arguments],
        cwd=cwd,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(cwd),
            "PAYER_GATEWAY_MAPPINGS": str(MAPPINGS),
            "PAYER_GATEWAY_TODAY": "2026-07-01",
        },
        capture_output=True,
        text=True,
    )


def roster(folder: Path, *lines: str) -> Path:
    file = folder / "roster.csv"
    file.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return file


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_member_and_benefit_gets_a_row_with_decision_reasons_and_what_is_left(
    tmp_path: Path,
) -> None:
    file = roster(tmp_path, *GOOD)

    done = run(file, "--out", "answers.csv", "--price", "USD=420.00", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["members"], summary["answers"]) == (4, 4, 8)
    assert summary["decisions"]["oncology"] == {"ELIGIBLE": 2, "NOT_ELIGIBLE": 2}
    answers = {
        (r["member_id"], r["plan"], r["benefit"]): r for r in rows_of(tmp_path / "answers.csv")
    }
    first = answers["W1", "US-PPO-2026", "oncology"]
    assert (first["decision"], first["reasons"]) == ("ELIGIBLE", "COVERED_BENEFIT")
    assert (first["member_pays"], first["plan_pays"], first["remaining_second"]) == (
        "0.00",
        "420.00",
        "1",
    )
    late = answers["W3", "US-PPO-2026", "oncology"]
    assert (late["reasons"], late["eligible_from"]) == ("COVERAGE_NOT_YET_EFFECTIVE", "2026-08-01")
    waits = answers["W1", "IN-CORP-2026", "oncology"]
    assert (waits["reasons"], waits["eligible_from"]) == ("WAITING_PERIOD", "2026-07-10")


def test_rows_with_faults_are_listed_with_line_column_and_cure_and_none_is_lost(
    tmp_path: Path,
) -> None:
    file = roster(tmp_path, *GOOD, *BAD)

    done = run(file, "--out", "answers.csv", "--json", cwd=tmp_path)

    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert summary["rows"] == summary["members"] + summary["rows_with_faults"] == 8
    faults = rows_of(tmp_path / "answers.faults.csv")
    assert [(f["line"], f["column"]) for f in faults] == [
        ("6", "birth_date"),
        ("7", "plan"),
        ("8", ""),
        ("9", "member_id"),
    ]
    assert "write a day as YYYY-MM-DD" in faults[0]["cure"]
    assert "US-PPO-2026".lower() in faults[1]["cure"]
    assert "4 cells and the file 8 columns" in faults[2]["cure"]
    assert "line 2 holds this member" in faults[3]["cure"]


def test_parquet_in_and_out_says_what_csv_says(tmp_path: Path) -> None:
    file = roster(tmp_path, *GOOD)
    table = pl.read_csv(file, try_parse_dates=True)
    table.write_parquet(tmp_path / "roster.parquet")

    run(file, "--out", "one.csv", cwd=tmp_path)
    done = run("roster.parquet", "--out", "two.parquet", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    two = pl.read_parquet(tmp_path / "two.parquet")
    told = [["" if cell is None else str(cell) for cell in row] for row in two.iter_rows()]
    expected = [list(row.values()) for row in rows_of(tmp_path / "one.csv")]
    assert [[cell.lower() for cell in row] for row in told] == [
        [cell.lower() for cell in row] for row in expected
    ]


def test_without_out_the_answers_stand_on_stdout_and_the_rest_on_stderr(tmp_path: Path) -> None:
    file = roster(tmp_path, *GOOD)

    done = run(file, "--benefits", "oncology", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(list(csv.DictReader(done.stdout.splitlines()))) == 4
    assert "100 % of roster.csv, 4 rows" in done.stderr
    assert "\r" not in done.stderr


def test_a_roster_in_which_no_row_names_a_plan_is_told_row_by_row(tmp_path: Path) -> None:
    file = roster(tmp_path, "NORTHWIND-PPO,,W1,1979-05-14,2026-01-01,,,")

    done = run(file, "--out", "answers.csv", cwd=tmp_path)

    assert done.returncode == 1, done.stderr
    assert rows_of(tmp_path / "answers.csv") == []
    (fault,) = rows_of(tmp_path / "answers.faults.csv")
    assert (fault["line"], fault["column"]) == ("2", "plan")


def test_a_member_that_turns_out_to_stand_twice_in_a_long_file_is_answered_once(
    tmp_path: Path,
) -> None:
    """The first one's answer may have been written when the second one comes."""
    rows = [f"NORTHWIND-PPO,US-PPO-2026,W{n},1979-05-14,2026-01-01,,," for n in range(400_000)]
    file = roster(tmp_path, *rows, "NORTHWIND-PPO,US-PPO-2026,w-7,1979-05-14,2026-01-01,,,")

    done = run(file, "--out", "answers.csv", "--benefits", "oncology", "--json", cwd=tmp_path)

    assert json.loads(done.stdout)["members"] == 400_000
    (fault,) = rows_of(tmp_path / "answers.faults.csv")
    assert (fault["line"], fault["value"]) == ("400002", "w-7")
    with (tmp_path / "answers.csv").open(encoding="utf-8") as answers:
        names = [line.partition(",")[0] for line in answers]
    assert names == ["member_id", *(f"W{n}" for n in range(400_000))]


@pytest.mark.parametrize("out", ["answers.csv", "answers.parquet"])
def test_a_disk_that_is_full_is_told_with_the_place_and_what_stood_there_stays(
    tmp_path: Path, out: str
) -> None:
    rows = [f"NORTHWIND-PPO,US-PPO-2026,W{n},1979-05-14,2026-01-01,,," for n in range(50_000)]
    file = roster(tmp_path, *rows)
    (tmp_path / out).write_text("of yesterday")
    # No file may grow beyond that: what a full disk does, for this process alone.
    words = f"ulimit -f 64; exec payer-gateway eligibility batch {file.name} --out {out}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {words}"],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "PAYER_GATEWAY_MAPPINGS": str(MAPPINGS)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert f"{out} cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / out).read_text() == "of yesterday"
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([out, file.name])


def test_what_a_spreadsheet_takes_for_a_formula_is_written_as_text(tmp_path: Path) -> None:
    file = roster(tmp_path, 'NORTHWIND-PPO,US-PPO-2026,"=1+1,""x""",1979-05-14,2026-01-01,,,')

    run(file, "--out", "answers.csv", cwd=tmp_path)

    assert {row["member_id"] for row in rows_of(tmp_path / "answers.csv")} == {'\'=1+1,"x"'}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "answers.xlsx"], "ends in .csv or .parquet"),
        (["--out", "roster.csv"], "the roster itself"),
        (["--out", "none/answers.csv"], "is no folder"),
        (["--on", "tomorrow"], "YYYY-MM-DD"),
        (["--price", "420"], "like USD=420.00"),
        (["--price", "JPY=4.50"], "like USD=420.00"),
        (["--benefits", "dental"], "no plan has it"),
        (["--diagnosis", "C50"], "not specific"),
        (["--procedure", "ABC"], "021109W"),
        (["--json"], "needs --out"),
    ],
)
def test_misuse_is_told_before_the_work_begins(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    roster(tmp_path, *GOOD)

    done = run("roster.csv", *arguments, cwd=tmp_path)

    assert done.returncode == 2, done.stdout
    assert told in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["roster.csv"]


def test_a_file_whose_first_line_is_wrong_is_refused_with_each_fault(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("insurer,plan,member,member\n")

    done = run("roster.csv", "--out", "answers.csv", cwd=tmp_path)

    assert done.returncode == 2
    assert "'member' is no column" in done.stderr
    assert "cover_start" in done.stderr
    assert not (tmp_path / "answers.csv").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"\n\r\n", "the file is empty"),
        (b"insurer;plan;member_id;birth_date;cover_start\n", "separate the columns by commas"),
        (b"insurer,plan,member_id,birth_date,cover_start\rA,B", "LF or CRLF"),
        ("insurer,plan,Größe\n".encode("latin-1"), "save the file as UTF-8"),
        (b"PK\x03\x04\x14\x00", "it names no column of a roster"),
        (b"PAR1 and no more", "the Parquet file is broken"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_with_one_fault_and_its_cure(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "roster.csv").write_bytes(content)

    done = run("roster.csv", "--out", "answers.csv", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["roster.csv"]


def test_a_roster_of_no_members_is_answered_with_no_rows(tmp_path: Path) -> None:
    roster(tmp_path)

    done = run("roster.csv", "--out", "answers.csv", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 1


def by(principal: Principal, file: Path) -> Run:
    shelves = Shelves(Shelf(MAPPINGS), PlanShelf(MAPPINGS), load_code_sets())
    ask = Ask(date(2026, 7, 1), date(2026, 7, 1), EXAMPLES)
    return decide_roster(shelves, principal, blocks_of(file), ask, lambda read, rows: None)


def test_payers_and_operators_may_decide_a_roster_and_employers_may_not(tmp_path: Path) -> None:
    file = roster(tmp_path, *GOOD)

    may = {role for role in Role if Act.DECIDE_ROSTER in ALLOWED[role]}

    assert may == {Role.INSURER, Role.OPS}
    with pytest.raises(NotAllowed):
        by(Principal("t", Role.EMPLOYER, "e"), file)


def test_an_insurer_is_answered_for_its_own_members_only(tmp_path: Path) -> None:
    file = roster(tmp_path, *GOOD)

    own = by(Principal("t", Role.INSURER, "i", "northwind-ppo"), file)
    others = by(Principal("t", Role.INSURER, "i", "medicare-b"), file)

    assert (own.members.height, own.faults) == (4, [])
    assert (others.members.height, {fault.line for fault in others.faults}) == (0, {2, 3, 4, 5})
