"""T11: everything that can happen to submissions, in any order, against real databases.

Hypothesis draws the order: claims come in, workers send and ask, the insurer answers or not,
workers die or freeze, time jumps, people pause, replay, edit, replace, void, resolve and cancel.
After each step the invariants of ``faults_invariants.py`` hold and nothing was booked twice; in the
end, with an insurer that works again, whatever may move has moved, and nothing is lost.
The clock is the database's plus what was jumped: every transaction takes its time from there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import OPS, a_house, another, take_in
from faults_fhir import claim_of, decision_on, issue, token_of
from faults_invariants import broken
from faults_lab import Laboratory
from faults_verdict import Tally
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from payer_gateway.domain.errors import Conflict, InvalidInput
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply, Request
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.profile import Shelf
from payer_gateway.storage import database
from payer_gateway.storage.fencing import Fence
from payer_gateway.workflow import corrections, repair, steering
from payer_gateway.workflow.delivery import ask_one, fetch_one, probe_one, send_one
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import sweep

Report = Callable[[str, Tally], None]

LEASE_S, SETTLE_S = 30.0, 10.0
WORDS = (
    "accept accept queued busy reject refused_by_endpoint not_sent drop drop lose duplicate"
    " unreadable crash_before crash_booked freeze freeze_past_everything"
).split()


class Died(BaseException):
    """The worker is gone: nothing of it goes on, nothing is recorded."""


class FakeInsurer:
    """Stands where the HTTP client stands; books whatever reaches it, as often as it comes."""

    def __init__(self) -> None:
        self.word = "accept"
        self.bookings: list[dict[str, Any]] = []
        self.while_frozen: Callable[[], None] = lambda: None

    def times(self) -> Counter[str]:
        return Counter(str(b["claim"]) for b in self.bookings)

    def close(self) -> None:
        """Nothing is open."""

    def send(self, insurer: str, request: Request) -> Reply | NoReply:
        if request.url.endswith("/metadata"):
            return _reply(200, {"resourceType": "CapabilityStatement", "status": "active"})
        if request.method == "GET":
            return self._found(request.url)
        word = self.word
        if word == "not_sent":
            return NoReply(NoReplyKind.NOT_SENT, "connection refused")
        if word.startswith("freeze"):
            self.while_frozen()
        if word == "crash_before":
            raise Died
        if request.fence is not None and not request.fence():
            return NoReply(NoReplyKind.FENCED, "the lease was lost")
        return self._answer(word, insurer, request)

    def _answer(self, word: str, insurer: str, request: Request) -> Reply | NoReply:
        refusals = {"busy": 503, "reject": 422, "refused_by_endpoint": 401}
        if word in refusals:
            return _reply(refusals[word], issue("invalid"))
        if word == "lose":
            return NoReply(NoReplyKind.UNKNOWN, "hung up")
        assert request.body is not None
        booking = self._book(insurer, claim_of(json.loads(request.body)))
        if word == "crash_booked":
            raise Died
        if word == "drop":
            return NoReply(NoReplyKind.UNKNOWN, "hung up")
        if word == "duplicate":
            return _reply(409, issue("duplicate"))
        if word == "unreadable":
            return _reply(200, {"resourceType": "Basic"})
        outcome = "queued" if word == "queued" else "complete"
        return _reply(202 if word == "queued" else 200, decision_on(booking, outcome))

    def _book(self, insurer: str, claim: dict[str, Any]) -> dict[str, Any]:
        booking = {
            "n": len(self.bookings) + 1,
            "insurer": insurer,
            "claim": token_of(claim["identifier"][0]),
            "use": claim["use"],
            "total": claim["total"],
        }
        self.bookings.append(booking)
        return booking

    def _found(self, url: str) -> Reply:
        from urllib.parse import parse_qs, urlsplit

        place = urlsplit(url)
        wanted = next(iter(parse_qs(place.query).values()))[0]
        found: list[dict[str, Any]] = []
        for booking in self.bookings:
            if booking["claim"] != wanted:
                continue
            system, _, value = wanted.partition("|")
            identifier = [{"system": system, "value": value}]
            claim = {"resourceType": "Claim", "status": "active", "identifier": identifier}
            found += [claim, decision_on(booking)] if place.path.endswith("/Claim") else []
            found += [] if place.path.endswith("/Claim") else [decision_on(booking)]
        entries = [{"resource": r, "search": {"mode": "match"}} for r in found]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        return _reply(200, {**bundle, "entry": entries})


def _reply(status: int, document: dict[str, Any]) -> Reply:
    return Reply(status, {"content-type": "application/fhir+json"}, json.dumps(document).encode())


class Clock:
    """What is added to the database's clock."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)


