"""The one table of steps that the laboratory interrupts: which function stands for which step.

When delivery is rebuilt, this file follows; nothing else in the laboratory names a function of the
package. A target that is gone fails loudly when a point is put there, and a point that is never
passed fails its case, so a stale line cannot look like a passed test.
"""

from __future__ import annotations

from dataclasses import dataclass

# Around this call the runner notes which HTTP method is under way in its thread.
EXCHANGE = "payer_gateway.insurers.client:HttpClient.send"


@dataclass(frozen=True)
class Step:
    """A place in the code where a process can be stopped.

    ``target`` is ``module:name`` as it is looked up by its callers. ``when``: before or after the
    call, or half: with half of the bytes it was given written. ``during``: only in exchanges with
    that HTTP method. ``run``: the command that passes it. ``needs``: what must have happened for it
    to be passed (see ``faults_cases.py``). ``at``: the earliest pass. ``locks``: rows are
    locked meanwhile, so that nobody else can go on while it is frozen there.
    """

    name: str
    target: str
    when: str
    during: str | None = None
    run: str = "deliver"
    needs: str = "claims"
    at: int = 1
    locks: bool = False
    did: bool = False


_CREW = "payer_gateway.workflow.crew"
_EXCHANGE = "payer_gateway.workflow.exchanging"
_RECORD = "payer_gateway.workflow.recording"
_SWEEP = "payer_gateway.workflow.sweeping"
_PICK = "payer_gateway.storage.picking"
_WIRE = "payer_gateway.insurers.wire"
_EXCHANGED = "payer_gateway.insurers.exchange:Exchange"

STEPS: tuple[Step, ...] = (
    # Pick: lease and attempt.
    Step("pick.before", f"{_PICK}:pick_batch", "before"),
    Step("pick.attempt_written", f"{_PICK}:pick_batch", "after", locks=True, did=True),
    Step("pick.leased", f"{_CREW}:pick_some", "after", did=True),
    Step("pick.committed", f"{_EXCHANGE}:submit_request", "before"),
    # Send: from the connection to the last byte.
    Step("send.before_connect", f"{_WIRE}:PlainConnection._new_conn", "before", "POST"),
    Step("send.connected", f"{_WIRE}:PlainConnection._new_conn", "after", "POST"),
    Step("send.before_fence", f"{_EXCHANGED}.pass_fence", "before", "POST"),
    Step("send.after_fence", f"{_EXCHANGED}.pass_fence", "after", "POST"),
    Step("send.last_instant", f"{_WIRE}:PlainConnection.write", "before", "POST"),
    # Head and body leave in one write; half of it is the head and a part of the body.
    Step("send.half_body", f"{_WIRE}:PlainConnection.send", "half", "POST"),
    Step("send.body_sent", f"{_WIRE}:PlainConnection.send", "after", "POST"),
    Step("reply.before_read", "payer_gateway.insurers.reply:Tap.readinto", "before", "POST"),
    Step("reply.after_read", "payer_gateway.insurers.client:whole_reply", "after", "POST"),
    # Record what came back.
    Step("record.before", f"{_CREW}:record_some", "before"),
    Step("record.attempt_closed", f"{_RECORD}:_close", "after", locks=True),
    Step("record.before_commit", f"{_RECORD}:record_send", "after", locks=True),
    Step("record.committed", f"{_CREW}:record_some", "after", did=True),
    # Ask about what is in doubt.
    Step("ask.picked", f"{_EXCHANGE}:put_question", "before", needs="doubt"),
    Step("ask.before_connect", f"{_WIRE}:PlainConnection.send", "before", "GET", needs="doubt"),
    Step("ask.asked", f"{_WIRE}:PlainConnection.send", "after", "GET", needs="doubt"),
    Step("ask.answered", f"{_EXCHANGE}:put_question", "after", needs="doubt"),
    Step("ask.before_commit", f"{_RECORD}:record_inquiry", "after", needs="doubt", locks=True),
    Step("ask.not_found_once", f"{_RECORD}:record_inquiry", "after", needs="loss", locks=True),
    Step(
        "ask.not_found_twice", f"{_RECORD}:record_inquiry", "after", needs="loss", at=2, locks=True
    ),
    # Fetch a decision that was still due.
    Step("fetch.answered", f"{_RECORD}:record_answer", "before", needs="late decision"),
    Step(
        "fetch.before_commit",
        f"{_RECORD}:record_answer",
        "after",
        needs="late decision",
        locks=True,
    ),
    # Sweep: reap, wake, promote.
    Step("reap.before", f"{_SWEEP}:_reap_sending", "before", needs="dead worker", locks=True),
    Step("reap.before_commit", f"{_SWEEP}:_reap_sending", "after", needs="dead worker", locks=True),
    Step("reap.committed", f"{_SWEEP}:reap_and_wake", "after", needs="dead worker", did=True),
    Step("wake.before_commit", f"{_SWEEP}:_wake", "after", needs="busy", locks=True, did=True),
    Step("promote.before", f"{_SWEEP}:promote_planned", "before", needs="authorization", at=2),
    Step(
        "promote.committed", f"{_SWEEP}:promote_planned", "after", needs="authorization", did=True
    ),
    # Commands of people.
    Step("submit.before", "payer_gateway.workflow.intake:put_claim", "before", run="submit"),
    Step(
        "submit.claim_written",
        "payer_gateway.storage.consultations:add_claim",
        "after",
        run="submit",
    ),
    Step("submit.put", "payer_gateway.storage.outbox:put", "before", run="submit"),
    Step("submit.before_commit", "payer_gateway.workflow.intake:put_claim", "after", run="submit"),
    Step("submit.committed", "payer_gateway.workflow.intake:take_in", "after", run="submit"),
    Step(
        "replay.before",
        "payer_gateway.workflow.repair:replay_one",
        "before",
        run="replay",
        needs="refusal",
    ),
    Step(
        "replay.before_commit",
        "payer_gateway.storage.outbox:move",
        "after",
        run="replay",
        needs="refusal",
    ),
    Step(
        "replay.committed",
        "payer_gateway.workflow.repair:replay_one",
        "after",
        run="replay",
        needs="refusal",
    ),
)

BY_NAME = {step.name: step for step in STEPS}
