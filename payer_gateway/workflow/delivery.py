"""Delivery: one worker process. Its crew picks, exchanges and records; between them the sweeping
goes on; it ends when it is told to, when nothing can move without a person, or when the database
has become another version's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import State
from payer_gateway.storage import listings, unanswered
from payer_gateway.storage.fencing import Fence
from payer_gateway.storage.listings import Standing
from payer_gateway.workflow import probing, steering
from payer_gateway.workflow.committing import record_one
from payer_gateway.workflow.crew import Crew, pick_some, waiting_for_the_database, worker_name
from payer_gateway.workflow.exchanging import exchange
from payer_gateway.workflow.pulse import Pulse
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import Sweeper

SWEEP_EVERY_S = 0.25
SCHEMA_EVERY_S = 5.0
# With --until-idle, an insurer that keeps refusing us altogether is a person's matter after this
# many probes in a row in this run (about three minutes).
PROBES_WAITED_FOR = 10


def send_one(s: Services, worker: str) -> bool:
    """Send the next ready submission, here and now; False when there is none."""
    return _one(s, State.READY, worker)


def ask_one(s: Services, worker: str) -> bool:
    """Ask the insurer about the next submission in doubt; False when there is none."""
    return _one(s, State.IN_DOUBT, worker)


def fetch_one(s: Services, worker: str) -> bool:
    """Fetch the next adjudication that is due; False when there is none."""
    return _one(s, State.ACCEPTED, worker)


def probe_one(s: Services) -> bool:
    """Probe the insurers whose breaker is open and whose probe is due; False when there is none."""
    due = probing.take_due(s)
    for row in due:
        probing.keep(s, row.tenant_id, row.id, *probing.probe(s, row.id))
    return bool(due)


def _one(s: Services, source: State, worker: str) -> bool:
    """The steps of the crew, one after the other, for one submission."""
    fence = Fence(s.database.engine)
    try:
        held = pick_some(s, source, worker, lambda: 1, look=True)
        for each in held:
            record_one(s, exchange(s, fence, each))
    finally:
        fence.close()
    return bool(held)


@dataclass(slots=True)
class Delivery:
    """The threads of one worker process, and the sweeping between them."""

    services: Services
    principal: Principal
    threads: int = 4
    on_progress: Callable[[Standing], None] | None = None
    _broken: list[BaseException] = field(default_factory=list)
    _probes_before: int = 0

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set; each thread finishes what it holds.

        Raises SettingError when the database's schema is, or becomes, another version's.
        """
        self.principal.must_be_allowed(Act.DELIVER)
        self.services.database.must_fit()
        steering.follow_files(self.services)
        crew = Crew(self.services, self.threads)
        sweeper = Sweeper(self.services, worker_name(-1))
        pulse = Pulse(self.services, worker_name(-1).rpartition(":")[0])
        looked = time.monotonic()
        crew.start()
        try:
            while not stop.is_set() and not crew.broken:
                waiting_for_the_database(pulse.beat)
                waiting_for_the_database(sweeper.sweep)
                if time.monotonic() - looked >= SCHEMA_EVERY_S:
                    looked = time.monotonic()
                    waiting_for_the_database(self._schema_fits)
                crew.look_after()
                time.sleep(SWEEP_EVERY_S)
        finally:
            # Whatever ends the sweeping ends the sending: a worker without it looks alive only.
            stop.set()
            crew.stop()
            waiting_for_the_database(pulse.leave)
        if crew.broken:
            # A fault of ours: better a worker that ends loudly than one that looks alive. What it
            # held is reaped and asked about; what breaks a worker three times is quarantined.
            raise crew.broken[0]

    def run_until_idle(self, max_wait_s: float | None = None) -> Standing:
        """Deliver until nothing can move without a person, or the wait is over.

        Adjudications that are still due are fetched once each, not waited for.
        """
        stop = threading.Event()
        runner = threading.Thread(target=self._run_quietly, args=(stop,), name="deliver")
        ends = None if max_wait_s is None else time.monotonic() + max_wait_s
        asked: set[str] = set()
        self._probes_before = self._standing().worst_probes
        runner.start()
        try:
            while True:
                began = time.monotonic()
                standing = self._standing()
                if self.on_progress is not None:
                    self.on_progress(standing)
                if self._broken:
                    raise self._broken[0]
                if ends is not None and time.monotonic() >= ends:
                    return standing
                if self._is_idle(standing) and not self._ask_once(asked):
                    # An answer that came in between may have set something in motion.
                    standing = self._standing()
                    if self._is_idle(standing):
                        return standing
                # Counting a large backlog takes its time; it must not take the workers'.
                time.sleep(max(0.1, 10 * (time.monotonic() - began)))
        finally:
            stop.set()
            runner.join()

    def _run_quietly(self, stop: threading.Event) -> None:
        """``run`` in a thread: what broke it is raised by the thread that waits."""
        try:
            self.run(stop)
        except BaseException as exc:
            self._broken.append(exc)

    def _schema_fits(self) -> bool:
        self.services.database.must_fit()
        return True

    def _is_idle(self, standing: Standing) -> bool:
        if standing.moving == 0:
            return True
        # All that still moves is held back by endpoints that refuse us, again and again.
        probed = standing.worst_probes - self._probes_before
        return probed >= PROBES_WAITED_FOR and standing.moving == standing.refused

    def _standing(self) -> Standing:
        s = self.services
        with s.database.read() as work:
            open_now = steering.callable_now(s, work.now)
            standing = listings.standing(work, list(s.addresses), open_now)
            due = sum(
                planned.n
                for planned in listings.planned_days(work)
                if planned.due_on <= s.business_day(work.now, ZoneInfo(planned.zone))
            )
        return replace(standing, moving=standing.moving + due)

    def _ask_once(self, asked: set[str]) -> bool:
        """Have adjudications that are still due fetched, each once; False when all were."""
        s = self.services
        with s.database.write() as work:
            reachable = [
                name
                for name in steering.callable_now(s, work.now)
                if (profile := steering.newest(s, name)) and profile.delivery.answer is not None
            ]
            if unanswered.any_due_now(work, reachable):
                return True
            fresh = [i for i in unanswered.all_of(work, reachable) if i not in asked]
            unanswered.ask_now(work, fresh)
        asked.update(fresh)
        return bool(fresh)
