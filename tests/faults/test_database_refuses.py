"""What the database itself refuses, whatever the code says (rule L2 and the table of moves)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from builders import WORKER, a_submission
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from payer_gateway.storage import tables
from payer_gateway.workflow.services import Services


def test_a_second_open_attempt_is_refused_by_the_database(services: Services) -> None:
    submission_id = a_submission(services)
    with services.database.write() as work:
        work.conn.execute(insert(tables.attempt).values(**_attempt(work, submission_id, 1)))

    with pytest.raises(IntegrityError), services.database.write() as work:
        work.conn.execute(insert(tables.attempt).values(**_attempt(work, submission_id, 2)))


def test_a_second_submission_of_one_claim_identifier_is_refused_by_the_database(
    services: Services,
) -> None:
    first, second = a_submission(services), a_submission(services)
    rows = tables.submission

    with pytest.raises(IntegrityError), services.database.write() as work:
        taken = work.conn.execute(
            select(rows.c.claim_identifier).where(rows.c.id == first)
        ).scalar_one()
        work.conn.execute(update(rows).where(rows.c.id == second).values(claim_identifier=taken))


def test_a_move_that_the_table_does_not_hold_is_refused_by_the_database(
    services: Services,
) -> None:
    submission_id = a_submission(services)
    rows = tables.submission

    with pytest.raises(DBAPIError, match="illegal move"), services.database.write() as work:
        work.conn.execute(update(rows).where(rows.c.id == submission_id).values(state="accepted"))


def _attempt(work: Any, submission_id: str, n: int) -> dict[str, Any]:
    row = work.conn.execute(
        select(tables.submission).where(tables.submission.c.id == submission_id)
    ).one()
    return {
        "tenant_id": row.tenant_id,
        "insurer_id": row.insurer_id,
        "submission_id": submission_id,
        "n": n,
        "kind": "send",
        "trigger": "auto",
        "worker": WORKER.subject,
        "lease_token": str(uuid.uuid4()),
        "started_at": work.now,
    }
