"""T12: the claims of a chain arrive in their order. T14: a restored backup does not bill again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import pytest
from builders import another
from faults_lab import House, Laboratory
from faults_verdict import Tally, judge
from faults_workers import at

Report = Callable[[str, Tally], None]
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", KINDS)]


def test_a_chain_of_claims_arrives_in_order_whoever_is_killed(
    lab: Laboratory, kind: str, full: bool, report: Report
) -> None:
    chance = random.Random(12)  # noqa: S311
    documents = [another("03") for _ in range(8 if full else 3)]
    conduct = {"claims": [["drop", "accept"], ["accept"], ["busy", "slow"], ["slow"]]}
    with lab.house(kind, conduct, documents=(), bookings=3 * len(documents)) as house:
        folder = lab.folder / house.name
        folder.mkdir()
        for n, document in enumerate(documents):
            (folder / f"{n}.json").write_text(json.dumps(document), encoding="utf-8")
        house.run("submit", str(folder)).wait()
        kills = _killed_at_random(house, chance)
        house.bring_to_an_end()
        for n, document in enumerate(documents):
            _replace(house, document["id"], str(folder / f"{n}.json"))
        kills += _killed_at_random(house, chance)
        house.bring_to_an_end()

        posts = 3 * len(documents)
        ends = frozenset({"accepted", "superseded"})
        tally = judge(house, "chains", fired=kills > 0, posts=posts, ends_in=ends)
        tally.illegal += _out_of_order(house)

    report(f"T12 order in a lane, {kind}", tally)


def test_a_database_restored_to_before_the_claims_were_sent_bills_nothing_twice(
    lab: Laboratory, kind: str, report: Report
) -> None:
    conduct = {"claims": [["accept"], ["drop", "accept"]]}
    documents = ("01", "01", "03", "06")
    with lab.house(kind, conduct, documents=documents, bookings=5) as house:
        worker = house.deliver(points=[at("record.committed", nth=2)])
        worker.wait()
        before = len(house.glance()["bookings"])
        house.restore()
        restored = house.run("db", "after-restore")
        restored.wait()
        house.bring_to_an_end()

        fired = worker.was_killed and restored.code == 0 and before > 0
        tally = judge(house, "restored", fired=fired, posts=5, forgot=True)

    report(f"T14 restored backup, {kind}", tally)


def _killed_at_random(house: House, chance: random.Random) -> int:
    """Workers that are killed from outside at random moments; how many were at work then."""
    kills = 0
    for _ in range(4):
        worker = house.run("deliver", "--threads", "2")
        time.sleep(chance.uniform(0.3, 1.5))
        kills += worker.runs
        worker.kill()
    return kills


def _replace(house: House, source_id: str, file: str) -> None:
    ((submission_id, consultation_id),) = house.rows(
        "SELECT s.id, s.consultation_id FROM submission s JOIN consultation c"
        " ON c.id = s.consultation_id WHERE c.source_id = :source_id AND s.use = 'claim'",
        source_id=source_id,
    )
    corrected = house.run(
        "consultation", "correct", str(consultation_id), "--replace", file,
        "--submission", str(submission_id), "--reason", "the laboratory",
    )  # fmt: skip
    assert corrected.wait() == 0, corrected.told()


def _out_of_order(house: House) -> int:
    """Bookings at the insurer that came before one that stands earlier in their lane."""
    rows = house.rows("SELECT claim_identifier, lane_key, id FROM submission ORDER BY id")
    lanes: dict[str, list[str]] = {}
    for claim, lane, _ in rows:
        lanes.setdefault(lane, []).append(claim)
    arrived = [b["claim"] for b in house.book()["bookings"]]
    wrong = 0
    for claims in lanes.values():
        order = [arrived.index(claim) for claim in claims if claim in arrived]
        wrong += order != sorted(order)
    return wrong
