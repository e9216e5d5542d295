"""``payer-gateway demo``: consultations travel the whole way, on this machine, in one command."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import click

from payer_gateway.cli.output import table
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.cli.submit import submit_files
from payer_gateway.domain.exchange import Reply, Request
from payer_gateway.domain.principal import Role
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.profile import Shelf
from payer_gateway.settings import Settings, insurer_setting
from payer_gateway.storage.listings import Filters, Standing
from payer_gateway.workflow import comparing, explaining, reading, repair
from payer_gateway.workflow.delivery import Delivery
from payer_gateway.workflow.services import Services

# The fixtures were written around this day; they must not age.
FIXTURES_DAY = "2026-04-15"


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True))
def demo(folder: Path | None) -> None:
    """Watch consultations travel the whole way: decided, mapped, sent to insurers in processes of
    their own, answered, booked; and one that fails found, understood and replayed.

    Without FOLDER the project's own fixtures are used. Everything happens in a temporary folder
    and is gone afterwards. Exit 0 when every file came to a decision and both ledgers agree.
    """
    started = time.monotonic()
    base = Settings.from_env(os.environ)
    files = folder or base.fixtures / "consultations"
    with tempfile.TemporaryDirectory(prefix="payer-gateway-demo-") as place, ExitStack() as stack:
        environ = dict(os.environ)
        if folder is None:
            environ.setdefault("PAYER_GATEWAY_TODAY", FIXTURES_DAY)
        environ |= {
            "PAYER_GATEWAY_DATABASE_URL": f"sqlite:///{place}/demo.db",
            "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": "1",
            "PAYER_GATEWAY_SETTLE_SECONDS": "1",
        }
        shelf = Shelf(base.mappings)
        bases = stack.enter_context(_insurers(shelf, Path(place)))
        for name, url in bases.items():
            environ[insurer_setting(name, "URL")] = url
            environ.pop(insurer_setting(name, "PREAUTH_URL"), None)
            environ.pop(insurer_setting(name, "TOKEN"), None)
        services = stack.enter_context(opened(Settings.from_env(environ)))
        good = _walk(services, files, bases)
    click.echo(f"\n{time.monotonic() - started:.1f} s in all.")
    _what_next()
    if not good:
        raise click.exceptions.Exit(1)


def _walk(s: Services, files: Path, bases: dict[str, str]) -> bool:
    ops = local_operator()
    _title("1. Consultations come in and are decided")
    lines = list(submit_files(s, ops, [files], as_json=False))
    table(
        ["file", "decision", "why", "what follows"],
        [(Path(line["file"]).name[:44], *_outcome(line)) for line in lines],
    )
    decided = all(line["decision"] for line in lines)

    _title("2. Claims go to the insurers: mapped, sent, answered, booked")
    standing = _deliver(s)
    _submissions(s)

    lost = next(_of_class(s, "found"), None)
    if lost is not None:
        _title("3. One answer was lost after the insurer had booked the claim")
        _tell(s, lost["id"])
        click.echo("  Asked about, never sent blindly again: it is billed once.")

    rejected = list(reading.all_submissions(s, ops, Filters(state="rejected")))
    if rejected:
        _title("4. One was rejected: found, understood, mended, replayed")
        for row in rejected:
            _tell(s, row["id"])
            if _insurer_mends(s, bases[row["insurer"]], row["id"]):
                reason = "the insurer has registered the member"
                click.echo(f"\n  $ payer-gateway replay one {row['id'][:8]}… --reason '{reason}'")
                repair.replay_one(s, ops, row["id"], reason)
        _deliver(s)
        for row in rejected:
            _tell(s, row["id"])

    ends = time.monotonic() + 6
    while standing.unanswered and time.monotonic() < ends:
        time.sleep(0.5)
        standing = _deliver(s)

    _title("5. Both ledgers, ours and the insurers' own")
    compared = comparing.compare(s, ops, _booked(s, bases))
    table(
        ["insurer", "currency", "", "claims", "billed", "payable"],
        [
            (*named, side, got.claims, *_money(got))
            for each in compared
            for named, side, got in (
                ((each.insurer, each.currency), "ours", each.ours),
                (("", ""), "theirs", each.theirs),
            )
        ],
    )
    agree = all(each.agree for each in compared)
    click.echo("\nThey agree." if agree else "\nTHEY DIFFER.")
    return decided and agree


def _outcome(line: dict[str, Any]) -> tuple[str, str, str]:
    if line["decision"] is None:
        first = line["errors"][0]
        return "not taken", f"{first['path']}: {first['cure']}"[:60], ""
    follows = [f"{x['use']} to {x['insurer']}" for x in line["submissions"]]
    follows += [f"later: {p['use']} ({p['waits_for']})" for p in line["planned"]]
    return line["decision"], " ".join(line["reasons"]), "; ".join(follows)


def _deliver(s: Services) -> Standing:
    return Delivery(s, local_operator(Role.WORKER)).run_until_idle(max_wait_s=60)


def _submissions(s: Services) -> None:
    rows = reading.all_submissions(s, local_operator(), Filters())
    table(
        ["submission", "insurer", "use", "amount", "sends", "state", "cause"],
        [
            (
                f"{r['id'][:8]}…{r['id'][-4:]}",
                r["insurer"],
                r["use"],
                f"{r['amount']} {r['currency']}",
                r["attempts"],
                r["state"],
                r["cause"],
            )
            for r in rows
        ],
    )


def _of_class(s: Services, last_class: str) -> Iterator[dict[str, Any]]:
    for row in reading.all_submissions(s, local_operator(), Filters()):
        if row["last_class"] == last_class:
            yield row


def _tell(s: Services, submission_id: str) -> None:
    for line in explaining.story(s, local_operator(), submission_id):
        click.echo(f"  {line}")


def _insurer_mends(s: Services, base: str, submission_id: str) -> bool:
    """On the telephone, the insurer's clerk finds the member and mends its record."""
    request = reading.exchanged_bytes(s, local_operator(), submission_id, "request")
    bundle: Any = parse_json(request)
    members = [
        entry["resource"].get("subscriberId")
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Coverage"
    ]
    body = canonical_json({"member_id": members[0], "mood": "approve"})
    headers = {"Content-Type": "application/json"}
    reply = s.client.send("sandbox", Request("POST", f"{base}/moods", headers, body, 5.0))
    return isinstance(reply, Reply) and reply.status == 204


