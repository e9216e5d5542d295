"""The verdict on a case: what the insurer's ledger says, held against our database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from faults_invariants import broken
from faults_lab import House
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

# Words after which a claim is not booked, so that it has to be sent once more.
_BOOKS_NOTHING = frozenset({"busy", "reject", "lose"})


@dataclass
class Tally:
    """Counts of one experiment. ``unfired``: cases whose fault did not happen. ``short``: cases in
    which the insurer saw fewer POSTs than were planned. Both are failures of the laboratory."""

    cases: int = 0
    posts: int = 0
    lost: int = 0
    doubled: int = 0
    unexplained: int = 0
    illegal: int = 0
    unfired: int = 0
    short: int = 0
    residual: int = 0
    residual_doubled: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.findings += other.findings

    def told(self) -> str:
        return ", ".join(f"{name} {getattr(self, name)}" for name in COUNTED)

    @property
    def is_clean(self) -> bool:
        wrong = self.lost + self.doubled + self.unexplained + self.illegal
        return wrong + self.unfired + self.short == 0 and self.cases > 0


COUNTED = (
    "cases posts lost doubled unexplained illegal unfired short residual residual_doubled".split()
)


def planned_posts(house: House, claims_of_insurers: Iterable[int]) -> int:
    """How many POSTs the insurer must see at least: one per claim, and one more for each answer
    that says that nothing was booked."""
    planned = 0
    for claims in claims_of_insurers:
        scripts = house.conduct["claims"]
        for n in range(claims):
            script = scripts[n % len(scripts)]
            planned += 1 + next((k for k, w in enumerate(script) if w not in _BOOKS_NOTHING), 0)
    return planned


def judge(
    house: House,
    what: str,
    *,
    fired: bool = True,
    posts: int = 0,
    residual: bool = False,
    forgot: bool = False,
    ends_in: frozenset[str] = frozenset({"accepted"}),
) -> Tally:
    """Compare both sides. ``residual``: named so before the case was run; its doubles stand apart.
    ``forgot``: the database was restored and does not know all it sent. ``ends_in``: the states in
    which this case's submissions may end."""
    book = house.book()
    engine = create_engine(
        house.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool
    )
    with engine.connect() as connection:
        illegal = broken(connection, house.settle_s)
    states = house.states()
    booked = Counter(b["claim"] for b in book["bookings"])
    seen = Counter(p["claim"] for p in book["posts"])
    sends = dict(
        house.rows(
            "SELECT s.claim_identifier, count(*) FROM attempt a JOIN submission s"
            " ON s.id = a.submission_id WHERE a.kind = 'send' GROUP BY s.claim_identifier"
        )
    )
    ours = {claim: n for claim, n in booked.items() if claim in states}
    lost = max(0, house.bookings - len(ours))
    doubled = sum(n - 1 for n in booked.values())
    unexplained = [
        f"{claim} is {state} here and was booked {booked[claim]} times there"
        for claim, state in states.items()
        if state not in ends_in
        or (booked[claim] == 0 and state == "accepted")
        or (booked[claim] > 0 and state not in ("accepted", "superseded"))
    ]
    unexplained += [f"{claim} was booked and is unknown here" for claim in booked.keys() - states]
    unexplained += [
        f"{claim} was posted {n} times and sent {sends.get(claim, 0)} times"
        for claim, n in seen.items()
        if n > sends.get(claim, 0) and not forgot
    ]
    open_ones = house.rows("SELECT submission_id FROM attempt WHERE ended_at IS NULL")
    unexplained += [f"{row[0]} has an open attempt in the end" for row in open_ones]
    illegal += _changed_between_sends(book["posts"])
    tally = Tally(cases=1, posts=len(book["posts"]))
    tally.lost, tally.unexplained, tally.illegal = lost, len(unexplained), len(illegal)
    tally.unfired, tally.short = int(not fired), int(len(book["posts"]) < posts)
    if residual:
        tally.residual, tally.residual_doubled = 1, doubled
    else:
        tally.doubled = doubled
    if not tally.is_clean:
        twice = [claim for claim, n in booked.items() if n > 1]
        tally.findings = [
            f"{what}: {tally.told()}; twice {twice}; posts planned {posts};"
            f" {unexplained}; {illegal}"
        ]
    return tally


def _changed_between_sends(posts: list[dict[str, Any]]) -> list[str]:
    """Rule L5 as the insurer sees it: the same bytes under the same key, unless it had refused."""
    found = []
    last: dict[str, dict[str, Any]] = {}
    for post in posts:
        before = last.get(post["claim"])
        if before is not None:
            if before["sha"] != post["sha"]:
                found.append(f"{post['claim']} came with other bytes")
            if before["key"] != post["key"] and before["word"] != "reject":
                found.append(f"{post['claim']} came under another key")
        last[post["claim"]] = post
    return found
