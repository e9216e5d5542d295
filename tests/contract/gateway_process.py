"""The installed command as an outsider runs it: a folder of its own, settings by name, no more."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from builders import INSURERS, MAPPINGS, OPS, take_in
from processes import COMMAND, GENEROUS_S

from payer_gateway.cli.session import opened
from payer_gateway.settings import Settings
from payer_gateway.storage.listings import Filters
from payer_gateway.workflow import reading

Row = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    stdout: bytes
    said: str

    @property
    def text(self) -> str:
        return self.stdout.decode()

    @property
    def rows(self) -> list[Row]:
        """One JSON object a line."""
        return [json.loads(line) for line in self.text.splitlines()]


def at_once(*commands: Callable[[], Ran]) -> list[Ran]:
    """Run them side by side; what each left behind, in the order given."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return [future.result() for future in [pool.submit(each) for each in commands]]


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The machine's environment with these settings of ours and no others."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("PAYER_GATEWAY_")}
    return bare | dict(settings)


def addresses(base: str, names: tuple[str, ...] = INSURERS) -> dict[str, str]:
    """One sandbox plays them all, each below its own name."""
    return {
        f"PAYER_GATEWAY_INSURER_{n.upper().replace('-', '_')}_URL": f"{base}/{n}" for n in names
    }


class Gateway:
    """``payer-gateway`` in one folder, with one database and these settings."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.settings = {
            "PAYER_GATEWAY_DATABASE_URL": f"sqlite:///{folder}/gateway.db",
            "PAYER_GATEWAY_MAPPINGS": str(MAPPINGS),
            "PAYER_GATEWAY_TODAY": "2026-04-15",
            "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": "1",
            "PAYER_GATEWAY_SETTLE_SECONDS": "0.3",
            **(settings or {}),
        }

    def __call__(self, *arguments: str | Path, **changed: str | None) -> Ran:
        """Run it to its end; ``changed`` are settings for this once (None takes one away)."""
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(**changed),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=4 * GENEROUS_S,
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    def environment(self, **changed: str | None) -> dict[str, str]:
        return clean_environment(
            {k: v for k, v in {**self.settings, **changed}.items() if v is not None}
        )

    def file(self, name: str, document: object) -> Path:
        """A consultation as a file of this folder."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        return path

    def submit(self, *documents: object) -> list[Row]:
        """Take consultations in by command; the lines of ``submit --json`` in the order given."""
        files = [self.file(f"in-{n}.json", document) for n, document in enumerate(documents)]
        return self("submit", "--json", *files).rows

    def deliver(self, *more: str, **changed: str | None) -> Ran:
        return self("deliver", "--until-idle", *(more or ("--max-wait", "60")), **changed)

    # Where a command is not what a test is about, the same steps without the second it takes to
    # start one.

    def holds(self, *documents: Row) -> list[Row]:
        """These consultations have come in."""
        with opened(Settings.from_env(self.environment())) as services:
            return [take_in(services, document) for document in documents]

    def submissions(self) -> list[Row]:
        """The rows of ``submissions --json``."""
        with opened(Settings.from_env(self.environment())) as services:
            return list(reading.all_submissions(services, OPS, Filters()))

    def show(self, submission_id: str) -> Row:
        """What ``submission show`` prints."""
        with opened(Settings.from_env(self.environment())) as services:
            return reading.one_submission(services, OPS, submission_id)

    def request_of(self, submission_id: str) -> bytes:
        """What ``submission show ID --request`` prints."""
        with opened(Settings.from_env(self.environment())) as services:
            return reading.exchanged_bytes(services, OPS, submission_id, "request")


@contextmanager
def running(
    *arguments: str | Path, environ: Mapping[str, str], cwd: Path
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that serves: its process and the address it says it listens on."""
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "http://" in line, f"{arguments[0]} did not say where it listens: {line!r}"
        yield process, line[line.index("http://") :].strip()
    finally:
        process.terminate()
        process.wait(GENEROUS_S)
        process.stdout.close()


@contextmanager
def sandbox(
    folder: Path, *, profile: Path | None = None, token: str | None = None, name: str = "insurer"
) -> Iterator[str]:
    """The address of a sandbox insurer in its own process, with a ledger of its own."""
    more: list[str | Path] = [*(("--profile", profile) if profile else ())]
    more += [*(("--token", token) if token else ())]
    with running(
        "sandbox",
        "--port",
        "0",
        "--ledger",
        folder / f"{name}.jsonl",
        *more,
        environ=clean_environment({}),
        cwd=folder,
    ) as (_, url):
        yield url


def booked(url: str) -> dict[str, Row]:
    """An insurer's ledger, by claim identifier."""
    answer = requests.get(f"{url}/ledger", timeout=GENEROUS_S)
    answer.raise_for_status()
    return {row["claim_identifier"]: row for row in answer.json()}
