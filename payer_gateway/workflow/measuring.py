"""What to watch, as Prometheus metrics. Everything comes from the database, so any process tells
the same and none has to be scraped twice. Times are seconds, by the database's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from payer_gateway import __version__
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import ages, insurers_mode, restores, tallies, workers
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """``kind`` is gauge or counter; a sample is labels and a value."""

    name: str
    kind: str
    meaning: str
    samples: tuple[tuple[Labels, float], ...]


def measure(s: Services, principal: Principal) -> list[Metric]:
    """The metrics of the principal's tenant, and those of the workers."""
    principal.must_be_allowed(Act.WATCH)
    with s.database.read() as work:
        return list(_all(s, work, principal.tenant_id))


def exposition(metrics: Iterable[Metric]) -> str:
    """Prometheus' text format 0.0.4."""
    lines = []
    for metric in metrics:
        name = f"payer_gateway_{metric.name}"
        lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} {metric.kind}"]
        for labels, value in metric.samples:
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            lines.append(f"{name}{{{told}}} {value:g}" if told else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _all(s: Services, work: Work, tenant_id: str) -> Iterator[Metric]:
    moves = tallies.moves(work, tenant_id)
    insurers = sorted({insurer for insurer, *_ in moves})
    yield _gauge("build_info", "1; the version that tells this", [((("version", __version__),), 1)])
    yield from _of_moves(moves, insurers)
    yield from _of_ages(s, work, tenant_id, insurers)
    yield _gauge(
        "insurer_held",
        "1 while claims to the insurer are held: paused, draining, breaker or unaddressed",
        list(_held(s, work, tenant_id, insurers)),
    )
    seen = [(((("worker", row.name),)), row.seen_at) for row in workers.every(work)]
    yield _gauge(
        "worker_last_seen_seconds",
        "since a worker process left its mark; it does every five seconds",
        [(labels, (work.now - at).total_seconds()) for labels, at in seen],
    )
    alive = len(workers.at_work(work))
    yield _gauge("workers", "worker processes that left their mark lately", [((), alive)])
    asked_first = restores.in_force(work) is not None
    meaning = "1 while new claims are asked about first, after a restore"
    yield _gauge("asking_first", meaning, [((), int(asked_first))])


def _of_moves(moves: Counter[tallies.Move], insurers: list[str]) -> Iterator[Metric]:
    now: dict[tuple[str, str], int] = {
        (insurer, state.value): 0 for insurer in insurers for state in State
    }
    sends: dict[tuple[str, str], int] = {
        (insurer, outcome.value): 0 for insurer in insurers for outcome in OutcomeClass
    }
    accepted, rejected, resent = (dict.fromkeys(insurers, 0) for _ in range(3))
    for (insurer, source, target, event), n in moves.items():
        now[insurer, target] += n
        if source:
            now[insurer, source] -= n
        if source == State.SENDING.value and (insurer, event) in sends:
            sends[insurer, event] += n
        if target == State.ACCEPTED.value:
            accepted[insurer] += n
        if target == State.REJECTED.value:
            rejected[insurer] += n
        if event == "not found twice":
            resent[insurer] += n
    yield _gauge(
        "submissions",
        "submissions in each state",
        [((("insurer", i), ("state", state)), n) for (i, state), n in now.items()],
    )
    yield Metric(
        "sends_total",
        "counter",
        "sends by what came of them (the class of the attempt)",
        tuple(((("insurer", i), ("class", c)), n) for (i, c), n in sends.items()),
    )
    for name, meaning, counted in (
        ("accepted_total", "claims that the insurer has taken", accepted),
        ("rejected_total", "claims that the insurer has refused to process", rejected),
        (
            "resent_total",
            "claims to send again after two answers 'not there'",
            resent,
        ),
    ):
        yield Metric(name, "counter", meaning, _by_insurer(counted))


def _of_ages(s: Services, work: Work, tenant_id: str, insurers: list[str]) -> Iterator[Metric]:
    ready, doubt, lag, late, pending, odd = (dict.fromkeys(insurers, 0.0) for _ in range(6))
    held = {dict(labels)["insurer"] for labels, _ in _held(s, work, tenant_id, insurers)}
    for row in ages.waiting(work, tenant_id):
        ready[row.insurer_id] = _since(work.now, row.oldest_ready)
        doubt[row.insurer_id] = _since(work.now, row.oldest_doubt)
        if row.insurer_id not in held:
            lag[row.insurer_id] = ready[row.insurer_id]
    for row in ages.unanswered(work, tenant_id):
        pending[row.insurer_id] = row.n
        late[row.insurer_id] = _since(work.now, row.oldest)
    for row in ages.unmatched(work, tenant_id):
        odd[row.insurer_id] = row.n
    for name, meaning, values in (
        ("oldest_ready_seconds", "since the oldest ready claim could have been sent", ready),
        ("pick_lag_seconds", "the same, 0 where the insurer's claims are held", lag),
        ("oldest_in_doubt_seconds", "since the oldest claim in doubt is in doubt", doubt),
        ("unanswered", "accepted claims that the insurer has not decided", pending),
        ("oldest_unanswered_seconds", "since the oldest of them was accepted", late),
        ("unmatched_answers", "answers that the insurer brought about no claim of ours", odd),
    ):
        yield Metric(name, "gauge", meaning, _by_insurer(values))


def _held(
    s: Services, work: Work, tenant_id: str, insurers: list[str]
) -> Iterator[tuple[Labels, float]]:
    modes = {row.id: row for row in insurers_mode.all_of(work, tenant_id)}
    for insurer in insurers:
        mode = modes.get(insurer)
        reasons = []
        if insurer not in s.addresses:
            reasons.append("unaddressed")
        if mode is not None and mode.mode != "on":
            reasons.append(mode.mode)
        if mode is not None and mode.breaker_failures:
            reasons.append("breaker")
        for reason in reasons:
            yield (("insurer", insurer), ("why", reason)), 1


def _since(now: datetime, moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _gauge(name: str, meaning: str, samples: list[tuple[Labels, float]]) -> Metric:
    return Metric(name, "gauge", meaning, tuple(samples))


def _by_insurer(values: dict[str, float] | dict[str, int]) -> tuple[tuple[Labels, float], ...]:
    return tuple(((("insurer", insurer),), value) for insurer, value in values.items())