class Submissions(RuleBasedStateMachine):
    """One gateway with one database; the test says how to ``make`` it, and sets the ``clock``."""

    clock: Clock
    seen: Tally

    def make(self) -> Services:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.empty = ExitStack()
        self.insurer = FakeInsurer()
        self.insurer.while_frozen = self._others_go_on
        self.s = replace(self.make(), client=self.insurer)  # type: ignore[arg-type]
        self.documents: dict[str, dict[str, Any]] = {}
        self.workers = 0
        self.depth = 0

    # What comes from outside.

    @rule(number=st.sampled_from(["01", "01", "03", "06"]))
    def a_consultation_comes_in(self, number: str) -> None:
        document = another(number)
        summary = take_in(self.s, document)
        self.documents[summary["consultation"]] = document

    @rule(word=st.sampled_from(WORDS))
    def a_worker_sends(self, word: str) -> None:
        self.insurer.word = word
        self._work(send_one)
        self.insurer.word = "accept"

    @rule()
    def a_worker_asks(self) -> None:
        self._work(ask_one)

    @rule()
    def a_worker_fetches(self) -> None:
        self._work(fetch_one)

    @rule()
    def a_worker_probes(self) -> None:
        probe_one(self.s)

    @rule()
    def a_worker_sweeps(self) -> None:
        sweep(self.s, self._worker())

    @rule(seconds=st.sampled_from([1, 11, 31, 120, 7200]))
    def time_jumps(self, seconds: int) -> None:
        self.clock.ahead += timedelta(seconds=seconds)

    # What people do. A refusal is an answer; what is done anyway must be safe.

    @rule(paused=st.booleans())
    def an_insurer_is_paused_or_resumed(self, paused: bool) -> None:
        mode = "paused" if paused else "on"
        steering.set_mode(self.s, OPS, "northwind-ppo", mode, "a person says so")

    @rule(data=st.data())
    def a_person_replays(self, data: st.DataObject) -> None:
        chosen = self._one_of(data)
        if chosen:
            _if_allowed(lambda: repair.replay_one(self.s, OPS, chosen[0], "mended"))

    @rule(data=st.data())
    def a_person_cancels(self, data: st.DataObject) -> None:
        chosen = self._one_of(data)
        if chosen:
            _if_allowed(lambda: repair.cancel(self.s, OPS, chosen[0], "not wanted"))

    @rule(data=st.data())
    def a_person_resolves_what_the_insurers_books_say(self, data: st.DataObject) -> None:
        chosen = self._one_of(data, "needs_human")
        if chosen:
            self._resolve(*chosen)

    @rule(data=st.data(), kind=st.sampled_from(["replace", "void"]))
    def a_person_corrects(self, data: st.DataObject, kind: str) -> None:
        chosen = self._one_of(data)
        if not chosen:
            return
        submission_id, _, consultation_id = chosen
        document = canonical_json(self.documents[consultation_id]) if kind == "replace" else None
        _if_allowed(
            lambda: corrections.correct(
                self.s,
                OPS,
                consultation_id,
                kind=kind,  # type: ignore[arg-type]
                submission_id=submission_id,
                reason="a person says so",
                document=document,
            )
        )

    # What holds.

    @invariant()
    def nothing_was_billed_twice_and_every_rule_holds(self) -> None:
        twice = {claim: n for claim, n in self.insurer.times().items() if n > 1}
        assert not twice, f"booked more than once: {twice}"
        with self.s.database.engine.connect() as connection:
            assert not broken(connection, SETTLE_S)

    def teardown(self) -> None:
        try:
            self._everything_works_again()
        finally:
            self.s.database.close()
            self.empty.close()

    def _everything_works_again(self) -> None:
        """What may move, moves to its end."""
        steering.set_mode(self.s, OPS, "northwind-ppo", "on", None)
        self.insurer.word = "accept"
        for _ in range(60):
            self.clock.ahead += timedelta(seconds=45)
            sweep(self.s, self._worker())
            probe_one(self.s)
            while self._work(send_one) or self._work(ask_one) or self._work(fetch_one):
                pass
            for each in self._all("needs_human"):
                self._resolve(*each)
            if not self._all("ready", "sending", "retry_wait", "in_doubt", "inquiring"):
                break
        self.nothing_was_billed_twice_and_every_rule_holds()
        states = {claim: state for _, claim, _, state in self._rows()}
        times = self.insurer.times()
        ends = {"accepted", "superseded", "rejected", "cancelled"}
        assert set(states.values()) <= ends, states
        lost = [c for c, state in states.items() if state == "accepted" and not times[c]]
        surprises = [c for c, s in states.items() if s in ("rejected", "cancelled") and times[c]]
        assert not lost and not surprises, (lost, surprises)
        self.seen.cases += 1
        self.seen.posts += len(self.insurer.bookings)

    # Hands.

    def _work(self, step: Callable[[Services, str], bool]) -> bool:
        try:
            return step(self.s, self._worker())
        except Died:
            return True

    def _worker(self) -> str:
        self.workers += 1
        return f"worker:{self.workers}"

    def _others_go_on(self) -> None:
        """While one worker is frozen its lease ends, and others ask twice and send."""
        if self.depth:
            return
        self.depth += 1
        word, self.insurer.word = self.insurer.word, "accept"
        rounds = 4 if word == "freeze_past_everything" else 1
        for _ in range(rounds):
            self.clock.ahead += timedelta(seconds=LEASE_S + 1)
            sweep(self.s, self._worker())
            self._work(ask_one)
            self._work(send_one)
        self.insurer.word = word
        self.depth -= 1

    def _resolve(self, submission_id: str, claim: str, *_: str) -> None:
        booked = self.insurer.times()[claim] > 0
        _if_allowed(
            lambda: repair.resolve(
                self.s, OPS, submission_id, booked=booked, evidence="their books say so"
            )
        )

    def _rows(self) -> list[tuple[str, str, str, str]]:
        from payer_gateway.storage.tables import submission

        columns = submission.c
        with self.s.database.read() as work:
            rows = work.conn.execute(
                submission.select()
                .with_only_columns(
                    columns.id, columns.claim_identifier, columns.consultation_id, columns.state
                )
                .order_by(columns.id)
            ).all()
        return [(str(r.id), r.claim_identifier, str(r.consultation_id), r.state) for r in rows]

    def _all(self, *states: str) -> list[tuple[str, str, str]]:
        return [row[:3] for row in self._rows() if not states or row[3] in states]

    def _one_of(self, data: st.DataObject, *states: str) -> tuple[str, str, str] | None:
        there = self._all(*states)
        # By number: ids differ from run to run, and Hypothesis repeats runs to make them smaller.
        return there[data.draw(st.integers(0, len(there) - 1))] if there else None


