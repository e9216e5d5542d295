"""Hands that reach past the house, straight into the database."""

from __future__ import annotations

import uuid
from collections import deque
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text, update

from payer_gateway.domain.submission import LEASED, NEXT, State
from payer_gateway.storage import outbox
from payer_gateway.storage.database import Work
from payer_gateway.storage.tables import attempt, insurer, submission
from payer_gateway.workflow.services import Services

TENANT = "default"


def row_of(services: Services, submission_id: str) -> Row[Any]:
    with services.database.read() as work:
        return outbox.get(work, TENANT, submission_id)


def state_of(services: Services, submission_id: str) -> str:
    return str(row_of(services, submission_id).state)


def set_columns(services: Services, submission_id: str, **values: Any) -> None:
    with services.database.write() as work:
        work.conn.execute(
            update(submission).where(submission.c.id == submission_id).values(**values)
        )


def set_insurer(services: Services, insurer_id: str, **values: Any) -> None:
    with services.database.write() as work:
        work.conn.execute(update(insurer).where(insurer.c.id == insurer_id).values(**values))


def set_state(work: Work, submission_id: str, state: str) -> None:
    """The bare statement of somebody who has a password and a text editor."""
    identifier = submission_id if work.is_postgresql else submission_id.replace("-", "")
    work.conn.execute(
        text("UPDATE submission SET state = :state WHERE id = :id"),
        {"state": state, "id": identifier},
    )


def bring_to(services: Services, submission_id: str, state: State) -> None:
    """Walk a submission to a state over allowed moves only."""
    at = State(state_of(services, submission_id))
    for step in _way(at, state):
        held = (
            {"lease_token": str(uuid.uuid4()), "lease_until": _far(services)}
            if step in LEASED
            else {"lease_token": None, "lease_until": None}
        )
        set_columns(services, submission_id, state=step.value, **held)


def expire_lease(services: Services, submission_id: str) -> None:
    with services.database.write() as work:
        work.conn.execute(
            update(submission)
            .where(submission.c.id == submission_id)
            .values(lease_until=work.now - timedelta(seconds=1))
        )


def make_due(services: Services, submission_id: str) -> None:
    with services.database.write() as work:
        work.conn.execute(
            update(submission)
            .where(submission.c.id == submission_id)
            .values(next_at=work.now - timedelta(seconds=1))
        )


def open_attempts(services: Services) -> list[Row[Any]]:
    with services.database.read() as work:
        return list(work.conn.execute(attempt.select().where(attempt.c.ended_at.is_(None))))


def _far(services: Services) -> Any:
    with services.database.read() as work:
        return work.now + timedelta(minutes=10)


def _way(source: State, target: State) -> list[State]:
    ways = deque([(source, [])])
    seen = {source}
    while ways:
        at, way = ways.popleft()
        if at is target:
            return way
        for step in sorted(NEXT[at] - seen):
            seen.add(step)
            ways.append((step, [*way, step]))
    raise AssertionError(f"no way from {source} to {target}")
