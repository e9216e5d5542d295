"""The story of a consultation or a submission in plain sentences, from what was written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import NotFound
from payer_gateway.domain.money import Money
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.mapping.insurer_words import Said
from payer_gateway.storage import consultations, ledger, listings, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow import summary
from payer_gateway.workflow.insurer_says import said_of
from payer_gateway.workflow.reading import why_not_sent
from payer_gateway.workflow.services import Services


def story(s: Services, principal: Principal, any_id: str) -> list[str]:
    """Sentences in the order in which things happened. Raises NotFound."""
    principal.must_be_allowed(Act.READ_SUBMISSION)
    with s.database.read() as work:
        try:
            row = consultations.get(work, principal.tenant_id, any_id)
        except NotFound:
            try:
                submission = outbox.get(work, principal.tenant_id, any_id)
            except NotFound:
                raise NotFound(f"no consultation and no submission {any_id[:60]!r}") from None
            return list(_of_submission(s, work, submission))
        return list(_of_consultation(s, work, row))


def _of_consultation(s: Services, work: Work, row: Row[Any]) -> Iterator[str]:
    yield (
        f"Consultation {row.source_id} of {row.source} came in at {row.created_at:%Y-%m-%d %H:%M}Z"
        f" and stands at revision {row.revision}."
    )
    for found in consultations.decisions(work, row.tenant_id, row.id, row.revision):
        decision = summary.stored_decision(work, found)
        about = (
            f"Coverage {found.coverage_order} ({found.insurer_id}, plan {found.plan}"
            f" v{found.plan_version})"
            if found.coverage_order is not None
            else "It"
        )
        by = "" if found.decided_by == "engine" else f" by {found.decided_by}"
        sentences = " ".join(reason.sentence for reason in decision.reasons)
        yield f"{about} was decided {decision.verdict}{by}: {sentences}"
        if decision.cost is not None:
            cost = decision.cost
            yield (
                f"  Of {cost.allowed} the plan is expected to pay {cost.plan}, the member"
                f" {cost.member}."
            )
    submissions = outbox.of_consultation(work, row.tenant_id, row.id)
    for planned in consultations.planned(work, row.tenant_id, row.id):
        yield from _of_planned(planned)
    if not submissions:
        yield "Nothing was sent."
    for submission in submissions:
        yield ""
        yield from _of_submission(s, work, submission)


def _of_planned(planned: Row[Any]) -> Iterator[str]:
    waits = {
        "service_day": f"the service day {planned.due_on}",
        "authorization": "the insurer's prior authorization",
        "primary": "the answer of the insurer that is billed first",
        "person": "a person's decision",
    }[planned.waits_for]
    if planned.state == "open":
        why = f" ({planned.closed_cause})" if planned.closed_cause else ""
        yield f"A {planned.use} to {planned.insurer_id} is planned; it waits for {waits}{why}."
    elif planned.state == "closed":
        yield (
            f"The {planned.use} planned to {planned.insurer_id} was closed: {planned.closed_cause}."
        )


def _of_submission(s: Services, work: Work, row: Row[Any]) -> Iterator[str]:
    amount = Money.from_minor(row.amount_minor, row.currency)
    what = "Prior authorization" if row.use == Use.PREAUTHORIZATION.value else "Claim"
    yield (
        f"{what} {row.id} over {amount} to {row.insurer_id} (file v{row.profile_version},"
        f" {row.stage})."
    )
    attempts = {a.n: a for a in outbox.attempts(work, row.tenant_id, row.id)}
    told: list[tuple[datetime, bool, str]] = []
    for move in outbox.transitions(work, row.tenant_id, row.id):
        told += [(move.at, True, sentence) for sentence in _of_move(move)]
    for attempt in attempts.values():
        if attempt.ended_at is not None:
            told.append((attempt.ended_at, False, _of_attempt(attempt)))
    # An attempt and the move it led to have the same time; the attempt's sentence comes first.
    for at, _, sentence in sorted(told, key=lambda each: each[:2]):
        yield f"  {at:%H:%M:%S} {sentence}"
    said = said_of(s, work, row)
    yield from _of_complaints(said)
    yield from _of_ledger(work, row)
    yield from _of_reasons(said)
    label = listings.cause_label(work, row)
    why = why_not_sent(s, work, row, label)
    if why is not None:
        yield f"  Now {row.state}: {why}"
    elif row.state == "accepted" and row.cause_id is not None:
        yield f"  Now accepted, but the insurer could not process it ({label}); replace or void it."
    elif row.state == "accepted" and row.adjudication_due is not None:
        yield "  Now accepted; the insurer's decision is still to come."
    elif row.state == "superseded":
        yield "  Now superseded: a later claim took its place."


# What an attempt came to, by outcome class; {said} is the HTTP status or the fault of the line.
_CAME_TO: dict[str, str] = {
    "accepted": "the insurer took it ({said})",
    "accepted_async": "the insurer took it ({said}); its decision follows",
    "rejected": "the insurer rejected it ({said})",
    "not_sent": "nothing left the house: {said}",
    "refused_transient": "the insurer cannot take it now ({said})",
    "endpoint_fault": "the insurer's endpoint refuses us ({said}); its claims are held",
    "in_doubt": "no readable answer ({said}), so nobody knows whether it was booked",
    "duplicate_reported": "the insurer says that it has it already ({said})",
    "duplicate_at_insurer": "the insurer has several like it already ({said})",
    "unreadable_answer": "an answer ({said}) that the insurer's file does not explain",
    "poison": "it could not be sent at all: {said}",
    "fenced": "held back at the last moment: {said}",
    "found": "it has the claim ({said})",
    "not_found": "it lists nothing for us yet ({said})",
    "no_answer": "that told us nothing ({said})",
}


def _of_attempt(a: Row[Any]) -> str:
    did = "Sent" if a.kind == "send" else "Asked the insurer"
    said = f"HTTP {a.http_status}" if a.http_status is not None else a.error or "no answer"
    return f"{did} (attempt {a.n}): {_CAME_TO[a._mapping['class']].format(said=said)}."


def _of_move(move: Row[Any]) -> list[str]:
    """Sentences for a move that its attempt does not tell already."""
    if move.source is None:
        made = f"Put into the outbox by {move.by} ({move.event})"
        return [f"{made}: {move.reason}." if move.reason else f"{made}."]
    if move.event in ("picked", "asking", "time to retry"):
        return []
    if move.attempt_n is not None:
        if move.target == "in_doubt":
            return ["Nothing is sent again before that is known."]
        if move.source == "inquiring" and move.target == "ready":
            return ["It may be sent again."]
        return ["It is tried again later."] if move.target == "retry_wait" else []
    why = f": {move.reason}" if move.reason else ""
    return [f"{move.event.capitalize()} by {move.by}{why} ({move.source} → {move.target})."]


def _of_complaints(every: list[Said]) -> Iterator[str]:
    """What the insurer complained of, in its own words, and what we found wrong with its answer."""
    for said in every:
        if said.by == "gateway":
            yield f"  Found in its answer: {said.code} at {said.place or '?'}: {said.text}"
        elif not _is_of_a_line(said):
            yield f"  The insurer says {said.code} at {said.place or '?'}: {said.text}"
            for hint in filter(None, (said.hint, said.followup_hint)):
                yield f"    What to do: {hint}"


def _is_of_a_line(said: Said) -> bool:
    return said.by == "insurer" and said.place.startswith("line ")


def _of_ledger(work: Work, row: Row[Any]) -> Iterator[str]:
    for fact in ledger.of_submission(work, row.tenant_id, row.id):
        if fact.kind == "acknowledged":
            number = f", its number {fact.control_number}" if fact.control_number else ""
            yield f"  The insurer has it{number}."
            if fact.review is not None:
                yield f"  It is {fact.review}: the insurer's decision is still to come."
            yield from _of_second_opinion(fact)
        elif fact.kind == "adjudicated" and fact.line == 0:
            if row.use == Use.PREAUTHORIZATION.value:
                yield f"  The insurer {_DECIDED[fact.review] or _plainly(fact)} it."
                yield from _of_second_opinion(fact)
            elif fact.payable_minor is not None:
                payable = Money.from_minor(fact.payable_minor, fact.currency)
                yield f"  The insurer decided ({fact.outcome}): it pays {payable}."
        elif fact.kind == "adjudicated" and fact.review is not None:
            yield f"    line {fact.line}: {fact.review}"
        elif fact.kind == "corrected":
            yield "  A later claim took its place at the insurer."


def _of_reasons(every: list[Said]) -> Iterator[str]:
    """Why the insurer decided a line as it did: its code, its words, the hint of its file."""
    for said in filter(_is_of_a_line, every):
        where = "the whole" if said.place == "line 0" else said.place
        words = f": {said.text}" if said.text else ""
        yield f"    {where}, reason {said.code}{words}"
        if said.hint is not None:
            yield f"      What to do: {said.hint}"


# What an insurer did with a prior authorization, by its review; None says nothing of the kind.
_DECIDED = {
    None: None,
    "approved": "approved",
    "modified": "approved something else for",
    "partly": "approved some lines and denied others of",
    "denied": "denied",
    "pended": "has not decided on",
    "unclear": "answered neither yes nor no to",
}


def _plainly(fact: Row[Any]) -> str:
    return "approved" if fact.approved else "denied"


def _of_second_opinion(fact: Row[Any]) -> Iterator[str]:
    if fact.second_opinion is not None:
        wants = "wants" if fact.second_opinion else "does not ask for"
        yield f"  The insurer {wants} a second opinion before it approves."
