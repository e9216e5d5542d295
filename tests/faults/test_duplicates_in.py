"""T9: the same thing asked for twice, by callers and by people, at the same time."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from builders import another
from faults_lab import House, Laboratory
from faults_verdict import Tally, judge
from faults_workers import LONG_S, Worker

Report = Callable[[str, Tally], None]
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", KINDS)]


def test_fifty_threads_with_one_idempotency_key_make_one_claim(
    lab: Laboratory, kind: str, report: Report
) -> None:
    with lab.house(kind, {"claims": [["accept"]]}, documents=(), bookings=2) as house:
        server, url, key = _serving(house)
        twice, under_two_keys = another("01"), another("01")

        with ThreadPoolExecutor(50) as pool:
            same = list(pool.map(lambda _: _post(url, key, "one", twice), range(50)))
            names = ["left", "right"] * 5
            other = list(pool.map(lambda name: _post(url, key, name, under_two_keys), names))

        server.signal(signal.SIGTERM)
        server.wait()
        house.bring_to_an_end()
        made = [{c for _, c in answers if c} for answers in (same, other)]
        statuses = {status for status, _ in same + other}
        # A key that is being worked on may be refused for the moment; nothing else may.
        fired = [len(each) for each in made] == [1, 1] and statuses <= {200, 201, 409}
        tally = judge(house, f"same key: {statuses}, {made}", fired=fired, posts=2)

    report("T9 one Idempotency-Key 50 times, one consultation under two", tally)


def test_a_replay_clicked_twice_while_a_worker_retries_sends_once(
    lab: Laboratory, kind: str, report: Report
) -> None:
    conduct = {"claims": [["reject", "busy", "accept"]]}
    with lab.house(kind, conduct, documents=("01",), bookings=1, copies=3) as house:
        house.deliver().wait()
        rejected = house.rows("SELECT id FROM submission WHERE state = 'rejected'")
        worker = house.run("deliver", "--threads", "2")
        clicks = [
            house.run("replay", "one", str(row[0]), "--reason", "mended there")
            for row in rejected
            for _ in range(3)
        ]
        codes = sorted(click.wait() for click in clicks)
        house.bring_to_an_end()
        worker.signal(signal.SIGTERM)
        worker.wait()

        fired = len(rejected) == 3 and codes.count(0) >= 3
        tally = judge(house, f"replay clicked thrice: {codes}", fired=fired, posts=9)

    report("T9 replay clicked again and again, racing the worker", tally)


def test_an_edit_that_races_a_replay_leaves_one_of_the_two_claims_booked(
    lab: Laboratory, kind: str, report: Report
) -> None:
    documents = [another("01") for _ in range(4)]
    # The first four claims are refused once; those that take their places are not.
    conduct = {"claims": [["reject", "slow"]] * 4 + [["accept"]] * 8}
    with lab.house(kind, conduct, documents=(), bookings=4) as house:
        folder = lab.folder / house.name
        folder.mkdir()
        for n, document in enumerate(documents):
            (folder / f"{n}.json").write_text(json.dumps(document), encoding="utf-8")
        house.run("submit", str(folder)).wait()
        house.deliver().wait()
        old = house.rows(
            "SELECT s.id, s.consultation_id, c.source_id FROM submission s"
            " JOIN consultation c ON c.id = s.consultation_id WHERE s.state = 'rejected'"
        )
        worker = house.run("deliver", "--threads", "4")
        racing = []
        for submission_id, consultation_id, source_id in old:
            n = next(n for n, d in enumerate(documents) if d["id"] == source_id)
            racing.append(house.run("replay", "one", str(submission_id), "--reason", "again"))
            racing.append(
                house.run(
                    "consultation", "correct", str(consultation_id), "--replace",
                    str(folder / f"{n}.json"), "--submission", str(submission_id),
                    "--reason", "edited",
                )
            )  # fmt: skip
        for each in racing:
            each.wait()
        house.bring_to_an_end()
        worker.signal(signal.SIGTERM)
        worker.wait()

        tally = judge(
            house, "edit racing replay", fired=len(old) == 4, posts=8, ends_in=ENDS_AFTER_EDIT
        )
        tally.doubled += _both_booked(house)

    report("T9 edit racing replay", tally)


ENDS_AFTER_EDIT = frozenset({"accepted", "superseded"})


def _both_booked(house: House) -> int:
    """Claims that stand booked beside the one that took their place, and were not replaced by it:
    an edit is for what was never booked."""
    booked = {b["claim"] for b in house.book()["bookings"]}
    pairs = house.rows(
        "SELECT old.claim_identifier, new.claim_identifier FROM claim new"
        " JOIN claim old ON old.id = new.related_claim_id WHERE new.relation = 'prior'"
    )
    return sum(1 for old, new in pairs if old in booked and new in booked)


def _serving(house: House) -> tuple[Worker, str, str]:
    """The HTTP surface with delivery in the same process, and a key for it."""
    added = house.run(
        "client", "add", "clinic", "--tenant", "default", "--role", "provider", "--json"
    )
    assert added.wait() == 0, added.told()
    key = json.loads(added.told())["key"]
    server = house.run("serve", "--port", "0", "--threads", "4")
    ends = time.monotonic() + LONG_S
    while "http://" not in server.told():
        assert time.monotonic() < ends and server.runs, server.told()
        time.sleep(0.05)
    line = next(line for line in server.told().splitlines() if "http://" in line)
    return server, line[line.index("http://") :].strip(), str(key)


def _post(url: str, key: str, name: str, document: dict[str, Any]) -> tuple[int, str | None]:
    """Status and consultation."""
    request = Request(  # noqa: S310
        f"{url}/api/v1/consultations",
        data=json.dumps(document).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Idempotency-Key": name,
            "Content-Type": "application/json",
        },
    )
    try:
        with urlopen(request, timeout=LONG_S) as answer:  # noqa: S310
            return answer.status, str(json.load(answer)["consultation"])
    except HTTPError as refused:
        return refused.code, None
