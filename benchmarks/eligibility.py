"""How fast is a decision, a request and a night's run?

``python benchmarks/eligibility.py [--quick]``. Each figure
stands beside a baseline of the same run; ``benchmarks/README.md`` says how to read it.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

from results import put_section
from rosters import write_roster

from payer_gateway.codes import load_code_sets
from payer_gateway.domain.eligibility import decide
from payer_gateway.domain.standard_question import Ask, known_from, question_for
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.roster_file import line_of, read_header
from payer_gateway.mapping.scenario_file import read_scenarios
from payer_gateway.mapping.scenario_question import question_of_scenario
from payer_gateway.workflow.batch import EXAMPLES

ROOT = Path(__file__).resolve().parent.parent
ON = date(2026, 7, 1)
Row = tuple[str, str, str, str]  # what, figure, baseline, target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small; figures mean little")
    parser.add_argument("--no-http", action="store_true", help="leave out $submit")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    rows = one_decision(200 if asked.quick else 2_000)
    rows += night(50_000 if asked.quick else 1_000_000, 2_000 if asked.quick else 20_000)
    rows += import_of(10_000 if asked.quick else 200_000)
    if not asked.no_http:
        rows += over_http(asked.quick)
    text = table(rows, asked.quick)
    sys.stdout.write(text)
    if asked.write:
        put_section("eligibility", text)


# -- one decision ---------------------------------------------------------------------------------


def one_decision(rounds: int) -> list[Row]:
    """The median over all decided cases of the median of each, beside that of a call that does
    nothing."""
    codes = load_code_sets()
    cases = read_scenarios(
        ROOT / "fixtures" / "eligibility" / "scenarios.yaml", PlanShelf(ROOT / "mappings")
    )
    medians, with_trace = [], []
    for case in cases:
        asked = question_of_scenario(case)
        if asked is not None:
            question, known = asked
            call = partial(decide, question, case.plan, known, codes)
            medians.append(_seconds(call, rounds // 10))
            with_trace.append(_seconds(lambda call=call: tuple(call().trace), rounds // 10))
    floor = _seconds(lambda: None, rounds)
    decision, told = median(medians), median(with_trace)
    return [
        (
            f"one decision, median of {len(medians)} cases",
            f"{decision * 1e6:.0f} µs ({told * 1e6:.0f} µs with its trace written out)",
            f"a call that does nothing: {floor * 1e6:.2f} µs",
            "≤ 100 µs",
        )
    ]


def _seconds(call: Callable[[], object], rounds: int) -> float:
    """Median time of one call."""
    times = []
    for _ in range(max(rounds, 10)):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return median(times)


# -- a night's run --------------------------------------------------------------------------------


def night(members: int, sample: int) -> list[Row]:
    """The installed command, its start included, from CSV to CSV, without and with a price; beside
    a loop over ``decide`` on the first members, scaled."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        roster, out = Path(folder) / "roster.csv", Path(folder) / "answers.csv"
        write_roster(roster, members)
        loop = one_by_one(roster, sample) / sample * members
        few = Path(folder) / "few.csv"
        write_roster(few, 100)
        _run(few, out)  # the night before: modules are compiled
        for price in ((), ("--price", "USD=420.00")):
            seconds, cores, peak = _run(roster, out, *price)
            what = f"night's run, {members:,} members, CSV to CSV" + (
                ", with a price" * bool(price)
            )
            rows.append(
                (
                    what,
                    f"{seconds:.2f} s ({cores:.1f} s of CPU), {peak} MB",
                    f"loop over decide: {loop:.0f} s ({loop / seconds:.0f} times as long;"
                    f" measured on {sample:,})",
                    "≤ 3 s, ≤ 600 MB",
                )
            )
    return rows


def one_by_one(roster: Path, sample: int) -> float:
    """Seconds in which a plain loop reads, decides and writes the first members."""
    codes, plans = load_code_sets(), PlanShelf(ROOT / "mappings")
    ask = Ask(ON, ON, EXAMPLES)
    known_plans = {name.upper(): plans.plan(name) for name in plans.names()}
    begun = time.perf_counter()
    with roster.open(encoding="utf-8", newline="") as file, Path(os.devnull).open("w") as nowhere:
        lines = csv.reader(file)
        columns = read_header(next(lines))
        out = csv.writer(nowhere)
        for cells in islice(lines, sample):
            line, _ = line_of(columns, cells)
            assert line is not None
            member, plan = line.membership, known_plans[line.membership.plan]
            known = known_from(ask, plan, line.usage)
            for benefit in ask.benefits_of(plan):
                decision = decide(question_for(ask, benefit, plan, member), plan, known, codes)
                reasons = " ".join(reason.code for reason in decision.reasons)
                out.writerow((member.member_id, benefit, decision.verdict, reasons))
    return time.perf_counter() - begun


