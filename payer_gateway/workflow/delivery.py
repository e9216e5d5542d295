"""Delivery: pick, write the attempt, close the transaction, send, record. One submission at a time
per thread; no transaction is open while the insurer is thinking."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import GatewayError, LeaseLost
from payer_gateway.domain.exchange import NoReply, Reply, Request
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping import replies
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, causes, listings, outbox, picking
from payer_gateway.storage.database import Work
from payer_gateway.storage.listings import Standing
from payer_gateway.storage.picking import Leased
from payer_gateway.workflow import recording
from payer_gateway.workflow.following import NEVER
from payer_gateway.workflow.pulse import Pulse
from payer_gateway.workflow.questions import put_question
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import profile_of, sweep

log = logging.getLogger(__name__)

# Plain sleeps, not Event.wait: its absolute deadline on the monotonic clock is not what a shifted
# clock (libfaketime, in tests) makes of it, and a stop may take a quarter of a second.
SWEEP_EVERY_S = 0.25
IDLE_WAIT_S = 0.1
# With --until-idle, an insurer that keeps refusing us altogether is a person's matter after this
# many probes in a row in this run (about three minutes).
PROBES_WAITED_FOR = 10


def worker_name(number: int) -> str:
    return f"{platform.node() or 'worker'}:{os.getpid()}:{number}"


def send_one(s: Services, worker: str) -> bool:
    """Send the next ready submission; False when there is none."""
    leased = _pick(s, State.READY, worker)
    if leased is None:
        return False
    started = time.monotonic()
    profile = profile_of(s, leased.row)
    if profile is None:
        _quarantine(s, leased, "the profile it was made with is not among the mappings")
        return True
    try:
        with s.database.read() as work:
            body = bodies.get(work, leased.row.tenant_id, leased.row.body_id)
        request = _submit_request(s, leased, profile, body, started)
    except GatewayError as exc:
        _quarantine(s, leased, str(exc))
        return True
    reply = s.client.send(leased.row.insurer_id, request)
    reading = (
        replies.read_submit(
            profile, Use(leased.row.use), reply, identifier=leased.row.claim_identifier, sent=body
        )
        if isinstance(reply, Reply)
        else recording.silence(reply)
    )
    with _unless_lost(leased), s.database.write() as work:
        state = recording.record_send(s, work, leased, profile, reply, reading)
        _say(leased, reply, reading.outcome, state)
    return True


def _pick(s: Services, source: State, worker: str) -> Leased | None:
    """The next submission in ``source``, leased; None when there is nothing to do."""
    insurers = list(s.addresses)
    with s.database.read() as work:
        if not picking.is_there_work(work, source, insurers):
            return None
    with s.database.write() as work:
        return picking.pick(work, source, insurers=insurers, worker=worker, lease=s.lease)


def _submit_request(
    s: Services, leased: Leased, profile: Profile, body: bytes, started: float
) -> Request:
    row, delivery = leased.row, profile.delivery
    address = s.addresses[row.insurer_id]
    deadline = s.send_deadline_s(profile)
    headers = {}
    if delivery.conditional_create:
        headers["If-None-Exist"] = f"identifier={row.claim_identifier}"

    def fence() -> bool:
        """Rule L4, by the database's clock, right before the first byte."""
        left = deadline - (time.monotonic() - started)
        with s.database.read() as work:
            return left > 0 and outbox.held_by_lease(work, row, work.now + timedelta(seconds=left))

    return fhir_r4.submit(
        address.base(row.use),
        body,
        deadline_s=max(0.05, deadline - (time.monotonic() - started)),
        path=delivery.submit_path,
        headers=headers,
        token=address.token,
        idempotency_key=row.idempotency_key if delivery.idempotency_header else None,
        idempotency_header=delivery.idempotency_header or "Idempotency-Key",
        fence=fence,
    )


def ask_one(s: Services, worker: str) -> bool:
    """Ask the insurer about the next submission in doubt; False when there is none."""
    return _ask(s, worker, State.IN_DOUBT)


def fetch_one(s: Services, worker: str) -> bool:
    """Fetch the next adjudication that is due; False when there is none."""
    return _ask(s, worker, State.ACCEPTED)


def _ask(s: Services, worker: str, source: State) -> bool:
    leased = _pick(s, source, worker)
    if leased is None:
        return False
    profile = profile_of(s, leased.row)
    template = None
    if profile is not None:
        inquires = source is State.IN_DOUBT
        template = profile.delivery.inquire if inquires else profile.delivery.answer
    if profile is None or template is None:
        with _unless_lost(leased), s.database.write() as work:
            _cannot_ask(work, leased)
        return True
    reply = put_question(s, leased, profile, template)
    with _unless_lost(leased), s.database.write() as work:
        if source is State.IN_DOUBT:
            reading = _reading_of(replies.read_inquiry, profile, leased, reply)
            state = recording.record_inquiry(s, work, leased, profile, reply, reading)
        else:
            reading = _reading_of(replies.read_answer, profile, leased, reply)
            recording.record_answer(work, leased, profile, reply, reading)
            state = State.ACCEPTED
        _say(leased, reply, reading.outcome, state)
    return True


class _Reader(Protocol):
    def __call__(
        self, profile: Profile, use: Use, reply: Reply, *, identifier: str | None = None
    ) -> Reading: ...


