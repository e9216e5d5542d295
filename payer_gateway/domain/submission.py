"""One claim on its way to one insurer: its states, and the whole of the moves between them.

The table below is the only place where a move is allowed. The database refuses every other one
too (a trigger fed from this table), ``payer-gateway states`` draws it, and a test holds it total.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from payer_gateway.domain.errors import IllegalTransition


class State(StrEnum):
    READY = "ready"
    SENDING = "sending"
    RETRY_WAIT = "retry_wait"
    IN_DOUBT = "in_doubt"
    INQUIRING = "inquiring"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NEEDS_HUMAN = "needs_human"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Edge:
    source: State
    target: State
    when: str


def _edges() -> tuple[Edge, ...]:
    s = State
    rows: tuple[tuple[tuple[State, ...], tuple[State, ...], str], ...] = (
        ((s.READY,), (s.SENDING,), "picked: lease, token and attempt written"),
        ((s.SENDING,), (s.ACCEPTED,), "2xx that the profile reads as received"),
        ((s.SENDING,), (s.REJECTED,), "the insurer says it cannot process it"),
        ((s.SENDING,), (s.RETRY_WAIT,), "certainly not processed: not sent, 408, 425, 429, 503"),
        ((s.SENDING,), (s.READY,), "endpoint fault: breaker opens, no attempt spent"),
        ((s.SENDING,), (s.IN_DOUBT,), "bytes left and no readable answer; expired lease; 409"),
        (
            (s.SENDING,),
            (s.NEEDS_HUMAN,),
            "poison; a 2xx no rule reads; unaskable duplicate; 412",
        ),
        ((s.RETRY_WAIT,), (s.READY,), "its time has come"),
        ((s.READY, s.RETRY_WAIT), (s.NEEDS_HUMAN,), "retry budget or filing deadline spent"),
        ((s.IN_DOUBT,), (s.INQUIRING,), "settle time over and the insurer can be asked"),
        ((s.IN_DOUBT,), (s.NEEDS_HUMAN,), "cannot be asked; budget or filing deadline spent"),
        ((s.INQUIRING,), (s.ACCEPTED,), "found"),
        ((s.INQUIRING,), (s.READY,), "not found twice, a settle time apart"),
        ((s.INQUIRING,), (s.IN_DOUBT,), "not found for the first time; no answer; expired lease"),
        (
            (s.READY, s.RETRY_WAIT, s.NEEDS_HUMAN, s.REJECTED),
            (s.CANCELLED,),
            "a person, before anything was booked",
        ),
        ((s.REJECTED, s.NEEDS_HUMAN), (s.READY,), "a person: replayed, or resolved as not booked"),
        ((s.REJECTED, s.NEEDS_HUMAN), (s.SUPERSEDED,), "edited: a new claim takes its place"),
        ((s.ACCEPTED,), (s.SUPERSEDED,), "replaced or voided by a later claim that is accepted"),
        ((s.NEEDS_HUMAN,), (s.ACCEPTED,), "a person resolved it as booked, with evidence"),
        (
            (s.READY, s.RETRY_WAIT, s.REJECTED),
            (s.IN_DOUBT,),
            "it may be booked after all: restored from a backup; the insurer spoke of it",
        ),
        ((s.IN_DOUBT,), (s.ACCEPTED,), "the insurer's own answer came in"),
    )
    return tuple(
        Edge(source, target, when)
        for sources, targets, when in rows
        for source in sources
        for target in targets
    )


EDGES: tuple[Edge, ...] = _edges()
NEXT: dict[State, frozenset[State]] = {
    state: frozenset(e.target for e in EDGES if e.source is state) for state in State
}

# A lane is held back by a submission that may still move by itself.
CLOSED_FOR_LANE = frozenset(
    {State.ACCEPTED, State.REJECTED, State.CANCELLED, State.SUPERSEDED, State.NEEDS_HUMAN}
)
OPEN_IN_LANE = frozenset(State) - CLOSED_FOR_LANE
# These hold a lease: a worker is (or was) talking to the insurer about them.
LEASED = frozenset({State.SENDING, State.INQUIRING})
# What they move to when they are picked; of what is accepted only the answer is fetched.
PICKED_AS = {State.READY: State.SENDING, State.IN_DOUBT: State.INQUIRING}
WAITS_FOR_PERSON = frozenset({State.REJECTED, State.NEEDS_HUMAN})


def check_move(source: State, target: State) -> None:
    """Raise IllegalTransition unless the table holds the edge."""
    if target not in NEXT[source]:
        allowed = ", ".join(sorted(NEXT[source])) or "nothing"
        raise IllegalTransition(f"{source} may become {allowed}; not {target}")


def retry_budget(schedule: tuple[int, ...]) -> timedelta:
    """How long retries may go on: the whole schedule (seconds) with its largest jitter, a day at
    least."""
    return timedelta(seconds=max(86400.0, sum(schedule) * 1.5))


class OutcomeClass(StrEnum):
    """What an attempt came to; stored on each attempt, never edited."""

    ACCEPTED = "accepted"
    ACCEPTED_ASYNC = "accepted_async"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    REFUSED_TRANSIENT = "refused_transient"
    ENDPOINT_FAULT = "endpoint_fault"
    IN_DOUBT = "in_doubt"
    DUPLICATE_REPORTED = "duplicate_reported"
    # 412: our condition met claims of ours there already, more than one or not this one.
    DUPLICATE_AT_INSURER = "duplicate_at_insurer"
    UNREADABLE_ANSWER = "unreadable_answer"  # a 2xx with JSON that no rule of the profile matches
    POISON = "poison"
    FENCED = "fenced"
    FOUND = "found"  # inquiry
    NOT_FOUND = "not_found"  # inquiry
    NO_ANSWER = "no_answer"  # inquiry


# Where each class of a *send* leads. DUPLICATE_REPORTED and IN_DOUBT go to needs_human instead
# when the insurer cannot be asked (rule L7); FENCED is no outcome: the lease was another's.
AFTER_SEND: dict[OutcomeClass, State] = {
    OutcomeClass.ACCEPTED: State.ACCEPTED,
    OutcomeClass.ACCEPTED_ASYNC: State.ACCEPTED,
    OutcomeClass.REJECTED: State.REJECTED,
    OutcomeClass.NOT_SENT: State.RETRY_WAIT,
    OutcomeClass.REFUSED_TRANSIENT: State.RETRY_WAIT,
    OutcomeClass.ENDPOINT_FAULT: State.READY,
    OutcomeClass.IN_DOUBT: State.IN_DOUBT,
    OutcomeClass.DUPLICATE_REPORTED: State.IN_DOUBT,
    OutcomeClass.DUPLICATE_AT_INSURER: State.NEEDS_HUMAN,
    OutcomeClass.UNREADABLE_ANSWER: State.NEEDS_HUMAN,
    OutcomeClass.POISON: State.NEEDS_HUMAN,
}


def class_of_status(status: int) -> OutcomeClass | None:
    """The gateway's own reading of an HTTP status; None for 2xx, which the body must explain.

    Source: RFC 9110 and the outcome table of the delivery rules. A profile may override single
    statuses for its insurer, never the meaning of silence.
    """
    if 200 <= status < 300:
        return None
    if status in (408, 425, 429, 503):
        return OutcomeClass.REFUSED_TRANSIENT
    if status == 409:
        return OutcomeClass.DUPLICATE_REPORTED
    if status in (401, 403, 404, 405, 410, 415) or 300 <= status < 400:
        return OutcomeClass.ENDPOINT_FAULT
    if status == 412:
        # A conditional create met several matches: somebody billed twice, by us or before us.
        return OutcomeClass.DUPLICATE_AT_INSURER
    if 400 <= status < 500:
        return OutcomeClass.REJECTED
    return OutcomeClass.IN_DOUBT
