"""The question of eligibility: one coverage of one consultation, and what is known of its member.

Values only. How a consultation becomes a question: ``eligibility_asking``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.money import Money


class DiagnosisFinding(Protocol):
    """What a diagnosis code is worth on a day."""

    @property
    def verdict(self) -> str:
        """valid | not_specific | not_valid_on_date | invalid"""

    @property
    def code(self) -> str | None:
        """Its standard spelling; None when no release holds it."""

    @property
    def prefix(self) -> str | None:
        """How the codes begin that may stand in place of one that is not specific."""


class CodeSets(Protocol):
    """Public code sets, as ``codes/`` keeps them."""

    def diagnosis(self, coding: Coding, on: date) -> DiagnosisFinding: ...

    def is_oncology(self, coding: Coding) -> bool: ...

    def is_suspected_cancer(self, coding: Coding) -> bool:
        """A finding such as a nodule, before there is a diagnosis of cancer."""

    def surgery_group(self, coding: Coding) -> str | None:
        """The complex-surgery group of a procedure code, None when it is in none."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Money as somebody wrote it, before anybody has checked it against its currency."""

    value: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Leg:
    """One meeting of the opinion. ``at`` is the instant, where it is known; ``network`` None is
    that of the provider."""

    mode: str  # telemedicine | in_person | records_review
    on: date  # in the plan's zone
    at: datetime | None = None
    network: str | None = None  # in | out


@dataclass(frozen=True, slots=True)
class Member:
    birth_date: date | None
    relationship: str = "self"  # FHIR subscriber-relationship: self, spouse, child, …
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class EarlierOpinion:
    """The second opinion, where a third one or the operation itself is in question."""

    on: date | None
    npi: str | None = None
    organization: str | None = None
    agrees: bool | None = None  # with the first one; None: not recorded


@dataclass(frozen=True, slots=True)
class Premium:
    """Days inclusive; ``grace_ends`` None: nobody told us of a grace period."""

    paid_through: date
    grace_ends: date | None = None


@dataclass(frozen=True, slots=True)
class OtherCoverage:
    """Another policy of the same member. Birthdays are month and day, ``MM-DD``: the year does not
    count (birthday rule of coordination of benefits, NAIC model regulation 120)."""

    payer: str | None = None
    order: int | None = None
    subscriber_birthday: str | None = None


@dataclass(frozen=True, slots=True)
class PriorAnswer:
    id: str
    verdict: str
    evaluated_at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """Is this opinion (or, ``kind`` surgery_claim, this operation) paid by this coverage?

    Days are already days of the plan's zone. What nobody told us is None, and no reason.
    """

    opinion_number: int
    mode: str
    legs: tuple[Leg, ...]
    diagnosis: Coding
    procedure: Coding | tuple[Coding, ...] | None  # one operation, or several at once
    surgery_on: date | None
    benefit: str | None
    episode_id: str | None  # None: the condition is the category of the diagnosis
    first_opinion_on: date | None
    first_opinion_npi: str | None
    first_opinion_organization: str | None
    provider_npi: str | None
    provider_organization: str | None
    provider_country: str | None
    provider_network: str
    provider_is_coe: bool
    patient_country: str | None  # where the member is at home
    coverage_order: int
    coverage_status: str
    coverage_period: Period
    billed_first: str | None  # the insurer of the coverage with order 1, when that is another
    authorization_number: str | None
    authorization_period: Period | None
    modifiers: tuple[str, ...]
    billed: Money | None
    agreed_fee: Money | None
    kind: str = "opinion"  # opinion | surgery_claim
    urgency: str = "elective"  # elective | urgent | emergency
    recommends_surgery: bool | None = None  # the first opinion
    second_opinion: EarlierOpinion | None = None
    performing_surgeon_npi: str | None = None
    has_written_referral: bool = False  # by the attending physician
    patient_location: str | None = None  # ISO 3166-2 (US-NY) or the country alone
    provider_licensed_in: tuple[str, ...] | None = None
    language: str | None = None
    member: Member | None = None
    premium: Premium | None = None
    coverage_change_recorded: date | None = None
    other_coverage: OtherCoverage | None = None
    subscriber_birthday: str | None = None  # MM-DD
    amounts: tuple[Amount, ...] = ()  # as written: checked before anything is reckoned

    @property
    def is_surgery_claim(self) -> bool:
        return self.kind == "surgery_claim"

    @property
    def procedures(self) -> tuple[Coding, ...]:
        if self.procedure is None:
            return ()
        return self.procedure if isinstance(self.procedure, tuple) else (self.procedure,)

    @property
    def service_on(self) -> date:
        """The first day of what is asked: of an opinion its first leg, of an operation its day."""
        if self.is_surgery_claim and self.surgery_on is not None:
            return self.surgery_on
        legs = self.legs
        return legs[0].on if len(legs) == 1 else min([leg.on for leg in legs], default=date.max)

    @property
    def last_service_on(self) -> date:
        if self.is_surgery_claim and self.surgery_on is not None:
            return self.surgery_on
        legs = self.legs
        return legs[0].on if len(legs) == 1 else max([leg.on for leg in legs], default=date.max)

    @property
    def is_cross_border(self) -> bool:
        here, there = self.patient_country, self.provider_country
        return bool(here and there and here != there)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known from the roster, our own accepted claims and the clock.

    ``deductible_met`` and ``amount_used`` are those of the benefit year that begins on
    ``accumulators_of`` (None: of the year of the service).
    """

    opinions_used: Mapping[tuple[str, int, date], int]  # (condition or *, opinion no., year) → n
    deductible_met: Money | None  # None: nobody told us; assumed 0 and noted
    amount_used: Decimal | None = None  # that the plan has paid, in its currency
    accumulators_of: date | None = None
    member_found: bool = True
    as_of: datetime | None = None  # when it is asked; None: dates are not held against the clock
    prior: PriorAnswer | None = None
    roster_differs: tuple[str, ...] = ()  # what was asserted otherwise than the roster says
