"""How long a CoverageEligibilityRequest takes over HTTP, beside an endpoint that does nothing.

Asked are the consultations of ``fixtures/synthea``, in turn: every one that names a coverage.

Both stand behind gunicorn with the same workers on the same machine; the load comes from a process
of its own, by the clock (``open_loop``). Runs are interleaved in pairs, so that whatever else the
machine does meets both; the medians of the pairs are what is told. Beside the latencies stands what
server and generator took of the processor per request: it says how much of them is waiting.

    python benchmarks/eligibility_http.py [--rate 200] [--seconds 10] [--pairs 5] [--quick] [--json]
        [--database postgresql://…] [--write]

A database that is named gets a client more at each run; it must be one that nobody needs.

Bar: p99 at most 3 times that of the empty endpoint. Target: p99 at most 25 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from results import put_section

from payer_gateway.app import build_services
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.settings import Settings
from payer_gateway.workflow import clients

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
BAR, TARGET_MS = 3.0, 25.0
WORKERS, THREADS = 2, 8
SUBMIT = "/fhir/CoverageEligibilityRequest/$submit"


def measure(
    rate: float = 200, seconds: float = 10, pairs: int = 5, database: str | None = None
) -> dict[str, Any]:
    """The figures; milliseconds from when a request was due to its last byte."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {
            **os.environ,
            "PAYER_GATEWAY_DATABASE_URL": database or f"sqlite:///{folder / 'gateway.db'}",
            "PAYER_GATEWAY_MAPPINGS": str(ROOT / "mappings"),
            "PYTHONPATH": str(HERE),
        }
        headers = {
            "Authorization": f"Bearer {_key(environ)}",
            "Content-Type": "application/fhir+json",
        }
        bodies = folder / "requests"
        bodies.mkdir()
        for n, each in enumerate(_requests()):
            (bodies / f"{n:02}.json").write_bytes(each)
        with (
            _served("empty_endpoint:application", environ) as empty,
            _served("wsgi:application", environ) as gateway,
        ):
            urls = {"empty": f"{empty[0]}/empty", "submit": f"{gateway[0]}{SUBMIT}"}
            pids = {"empty": empty[1], "submit": gateway[1]}
            runs: dict[str, list[dict[str, Any]]] = {"empty": [], "submit": []}
            for each in urls:  # what is read once is read now
                _load(urls[each], 50, 2, bodies, headers)
            for _ in range(pairs):
                for each, told in runs.items():
                    before = _cpu_ms(pids[each])
                    ran = _load(urls[each], rate, seconds, bodies, headers)
                    taken = (_cpu_ms(pids[each]) - before) / ran["sent"]
                    told.append({**ran, "server_cpu_ms": round(taken, 2)})

    def of_each(key: str) -> dict[str, float]:
        return {name: statistics.median(r[key] for r in told) for name, told in runs.items()}

    ratios = [s["p99"] / e["p99"] for e, s in zip(runs["empty"], runs["submit"], strict=True)]
    return {
        "database": "PostgreSQL" if database else "SQLite",
        "rate": rate,
        "seconds": seconds,
        "pairs": pairs,
        "workers": WORKERS,
        "p50_ms": of_each("p50"),
        "p99_ms": of_each("p99"),
        "p99_ratio": round(statistics.median(ratios), 2),
        "server_cpu_ms": of_each("server_cpu_ms"),
        "generator_cpu_ms": of_each("cpu_ms"),
        "failed": sum(r["sent"] - r["ok"] for told in runs.values() for r in told),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "runs": runs,
    }


def _cpu_ms(server: int) -> float:
    """What gunicorn's processes have taken of the processor so far; Linux."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    ticks = 0
    for process in (str(server), *children):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def _key(environ: dict[str, str]) -> str:
    services = build_services(Settings.from_env(environ))
    try:
        operator = Principal("default", Role.OPS, "local:benchmark")
        return clients.add(services, operator, "default", "bench", Role.PROVIDER)["key"]
    finally:
        services.client.close()
        services.database.close()


def _requests() -> list[bytes]:
    """Bundles, each of which says all that one consultation says."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fhir_requests import asked_about, encoded

    files = sorted((ROOT / "fixtures" / "synthea").glob("*.json"))
    consultations = (json.loads(each.read_text()) for each in files)
    return [encoded(asked_about(each)) for each in consultations if each["coverages"]]


@contextmanager
def _served(application: str, environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Where it is served, and by which process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "gunicorn", "--log-level", "error", "--keep-alive", "30"),
        *("--workers", str(WORKERS), "--threads", str(THREADS)),
        *("--bind", f"127.0.0.1:{port}", application),
    ]
    server = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(timeout=30)


def _load(
    url: str, rate: float, seconds: float, bodies: Path, headers: dict[str, str]
) -> dict[str, Any]:
    ran = subprocess.run(
        [
            *(sys.executable, str(HERE / "open_loop.py"), url),
            *(str(rate), str(seconds), str(bodies), json.dumps(headers)),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(ran.stdout)
    taken = told.pop("milliseconds")
    return {
        **told,
        "p50": round(taken[len(taken) // 2], 2),
        "p99": round(taken[int(len(taken) * 0.99)], 2),
    }


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [
        f"{name:>7}  p50 {told['p50_ms'][name]:8.2f} ms   p99 {told['p99_ms'][name]:8.2f} ms"
        f"   processor per request: server {told['server_cpu_ms'][name]:5.2f} ms,"
        f" generator {told['generator_cpu_ms'][name]:5.2f} ms"
        for name in ("empty", "submit")
    ]
    verdict = "met" if told["p99_ratio"] <= BAR else "missed"
    target = "met" if told["p99_ms"]["submit"] <= TARGET_MS else "missed"
    return [
        *lines,
        f"p99 is {told['p99_ratio']} times the empty endpoint's (bar {BAR:g}: {verdict}); target"
        f" {TARGET_MS:g} ms {target}; {told['failed']} failed; {told['database']}; load"
        f" {told['load_average']}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--database", help="the URL of an empty PostgreSQL database")
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    asked = parser.parse_args()
    if asked.quick:
        asked.rate, asked.seconds, asked.pairs = 20.0, 1.0, 1
    told = measure(asked.rate, asked.seconds, asked.pairs, asked.database)
    if asked.json:
        print(json.dumps(told))
        return
    lines = _lines(told)
    print("\n".join(lines))
    if asked.write:
        of_each = "\n".join(
            f"{n:>4}.  empty {e['p99']:8.2f}   submit {s['p99']:8.2f}"
            for n, (e, s) in enumerate(zip(*told["runs"].values(), strict=True), 1)
        )
        text = "\n".join(lines)
        put_section(
            f"submit-{told['database'].lower()}",
            f"## `$submit` over HTTP, {told['database']}\n\n"
            f"{told['rate']:g} requests/s for {told['seconds']:g} s, {told['pairs']} interleaved"
            f" pairs, gunicorn with {WORKERS} workers of {THREADS} threads.\n\n"
            f"```text\n{text}\n\np99 of each pair, ms\n{of_each}\n```",
        )


if __name__ == "__main__":
    main()