def _reading_of(read: _Reader, profile: Profile, leased: Leased, reply: Reply | NoReply) -> Reading:
    if not isinstance(reply, Reply):
        return Reading(OutcomeClass.NO_ANSWER)
    row = leased.row
    # Only what is said about our own claim counts: some insurers ignore what they are asked for.
    return read(profile, Use(row.use), reply, identifier=row.claim_identifier)


def _cannot_ask(work: Work, leased: Leased) -> None:
    row = leased.row
    outbox.close_attempt(
        work, row, OutcomeClass.NO_ANSWER, lease_token=row.lease_token, error="cannot be asked"
    )
    if row.state == State.ACCEPTED.value:
        # Its decision comes in by itself; there is nothing to poll.
        picking.free_lease(work, row, adjudication_due=work.now + NEVER)
        return
    outbox.move(work, row, State.IN_DOUBT, "cannot be asked about", leased.worker)
    moved = outbox.get(work, row.tenant_id, row.id)
    outbox.move(work, moved, State.NEEDS_HUMAN, "cannot be asked about", leased.worker)


def _quarantine(s: Services, leased: Leased, why: str) -> None:
    """It cannot even be put together: nothing left the house, and no retry will mend it."""
    row = leased.row
    with _unless_lost(leased), s.database.write() as work:
        outbox.close_attempt(
            work, row, OutcomeClass.POISON, lease_token=row.lease_token, error=why[:300]
        )
        outbox.move(
            work,
            row,
            State.NEEDS_HUMAN,
            "poison",
            leased.worker,
            attempt_n=leased.attempt_n,
            reason=why,
            last_class=OutcomeClass.POISON.value,
            cause_id=causes.record(
                work, row.tenant_id, row.insurer_id, OutcomeClass.POISON, None, None
            ),
        )


class _unless_lost:
    """Recording under a lease that is gone changes nothing; whoever took it goes on."""

    def __init__(self, leased: Leased) -> None:
        self._leased = leased

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, exc: BaseException | None, trace: object) -> bool:
        if isinstance(exc, LeaseLost):
            log.warning("lease lost", extra={"submission_id": self._leased.row.id})
            return True
        return False


def _say(leased: Leased, reply: Reply | NoReply, outcome: OutcomeClass, state: State) -> None:
    log.info(
        "attempt recorded",
        extra={
            "submission_id": leased.row.id,
            "attempt": leased.attempt_n,
            "status": reply.status if isinstance(reply, Reply) else None,
            "outcome": outcome.value,
            "state": state.value,
        },
    )


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
        """Deliver until ``stop`` is set; each thread finishes what it holds."""
        self.principal.must_be_allowed(Act.DELIVER)
        workers = [
            threading.Thread(target=self._work, args=(stop, worker_name(n)), name=f"deliver-{n}")
            for n in range(self.threads)
        ]
        for worker in workers:
            worker.start()
        sweeper = worker_name(-1)
        pulse = Pulse(self.services, sweeper.rpartition(":")[0])
        try:
            while not stop.is_set():
                _guarded(pulse.beat)
                _guarded(lambda: sweep(self.services, sweeper) > 0)
                time.sleep(SWEEP_EVERY_S)
        finally:
            # Whatever ends the sweeping ends the sending: a worker without it looks alive only.
            stop.set()
            for worker in workers:
                worker.join()
            _guarded(pulse.leave)
        if self._broken:
            # A fault of ours: better a worker that ends loudly than one that looks alive. What it
            # held is reaped and asked about; what breaks a worker three times is quarantined.
            raise self._broken[0]

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
                time.sleep(0.1)
        finally:
            stop.set()
            runner.join()

    def _run_quietly(self, stop: threading.Event) -> None:
        """``run`` in a thread: what broke it is raised by the thread that waits."""
        try:
            self.run(stop)
        except BaseException as exc:
            self._broken.append(exc)

    def _is_idle(self, standing: Standing) -> bool:
        if standing.moving == 0:
            return True
        # All that still moves is held back by endpoints that refuse us, again and again.
        probed = standing.worst_probes - self._probes_before
        return probed >= PROBES_WAITED_FOR and standing.moving == standing.refused

    def _standing(self) -> Standing:
        s = self.services
        with s.database.read() as work:
            standing = listings.standing(work, list(s.addresses))
            due = sum(
                planned.n
                for planned in listings.planned_days(work)
                if planned.due_on <= s.business_day(work.now, ZoneInfo(planned.zone))
            )
        return replace(standing, moving=standing.moving + due)

    def _ask_once(self, asked: set[str]) -> bool:
        """Have adjudications that are still due fetched, each once; False when all were."""
        s = self.services
        addressed = [i for i in s.addresses if s.shelf.profile(i).delivery.answer is not None]
        with self.services.database.write() as work:
            if picking.answers_due_now(work, addressed):
                return True
            fresh = [i for i in picking.unanswered(work, addressed) if i not in asked]
            picking.ask_now(work, fresh)
        asked.update(fresh)
        return bool(fresh)

    def _work(self, stop: threading.Event, worker: str) -> None:
        try:
            self._work_on(stop, worker)
        except BaseException as exc:
            log.exception("worker broke")
            self._broken.append(exc)
            stop.set()

    def _work_on(self, stop: threading.Event, worker: str) -> None:
        s = self.services
        while not stop.is_set():
            busy = _guarded(lambda: send_one(s, worker))
            busy |= _guarded(lambda: ask_one(s, worker))
            busy |= _guarded(lambda: fetch_one(s, worker))
            if not busy:
                time.sleep(IDLE_WAIT_S)


def _guarded(step: Callable[[], bool]) -> bool:
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
