"""Processes of the gateway that the laboratory starts, watches, freezes and kills."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RUNNER = Path(__file__).with_name("faults_runner.py")
LONG_S = 120.0
"""How long anything may take before the laboratory gives up on it."""

Point = dict[str, Any]


def at(step: str, do: str = "KILL", nth: int = 1, insurer: str | None = None) -> Point:
    """A point at the n-th pass of a step, perhaps only of exchanges with that insurer."""
    return {"step": step, "do": do, "at": nth, "insurer": insurer}


class Worker:
    """One process of the command line."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.pid = 0
        self.code: int | None = None
        self._started = threading.Event()
        self._stopped = threading.Event()
        self._ended = threading.Event()

    def heard(self, event: Mapping[str, Any]) -> None:
        if "pid" in event:
            self.pid = event["pid"]
            self._started.set()
        elif "stopped" in event:
            self._stopped.set()
        else:
            self.code = event["ended"]
            self._ended.set()
            self._stopped.set()

    def wait(self, seconds: float = LONG_S) -> int:
        """Its exit code; minus the signal's number when one ended it."""
        if not self._ended.wait(seconds):
            self.kill()
            raise TimeoutError(f"a worker did not end within {seconds:g} s:\n{self.told()}")
        assert self.code is not None
        return self.code

    def wait_until_frozen(self, seconds: float = LONG_S) -> bool:
        """Whether it froze itself at its point (False: it ended without)."""
        self._stopped.wait(seconds)
        return self._stopped.is_set() and not self._ended.is_set()

    def thaw(self) -> None:
        """It was told to go on: the next freeze is a new one."""
        self._stopped.clear()

    @property
    def runs(self) -> bool:
        return not self._ended.is_set()

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def signal(self, number: int) -> None:
        self._started.wait(LONG_S)
        if self.runs:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._ended.wait(10)

    def told(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""


class Stable:
    """Starts workers in milliseconds: a process that has imported the package, and forks."""

    def __init__(self, folder: Path, package: Path | None = None) -> None:
        environ = dict(os.environ)
        if package is not None:
            environ["PYTHONPATH"] = str(package)
        self._folder = folder
        self._number = itertools.count(1)
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._process = subprocess.Popen(
            [sys.executable, str(RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the runner did not start"
        self.package = Path(json.loads(line)["ready"]).parent
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(
        self, environ: Mapping[str, str], argv: Sequence[str], points: Sequence[Point] = ()
    ) -> Worker:
        name = str(next(self._number))
        worker = Worker(self._folder / f"{name}.log")
        order = {
            "id": name,
            "argv": list(argv),
            "environ": dict(environ),
            "cwd": str(self._folder),
            "log": str(worker.log),
            "points": list(points),
        }
        assert self._process.stdin is not None
        with self._lock:
            self._workers[name] = worker
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        return worker

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._listener.join(30)
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self._workers[event["id"]].heard(event)