def _if_allowed(act: Callable[[], object]) -> None:
    try:
        act()
    except (Conflict, InvalidInput):
        return


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A database's clock that can be jumped."""
    jumped = Clock()

    def ahead(read: Callable[..., datetime]) -> Callable[..., datetime]:
        return lambda *args: read(*args) + jumped.ahead

    look_up = Fence._look_up

    def looked_up(self: Fence, ids: list[str]) -> dict[str, tuple[str, str, float]]:
        seconds = jumped.ahead.total_seconds()
        found = look_up(self, ids)
        return {i: (token, state, left - seconds) for i, (token, state, left) in found.items()}

    # A transaction of PostgreSQL begins by asking. The fence asks by a statement of its own.
    for name in ("_now", "_begun"):
        monkeypatch.setattr(database, name, ahead(getattr(database, name)))
    monkeypatch.setattr(Fence, "_look_up", looked_up)
    yield jumped


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_nothing_is_lost_or_billed_twice_whatever_happens_in_whatever_order(
    lab: Laboratory, kind: str, clock: Clock, full: bool, report: Report
) -> None:
    shelf = Shelf(lab.mappings())

    class Machine(Submissions):
        seen = Tally()

        def make(self) -> Services:
            url = self.empty.enter_context(lab.empty(kind))
            return replace(a_house(url, lease=LEASE_S, settle=SETTLE_S), shelf=shelf)

    Machine.clock = clock
    depth, examples = (60, 100) if full else (40, 8)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=depth,
            deadline=None,
            database=None,
            derandomize=not full,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

    report(f"T11 state machine, {kind}", Machine.seen)
