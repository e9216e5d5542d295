"""An insurer's late answers come in: each becomes a fact of the claim it is about, once.

An answer about a claim that we hold as open, in doubt or not sent means that the insurer has it: it
counts as found. Nothing here races a worker: the submission's row is locked, and a worker whose
submission was accepted meanwhile finds its lease gone and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError, NotAllowed, NotFound
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import LEASED, OutcomeClass, State
from payer_gateway.mapping import inquiry_replies
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.facts_people import Names
from payer_gateway.mapping.notices import Notice, read_notices
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies, ledger, notifications, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow import following
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import profile_of

# How many unanswered claims are looked through for one that bears the address an answer names.
_LOOKED_THROUGH = 5000
_MEANWHILE = "the insurer's own answer came in"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one answer: ``decided`` (the insurer's decision is a fact now), ``found`` (it
    has the claim, its decision is to come), ``noted`` (nothing new), ``contradicts`` (a claim that
    was taken back), ``unknown`` (no claim of ours, kept and listed), ``repeated``."""

    became: str
    claim_identifier: str | None
    submission_id: str | None


def take_answers(s: Services, principal: Principal, insurer: str, body: bytes) -> list[Taken]:
    """Take in what the insurer sent: ``body`` as it came.

    Raises NotFound for an insurer there is not, NotAllowed when the client is not this insurer's,
    InvalidInput for a body that holds no answer.
    """
    principal.must_be_allowed(Act.BRING_ANSWERS)
    try:
        name = s.shelf.find(insurer)
    except MappingError as exc:
        raise NotFound(str(exc)) from None
    if principal.insurer != name:
        bound = f"insurer {principal.insurer}" if principal.insurer else "no insurer"
        raise NotAllowed(
            f"this key is bound to {bound}, not to {name}; the operator makes one with"
            f" payer-gateway client add {name} --role insurer"
        )
    notices = read_notices(parse_json(body))
    if notices.asks_to_look:
        with s.database.write() as work:
            notifications.fetch_soon(work, principal.tenant_id, name)
    taken = []
    for n, notice in enumerate(notices.answers, start=1):
        # One by one: a Bundle of many must not hold many claims at once.
        with s.database.write() as work:
            taken.append(_take(s, work, principal, name, body, n, notice))
    return taken


def listing(
    s: Services, principal: Principal, insurer: str | None, *, unmatched: bool, limit: int = 500
) -> list[dict[str, Any]]:
    """What insurers brought, the newest first; ``unmatched``: what is about no claim of ours."""
    principal.must_be_allowed(Act.READ_SUBMISSION)
    name = None if insurer is None else s.shelf.find(insurer)
    with s.database.read() as work:
        rows = notifications.listing(
            work, principal.tenant_id, name, unmatched=unmatched, limit=limit
        )
    return [
        {
            "id": row.id,
            "received_at": row.received_at.isoformat(),
            "insurer": row.insurer_id,
            "claim_identifier": row.claim_identifier,
            "submission": row.submission_id,
            "outcome": row.outcome,
            "became": row.became,
        }
        for row in rows
    ]


def _take(
    s: Services,
    work: Work,
    principal: Principal,
    insurer: str,
    body: bytes,
    n: int,
    notice: Notice,
) -> Taken:
    tenant_id = principal.tenant_id
    body_id = bodies.put(work, tenant_id, body, "application/fhir+json")
    row = _claim_of(work, tenant_id, insurer, notice)
    named = notice.identifiers[0] if notice.identifiers else None
    earlier = notifications.seen(work, tenant_id, insurer, body_id, n)
    if earlier is not None and earlier.submission_id is not None:
        return Taken("repeated", earlier.claim_identifier, earlier.submission_id)
    if row is None:
        became = "unknown"
    else:
        named = row.claim_identifier
        became = _apply(s, work, row, notice, body_id, principal.subject)
    notifications.keep(
        work,
        tenant_id,
        insurer,
        body_id,
        n,
        principal.subject,
        claim_identifier=named,
        submission_id=None if row is None else row.id,
        outcome=notice.outcome,
        became=became,
    )
    return Taken(became, named, None if row is None else row.id)


def _claim_of(work: Work, tenant_id: str, insurer: str, notice: Notice) -> Row[Any] | None:
    """The submission that the answer is about, locked. What it names first decides: the claim's
    identifier, then the address it had in our Bundle, then the insurer's own number."""
    if notice.identifiers:
        return notifications.by_identifier(work, tenant_id, insurer, notice.identifiers)
    if notice.urls:
        open_ones = notifications.unanswered(work, tenant_id, insurer, _LOOKED_THROUGH)
        for submission_id, claim_id in open_ones:
            if Names(claim_id).url("claim") in notice.urls:
                return notifications.by_id(work, tenant_id, insurer, submission_id)
    if notice.numbers:
        return notifications.by_number(work, tenant_id, insurer, notice.numbers)
    return None


def _apply(s: Services, work: Work, row: Row[Any], notice: Notice, body_id: str, by: str) -> str:
    profile = profile_of(s, row)
    if profile is None or not notice.is_active:
        return "noted"
    sent = bodies.kept(work, row.tenant_id, row.body_id)
    reading = inquiry_replies.read_notified(profile, Use(row.use), notice.answer, sent=sent)
    state = State(row.state)
    if state is State.ACCEPTED:
        if reading.adjudication is None:
            return "noted"
        outbox.change(work, row, **following.adjudicated(work, row, reading, body_id))
        return "decided"
    if state in (State.CANCELLED, State.SUPERSEDED):
        if reading.adjudication is not None:
            ledger.adjudicated(work, row, reading.adjudication, reading.control_number, body_id)
        return "contradicts" if state is State.CANCELLED else "noted"
    if state is State.REJECTED and notice.outcome == "error":
        return "noted"  # the same refusal, said again
    _accept(work, row, profile, reading, body_id, by)
    return "found" if reading.adjudication is None else "decided"


def _accept(
    work: Work, row: Row[Any], profile: Profile, reading: Reading, body_id: str, by: str
) -> None:
    """Whatever we thought of it: the insurer has it."""
    state = State(row.state)
    if state in LEASED:
        found = OutcomeClass.FOUND
        outbox.close_attempt(work, row, found, lease_token=row.lease_token, error=_MEANWHILE)
    elif state in (State.READY, State.RETRY_WAIT, State.REJECTED):
        outbox.move(work, row, State.IN_DOUBT, "the insurer spoke of it", by, next_at=work.now)
        row = outbox.get(work, row.tenant_id, row.id)
    values = following.accepted(work, row, reading, profile, body_id, by)
    values["last_class"] = OutcomeClass.FOUND.value
    outbox.move(work, row, State.ACCEPTED, _MEANWHILE, by, **values)
