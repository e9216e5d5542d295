"""What an insurer can say, in our words: acknowledgement or adjudication, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money
from payer_gateway.domain.submission import OutcomeClass


@dataclass(frozen=True, slots=True)
class LineResult:
    """One adjudicated claim line; ``line`` 0 is the claim as a whole. Amounts that the insurer did
    not state are None, never 0. ``reasons`` are the insurer's codes as ``system|code``."""

    line: int
    billed: Money | None
    allowed: Money | None
    payable: Money | None
    patient: Money | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adjudication:
    """The insurer's decision. For a prior authorization ``approved`` and its number count; for a
    claim the lines do."""

    outcome: str  # complete | partial, as the insurer says
    disposition: str | None
    approved: bool
    authorization_number: str | None
    authorization_period: Period | None
    lines: tuple[LineResult, ...]
    payment: Money | None
    said_at: datetime | None = None  # when the insurer says that it decided, to the second

    @property
    def payable(self) -> Money | None:
        return next((r.payable for r in self.lines if r.line == 0), None)


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing an insurer complains of: its code, where, its own words (hostile text)."""

    code: str
    expression: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How the profile reads one reply to a submit or a search."""

    outcome: OutcomeClass
    control_number: str | None = None
    adjudication: Adjudication | None = None
    issues: tuple[Issue, ...] = ()
    retry_after_s: int | None = None
