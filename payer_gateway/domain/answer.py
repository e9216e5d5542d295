"""What an insurer can say, in our words: acknowledgement or adjudication, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money
from payer_gateway.domain.submission import OutcomeClass


class Review(StrEnum):
    """What an insurer has decided on a prior authorization, of a line or of the whole."""

    APPROVED = "approved"
    MODIFIED = "modified"  # leave, but not for what was asked
    PARTLY = "partly"  # the whole only: leave for some lines, none for others
    DENIED = "denied"
    PENDED = "pended"  # the decision is still to come
    UNCLEAR = "unclear"  # a code nobody has explained to us: never an approval


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
    review: Review | None = None
    authorization_number: str | None = None
    second_opinion: bool | None = None  # the insurer wants one before it approves
    notes: tuple[str, ...] = ()  # its own words (hostile text)


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
    review: Review | None = None

    @property
    def second_opinion(self) -> bool | None:
        """Whether the insurer wants a second opinion for any line; None: it does not say."""
        said = [line.second_opinion for line in self.lines if line.second_opinion is not None]
        return any(said) if said else None

    @property
    def payable(self) -> Money | None:
        return next((r.payable for r in self.lines if r.line == 0), None)


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing an insurer complains of: its code, where, its own words (hostile text)."""

    code: str
    expression: str
    text: str
    followup: str | None = None  # what the insurer asks to be done about it (its code)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the profile reads one reply to a submit or a search."""

    outcome: OutcomeClass
    control_number: str | None = None
    adjudication: Adjudication | None = None
    issues: tuple[Issue, ...] = ()
    retry_after_s: int | None = None
    so_far: Adjudication | None = None  # what is said already while the decision is still to come
