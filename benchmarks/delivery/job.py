"""One contender's job: filled, its worker started, killed at the drawn moments, awaited, judged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ours
import requests
from brokers import Brokers
from contenders import SENDERS, Contender

THREADS = 8
QUIET_S = 15.0
"""Nothing heard for so long: over. Longer than every lease, heartbeat and visibility timeout of the
run, so that who would still send again has done so. The first time a queue's worker is stopped in
good order and started once more: some look for what dead workers left at their start, or only every
hundred seconds (kombu)."""
START_S = 20.0
"""How long a worker may take to start, on a busy machine, before quiet means anything."""
BODY = (
    ours.ROOT / "fixtures" / ours.INSURER / "v1" / "oncology-video-with-tumour-board"
) / "bundle.claim.json"


@dataclass(frozen=True)
class Plan:
    """What is done to each contender. Seconds are drawn from the seed, too."""

    claims: int
    seed: int

    @property
    def dropped(self) -> int:
        return round(self.claims * 51 / 600)

    @property
    def busy(self) -> int:
        return round(self.claims * 24 / 600)

    def kills(self) -> list[tuple[int, float]]:
        """Moments: when so many claims are booked, and so many seconds after that."""
        drawn = random.Random(self.seed + 1)  # noqa: S311
        times = 5 if self.claims >= 600 else 2
        step = self.claims / (times + 1)
        return [
            (round(step * (n + drawn.uniform(-0.25, 0.25))), drawn.uniform(0, 0.1))
            for n in range(1, times + 1)
        ]


@dataclass(frozen=True)
class Result:
    contender: Contender
    claims: int
    lost: int
    doubled: int
    most: int
    posts: int
    asked: int
    booked_s: float
    """From the start to the last claim that was booked for the first time."""
    heard_s: float
    """From the start to the last thing that the insurer heard."""
    flaws: tuple[str, ...]
    """Planned faults that did not fire: the row is worth nothing then."""
    note: str


def run(contender: Contender, plan: Plan, insurer: str, brokers: Brokers, folder: Path) -> Result:
    """Raises contenders.Missing when a prerequisite is not there."""
    programs = contender.programs()
    address = f"{insurer}/{contender.name}"
    broker = brokers.url(contender.broker, contender.name)
    command = programs / "payer-gateway"
    environ = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    if contender.ours:
        environ |= ours.environment(broker, address, folder)
        ours.take_in(command, environ, plan.claims, folder)
        work = [str(command), "deliver", "--until-idle", "--threads", str(THREADS)]
    else:
        environ |= {
            "SENDER_BROKER": broker,
            "SENDER_INSURER": address,
            "SENDER_BODY": str(BODY),
            "SENDER_THREADS": str(THREADS),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(SENDERS),
            **contender.also,
        }
        if contender.guarded:
            environ["SENDER_GUARD"] = brokers.url("postgresql", f"{contender.name}_guard")
        fill, *rest = (word.format(claims=plan.claims) for word in contender.fill)
        subprocess.run([programs / fill, *rest], cwd=SENDERS, env=environ, check=True)
        program, *rest = (word.format(threads=THREADS) for word in contender.work)
        work = [str(programs / program), *rest]
    log = folder / f"{contender.name}.log"
    begun, killed, note = _worked(contender, plan, address, work, environ, log)
    told = _told(address)
    if contender.ours:
        note = "; ".join(filter(None, (note, f"our database: {ours.states(command, environ)}")))
    flaws = [
        f"{what}: {fired} of {planned}"
        for what, fired, planned in (
            ("kills", killed, len(plan.kills())),
            ("dropped answers", told["dropped"], plan.dropped),
            ("503s", told["busy"], plan.busy),
        )
        if fired != planned
    ]
    return Result(
        contender,
        plan.claims,
        lost=plan.claims - told["claims"],
        doubled=told["twice"],
        most=told["most"],
        posts=told["posts"],
        asked=told["asked"],
        booked_s=max(0.0, told["last_new"] - begun),
        heard_s=max(0.0, told["last_heard"] - begun),
        flaws=tuple(flaws),
        note=note,
    )


def _worked(
    contender: Contender,
    plan: Plan,
    address: str,
    work: list[str],
    environ: dict[str, str],
    log: Path,
) -> tuple[float, int, str]:
    """When it began, how often the worker was killed, and what is to be said about the end."""
    with log.open("wb") as told_to:

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                work,
                cwd=log.parent if contender.ours else SENDERS,
                env=environ,
                stdout=told_to,
                stderr=told_to,
                start_new_session=True,
            )

        begun, killed, note = time.time(), 0, ""
        moments, once_more, started = plan.kills(), True, begun
        longest = max(300.0, plan.claims * 0.3)
        worker = start()
        try:
            while True:
                time.sleep(0.01 if moments else 0.25)
                told = _told(address)
                if moments and told["claims"] >= moments[0][0]:
                    time.sleep(moments.pop(0)[1])
                    _kill(worker)
                    killed += 1
                    worker, started = start(), time.time()
                    continue
                if worker.poll() is not None:
                    # Ours ends when nothing is left to do; a queue's worker never does.
                    if not contender.ours:
                        note = f"its worker ended by itself ({worker.returncode}): see {log.name}"
                    break
                quiet_s = time.time() - max(told["last_heard"], started + START_S)
                if not contender.ours and not told["in_flight"] and quiet_s > QUIET_S:
                    if not once_more:
                        break
                    once_more = False
                    _stop(worker)
                    worker, started = start(), time.time()
                if time.time() - begun > longest:
                    note = f"ended after {longest:.0f} s"
                    break
        finally:
            _kill(worker)
    return begun, killed, note


def _stop(worker: subprocess.Popen[bytes]) -> None:
    """In good order, as for an upgrade; by force after a while."""
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(15)
    _kill(worker)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the worker and whatever processes it has."""
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


_http = requests.Session()


def _told(address: str) -> dict[str, float]:
    told: dict[str, float] = _http.get(f"{address}/ledger", timeout=30).json()
    return told
