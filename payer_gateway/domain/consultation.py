"""A consultation: the second opinion asked for, as its sender describes it (``POST
/api/v1/consultations``). Values only; the JSON shape and its checks live in ``mapping/``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from payer_gateway.domain.money import Money

Mode = Literal["telemedicine", "in_person", "hybrid", "records_review"]
Urgency = Literal["elective", "urgent", "emergency"]
CoverageStatus = Literal["active", "cancelled", "draft", "entered-in-error"]
Mandate = Literal["plan-required", "review-organization", "employer"]
Relationship = Literal["self", "spouse", "child", "parent", "common", "other", "injured"]

OPINION_SERVICE = "https://payer-gateway.example/CodeSystem/opinion-service"
# Our own service codes. An insurer's file says which of its codes each becomes.
SERVICES: dict[str, str] = {
    "second-opinion-video": "second opinion by video",
    "second-opinion-audio": "second opinion by telephone",
    "second-opinion-visit": "second opinion in person",
    "second-opinion-records-review": "second opinion from records",
    "tumour-board": "conference of several specialties",
    "interpreter": "interpreter during the consultation",
    "translation-page": "translation of records, per page",
}
# One price agreed for several services together. An insurer's file says what it calls each.
CASE_RATES: dict[str, str] = {"second-opinion-case": "a second opinion with all that belongs to it"}
TELEHEALTH_SERVICES = frozenset({"second-opinion-video", "second-opinion-audio"})


@dataclass(frozen=True, slots=True)
class Coding:
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Identifier:
    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Period:
    """A day is inclusive in the zone of whoever judges it; an instant carries its offset."""

    start: date | datetime | None
    end: date | datetime | None


@dataclass(frozen=True, slots=True)
class Address:
    line: tuple[str, ...]
    city: str | None
    state: str | None
    postal_code: str | None
    country: str


@dataclass(frozen=True, slots=True)
class Name:
    family: str
    given: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    identifiers: tuple[Identifier, ...]
    name: Name
    phonetic: Name | None  # kana, pinyin: how the name is read
    sex: Literal["male", "female", "other", "unknown"]
    birth_date: date
    address: Address | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the sender asserts about one policy; ``order`` 1 is billed first."""

    order: int
    insurer: str
    plan: str
    member_id: str
    relationship: Relationship
    period: Period
    status: CoverageStatus
    subscriber: Name | None  # only when the patient is not the subscriber
    network: str | None


@dataclass(frozen=True, slots=True)
class Practitioner:
    npi: str | None
    identifiers: tuple[Identifier, ...]
    name: Name
    taxonomy: str | None
    licensed_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Organization:
    npi: str | None
    identifiers: tuple[Identifier, ...]
    name: str
    tin: str | None
    country: str | None
    network: Literal["in", "out"] | None
    center_of_excellence: bool | None


@dataclass(frozen=True, slots=True)
class Procedure:
    coding: Coding
    planned_on: date | None


@dataclass(frozen=True, slots=True)
class Opinion:
    """The opinion that came before: the first one, and for third opinions the second."""

    given_on: date
    practitioner: Practitioner
    organization: Organization | None
    diagnosis: Coding | None
    proposed_procedure: Procedure | None
    recommends_surgery: bool | None
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class Provider:
    """Who gives the opinion now: the responsible doctor and the organization that bills."""

    practitioner: Practitioner
    organization: Organization


@dataclass(frozen=True, slots=True)
class TeamMember:
    practitioner: Practitioner
    role: Literal["assist", "supervisor", "other"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    coding: Coding
    role: Literal["principal", "secondary"]


@dataclass(frozen=True, slots=True)
class Outcome:
    diagnosis: str | None
    treatment: str | None


@dataclass(frozen=True, slots=True)
class Authorization:
    number: str
    period: Period | None


@dataclass(frozen=True, slots=True)
class Service:
    """One charge: our service code, when, where, how much. ``serviced`` is a day, or an instant
    with its offset; it becomes a day in the zone of the plan that judges it."""

    code: str
    modifiers: tuple[str, ...]
    place_of_service: str | None
    serviced: date | datetime
    quantity: int
    unit_price: Money
    case_rate: str | None = None  # the one it is part of, of CASE_RATES

    @property
    def net(self) -> Money:
        return self.unit_price.times(self.quantity)


@dataclass(frozen=True, slots=True)
class Document:
    type: str  # LOINC
    title: str
    content_type: str
    url: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Consent:
    scope: str
    given_on: date
    country: str | None


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """What one unit of the billed currency was worth in another, on a day: told, never used to
    reckon with. A claim has one currency."""

    currency: str  # the other one, ISO 4217
    rate: Decimal
    quoted_on: date


@dataclass(frozen=True, slots=True)
class Consultation:
    """``source`` + ``source_id`` is the sender's identity of it; ours is a UUID given at intake."""

    source: str
    source_id: str
    episode_id: str
    opinion_number: int
    mode: Mode
    urgency: Urgency
    language: str | None
    interpreter: bool
    requested_at: datetime
    benefit: str | None
    mandated: str | None
    patient: Patient
    coverages: tuple[Coverage, ...]
    first_opinion: Opinion
    second_opinion: Opinion | None
    provider: Provider
    team: tuple[TeamMember, ...]
    diagnoses: tuple[Diagnosis, ...]
    outcome: Outcome | None
    planned_surgery: Procedure | None
    authorization: Authorization | None
    services: tuple[Service, ...]
    documents: tuple[Document, ...]
    consents: tuple[Consent, ...]
    question: str | None = None  # what the second doctor is asked, in the sender's words
    exchange_rate: ExchangeRate | None = None

    @property
    def principal_diagnosis(self) -> Diagnosis:
        return next(d for d in self.diagnoses if d.role == "principal")

    @property
    def proposed_procedure(self) -> Procedure | None:
        """The operation in question: the one planned now, else the one first proposed."""
        return self.planned_surgery or self.first_opinion.proposed_procedure

    @property
    def currency(self) -> str:
        return self.services[0].unit_price.currency

    @property
    def billed(self) -> Money:
        total = self.services[0].net
        for service in self.services[1:]:
            total += service.net
        return total


def local_day(when: date | datetime, zone: ZoneInfo) -> date:
    """The calendar day of a service: an instant is read in ``zone``, a day is what it says."""
    return when.astimezone(zone).date() if isinstance(when, datetime) else when
