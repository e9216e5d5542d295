"""The kill matrix (T1): each step by how the insurer behaves by seeds, and how one case runs."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from builders import CONSULTATIONS
from faults_lab import House, Laboratory
from faults_steps import BY_NAME, STEPS, Step
from faults_verdict import Tally, judge, planned_posts
from faults_workers import at

# Two claims, a prior authorization with the claim that follows it, and a claim to another insurer.
DOCUMENTS = ("01", "01", "03", "06")
CLAIMS_OF_INSURERS = (4, 1)
AT_ONCE = 6

BEHAVIORS: dict[str, list[str]] = {
    "accept": ["accept"],
    "busy": ["busy", "accept"],
    "drop": ["drop", "accept"],
    "slow": ["slow"],
    "half answer": ["half_head", "accept"],
    "late decision": ["queued"],
}
# What a step needs to be passed at all, as the script of every case's first claim.
NEEDED: dict[str, list[str]] = {
    "doubt": ["drop", "accept"],
    "loss": ["lose", "accept"],
    "late decision": ["queued"],
    "busy": ["busy", "accept"],
    "refusal": ["reject", "accept"],
}


@dataclass(frozen=True)
class KillCase:
    kind: str
    step: Step
    behavior: str
    seed: int
    askable: bool = True

    def __str__(self) -> str:
        asked = "" if self.askable else ", cannot be asked"
        return f"{self.kind}, {self.step.name}, {self.behavior}{asked}, seed {self.seed}"


def chosen(cases: Iterable[KillCase]) -> list[KillCase]:
    """Those at the steps named by ``FAULTS_STEPS``; all of them when it names none."""
    names = os.environ.get("FAULTS_STEPS", "").split(",")
    return [case for case in cases if names == [""] or case.step.name in names]


def short(kind: str) -> Iterator[KillCase]:
    """Every step once, with behaviors in turn; the steps of a send once more, answers lost, with an
    insurer that cannot be asked."""
    names = list(BEHAVIORS)
    for n, step in enumerate(STEPS):
        yield KillCase(kind, step, names[n % len(names)], seed=n)
    for n, step in enumerate(_of_a_send()):
        yield KillCase(kind, step, "drop", seed=100 + n)
        yield KillCase(kind, step, "drop", seed=200 + n, askable=False)


def full(kind: str, seeds: int) -> Iterator[KillCase]:
    for seed in range(seeds):
        for step in STEPS:
            for behavior in BEHAVIORS:
                yield KillCase(kind, step, behavior, seed)
        for step in _of_a_send():
            yield KillCase(kind, step, "drop", 1000 + seed, askable=False)


def _of_a_send() -> list[Step]:
    rooms = ("pick.", "send.", "reply.", "record.")
    return [step for step in STEPS if step.name.startswith(rooms)]


def run_all(lab: Laboratory, cases: list[KillCase]) -> Tally:
    """Run them, a few at a time: most of their time is waiting for leases to end."""
    total = Tally()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for tally in pool.map(lambda case: _run(lab, case), cases):
            total.add(tally)
    return total


def _run(lab: Laboratory, case: KillCase) -> Tally:
    try:
        return run_case(lab, case)
    except Exception as broken:
        found = f"{case}: {type(broken).__name__}: {broken}"
        return Tally(cases=1, unexplained=1, findings=[found])


def run_case(lab: Laboratory, case: KillCase) -> Tally:
    """A process dies at the step; another one, and a person if need be, bring it to an end."""
    step = BY_NAME[case.step.name]
    needed = NEEDED.get(step.needs)
    scripts = [*([needed] if needed else []), BEHAVIORS[case.behavior], ["accept"]]
    conduct = {"claims": scripts, "askable": case.askable, "slow_s": 0.15}
    more = {} if case.askable else {"inquire": "none"}
    documents = () if step.run == "submit" else DOCUMENTS
    with lab.house(case.kind, conduct, documents=documents, bookings=5, **more) as house:
        chance = random.Random(f"{case}")  # noqa: S311
        fired = PROLOGUES[step.run](house, step, chance)
        house.bring_to_an_end()
        posts = planned_posts(house, CLAIMS_OF_INSURERS)
        return judge(house, str(case), fired=fired, posts=posts)


def _killed_delivering(house: House, step: Step, chance: random.Random) -> bool:
    if step.needs == "dead worker":
        first = house.deliver(points=[at("send.body_sent")])
        if first.wait() and not first.was_killed:
            return False
    nth = step.at + (
        chance.randrange(2) if step.name.startswith(("pick.", "send.", "record.")) else 0
    )
    worker = house.deliver(threads=chance.choice((1, 2, 4)), points=[at(step.name, nth=nth)])
    worker.wait()
    return worker.was_killed


def _killed_submitting(house: House, step: Step, chance: random.Random) -> bool:
    """Killed at the first, second … consultation of the folder; then the same folder again."""
    folder = house.lab.folder / house.name
    folder.mkdir()
    for n, number in enumerate(DOCUMENTS):
        (path,) = (p for p in CONSULTATIONS if p.name.startswith(number))
        written = path.read_text(encoding="utf-8").replace('"FX-', f'"FX-{n}-')
        (folder / f"{n}.json").write_text(written, encoding="utf-8")
    worker = _submit(house, folder, step.name, step.at + chance.randrange(4))
    house.run("submit", str(folder)).wait()
    return worker


def _submit(house: House, folder: Path, step: str, nth: int) -> bool:
    worker = house.run("submit", str(folder), points=[at(step, nth=nth)])
    worker.wait()
    return worker.was_killed


def _killed_replaying(house: House, step: Step, chance: random.Random) -> bool:
    """What the insurer refused is replayed by a person whose command dies, and then again."""
    house.deliver().wait()
    fired = True
    for (refused,) in house.rows("SELECT id FROM submission WHERE state = 'rejected'"):
        told = ("replay", "one", str(refused), "--reason", "mended there")
        killed = house.run(*told, points=[at(step.name)])
        killed.wait()
        fired = fired and killed.was_killed
        house.run(*told).wait()
    return fired


PROLOGUES = {
    "deliver": _killed_delivering,
    "submit": _killed_submitting,
    "replay": _killed_replaying,
}
