"""What a roster says of a member: who is covered in which plan, and what of it is used.

Values only. ``mapping/roster_file.py`` reads them from a file; ``eligibility_roster`` says what
they mean for a question.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.eligibility_question import OtherCoverage, Premium


@dataclass(frozen=True, slots=True)
class Membership:
    """One person's cover in one plan of one insurer. What the roster leaves out is None.

    ``start`` and ``end`` are days (inclusive, in the plan's zone) or instants with their offset.
    """

    insurer: str
    plan: str
    member_id: str
    birth_date: date
    start: date | datetime
    end: date | datetime | None = None
    status: str = "active"  # FHIR financial resource status: active, cancelled, draft, …
    relationship: str = "self"
    subscriber_id: str | None = None  # the subscriber's member id; None: nobody told us
    employer_id: str | None = None
    employee_id: str | None = None
    sex: str | None = None
    disabled: bool = False
    residence: str | None = None  # ISO 3166-2 (US-NY) or the country alone
    order: int | None = None  # 1: this plan is billed first
    network: str | None = None
    paid_through: date | None = None
    grace_ends: date | None = None
    change_recorded: date | None = None
    subscriber_birthday: str | None = None  # MM-DD
    other_payer: str | None = None
    other_order: int | None = None
    other_subscriber_birthday: str | None = None  # MM-DD

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def premium(self) -> Premium | None:
        return Premium(self.paid_through, self.grace_ends) if self.paid_through else None

    @property
    def other_coverage(self) -> OtherCoverage | None:
        told = (self.other_payer, self.other_order, self.other_subscriber_birthday)
        return OtherCoverage(*told) if any(each is not None for each in told) else None


@dataclass(frozen=True, slots=True)
class Used:
    """Opinions used for one condition: an ICD-10 category or code, an episode id, or ``*`` where
    the roster does not say which."""

    condition: str
    second: int
    third: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a member has used of a plan in the benefit year that begins in ``year``, elsewhere than
    through this gateway. Amounts are in the plan's currency; None: nobody told us."""

    year: int
    deductible_met: Decimal | None = None
    out_of_pocket_met: Decimal | None = None
    amount_used: Decimal | None = None  # that the plan has paid
    opinions_used: tuple[Used, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a roster file."""

    membership: Membership
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is on the roster of one member: the membership, the use of each benefit year, oldest
    first, and the day on which an import last changed the membership (None: it never did)."""

    membership: Membership
    usage: tuple[Usage, ...]
    changed_on: date | None = None
