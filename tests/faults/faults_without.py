"""The package without one of the rules L1 to L10, for the proof that the laboratory would notice.

Each rule is a few explicit edits of source text. An edit whose text is not there exactly once fails
loudly: then delivery was rebuilt, and this table follows.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "payer_gateway"


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Without:
    """``means``: the rule. ``how``: what the edits do. ``tests``: what must go red, as pytest takes
    it; ``steps``: the only steps of the kill matrix that are run."""

    rule: str
    means: str
    how: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    steps: tuple[str, ...] = ()


_KILLS = (
    "test_kill_matrix.py::test_a_process_killed_at_any_step_loses_nothing_and_bills_nothing_twice"
)
_SQLITE, _POSTGRESQL = f"{_KILLS}[sqlite]", f"{_KILLS}[postgresql]"
_SILENT = "test_lost_answers.py::test_an_insurer_that_books_and_does_not_say_so_is_asked[sqlite]"

RULES: tuple[Without, ...] = (
    Without(
        "L1",
        "claim and outbox row commit together",
        "a commit between the claim and its submission",
        (
            Edit(
                "workflow/claiming.py",
                "    outbox.put(\n        work,\n",
                '    work.conn.exec_driver_sql("COMMIT")\n'
                '    work.is_postgresql or work.conn.exec_driver_sql("BEGIN IMMEDIATE")\n'
                "    outbox.put(\n        work,\n",
            ),
        ),
        (_SQLITE,),
        ("submit.claim_written", "submit.put"),
    ),
    Without(
        "L2",
        "one claim identifier per insurer, one open attempt per submission",
        "the unique index of open attempts is an ordinary one",
        (
            Edit(
                "storage/migrations/versions/0001_first_schema.py",
                '        "uq_attempt_open",\n        "attempt",\n        ["submission_id"],\n'
                "        unique=True,\n",
                '        "uq_attempt_open",\n        "attempt",\n        ["submission_id"],\n'
                "        unique=False,\n",
            ),
        ),
        ("test_database_refuses.py",),
    ),
    Without(
        "L3",
        "the attempt is committed before bytes leave",
        "no attempt is written before a send",
        (
            Edit(
                "storage/leasing.py",
                "    _opening(source).changed(work, **given)\n",
                "    source is State.READY or _opening(source).changed(work, **given)\n",
            ),
            Edit(
                "storage/leasing.py",
                '    parts = [_insert(attempt, facts).cte("opened")]\n',
                "    parts = []\n    if source is not State.READY:\n"
                '        parts.append(_insert(attempt, facts).cte("opened"))\n',
            ),
        ),
        (_SQLITE, _POSTGRESQL),
        ("send.body_sent",),
    ),
    Without(
        "L4",
        "the fence right before the socket write",
        "the fence always says yes",
        (
            Edit(
                "workflow/exchanging.py",
                "    return fence.is_ours(held.leased.row, max(0.0, ends_at - time.monotonic()))\n",
                "    return True\n",
            ),
        ),
        (
            "test_frozen_workers.py::"
            "test_a_claim_taken_from_a_frozen_worker_is_not_sent_by_it_any_more",
        ),
    ),
    Without(
        "L5",
        "the same key and bytes on every send while the outcome is unknown",
        "a new Idempotency-Key on every send",
        (
            Edit(
                "workflow/exchanging.py",
                "idempotency_key=row.idempotency_key if",
                'idempotency_key=f"{row.idempotency_key}-{held.leased.attempt_n}" if',
            ),
        ),
        (_SILENT,),
    ),
    Without(
        "L6",
        "two answers 'not found', a settle time apart, before a resend",
        "sent again after the first 'not found'",
        (
            Edit(
                "workflow/recording.py",
                "reading.outcome is OutcomeClass.NOT_FOUND and row.not_found_count >= 1",
                "reading.outcome is OutcomeClass.NOT_FOUND and row.not_found_count >= 0",
            ),
        ),
        (_SILENT,),
    ),
    Without(
        "L7",
        "an insurer that cannot be asked: a person decides",
        "what is in doubt there is simply sent again",
        (
            Edit(
                "workflow/recording.py",
                "    if outcome is OutcomeClass.DUPLICATE_REPORTED and not can_ask:\n",
                "    if outcome is OutcomeClass.IN_DOUBT and not can_ask:\n"
                "        target = State.RETRY_WAIT\n"
                "    if outcome is OutcomeClass.DUPLICATE_REPORTED and not can_ask:\n",
            ),
        ),
        (_SQLITE,),
        ("record.committed",),
    ),
    Without(
        "L8",
        "a lease that ends while sending leads to doubt, never to ready",
        "it leads back to ready",
        (
            Edit(
                "workflow/sweeping.py",
                'outbox.move(work, row, State.IN_DOUBT, "lease expired", worker, **values)',
                'outbox.move(work, row, State.READY, "lease expired", worker, **values)\n'
                "    return",
            ),
        ),
        (_SQLITE,),
        ("send.body_sent", "reply.before_read"),
    ),
    Without(
        "L9",
        "a result that cannot be written leads to doubt",
        "it is sent again at once instead",
        (
            Edit(
                "workflow/crew.py",
                "    committing.record_all(s, results)\n    return True\n",
                '    fence: Any = type("Open", (), {"is_ours": lambda *_: True})()\n'
                "    while True:\n"
                "        try:\n"
                "            committing.record_all(s, results)\n"
                "            return True\n"
                "        except DBAPIError:\n"
                "            time.sleep(0.2)\n"
                "            for done in results:\n"
                "                exchanging.exchange(s, fence, done.held)\n",
            ),
        ),
        ("test_database_away.py::test_an_answer_that_could_not_be_written_down_is_asked_for",),
    ),
    Without(
        "L10",
        "our accepted claims are held against what the insurer lists",
        "no difference is ever found",
        (
            Edit(
                "workflow/reconciling.py",
                "        differences = tuple(_compare("
                "work, principal.tenant_id, name, since, now, theirs))\n",
                "        differences: tuple[Difference, ...] = ()\n",
            ),
        ),
        ("../journeys/test_reconcile.py",),
    ),
)


def make(without: Without, folder: Path) -> Path:
    """A copy of the package without the rule; the folder to put on ``PYTHONPATH``."""
    target = folder / without.rule
    shutil.copytree(PACKAGE, target / "payer_gateway", ignore=shutil.ignore_patterns("__pycache__"))
    for edit in without.edits:
        path = target / "payer_gateway" / edit.file
        text = path.read_text(encoding="utf-8")
        found = text.count(edit.old)
        assert found == 1, (
            f"{without.rule}: {edit.file} has {found} times what the laboratory edits; let"
            f" tests/faults/faults_without.py follow:\n{edit.old}"
        )
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return target
