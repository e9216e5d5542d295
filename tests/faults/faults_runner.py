"""Runs the real command line with points at which its process kills or freezes itself.

The points are put into the running process from here: the package ships nothing that could switch
off safety. Two ways to use this file:

``python faults_runner.py``: imports the package once, then forks a process per line of stdin (JSON:
``id, argv, environ, cwd, log, points``) and tells on stdout what becomes of each, a JSON line per
event. A fork costs milliseconds where a start costs a second. Nothing is open and no thread runs in
the process that forks.

``python faults_runner.py POINTS COMMAND…``: runs one command itself, for clocks set from outside.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from faults_steps import BY_NAME, EXCHANGE

_here = threading.local()


def main() -> None:
    if sys.argv[1:]:
        _install(json.loads(sys.argv[1]))
        _command(sys.argv[2:])
    _import_everything()
    _serve()


# Points.


def _install(points: list[dict[str, Any]]) -> None:
    """Each point: ``step``, ``do`` (KILL, STOP), ``at``, the pass at which it does so, and perhaps
    ``insurer``: only exchanges with that one count."""
    if not points:
        return
    owner, name, original = _found(EXCHANGE)

    @functools.wraps(original)
    def noted(self: Any, insurer: str, request: Any) -> Any:
        _here.method, _here.insurer = request.method, insurer
        try:
            return original(self, insurer, request)
        finally:
            _here.method = None

    setattr(owner, name, noted)
    for point in points:
        _put(point)


def _put(point: dict[str, Any]) -> None:
    step = BY_NAME[point["step"]]
    owner, name, original = _found(step.target)
    lock, passes = threading.Lock(), 0

    def reached() -> bool:
        """Whether this pass is the one; only one pass is."""
        nonlocal passes
        if step.during is not None and getattr(_here, "method", None) != step.during:
            return False
        if point.get("insurer") not in (None, getattr(_here, "insurer", None)):
            return False
        with lock:
            passes += 1
            return passes == point["at"]

    def act() -> None:
        # To this very thread: it does not take one step more.
        signal.pthread_kill(threading.get_ident(), getattr(signal, f"SIG{point['do']}"))

    @functools.wraps(original)
    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if step.when == "after":
            result = original(*args, **kwargs)
            if (result or not step.did) and reached():
                act()
            return result
        now = reached()
        if now and step.when == "half":
            connection, data = args
            original(connection, memoryview(bytes(data))[: len(data) // 2])
            act()
            # A frozen one goes on with the rest.
            return original(connection, memoryview(bytes(data))[len(data) // 2 :])
        if now:
            act()
        return original(*args, **kwargs)

    setattr(owner, name, interrupted)


def _found(target: str) -> tuple[Any, str, Any]:
    """The owner, name and value of ``module:name``; a target that is gone is an error."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if not callable(getattr(owner, name, None)):
        raise LookupError(f"the laboratory's table of steps names {target}, which is gone")
    return owner, name, getattr(owner, name)


def check_targets() -> None:
    """Raise LookupError for the first step whose function is gone."""
    for target in (EXCHANGE, *(step.target for step in BY_NAME.values())):
        _found(target)


# Processes.


def _import_everything() -> None:
    import payer_gateway

    for module in pkgutil.walk_packages(payer_gateway.__path__, "payer_gateway."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
    for driver in (
        "psycopg",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
    ):
        importlib.import_module(driver)
    _check_a_bundle()
    gc.collect()
    gc.freeze()


def _check_a_bundle() -> None:
    """The models of FHIR are put together at first use, which takes seconds."""
    from payer_gateway.mapping.bundle_structure import structure_problems

    golden = sorted(
        (Path(__file__).parents[2] / "fixtures" / "northwind-ppo").rglob("bundle*.json")
    )
    for path in golden:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            structure_problems(entry["resource"])
    assert golden, "there is no golden Bundle to warm up with"


def _serve() -> None:
    reads, writes = os.pipe()
    for end in (reads, writes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writes)
    import payer_gateway

    _tell({"ready": payer_gateway.__file__})
    ids: dict[int, str] = {}
    shelves: dict[str, Any] = {}
    rest = b""
    while True:
        ready, _, _ = select.select([0, reads], [], [])
        if reads in ready:
            os.read(reads, 4096)
            _reap(ids)
        if 0 in ready:
            data = os.read(0, 1 << 20)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                shelf = _read(order["environ"].get("PAYER_GATEWAY_MAPPINGS"), shelves)
                pid = os.fork()
                if pid == 0:
                    _become(order, shelf)
                ids[pid] = order["id"]
                _tell({"id": order["id"], "pid": pid})
    for pid in ids:
        os.kill(pid, signal.SIGKILL)


def _read(mappings: str | None, shelves: dict[str, Any]) -> Any:
    """The insurers' files of that folder, read and compiled once; they do not change."""
    from payer_gateway.mapping.profile import Shelf

    if mappings is not None and mappings not in shelves:
        shelves[mappings] = Shelf(Path(mappings))
        for name in shelves[mappings].names():
            shelves[mappings].profile(name)
    return shelves.get(mappings or "")


def _reap(ids: dict[int, str]) -> None:
    while ids:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            _tell({"id": ids[pid], "stopped": True})
            continue
        _tell({"id": ids.pop(pid), "ended": os.waitstatus_to_exitcode(status)})


def _tell(event: dict[str, Any]) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def _become(order: dict[str, Any], shelf: Any) -> None:
    """This forked process is the command from here on; it finds its ``shelf`` read already."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(order["environ"])
        os.chdir(order["cwd"])
        random.seed()
        if shelf is not None:
            importlib.import_module("payer_gateway.app").Shelf = lambda _: shelf  # type: ignore[attr-defined]
        _install(order["points"])
        _command(order["argv"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(argv: list[str]) -> None:
    from payer_gateway.cli import main as command

    sys.argv = ["payer-gateway", *argv]
    command()


if __name__ == "__main__":
    main()
