"""A claim: the ask to be paid (or for leave beforehand), and which claims follow a decision."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.money import Money
from payer_gateway.domain.reasons import Code, Verdict

CLAIM_SYSTEM = "https://payer-gateway.example/claim"


class Use(StrEnum):
    """Claim.use of FHIR R4, as far as we send it."""

    CLAIM = "claim"
    PREAUTHORIZATION = "preauthorization"


class Relation(StrEnum):
    """How a claim relates to the earlier claim it names (Claim.related)."""

    PRIOR = "prior"  # edit: the old one was never accepted
    REPLACE = "replace"  # the old one was accepted; this one takes its place
    VOID = "void"  # the old one was accepted and is taken back
    FOLLOWS = "associated"  # the claim after its prior authorization


class WaitsFor(StrEnum):
    """What a planned claim waits for before it can exist."""

    SERVICE_DAY = "service_day"
    AUTHORIZATION = "authorization"
    PRIMARY = "primary"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Related:
    """The earlier claim: our identifier of it and the number the insurer gave it, if known."""

    identifier: str
    relation: Relation
    control_number: str | None


@dataclass(frozen=True, slots=True)
class PriorResult:
    """What the insurer billed first paid: carried by the claim to the next one (COB)."""

    insurer: str
    claim_identifier: str
    outcome: str
    paid: Money
    control_number: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """One ask, to one insurer, under one coverage (by its order) of one consultation.

    ``number`` is the value of its identifier in ``CLAIM_SYSTEM``; it never changes and is never
    used for another claim. Lines are the consultation's services: nothing is added or left out.
    """

    id: str
    number: str
    use: Use
    coverage_order: int
    created_on: date
    authorization_number: str | None
    authorization_period: Period | None
    related: Related | None
    prior_result: PriorResult | None

    @property
    def identifier(self) -> str:
        return f"{CLAIM_SYSTEM}|{self.number}"


def claim_number(
    secret: bytes,
    *,
    source: str,
    source_id: str,
    insurer: str,
    coverage_order: int,
    use: Use,
    nth: int,
) -> str:
    """The number of the ``nth`` claim (from 1) of that use for one coverage of one consultation.

    The same question gets the same number again, even from a database that was restored and has
    forgotten the claim: so the insurer can be asked whether it has it. ``secret`` is the tenant's,
    so that the number tells nobody which consultation it stands for. UUID version 8 (RFC 9562).
    """
    told = json.dumps([source, source_id, insurer, coverage_order, use.value, nth])
    digest = hmac.new(secret, told.encode(), hashlib.sha256).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62)
    return str(uuid.UUID(int=value))


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a decision: at most one claim now and at most one planned."""

    now: Use | None
    planned: tuple[Use, WaitsFor, date | None] | None


_AUTHORIZATION_FIRST = frozenset(
    {Code.AUTH_REQUIRED, Code.AUTH_EXPIRED, Code.CROSS_BORDER_AUTH_REQUIRED}
)


def what_follows(decision: Decision, last_service: date, business_day: date) -> Next:
    """The decision → action table of the house, as a function.

    ELIGIBLE: a claim once the service is done. Authorization missing: ask for it first, the claim
    is planned behind it. Billed first elsewhere: planned until that insurer has answered. Every
    other condition and every refusal is kept, and nothing leaves.
    """
    if decision.verdict is Verdict.ELIGIBLE:
        if last_service <= business_day:
            return Next(Use.CLAIM, None)
        return Next(None, (Use.CLAIM, WaitsFor.SERVICE_DAY, last_service))
    if decision.verdict is Verdict.CONDITIONAL:
        codes = {r.code for r in decision.reasons}
        if Code.SECONDARY_PAYER in codes:
            return Next(None, (Use.CLAIM, WaitsFor.PRIMARY, last_service))
        if codes and codes <= _AUTHORIZATION_FIRST:
            return Next(Use.PREAUTHORIZATION, (Use.CLAIM, WaitsFor.AUTHORIZATION, last_service))
    if decision.verdict is Verdict.PENDED:
        return Next(None, (Use.CLAIM, WaitsFor.PERSON, last_service))
    return Next(None, None)
