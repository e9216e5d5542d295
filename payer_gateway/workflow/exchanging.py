"""One exchange with an insurer, from a leased submission to what came back. No transaction is
open here; each step is a function of its own, so that it can be looked at, and broken, alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import GatewayError
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply, Request
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping import inquiry_replies, replies
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage.fencing import Fence
from payer_gateway.storage.picking import Leased
from payer_gateway.workflow import recording
from payer_gateway.workflow.questions import put_question
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.sweeping import profile_of


@dataclass(frozen=True, slots=True)
class Held:
    """A leased submission in this process's hands. ``taken_at`` is the process's clock before the
    lease began: the lease ends no sooner."""

    leased: Leased
    source: State
    taken_at: float


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it. ``profile`` None: its file is gone. ``cannot`` says why it could not even
    be put together."""

    held: Held
    profile: Profile | None
    reply: Reply | NoReply
    reading: Reading
    cannot: str | None = None


def exchange(s: Services, fence: Fence, held: Held) -> Done:
    """Send it, or ask about it; never raises for what the network or the insurer does. It asks the
    database for the fence alone: one that is away must not end a thread that holds an answer."""
    profile = profile_of(s, held.leased.row)
    if held.source is State.READY:
        return _send(s, fence, held, profile)
    return _ask(s, held, profile)


def _send(s: Services, fence: Fence, held: Held, profile: Profile | None) -> Done:
    if profile is None:
        return _poison(held, None, "the profile it was made with is not among the mappings")
    try:
        request = submit_request(s, fence, held, profile)
    except GatewayError as exc:
        return _poison(held, profile, str(exc))
    reply = s.client.send(held.leased.row.insurer_id, request)
    if isinstance(reply, Reply):
        row = held.leased.row
        reading = replies.read_submit(
            profile, Use(row.use), reply, identifier=row.claim_identifier, sent=held.leased.body
        )
        return Done(held, profile, reply, reading)
    return Done(held, profile, reply, recording.silence(reply))


def submit_request(s: Services, fence: Fence, held: Held, profile: Profile) -> Request:
    """The request as it leaves: the stored bytes, the stored key, and the fence."""
    row, delivery = held.leased.row, profile.delivery
    address = s.addresses[row.insurer_id]
    deadline = deadline_s(s, profile, held)
    ends_at = time.monotonic() + deadline
    headers = {}
    if delivery.conditional_create:
        headers["If-None-Exist"] = f"identifier={row.claim_identifier}"
    assert held.leased.body is not None  # noqa: S101 - picked with its bytes
    return fhir_r4.submit(
        address.base(row.use),
        held.leased.body,
        deadline_s=deadline,
        path=delivery.submit_path,
        headers=headers,
        token=address.token,
        idempotency_key=row.idempotency_key if delivery.idempotency_header else None,
        idempotency_header=delivery.idempotency_header or "Idempotency-Key",
        fence=lambda: pass_fence(fence, held, ends_at),
    )


def pass_fence(fence: Fence, held: Held, ends_at: float) -> bool:
    """Rule L4: still ours, and the lease outlives the whole deadline, by the database's clock."""
    return fence.is_ours(held.leased.row, max(0.0, ends_at - time.monotonic()))


def deadline_s(s: Services, profile: Profile, held: Held) -> float:
    """Seconds for this exchange: the profile's timeout, but always well inside what is left of
    the lease, however long the submission waited in memory."""
    waited = time.monotonic() - held.taken_at
    left = s.lease.total_seconds() - s.lease_margin_s() - waited
    return max(0.05, min(float(profile.delivery.timeout_s), left))


def _ask(s: Services, held: Held, profile: Profile | None) -> Done:
    template = None
    if profile is not None:
        asks = held.source is State.IN_DOUBT
        template = profile.delivery.inquire if asks else profile.delivery.answer
    if profile is None or template is None:
        nothing = NoReply(NoReplyKind.NOT_SENT, "cannot be asked")
        return Done(held, profile, nothing, Reading(OutcomeClass.NO_ANSWER), "cannot be asked")
    reply = put_question(s, held.leased, profile, template, held.leased.body)
    read = (
        inquiry_replies.read_inquiry
        if held.source is State.IN_DOUBT
        else inquiry_replies.read_answer
    )
    return Done(held, profile, reply, _read(read, profile, held, reply))


class _Reader(Protocol):
    def __call__(
        self,
        profile: Profile,
        use: Use,
        reply: Reply,
        *,
        identifier: str | None = None,
        sent: bytes | None = None,
    ) -> Reading: ...


def _read(read: _Reader, profile: Profile, held: Held, reply: Reply | NoReply) -> Reading:
    if not isinstance(reply, Reply):
        return Reading(OutcomeClass.NO_ANSWER)
    row = held.leased.row
    # Only what is said about our own claim counts: some insurers ignore what they are asked for.
    return read(
        profile, Use(row.use), reply, identifier=row.claim_identifier, sent=held.leased.body
    )


def _poison(held: Held, profile: Profile | None, why: str) -> Done:
    """It cannot even be put together: nothing left the house, and no retry will mend it."""
    nothing = NoReply(NoReplyKind.NOT_SENT, why)
    return Done(held, profile, nothing, Reading(OutcomeClass.POISON), why)
