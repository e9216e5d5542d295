"""Group commit: what is recorded together reads as if each had been recorded by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from builders import BY_VIDEO, LATE, NEEDS_AUTHORIZATION, Build, a_submission
from journeys_hands import row_of
from sqlalchemy import Table, select

from payer_gateway.domain.answer import Adjudication, LineResult, Reading
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.domain.money import Money
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage import picking, tables
from payer_gateway.workflow import committing
from payer_gateway.workflow.exchanging import Done, Held
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import profile_of

INSURERS = ["northwind-ppo", "state-medicaid"]
# What differs between two claims whatever happens to them.
OWN = {
    "seq", "id", "claim_id", "claim_identifier", "lane_key", "consultation_id", "decision_id",
    "body_id", "idempotency_key", "next_at", "created_at", "budget_until", "submission_id", "at",
    "lease_token", "request_body_id", "reply_body_id", "started_at", "ended_at", "closed_at",
    "adjudication_due", "adjudicated_at", "by", "worker",
}  # fmt: skip
WHEN = {"closed_at", "adjudication_due", "adjudicated_at", "ended_at"}


def answered(services: Services, outcome: OutcomeClass, n: int) -> list[Done]:
    """Everything that is ready, as if the insurer had answered each so."""
    with services.database.write() as work:
        batch = picking.pick_batch(
            work,
            State.READY,
            insurers=INSURERS,
            worker="w",
            lease=timedelta(seconds=60),
            room=lambda: 50,
        )
    done = []
    for leased in batch:
        usd = Money(Decimal("540.00"), "USD")
        lines = (LineResult(0, usd, usd, usd, None, ()), LineResult(1, usd, None, usd, usd, ()))
        decision = Adjudication("complete", None, True, None, None, lines, usd)
        decided = decision if outcome is OutcomeClass.ACCEPTED else None
        reply = Reply(200, {"content-type": "application/fhir+json"}, f'{{"n":{n}}}'.encode())
        reading = Reading(outcome, f"NR-{n}", decided)
        held = Held(leased, State.READY, 0.0)
        done.append(Done(held, profile_of(services, leased.row), reply, reading))
    return done


def left_behind(services: Services, submission_id: str) -> dict[str, Any]:
    """The rows about it, less what is its own; of times only whether they are there."""

    def rows(table: Table, key: str) -> list[dict[str, Any]]:
        with services.database.read() as work:
            found = work.conn.execute(select(table).where(table.c[key] == submission_id))
            return [
                {
                    k: v is not None if k in WHEN else v
                    for k, v in row._asdict().items()
                    if k not in OWN or k in WHEN
                }
                for row in found
            ]

    return {
        "submission": rows(tables.submission, "id"),
        "attempt": rows(tables.attempt, "submission_id"),
        "transition": rows(tables.transition, "submission_id"),
        "ledger": rows(tables.ledger, "submission_id"),
    }


def test_a_group_leaves_behind_what_each_alone_would(build: Build) -> None:
    services = build()
    for outcome, number in ((OutcomeClass.ACCEPTED, BY_VIDEO), (OutcomeClass.ACCEPTED_ASYNC, LATE)):
        alone = a_submission(services, number)
        committing.record_all(services, answered(services, outcome, 7))
        together = [a_submission(services, number) for _ in range(3)]

        committing.record_all(services, answered(services, outcome, 7))

        expected = left_behind(services, alone)
        assert [left_behind(services, each) for each in together] == [expected] * 3
        assert len(expected["ledger"]) == (3 if outcome is OutcomeClass.ACCEPTED else 1)


def test_one_lost_lease_in_a_group_changes_nothing_of_its_own_and_the_others_are_recorded(
    build: Build,
) -> None:
    services = build()
    ids = [a_submission(services) for _ in range(3)]
    done = answered(services, OutcomeClass.ACCEPTED, 1)
    with services.database.write() as work:
        work.conn.execute(
            tables.submission.update()
            .where(tables.submission.c.id == ids[1])
            .values(lease_token="00000000-0000-4000-8000-000000000009")
        )

    committing.record_all(services, done)

    assert [row_of(services, each).state for each in ids] == ["accepted", "sending", "accepted"]
    assert left_behind(services, ids[1])["ledger"] == []


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_answer_that_no_column_holds_does_not_take_its_batch_down(build: Build) -> None:
    services = build()
    ids = [a_submission(services) for _ in range(3)]
    done = answered(services, OutcomeClass.ACCEPTED, 1)
    odd = next(d for d in done if d.held.leased.row.id == ids[0])
    unheard_of = replace(odd, reading=replace(odd.reading, control_number="NR-\0"))

    committing.record_all(services, [unheard_of if d is odd else d for d in done])

    assert [row_of(services, each).state for each in ids] == ["sending", "accepted", "accepted"]


def test_what_something_hangs_on_is_recorded_by_itself_in_the_same_go(build: Build) -> None:
    services = build()
    plain, other = a_submission(services), a_submission(services)
    authorization = a_submission(services, NEEDS_AUTHORIZATION)
    done = answered(services, OutcomeClass.ACCEPTED, 1)
    refused = next(d for d in done if d.held.leased.row.id == other)
    silent = Done(
        refused.held,
        refused.profile,
        NoReply(NoReplyKind.UNKNOWN, "gone"),
        Reading(OutcomeClass.IN_DOUBT),
    )

    committing.record_all(services, [silent if d is refused else d for d in done])

    states = {each: row_of(services, each).state for each in (plain, other, authorization)}
    assert states == {plain: "accepted", other: "in_doubt", authorization: "accepted"}
