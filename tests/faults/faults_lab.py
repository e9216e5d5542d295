"""The laboratory: the insurer, the stable of workers, databases ready with claims, and houses.

A house is one database with one book at the insurer; each case of the laboratory has its own.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
from builders import MAPPINGS, another, environment, take_in
from faults_workers import LONG_S, Point, Stable, Worker
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from payer_gateway.app import build_services
from payer_gateway.settings import Settings

# A lease is what a case waits for. On a machine that is busy with other things a longer one saves
# time: a send that outlives its lease is asked about, and that takes longer.
LEASE_S = float(os.environ.get("FAULTS_LEASE_S", "1.5"))
SETTLE_S = 0.4


class Insurer:
    """``faults_insurer.py`` in its own process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("faults_insurer.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def open_book(self, case: str, conduct: Mapping[str, Any]) -> None:
        self._call("PUT", case, json.dumps(conduct).encode())

    def book(self, case: str) -> dict[str, Any]:
        """Posts, bookings and questions of a case, once nothing of it is under way any more."""
        ends = time.monotonic() + LONG_S
        while (book := self._call("GET", case))["busy"]:
            assert time.monotonic() < ends, "the insurer never ended what it was doing"
            time.sleep(0.05)
        return book

    def glance(self, case: str) -> dict[str, Any]:
        """The same at once, whatever is under way."""
        return self._call("GET", case)

    def close_book(self, case: str) -> None:
        self._call("DELETE", case)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _call(self, method: str, case: str, body: bytes | None = None) -> dict[str, Any]:
        request = Request(f"{self.url}/lab/{case}", data=body, method=method)  # noqa: S310
        with urlopen(request, timeout=LONG_S) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
            return told


@dataclass
class House:
    """One database and one book. ``bookings`` are the claims that must be booked in the end."""

    lab: Laboratory
    kind: str
    name: str
    template: str
    url: str
    environ: dict[str, str]
    bookings: int
    settle_s: float
    conduct: dict[str, Any] = field(default_factory=dict)

    def run(self, *argv: str, points: Sequence[Point] = (), **environ: str) -> Worker:
        return self.lab.stable.start({**self.environ, **environ}, argv, points)

    def deliver(
        self, *, threads: int = 1, points: Sequence[Point] = (), max_wait: float = 60, **env: str
    ) -> Worker:
        """A worker that ends when nothing moves any more."""
        options = ("--until-idle", "--max-wait", str(max_wait), "--threads", str(threads))
        return self.run("deliver", *options, points=points, **env)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        engine = create_engine(
            self.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool
        )
        with engine.connect() as connection:
            return list(connection.execute(text(statement), values))

    def states(self) -> dict[str, str]:
        """State by claim identifier."""
        return dict(tuple(r) for r in self.rows("SELECT claim_identifier, state FROM submission"))

    def book(self) -> dict[str, Any]:
        return self.lab.insurer.book(self.name)

    def glance(self) -> dict[str, Any]:
        """The insurer's books now, whatever is under way."""
        return self.lab.insurer.glance(self.name)

    def restore(self) -> None:
        """The database is again what it was before anything was sent."""
        self.lab.renew(self.kind, self.name, self.template)

    def bring_to_an_end(self, **options: Any) -> None:
        """Deliver until nothing moves; whatever waits for a person, a person resolves, who looks
        into the insurer's books."""
        for _ in range(8):
            worker = self.deliver(**options)
            code = worker.wait()
            assert code in (0, 1), f"{self.name}: deliver ended with {code}\n{worker.told()}"
            book = self.book()
            waiting = self.rows(
                "SELECT id, claim_identifier, state FROM submission WHERE state IN"
                " ('needs_human', 'ready', 'sending', 'retry_wait', 'in_doubt', 'inquiring')"
            )
            if not waiting:
                return
            booked = {b["claim"] for b in book["bookings"]}
            for submission_id, claim, state in waiting:
                if state != "needs_human":
                    continue
                how = "--booked" if claim in booked else "--not-booked"
                told = ("submission", "resolve", str(submission_id), how)
                person = self.run(*told, "--evidence", "their ledger")
                assert person.wait() == 0, person.told()
        raise AssertionError(f"{self.name}: it does not come to an end")


class Laboratory:
    """All that cases share. ``kind`` of a database: ``sqlite`` or ``postgresql``."""

    def __init__(self, folder: Path, postgresql: Callable[[], str]) -> None:
        self.folder = folder
        self._postgresql = postgresql
        self._number = itertools.count(1)
        self._ready: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        self.insurer = Insurer()
        (folder / "logs").mkdir()
        self.stable = Stable(folder / "logs")
        wanted = os.environ.get("FAULTS_PACKAGE")
        # A proof on the wrong package would prove nothing.
        assert wanted is None or self.stable.package.is_relative_to(wanted), self.stable.package

    def close(self) -> None:
        self.stable.close()
        self.insurer.close()

    def mappings(self, **delivery: str) -> Path:
        """The shipped mapping files in base R4 with a short schedule of retries, and these keys
        changed."""
        keys = {
            "retry_after": "[1s, 1s, 1s, 2s, 2s, 2s, 4s, 4s]",
            "adjudication_poll": "1s",
            **delivery,
        }
        name = "-".join(f"{k}={v}" for k, v in delivery.items()).replace("/", "_") or "shipped"
        target = self.folder / "mappings" / name
        with self._lock:
            if target.exists():
                return target
            made = self.folder / f"mappings-{next(self._number)}"
            shutil.copytree(MAPPINGS, made)
            for path in (made / "insurers").glob("*/v*.yaml"):
                path.write_text(_changed(path.read_text(encoding="utf-8"), keys), encoding="utf-8")
            target.parent.mkdir(exist_ok=True)
            made.rename(target)
        return target

    def prepare(self, kind: str, documents: Sequence[str], mappings: Path, copies: int) -> str:
        """A database in which these fixture consultations have come in, made once; its name."""
        key = (kind, mappings.name, str(copies), *documents)
        with self._lock:
            if key not in self._ready:
                name = f"ready_{next(self._number)}"
                url = self._new(kind, name, "migrated" if kind == "postgresql" else None)
                environ = {**environment(url), "PAYER_GATEWAY_MAPPINGS": str(mappings)}
                services = build_services(Settings.from_env(environ))
                for _ in range(copies):
                    for number in documents:
                        take_in(services, another(number))
                services.client.close()
                services.database.close()
                self._ready[key] = name
            return self._ready[key]

    @contextmanager
    def empty(self, kind: str) -> Iterator[str]:
        """The URL of a migrated database without rows."""
        template, name = self.prepare(kind, (), MAPPINGS, 1), f"empty_{next(self._number)}"
        try:
            yield self._new(kind, name, template)
        finally:
            self._drop(kind, name)

    @contextmanager
    def house(
        self,
        kind: str,
        conduct: Mapping[str, Any],
        *,
        documents: Sequence[str],
        bookings: int,
        copies: int = 1,
        lease_s: float = LEASE_S,
        settle_s: float = SETTLE_S,
        line: str | None = None,
        **delivery: str,
    ) -> Iterator[House]:
        """A house of its own for one case: documents have come in, nothing is sent yet."""
        mappings = self.mappings(**delivery)
        template = self.prepare(kind, documents, mappings, copies)
        name = f"case_{next(self._number)}"
        url = self._new(kind, name, template)
        self.insurer.open_book(name, conduct)
        environ = {
            **{k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ},
            **environment(
                url, url=f"{line or self.insurer.url}/{name}", lease=lease_s, settle=settle_s
            ),
            "PAYER_GATEWAY_MAPPINGS": str(mappings),
        }
        try:
            yield House(
                self, kind, name, template, url, environ, bookings * copies, settle_s, dict(conduct)
            )
        finally:
            self.insurer.close_book(name)
            self._drop(kind, name)

    def renew(self, kind: str, name: str, template: str) -> None:
        """Throw a database away and put its template in its place."""
        self._drop(kind, name)
        self._new(kind, name, template)

    def _new(self, kind: str, name: str, template: str | None) -> str:
        if kind == "sqlite":
            path = self.folder / f"{name}.db"
            if template is not None:
                shutil.copy(self.folder / f"{template}.db", path)
            return f"sqlite:///{path}"
        administrator = self._postgresql()
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return administrator.replace("/postgres?", f"/{name}?")

    def _drop(self, kind: str, name: str) -> None:
        if kind == "sqlite":
            for path in self.folder.glob(f"{name}.db*"):
                path.unlink(missing_ok=True)
            return
        with psycopg.connect(self._postgresql(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _in_base_r4(lines: list[str]) -> list[str]:
    """Prior authorizations too in the plain FHIR that the laboratory's insurer speaks."""
    kept: list[str] = []
    inside = False
    for line in lines:
        inside = line.startswith("  preauthorization:") or (inside and line.startswith("   "))
        if line.startswith("extends:"):
            line = "extends: {claim: base-r4, preauthorization: base-r4}"
        if not inside:
            kept.append(line)
    return kept


def _changed(text: str, keys: Mapping[str, str]) -> str:
    """An insurer's file with these keys of ``delivery`` changed; loud when one is not there."""
    lines = _in_base_r4(text.split("\n"))
    for key, value in keys.items():
        found = [n for n, line in enumerate(lines) if line.startswith(f"  {key}:")]
        assert len(found) == 1, f"delivery.{key} stands {len(found)} times in an insurer's file"
        lines[found[0]] = f"  {key}: {value}"
    return "\n".join(lines)
