"""What journeys do again and again: deliver, look, compare both ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from builders import OPS, WORKER
from processes import GENEROUS_S, SandboxInsurer, eventually
from sqlalchemy import Row, func, select

from payer_gateway.domain.money import Money
from payer_gateway.domain.principal import Principal
from payer_gateway.storage import consultations, ledger, outbox, tables
from payer_gateway.storage.listings import Filters, Standing
from payer_gateway.workflow import reading
from payer_gateway.workflow.delivery import Delivery
from payer_gateway.workflow.services import Services


def deliver(services: Services, max_wait_s: float = GENEROUS_S) -> Standing:
    """Deliver until nothing moves without a person; a test that waits for its end is broken."""
    standing = Delivery(services, WORKER, threads=2).run_until_idle(max_wait_s)
    assert standing.moving == 0 or max_wait_s < GENEROUS_S, standing
    return standing


def files_say(services: Services, monkeypatch: Any, **delivery: Any) -> None:
    """As if the file of every insurer said so under ``delivery``, for each use."""
    read: Callable[..., Any] = services.shelf.version

    def version(name: str, number: int) -> Any:
        profile = read(name, number)
        each = {use: replace(said, **delivery) for use, said in profile.deliveries.items()}
        return replace(profile, delivery=replace(profile.delivery, **delivery), deliveries=each)

    monkeypatch.setattr(services.shelf, "version", version)


def submissions(
    services: Services, consultation_id: str | None = None, principal: Principal = OPS
) -> list[dict[str, Any]]:
    filters = Filters(consultation=consultation_id, limit=200)
    return list(reading.all_submissions(services, principal, filters))


def uses_and_states(services: Services, consultation_id: str) -> list[tuple[str, str]]:
    return [(s["use"], s["state"]) for s in submissions(services, consultation_id)]


def state_of(services: Services, submission_id: str) -> str:
    return str(reading.one_submission(services, OPS, submission_id)["state"])


def row_of(services: Services, submission_id: str) -> Row[Any]:
    with services.database.read() as work:
        return outbox.get(work, OPS.tenant_id, submission_id)


def attempts_of(services: Services, submission_id: str) -> list[tuple[str, str]]:
    """Kind and outcome class of each exchange."""
    with services.database.read() as work:
        return [
            (a.kind, a._mapping["class"])
            for a in outbox.attempts(work, OPS.tenant_id, submission_id)
        ]


def moves_of(services: Services, submission_id: str) -> list[Row[Any]]:
    with services.database.read() as work:
        return list(outbox.transitions(work, OPS.tenant_id, submission_id))


def planned_of(services: Services, consultation_id: str) -> list[tuple[str, str, str | None]]:
    with services.database.read() as work:
        return [
            (p.waits_for, p.state, p.closed_cause)
            for p in consultations.planned(work, OPS.tenant_id, consultation_id)
        ]


def request_of(services: Services, submission_id: str) -> bytes:
    return reading.exchanged_bytes(services, OPS, submission_id, "request")


def our_totals(services: Services) -> dict[tuple[str, str], tuple[int, Decimal, Decimal]]:
    """Claims, billed and payable per insurer and currency, as our ledger has them."""
    with services.database.read() as work:
        return {
            (row.insurer_id, row.currency): (
                row.claims,
                Money.from_minor(int(row.billed_minor), row.currency).amount,
                Money.from_minor(int(row.payable_minor), row.currency).amount,
            )
            for row in ledger.totals(work, OPS.tenant_id)
        }


def our_identifiers(services: Services) -> set[str]:
    with services.database.read() as work:
        return set(work.conn.execute(select(tables.submission.c.claim_identifier)).scalars())


def both_ledgers_agree(services: Services, insurer: SandboxInsurer) -> bool:
    """Count, billed and payable, per insurer and currency; and nothing was booked twice."""
    ours, theirs = our_totals(services), insurer.totals(our_identifiers(services))
    assert ours == theirs, f"ours {ours}, theirs {theirs}"
    return bool(theirs)


def wait_for_late_answers(services: Services, insurer: SandboxInsurer) -> None:
    """Until the insurer has decided all that it has taken; then it only has to be fetched."""
    with services.database.read() as work:
        unanswered = work.conn.execute(
            select(tables.submission.c.insurer_id, tables.submission.c.claim_identifier).where(
                tables.submission.c.adjudication_due.is_not(None)
            )
        ).all()
    for row in unanswered:
        eventually(lambda row=row: insurer.has_answer(row.insurer_id, row.claim_identifier))


def count_of(services: Services) -> Counter[str]:
    """How many rows there are of each thing that a repeated act must not add to."""
    with services.database.read() as work:
        return Counter(
            {
                table.name: work.conn.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables.metadata.sorted_tables
                if table.name != tables.insurer.name
            }
        )
