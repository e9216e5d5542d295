"""Who acts. Every workflow step takes a Principal and asks here first; the rest is denied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from payer_gateway.domain.errors import NotAllowed

DEFAULT_TENANT = "default"


class Role(StrEnum):
    PROVIDER = "provider"
    INSURER = "insurer"
    EMPLOYER = "employer"
    OPS = "ops"
    WORKER = "worker"


class Act(StrEnum):
    SUBMIT_CONSULTATION = "submit a consultation"
    CHECK_ELIGIBILITY = "check eligibility"
    ASK_COVERAGE = "ask whether a coverage pays"
    DECIDE_ROSTER = "decide a whole roster"
    READ_CONSULTATION = "read a consultation"
    CORRECT_CLAIM = "correct a claim"
    READ_SUBMISSION = "read submissions"
    READ_BYTES = "read the bytes of an exchange"
    REPAIR_SUBMISSION = "replay, resolve or cancel a submission"
    DECIDE_CONSULTATION = "decide a pended consultation"
    STEER_INSURER = "pause, resume or test an insurer"
    DELIVER = "deliver submissions"
    MANAGE_CLIENTS = "add clients"
    PRUNE = "take away what is old"
    WATCH = "read the metrics"
    BRING_ANSWERS = "bring an insurer's late answers"
    IMPORT_ROSTER = "import a roster"


# The whole of who may do what (house rule: default deny). An employer may do nothing here: the
# employer surface is a room of its own that answers from enrolment alone.
ALLOWED: dict[Role, frozenset[Act]] = {
    Role.PROVIDER: frozenset(
        {
            Act.SUBMIT_CONSULTATION,
            Act.CHECK_ELIGIBILITY,
            Act.ASK_COVERAGE,
            Act.READ_CONSULTATION,
            Act.CORRECT_CLAIM,
            Act.READ_SUBMISSION,
        }
    ),
    # Of its own coverages and claims; which those are, the step asks.
    Role.INSURER: frozenset({Act.DECIDE_ROSTER, Act.ASK_COVERAGE, Act.BRING_ANSWERS}),
    Role.EMPLOYER: frozenset(),
    Role.OPS: frozenset(Act) - {Act.DELIVER, Act.BRING_ANSWERS},
    Role.WORKER: frozenset({Act.DELIVER}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A tenant, a role and the subject (client id, or ``local:<account>`` on the command line);
    for a client of role insurer, the insurer whose claims it may speak of."""

    tenant_id: str
    role: Role
    subject: str
    insurer: str | None = None

    def must_be_allowed(self, act: Act) -> None:
        """Raise NotAllowed unless this principal's role lists the act."""
        if act not in ALLOWED.get(self.role, frozenset()):
            raise NotAllowed(f"role {self.role} may not {act}")
