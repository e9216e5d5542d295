"""The same claims, the same insurer, the same kills: task queues, durable execution and ours.

    python benchmarks/delivery/side_by_side.py [--claims 600|5000] [--only NAME] [--seed N]

Prints a table; the insurer's ledger is the judge. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from brokers import Brokers
from contenders import CONTENDERS, HERE, Missing
from job import THREADS, Plan, Result, run
from results import put_section

COLUMNS = (
    "sender",
    "lost",
    "doubled",
    "posts",
    "questions",
    "booked by, s",
    "quiet by, s",
    "settings",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--claims", type=int, default=600, help="600 (default) or 5000; any number")
    parser.add_argument(
        "--only", action="append", choices=[each.name for each in CONTENDERS], metavar="NAME"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=80, help="how long the insurer takes")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/benchmarks.md"
    )
    parser.add_argument("--keep", action="store_true", help="keep the workers' logs, say where")
    asked = parser.parse_args()
    # What was started is stopped, however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    plan = Plan(asked.claims, asked.seed)
    folder = Path(tempfile.mkdtemp(prefix="side-by-side-"))
    results: list[Result] = []
    skipped: list[str] = []
    insurer = _insurer(plan, asked.latency_ms)
    try:
        assert insurer.stdout is not None
        url = insurer.stdout.readline().strip()
        with Brokers(folder) as brokers:
            for contender in CONTENDERS:
                if asked.only and contender.name not in asked.only:
                    continue
                try:
                    result = run(contender, plan, url, brokers, folder)
                except Missing as missing:
                    skipped.append(f"skipped: {contender.name}: {missing}")
                    print(skipped[-1], file=sys.stderr)
                    continue
                results.append(result)
                print(_line(result), file=sys.stderr, flush=True)
    finally:
        insurer.terminate()
        insurer.wait()
        if asked.keep:
            print(f"logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    text = _report(plan, asked.latency_ms, results, skipped)
    print(text)
    if asked.write:
        put_section(f"side by side, {plan.claims} claims", text)
    return 1 if any(result.flaws for result in results) else 0


def _insurer(plan: Plan, latency_ms: int) -> subprocess.Popen[str]:
    asked = {
        "claims": plan.claims,
        "dropped": plan.dropped,
        "busy": plan.busy,
        "seed": plan.seed,
        "latency-ms": latency_ms,
    }
    words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    return subprocess.Popen(
        [sys.executable, HERE / "insurer.py", *words], stdout=subprocess.PIPE, text=True
    )


def _line(result: Result) -> str:
    return (
        f"{result.contender.name}: lost {result.lost}, doubled {result.doubled}, posts"
        f" {result.posts}, {result.booked_s:.1f} s"
        + "".join(f" [NOT FIRED {flaw}]" for flaw in result.flaws)
        + (f" ({result.note})" if result.note else "")
    )


def _report(plan: Plan, latency_ms: int, results: Sequence[Result], skipped: Sequence[str]) -> str:
    load = os.getloadavg()[0]
    lines = [
        f"## Side by side, {plan.claims} claims",
        "",
        f"{plan.claims} claims, {THREADS} threads; the insurer takes {latency_ms} ms, books and"
        f" then drops the answer for {plan.dropped}, answers {plan.busy} with 503 first, ignores"
        f" `Idempotency-Key`; the worker is SIGKILLed {len(plan.kills())} times. Seed {plan.seed}."
        f" {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, load"
        f" {load:.1f} at the end. Counts are the insurer's ledger's; seconds are wall time from the"
        " first start of the worker until the last claim was booked for the first time, and until"
        " the insurer heard the last thing; noisy.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    for r in results:
        twice = f"{r.doubled} (one {r.most} times)" if r.most > 2 else str(r.doubled)
        cells = (r.contender.name, r.lost, twice, r.posts, r.asked)
        seconds = (f"{r.booked_s:.1f}", f"{r.heard_s:.1f}")
        lines.append("| " + " | ".join(map(str, (*cells, *seconds, r.contender.settings))) + " |")
    notes = [f"{r.contender.name}: {r.note}" for r in results if r.note]
    notes += [
        f"{r.contender.name}: NOT ALL FAULTS FIRED, the row is worth nothing: {flaw}"
        for r in results
        for flaw in r.flaws
    ]
    if notes or skipped:
        lines += ["", *(f"- {note}" for note in (*notes, *skipped))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
