"""The facts of people, organizations and policies in one claim; see ``facts.py``."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha1
from typing import Any
from zoneinfo import ZoneInfo

from payer_gateway.domain.claim import CLAIM_SYSTEM
from payer_gateway.domain.consultation import (
    Address,
    Coverage,
    Identifier,
    Name,
    Organization,
    Patient,
    Period,
    Practitioner,
)
from payer_gateway.domain.places import place_of

Facts = dict[str, object]

NPI = "http://hl7.org/fhir/sid/us-npi"
EIN = "urn:oid:2.16.840.1.113883.4.4"
OUR_SYSTEM = "https://payer-gateway.example"
_CLAIMS = sha1(uuid.uuid5(uuid.NAMESPACE_URL, CLAIM_SYSTEM).bytes, usedforsecurity=False)
# The variant of RFC 9562 takes the place of the two upper bits of a digit.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


@dataclass(frozen=True, slots=True)
class Teller:
    """Who is told: the insurer as the profile names it, and the zone in which its days end."""

    insurer_name: str
    insurer_identifier: Identifier
    zone: ZoneInfo
    is_test: bool


class Names:
    """Ids and bundle-local addresses that depend on the claim and a part in it, nothing else.

    UUIDs of version 5 (RFC 9562, SHA-1 of a namespace and a name), made without the objects of the
    ``uuid`` module: a Bundle has twenty of them.
    """

    def __init__(self, claim_id: str) -> None:
        own = _uuid5(_CLAIMS, claim_id)
        self._begun = sha1(bytes.fromhex(own.replace("-", "")), usedforsecurity=False)
        self._made: dict[str, str] = {}

    def named(self, part: str, **facts: object) -> Facts:
        facts["id"] = own = self._id(part)
        facts["url"] = f"urn:uuid:{own}"
        return facts

    def url(self, part: str) -> str:
        return f"urn:uuid:{self._id(part)}"

    def _id(self, part: str) -> str:
        made = self._made.get(part)
        if made is None:
            self._made[part] = made = _uuid5(self._begun, part)
        return made


def _uuid5(begun: Any, name: str) -> str:
    """``begun``: the SHA-1 (of hashlib, whose type has no public name) of the namespace."""
    digest = begun.copy()
    digest.update(name.encode())
    h = digest.hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def patient_facts(names: Names, p: Patient, language: str | None) -> Facts:
    return names.named(
        "patient",
        identifiers=list(p.identifiers),
        name=_name(p.name),
        phonetic_names=[_name(p.phonetic)] if p.phonetic else [],
        sex=p.sex,
        birth_date=p.birth_date,
        address=_address(p.address) if p.address else None,
        language=language,
    )


def _name(name: Name) -> Facts:
    return {"family": name.family, "given": list(name.given)}


def _address(a: Address) -> Facts:
    return {
        "line": list(a.line),
        "city": a.city,
        "state": a.state,
        "state_code": _state_code(a),
        "region": a.state if a.country != "US" else None,
        "postal_code": a.postal_code,
        "country": a.country,
    }


def _state_code(a: Address) -> str | None:
    """The two letters of a US state (MA of Massachusetts); what is none of them as it was sent."""
    if a.country != "US":
        return None
    _, known, code = place_of(a.country, a.state).partition("-")
    return code if known else a.state


def coverage_facts(names: Names, part: str, coverage: Coverage, insurer: str) -> Facts:
    subscriber = coverage.subscriber
    starts, ends = _period(coverage.period)
    return names.named(
        f"coverage/{part}",
        is_focal=part == "focal",
        order=coverage.order,
        status=coverage.status,
        plan=coverage.plan,
        member_id=coverage.member_id,
        relationship=coverage.relationship,
        is_subscriber=coverage.relationship == "self",
        subscriber=_subscriber(names, part, coverage),
        subscriber_name=(
            " ".join((*subscriber.given, subscriber.family)) if subscriber is not None else None
        ),
        starts=starts,
        ends=ends,
        network=coverage.network,
        insurer_url=names.url(insurer),
    )


def _subscriber(names: Names, part: str, coverage: Coverage) -> Facts | None:
    """Who holds the policy when it is not the patient: a person of whom little is known."""
    if coverage.relationship == "self":
        return None
    name = coverage.subscriber
    return names.named(
        f"subscriber/{part}",
        member_id=coverage.member_id,
        names=[_name(name)] if name else [],
        is_unnamed=name is None,
    )


def _period(period: Period | None) -> tuple[date | datetime | None, date | datetime | None]:
    return (period.start, period.end) if period else (None, None)


def insurer_facts(names: Names, teller: Teller) -> Facts:
    return organization_facts(
        names, "insurer", "insurer", teller.insurer_name, (teller.insurer_identifier,)
    )


def provider_facts(names: Names, o: Organization) -> Facts:
    tin = (Identifier(EIN, o.tin),) if o.tin else ()
    return organization_facts(names, "provider", "provider", o.name, (*_numbers(o), *tin))


def organization_facts(
    names: Names, part: str, role: str, name: str, identifiers: Iterable[Identifier]
) -> Facts:
    return names.named(part, role=role, name=name, identifiers=list(identifiers))


def _numbers(who: Practitioner | Organization) -> list[Identifier]:
    npi = [Identifier(NPI, who.npi)] if who.npi else []
    return [*npi, *(i for i in who.identifiers if i not in npi)]


def person_facts(names: Names, part: str, p: Practitioner) -> Facts:
    numbers = _numbers(p)
    return names.named(
        f"practitioner/{part}",
        identifiers=numbers,
        numbers=numbers or [_our_number(p.name)],
        name=_name(p.name),
        specialty=p.taxonomy,
    )


def _our_number(name: Name) -> Identifier:
    """Stable for one name: in a request and its update this is one person, not two."""
    ours = _uuid5(_CLAIMS, "|".join(("practitioner", name.family, *name.given)))
    return Identifier(f"{OUR_SYSTEM}/practitioner", ours)