def _booked(s: Services, bases: dict[str, str]) -> list[Any]:
    rows: list[Any] = []
    for base in bases.values():
        reply = s.client.send("sandbox", Request("GET", f"{base}/ledger", {}, None, 5.0))
        if not isinstance(reply, Reply) or reply.status != 200:
            raise click.ClickException("an insurer's ledger could not be read")
        listed: Any = parse_json(reply.body)
        rows += listed
    return rows


def _money(side: comparing.Side) -> tuple[str, str]:
    return str(side.billed.amount), str(side.payable.amount)


@contextmanager
def _insurers(shelf: Shelf, place: Path) -> Iterator[dict[str, str]]:
    """A sandbox insurer in a process of its own for each file among the mappings."""
    running: dict[str, subprocess.Popen[str]] = {}
    try:
        for name in shelf.names():
            profile = place / f"{name}.json"
            profile.write_bytes(canonical_json(shelf.profile(name).resolved()))
            running[name] = _start(["--ledger", f"{place}/{name}.jsonl", "--profile", str(profile)])
        yield {name: _address(name, process.stdout) for name, process in running.items()}
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(timeout=10)
            if process.stdout is not None:
                process.stdout.close()


def _start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    own = [sys.executable, "-c", "from payer_gateway.cli import main; main()"]
    return subprocess.Popen(  # noqa: S603 - our own command, our own arguments
        [*own, "sandbox", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )


def _address(name: str, output: IO[str] | None) -> str:
    line = output.readline() if output is not None else ""
    if "http://" not in line:
        raise click.ClickException(f"the sandbox insurer of {name} did not start")
    return line[line.index("http://") :].strip()


def _title(text: str) -> None:
    click.echo(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")


def _what_next() -> None:
    click.echo(
        "\nTry next:\n"
        "  make demo CONSULTATIONS=folder    the same with your own files\n"
        "  payer-gateway states              every state of a submission and every move\n"
        "  payer-gateway serve               the HTTP surface (README: run it for real)\n"
        "  mappings/README.md                add an insurer by files alone"
    )
