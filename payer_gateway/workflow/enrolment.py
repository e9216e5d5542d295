"""Looking up the roster: what it says of a member, for whoever judges or answers by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from payer_gateway.domain.roster import Entry
from payer_gateway.mapping.roster_stream import entry_of
from payer_gateway.storage import roster
from payer_gateway.storage.blind_keys import BlindKeys
from payer_gateway.storage.database import Work
from payer_gateway.storage.known import Known, known_of


@dataclass(frozen=True, slots=True)
class Standing:
    """What a roster says of one member id. ``entry`` None: it is not on it. ``since``: when that
    came to be on the roster, or the roster itself where the member is not."""

    entry: Entry | None
    since: datetime


def standing(
    work: Work, tenant_id: str, insurer: str, plan: str, member_id: str
) -> Standing | None:
    """None where the tenant has no roster of the plan: then what is asserted counts.

    ``insurer`` and ``plan`` are the names of their files (``Profile.name``, ``Plan.name``). Give a
    standing's ``entry`` to ``domain.eligibility_roster.by_roster`` before ``decide``.
    """
    if plan not in roster.plans_of(work, tenant_id, insurer):
        return None
    key = BlindKeys.of(work, tenant_id).member(insurer, plan, member_id)
    return on_roster(work, tenant_id, key, known_of(work, tenant_id, insurer, plan, key, None))


def on_roster(work: Work, tenant_id: str, member_key: str, known: Known) -> Standing | None:
    """The same of a member of whom it is known whether there is a roster."""
    since = known.roster_since
    if since is None:
        return None
    found = roster.member(work, tenant_id, member_key)
    return Standing(None, since) if found is None else Standing(_entry(found), found.changed_at)


def of_employee(
    work: Work, tenant_id: str, employer_id: str, employee_id: str, birth_date: date
) -> tuple[Entry, ...]:
    """The memberships that an employer may ask about: of an employee or dependent, by the
    employer's number and the birth date. Without what is used: that names illnesses, and is not
    loaded here. More than one: several plans, or twins."""
    key = BlindKeys.of(work, tenant_id).employee(employer_id, employee_id, birth_date)
    return tuple(map(_entry, roster.of_employee(work, tenant_id, key)))


def dependents(
    work: Work, tenant_id: str, insurer: str, plan: str, member_id: str
) -> tuple[Entry, ...]:
    """The memberships whose subscriber this member is, without what they used."""
    key = BlindKeys.of(work, tenant_id).member(insurer, plan, member_id)
    return tuple(map(_entry, roster.dependents(work, tenant_id, key)))


def _entry(found: roster.Found) -> Entry:
    return entry_of(found.membership, found.usage, found.changed_on)
