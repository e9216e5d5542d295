"""``deliver --processes``: several workers under one parent, which hands signals on and starts a
worker again that ended by itself."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time

import click

log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 1.0
_LOOK_EVERY_S = 0.25
# A worker that cannot start (wrong setting, another schema version) is no use started again.
_MISUSE = 2


def run_processes(processes: int, threads: int) -> None:
    """Run that many workers until SIGTERM or SIGINT; each finishes what it holds.

    A worker that dies is started again after a second: what it held is asked about, and what
    takes three workers down is quarantined, while the others flow.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ourselves = [sys.executable, "-c", "from payer_gateway.cli import main; main()"]
    command = [*ourselves, "deliver", "--threads", str(threads)]

    def start() -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl-C reaches us alone, and we hand it on once.
        return subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command

    workers = [start() for _ in range(processes)]
    misuse = False
    try:
        while not stop.is_set():
            for n, worker in enumerate(workers):
                code = worker.poll()
                if code == _MISUSE:
                    misuse = True
                    stop.set()
                elif code is not None and not stop.is_set():
                    log.error("worker %d ended with %d; another one is started", worker.pid, code)
                    time.sleep(_AGAIN_AFTER_S)
                    workers[n] = start()
            time.sleep(_LOOK_EVERY_S)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait()
    if misuse:
        raise click.exceptions.Exit(_MISUSE)
