"""The crew of one worker process: one thread picks, many exchange, one records.

The picker leases as many submissions as there are free sending threads (rule L3), in one
transaction; what was answered meanwhile is recorded together. So the database is asked twice per
handful of claims, not twice per claim, and no sending thread waits for it.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from queue import Empty, SimpleQueue

from sqlalchemy.exc import DBAPIError

from payer_gateway.domain.errors import LeaseLost
from payer_gateway.domain.submission import State
from payer_gateway.storage import picking
from payer_gateway.storage.fencing import Fence
from payer_gateway.workflow import committing, exchanging, probing, steering
from payer_gateway.workflow.exchanging import Done, Held
from payer_gateway.workflow.services import Services

log = logging.getLogger(__name__)

# Plain sleeps and waits without a time, not waits with one: an absolute deadline on the monotonic
# clock is not what a shifted clock (libfaketime, in tests) makes of it.
IDLE_WAIT_S = 0.05
MOST_TOGETHER = 128
# Results are committed together: the first waits so long for what is still on the wire, unless as
# many are there as threads send.
GATHER_S = 0.002
GATHER_TIMES = 4
LOOK_EVERY_S = {State.IN_DOUBT: 0.1, State.READY: 0.0, State.ACCEPTED: 0.25}
PROBE_EVERY_S = 0.25
# An exchange that lasts longer gives its thread's place to another one, so that an insurer that
# hangs holds up its own claims only.
SLOW_S = 0.5
MOST_THREADS = 8  # times the threads asked for


def worker_name(number: int) -> str:
    return f"{platform.node() or 'worker'}:{os.getpid()}:{number}"


def pick_some(
    s: Services, source: State, worker: str, room: Callable[[], int], *, look: bool
) -> list[Held]:
    """Lease what may begin now, with the bytes that are or were sent. ``look``: look first without
    locking."""
    taken_at = time.monotonic()
    if look:
        with s.database.read() as work:
            insurers = steering.callable_now(s, work.now)
            if not picking.is_there_work(work, source, insurers):
                return []
    with s.database.write(planned_once=True) as work:
        leased = picking.pick_batch(
            work,
            source,
            insurers=steering.callable_now(s, work.now),
            worker=worker,
            lease=s.lease,
            room=room,
            one_at_a_time=steering.cannot_be_asked(s),
        )
    return [Held(each, source, taken_at) for each in leased]


class Crew:
    """Threads of one process. ``broken`` holds what ended one of them against its will."""

    def __init__(self, services: Services, threads: int) -> None:
        self.broken: list[BaseException] = []
        self._s = services
        self._threads = threads
        self._fence = Fence(services.database.engine)
        self._todo: SimpleQueue[Held | Callable[[], None] | None] = SimpleQueue()
        self._done: SimpleQueue[Done | None] = SimpleQueue()
        self._unrecorded = 0
        self._freed: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()
        self._in_hand: dict[int, float | None] = {}  # → when its exchange began
        self._numbers = 0
        self._senders: list[threading.Thread] = []
        # SQLite has one writer: what picks or records waits here, and only then looks how much
        # there is, so that the next turn serves all that came meanwhile.
        one_writer = services.database.engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if one_writer else nullcontext()
        )
        self._over = threading.Event()
        self._name = worker_name(0)
        self._picker = threading.Thread(target=self._guarded, args=(self._pick,), name="pick")
        self._recorder = threading.Thread(target=self._guarded, args=(self._record,), name="record")
        self._looked = dict.fromkeys(LOOK_EVERY_S, float("-inf"))
        self._empty = dict.fromkeys(LOOK_EVERY_S, True)
        self._probed_at = float("-inf")

    def start(self) -> None:
        for _ in range(self._threads):
            self._one_more_sender()
        self._recorder.start()
        self._picker.start()

    def stop(self) -> None:
        """No more is picked; what is held is sent and recorded, then the threads end."""
        self._over.set()
        self._freed.put(None)
        self._picker.join()
        for _ in self._senders:
            self._todo.put(None)
        for sender in self._senders:
            sender.join()
        self._done.put(None)
        self._recorder.join()
        self._fence.close()

    def look_after(self) -> None:
        """From time to time: exchanges that have become slow make room for others."""
        self._freed.put(None)

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as exc:
            log.exception("worker broke")
            self.broken.append(exc)
            self._over.set()

    # -- picking

    def _pick(self) -> None:
        while not self._over.is_set():
            free = self._free()
            if 0 < free < (self._threads + 1) // 2:
                time.sleep(GATHER_S)  # some more will be free in a moment: one transaction for all
                free = self._free()
            if free == 0:
                self._freed.get()
            elif not waiting_for_the_database(self._pick_once):
                time.sleep(IDLE_WAIT_S)

    def _pick_once(self) -> bool:
        """One round over what there is to do: questions first, they free what waits behind."""
        got = self._probe_once()
        for source, every in LOOK_EVERY_S.items():
            now = time.monotonic()
            if now - self._looked[source] < every:
                continue
            self._looked[source] = now
            with self._turn:
                if self._free() == 0:
                    break
                held = pick_some(self._s, source, self._name, self._free, look=self._empty[source])
            self._empty[source] = not held
            got += len(held)
            for each in held:
                self._hand_out(each)
        return got > 0

    def _free(self) -> int:
        """How many threads are free: no more than that is leased (rule L3), so that a worker's
        death makes a question of nothing that only lay ready."""
        with self._lock:
            while True:
                try:
                    self._freed.get_nowait()
                except Empty:
                    break
            self._man_places()
            if self._unrecorded > 4 * self._threads:
                return 0  # recording lags behind: what is answered must not outlive its lease
            return max(0, self._places() - len(self._in_hand))

    def _man_places(self) -> None:
        """A thread for each place, so that nothing lies ready behind exchanges that hang."""
        for _ in range(min(self._places(), len(self._in_hand)) - len(self._senders)):
            self._one_more_sender()

    def _places(self) -> int:
        """How many exchanges may be under way; those that have become slow count for nothing."""
        slow_since = time.monotonic() - SLOW_S
        slow = sum(began is not None and began < slow_since for began in self._in_hand.values())
        return min(self._threads + slow, MOST_THREADS * self._threads)

    def _hand_out(self, task: Held | Callable[[], None]) -> None:
        with self._lock:
            self._in_hand[id(task)] = None
        self._todo.put(task)

    def _one_more_sender(self) -> None:
        self._numbers += 1
        name = f"send-{self._numbers}"
        sender = threading.Thread(target=self._guarded, args=(self._send,), name=name)
        self._senders.append(sender)
        sender.start()

    def _probe_once(self) -> int:
        """Probe insurers whose breaker is open, by a request that books nothing."""
        now = time.monotonic()
        if now - self._probed_at < PROBE_EVERY_S:
            return 0
        self._probed_at = now
        due = probing.take_due(self._s)
        for row in due:
            self._hand_out(partial(self._probe, row.tenant_id, row.id))
        return len(due)

    # -- exchanging

    def _send(self) -> None:
        while (task := self._todo.get()) is not None:
            with self._lock:
                self._in_hand[id(task)] = time.monotonic()
            try:
                if isinstance(task, Held):
                    done = exchanging.exchange(self._s, self._fence, task)
                    with self._lock:
                        self._unrecorded += 1
                    self._done.put(done)
                else:
                    task()
            finally:
                with self._lock:
                    del self._in_hand[id(task)]
                self._freed.put(None)

    def _probe(self, tenant_id: str, insurer: str) -> None:
        answers, said = probing.probe(self._s, insurer)

        def keep() -> bool:
            probing.keep(self._s, tenant_id, insurer, answers, said)
            return True

        waiting_for_the_database(keep)

    # -- recording

    def _record(self) -> None:
        while (first := self._done.get()) is not None:
            results = [first]
            ends = False
            for _ in range(GATHER_TIMES):
                if self._done.qsize() >= self._threads or not self._in_hand:
                    break
                time.sleep(GATHER_S)
            with self._turn:
                while len(results) < MOST_TOGETHER and not ends:
                    try:
                        more = self._done.get_nowait()
                    except Empty:
                        break
                    if more is None:
                        ends = True
                    else:
                        results.append(more)
                waiting_for_the_database(partial(record_some, self._s, results))
            with self._lock:
                self._unrecorded -= len(results)
            self._freed.put(None)
            if ends:
                return


def record_some(s: Services, results: list[Done]) -> bool:
    committing.record_all(s, results)
    return True


def waiting_for_the_database(step: Callable[[], bool]) -> bool:
    """One step. A database that is away is waited for; what was in hand is reaped and asked
    about (rule L9)."""
    try:
        return step()
    except DBAPIError as exc:
        log.error("the database did not take it: %s", type(exc.orig).__name__)
        time.sleep(1.0)
        return False
    except LeaseLost as exc:
        log.warning("somebody else moved it: %s", exc)
        return False
