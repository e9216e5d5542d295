"""Processes and sockets beside the tests: the sandbox, workers, insurers that misbehave."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

# The installed command, beside the interpreter that runs the tests.
COMMAND = str(Path(sys.executable).with_name("payer-gateway"))
GENEROUS_S = 30.0
"""How long anything may take before a test gives up; nothing is measured by it."""


class SandboxInsurer:
    """``payer-gateway sandbox`` in its own process, on a free port."""

    def __init__(
        self, ledger: Path, *, token: str | None = None, notify: str | None = None
    ) -> None:
        more = ["--token", token] if token else []
        more += ["--notify", notify] if notify else []
        self.process = subprocess.Popen(
            [COMMAND, "sandbox", "--port", "0", "--ledger", str(ledger), *more],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self._http = requests.Session()

    def ledger(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._http.get(f"{self.url}/ledger", timeout=GENEROUS_S).json()
        return rows

    def times(self, claim_identifier: str) -> int:
        """How often it has booked this claim."""
        return sum(
            row["times"] for row in self.ledger() if row["claim_identifier"] == claim_identifier
        )

    def totals(self, ours: set[str]) -> dict[tuple[str, str], tuple[int, Decimal, Decimal]]:
        """Claims, billed and payable per insurer and currency, of these claims only."""
        found: dict[tuple[str, str], tuple[int, Decimal, Decimal]] = {}
        for row in self.ledger():
            if row["use"] != "claim" or row["claim_identifier"] not in ours:
                continue
            key = row["insurer"], row["currency"]
            claims, billed, payable = found.get(key, (0, Decimal(0), Decimal(0)))
            found[key] = (
                claims + row["times"],
                billed + Decimal(row["billed"]) * row["times"],
                payable + Decimal(row["payable"]) * row["times"],
            )
        return found

    def has_answer(self, insurer: str, claim_identifier: str) -> bool:
        found = self._http.get(
            f"{self.url}/{insurer}/ClaimResponse",
            params={"request.identifier": claim_identifier},
            timeout=GENEROUS_S,
        )
        return bool(found.json()["total"])

    def mend(self, member_id: str) -> None:
        """A clerk there does what a call asked for: this member's claims are taken now."""
        asked = {"member_id": member_id, "mood": "approve"}
        self._http.post(f"{self.url}/moods", json=asked, timeout=GENEROUS_S).raise_for_status()

    def stop(self) -> None:
        self._http.close()
        self.process.terminate()
        self.process.wait(GENEROUS_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


def run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command, run to its end."""
    return subprocess.run(
        [COMMAND, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=180,
    )


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds; no test depends on how long that takes."""
    ends = time.monotonic() + GENEROUS_S
    while not holds():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.05)


class _Listening:
    """A loopback port whose connections are served by threads of this process."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._threads = [threading.Thread(target=self._accept)]
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads[0].start()

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for line in list(self._open):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(GENEROUS_S)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._guarded, line)

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, line: socket.socket) -> None:
        self._open.add(line)
        try:
            with line, suppress(OSError):
                self.serve(line)
        finally:
            self._open.discard(line)

    def serve(self, line: socket.socket) -> None:
        raise NotImplementedError


class RawInsurer(_Listening):
    """Reads whole requests and does what ``behave(method, path)`` says: the bytes of an answer, or
    nothing at all: the line is closed."""

    def __init__(self, behave: Callable[[str, str], bytes | None]) -> None:
        self._behave = behave
        self.heard: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__()

    def serve(self, line: socket.socket) -> None:
        stream = line.makefile("rb")
        with stream:
            while start := stream.readline():
                method, path, _ = start.decode().split()
                headers = {}
                while header := stream.readline().strip():
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", "0")))
                self.heard.append((method, path, headers, body))
                answer = self._behave(method, path)
                if answer is None:
                    return
                line.sendall(answer)

    def sent(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [each for each in self.heard if each[0] == "POST"]


def answer(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class SlowLine(_Listening):
    """A line to an insurer on which every piece takes a (seeded) random while, both ways. What
    has entered it arrives, even when who sent it is dead by then."""

    def __init__(self, target: str, seed: int, at_most_s: float) -> None:
        there = urlsplit(target)
        self._target = there.hostname, there.port
        self._random, self._at_most_s = random.Random(seed), at_most_s  # noqa: S311
        super().__init__()

    def serve(self, line: socket.socket) -> None:
        with socket.create_connection(self._target) as far:
            self._open.add(far)
            back = threading.Thread(target=self._carry, args=(far, line))
            back.start()
            self._carry(line, far)
            back.join(GENEROUS_S)
            self._open.discard(far)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                time.sleep(self._random.uniform(0, self._at_most_s))
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
