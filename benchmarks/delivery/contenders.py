"""Who takes part: what each needs, how its jobs are put in, how its worker starts.

Each queue has a virtual environment of its own, made by pip from the pinned names here; ours runs
the command that is installed beside the interpreter of this script.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SENDERS = HERE / "senders"
ENVIRONMENTS = HERE / ".environments"
REQUESTS = "requests==2.34.2"
PSYCOPG = "psycopg[binary]==3.3.9"


class Missing(Exception):
    """Something a contender cannot do without; the text names the cure."""


@dataclass(frozen=True)
class Contender:
    """``broker``: redis, postgresql or sqlite. ``fill`` and ``work``: commands, the first word of
    them a program of the environment; ``{claims}`` is filled in."""

    name: str
    settings: str
    broker: str
    environment: str = ""
    packages: tuple[str, ...] = ()
    fill: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)
    guarded: bool = False

    @property
    def ours(self) -> bool:
        return not self.packages

    def programs(self) -> Path:
        """Folder of this contender's programs, made where it is not there yet.

        Raises Missing when pip cannot bring its packages.
        """
        if self.ours:
            return Path(sys.executable).parent
        folder = ENVIRONMENTS / self.environment
        wanted = "\n".join(self.packages)
        ready = folder / "packages.txt"
        if not ready.exists() or ready.read_text() != wanted:
            print(f"{self.name}: making its environment …", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            made = subprocess.run(
                [folder / "bin" / "pip", "install", "--quiet", *self.packages],
                capture_output=True,
                text=True,
            )
            if made.returncode:
                why = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise Missing(
                    f"pip did not bring {' '.join(self.packages)} ({why}); mend pip's way"
                )
            ready.write_text(wanted)
        return folder / "bin"


def _celery(mode: str, settings: str, *more: str) -> Contender:
    return Contender(
        name=f"celery-{mode.replace('_', '-')}",
        settings=settings,
        broker="redis",
        environment="celery-guarded" if more else "celery",
        packages=("celery[redis]==5.7.0", REQUESTS, *more),
        fill=("python", "celery_sender.py", "{claims}"),
        work=("celery", "-A", "celery_sender", "worker", "-P", "threads", "-c", "{threads}"),
        also={"SENDER_MODE": mode},
        guarded=bool(more),
    )


CONTENDERS = (
    _celery("default", "Celery 5.7, Redis, defaults; visibility 5 s"),
    _celery(
        "acks_late",
        "Celery 5.7, Redis, acks_late, reject_on_worker_lost, prefetch 1; visibility 5 s",
    ),
    _celery(
        "guarded", "the same, and a guard row in PostgreSQL, committed before the post", PSYCOPG
    ),
    Contender(
        name="dramatiq",
        settings="Dramatiq 2.2, Redis, heartbeat 5 s",
        broker="redis",
        environment="dramatiq",
        packages=("dramatiq[redis]==2.2.1", REQUESTS),
        fill=("python", "dramatiq_sender.py", "{claims}"),
        work=("dramatiq", "dramatiq_sender", "-p", "1", "-t", "{threads}"),
    ),
    Contender(
        name="huey",
        settings="Huey 3.5, Redis, retries",
        broker="redis",
        environment="huey",
        packages=("huey==3.5.4", "redis==8.1.0", REQUESTS),
        fill=("python", "huey_sender.py", "{claims}"),
        work=("huey_consumer", "huey_sender.queue", "-k", "thread", "-w", "{threads}"),
    ),
    Contender(
        name="procrastinate",
        settings="Procrastinate 3.10, PostgreSQL, stalled jobs started again after 5 s",
        broker="postgresql",
        environment="procrastinate",
        packages=("procrastinate==3.10.0", PSYCOPG, REQUESTS),
        fill=("python", "procrastinate_sender.py", "{claims}"),
        work=("python", "procrastinate_sender.py", "work"),
    ),
    Contender(
        name="dbos",
        settings="DBOS 3.4, PostgreSQL, queue polled every 0.1 s, step retries",
        broker="postgresql",
        environment="dbos",
        packages=("dbos==3.4.0", PSYCOPG, REQUESTS),
        fill=("python", "dbos_sender.py", "{claims}"),
        work=("python", "dbos_sender.py", "work"),
    ),
    Contender(
        name="ours-postgresql",
        settings="payer_gateway, PostgreSQL, lease 5 s, settle 1 s",
        broker="postgresql",
    ),
    Contender(
        name="ours-sqlite",
        settings="payer_gateway, SQLite, lease 5 s, settle 1 s",
        broker="sqlite",
    ),
)