def _run(roster: Path, out: Path, *more: str) -> tuple[float, float, int]:
    """Seconds of the whole process on the wall and of all its threads on the cores, and the most
    memory it held in MB. To new names, as each night has: a file system may write a file out before
    it takes another one's place, which measures the disk."""
    for old in (out, out.with_name(f"{out.stem}.faults.csv")):
        old.unlink(missing_ok=True)
    return _command("eligibility", "batch", roster, "--out", out, "--on", ON.isoformat(), *more)


def _command(*words: str | Path, **settings: str) -> tuple[float, float, int]:
    """As ``_run``, of any command."""
    command = [Path(sys.executable).with_name("payer-gateway"), *words]
    environ = os.environ | settings
    environ |= {
        "PAYER_GATEWAY_MAPPINGS": str(ROOT / "mappings"),
        "PAYER_GATEWAY_TODAY": ON.isoformat(),
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled once, not each night
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{words[0]} {words[1]} ended with {process.returncode}: {told.decode()}")
    # Kilobytes on Linux, bytes on macOS.
    cores = used.ru_utime + used.ru_stime
    return seconds, cores, used.ru_maxrss // (1024 if sys.platform == "linux" else 1 << 20)


# -- a roster comes in ----------------------------------------------------------------------------


def import_of(members: int) -> list[Row]:
    """``roster import`` into a new SQLite database, its start included; beside a loop that reads
    the same file and puts its bare lines into one table with an index, 5,000 in a transaction."""
    with tempfile.TemporaryDirectory() as folder:
        roster, few = Path(folder) / "roster.csv", Path(folder) / "few.csv"
        write_roster(roster, members)
        write_roster(few, 1)
        settings = {"PAYER_GATEWAY_DATABASE_URL": f"sqlite:///{folder}/gateway.db"}
        _command("roster", "import", few, **settings)  # the schema is there
        seconds, cores, peak = _command("roster", "import", roster, **settings)
        bare = bare_lines(roster, Path(folder) / "bare.db")
    return [
        (
            f"roster import, {members:,} members, into SQLite",
            f"{members / seconds:,.0f} lines/s ({members / cores:,.0f} per CPU second), {peak} MB"
            " in the larger of two processes",
            f"bare lines into one table: {members / bare:,.0f} lines/s",
            "≥ 10,000 lines/s",
        )
    ]


def bare_lines(roster: Path, file: Path) -> float:
    begun = time.perf_counter()
    with closing(sqlite3.connect(file)) as database, roster.open(encoding="utf-8") as lines:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE line (member_id TEXT PRIMARY KEY, cells TEXT NOT NULL)")
        reader = csv.reader(lines)
        at = next(reader).index("member_id")
        while chunk := [(cells[at], ",".join(cells)) for cells in islice(reader, 5000)]:
            with database:
                database.executemany("INSERT INTO line VALUES (?, ?)", chunk)
    return time.perf_counter() - begun


# -- $submit over HTTP ----------------------------------------------------------------------------


def over_http(quick: bool) -> list[Row]:
    """What ``benchmarks/eligibility_http.py`` measures, in its own process; its last lines."""
    script = Path(__file__).with_name("eligibility_http.py")
    if not script.is_file():
        return [("$submit over HTTP", "not measured: eligibility_http.py is not here", "-", "-")]
    done = subprocess.run(
        [sys.executable, script, *(["--quick"] if quick else [])], capture_output=True, text=True
    )
    if done.returncode != 0:
        return [("$submit over HTTP", f"failed: {done.stderr.strip()[-200:]}", "-", "-")]
    told = done.stdout.strip().splitlines()[-1]
    return [("$submit over HTTP", told, "an empty Flask endpoint in the same run", "p99 ≤ 3 times")]


# -- the table ------------------------------------------------------------------------------------


def table(rows: list[Row], quick: bool) -> str:
    now = datetime.now(UTC).date()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    lines = [
        "## Decisions",
        "",
        f"Measured on {now} by `benchmarks/eligibility.py{' --quick' * quick}`: {machine};"
        f" load when it ended: {load:.1f}.",
        "How to read it: `benchmarks/README.md`.",
        "",
        "| what | figure | beside it, in the same run | target |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
