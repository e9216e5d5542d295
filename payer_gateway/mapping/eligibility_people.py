"""Who and what a CoverageEligibilityRequest speaks of, read from the resources that came with it:
patient, provider, earlier opinions, coverages. What nobody said is None.

Extensions of ours (``docs/fhir-eligibility.md``) carry what FHIR R4 has no element for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from payer_gateway.domain.consultation import Identifier, Period
from payer_gateway.domain.eligibility_question import Member
from payer_gateway.domain.places import place_of
from payer_gateway.mapping.consultation_fields import YEARS
from payer_gateway.mapping.fhir_document import Pool
from payer_gateway.mapping.fhir_element import Element, codings_of

OURS = "https://payer-gateway.example"
EXTENSION = f"{OURS}/StructureDefinition"
NETWORK = f"{EXTENSION}/provider-network"
CENTER = f"{EXTENSION}/center-of-excellence"
NPI = "http://hl7.org/fhir/sid/us-npi"
EIN = "urn:oid:2.16.840.1.113883.4.4"
_STATUSES = ("active", "cancelled", "draft", "entered-in-error")  # of FHIR's financial resources
# Codes and words for them: of FHIR, of X12 (as US prior authorizations have them) and of HL7 v3.
_RELATIONSHIPS = {
    **{word: word for word in ("self", "spouse", "child", "parent", "common", "other", "injured")},
    **{"18": "self", "01": "spouse", "19": "child", "g8": "other"},
    **{"oneself": "self", "sps": "spouse", "prn": "parent"},
}
_LONGEST_NUMBER = 80  # of a member, as in a consultation
_LICENSE = "practitioner-qualification"  # US Core and Plan-Net name it alike
# Names that stand in addresses where ISO 3166-1 alpha-2 should; another name is not understood,
# which is better than taking it for a country abroad.
_COUNTRIES = {
    "USA": "US",
    "UNITED STATES": "US",
    "UNITED STATES OF AMERICA": "US",
    "JPN": "JP",
    "JAPAN": "JP",
    "IND": "IN",
    "INDIA": "IN",
    "CHN": "CN",
    "CHINA": "CN",
    "KOR": "KR",
    "CAN": "CA",
    "CANADA": "CA",
    "DEU": "DE",
    "GERMANY": "DE",
    "GBR": "GB",
    "UNITED KINGDOM": "GB",
}


@dataclass(frozen=True, slots=True)
class Patient:
    birth_date: date | None = None
    country: str | None = None
    location: str | None = None  # ISO 3166-2
    language: str | None = None
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    npi: str | None = None  # of the doctor
    organization: str | None = None  # its tax number
    country: str | None = None
    network: str | None = None  # in | out
    is_center: bool = False
    licensed_in: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A Coverage as asserted. ``insurers`` and ``members`` are the names it may be known by, the
    likeliest first."""

    number: int  # position among the request's insurance
    is_focal: bool
    element: Element | None  # of the reference, to answer with
    coverage: Element | None
    order: int
    insurers: tuple[str, ...]
    plan: str | None
    members: tuple[str, ...]
    relationship: str
    period: Period
    status: str


def patient_of(resource: Element | None, named: Element | None) -> Patient:
    """``named``: the identifier of a logical reference, where no resource was sent."""
    if resource is None:
        found = named.value if named is not None else {}
        system, value = found.get("system"), found.get("value")
        if isinstance(value, str):
            only = Identifier(system if isinstance(system, str) else "", value)
            return Patient(identifiers=(only,))
        return Patient()
    born = resource.when("birthDate")
    if born is not None and not YEARS[0] <= born.year <= YEARS[1]:
        resource.wrong("birthDate", f"write a year from {YEARS[0]} to {YEARS[1]}")
    country, state = _address(resource)
    return Patient(
        birth_date=born.date() if isinstance(born, datetime) else born,
        country=country,
        location=place_of(country, state) if country else None,
        language=_language(resource),
        identifiers=resource.identifiers(),
    )


def member_of(patient: Patient, relationship: str) -> Member:
    return Member(patient.birth_date, relationship)


def _language(resource: Element) -> str | None:
    spoken = resource.children("communication")
    spoken.sort(key=lambda each: each.value.get("preferred") is not True)
    return next((c.code for each in spoken for c in each.concept("language")), None)


def _address(resource: Element) -> tuple[str | None, str | None]:
    for each in resource.children("address"):
        country, state = each.text("country"), each.text("state")
        if country is None:
            continue
        text = " ".join(country.upper().split())
        code = _COUNTRIES.get(text, text)
        if len(code) == 2 and code.isascii() and code.isalpha():
            return code, state
    return None, None


def provider_of(pool: Pool, references: Iterable[Element | None]) -> Provider:
    """Put together from everybody who is named as giving the opinion: doctor, role, organization.
    The first who says a thing has said it."""
    seen: list[Element] = []
    for reference in references:
        if reference is not None:
            _follow(pool, reference, seen)
    doctors = [each for each in seen if each.type == "Practitioner"]
    organizations = [each for each in seen if each.type in ("Organization", "")]
    licensed = tuple(dict.fromkeys(place for each in doctors for place in _licenses(each)))
    networks = (word for each in seen if (word := _network(each)))
    return Provider(
        npi=_first(doctors, NPI),
        organization=_first(organizations, EIN),
        country=next((c for each in organizations if (c := _address(each)[0])), None),
        network=next(networks, None),
        is_center=any(_is_center(each) for each in seen),
        licensed_in=licensed or None,
    )


def _follow(pool: Pool, reference: Element, seen: list[Element]) -> None:
    seen.append(reference)  # an extension may stand on the reference itself
    found = pool.find(reference)
    if found is None or found in seen or len(seen) > 20:
        return
    seen.append(found)
    if found.type == "PractitionerRole":
        for name in ("practitioner", "organization"):
            below = found.child(name)
            if below is not None:
                _follow(pool, below, seen)


def _first(resources: Iterable[Element], system: str) -> str | None:
    for each in resources:
        for identifier in each.identifiers():
            if identifier.system == system:
                return identifier.value
    return None


def _network(each: Element) -> str | None:
    said = each.extension(NETWORK)
    word = said.text("valueCode") if said is not None else None
    if said is not None and word not in ("in", "out"):
        said.wrong("valueCode", "write in or out")
        return None
    return word


def _is_center(each: Element) -> bool:
    said = each.extension(CENTER)
    return said is not None and said.flag("valueBoolean") is True


def _licenses(doctor: Element) -> Iterable[str]:
    """US states in which a qualification is valid (``whereValid``)."""
    for qualification in doctor.children("qualification"):
        for outer in qualification.children("extension"):
            if not str(outer.value.get("url", "")).endswith(_LICENSE):
                continue
            for place in outer.extensions("whereValid"):
                for coding in place.concept("valueCodeableConcept"):
                    code = coding.code.upper()
                    yield code if "-" in code or len(code) != 2 else place_of("US", code)


def policy_of(
    pool: Pool, number: int, insurance: Element, insurer: Element | None
) -> Policy | None:
    """One entry of ``insurance``; None (and a fault) when it points at no Coverage."""
    reference = insurance.child("coverage")
    is_focal = insurance.flag("focal") is True
    if reference is None:
        insurance.wrong("coverage", "add a reference to the Coverage")
        return None
    coverage = pool.find(reference)
    if coverage is not None and coverage.type != "Coverage":
        reference.wrong(
            "reference", f"point at a Coverage; this is a {coverage.type or 'reference'}"
        )
        return None
    return read_policy(pool, number, is_focal, reference, coverage, insurer)


def read_policy(
    pool: Pool,
    number: int,
    is_focal: bool,
    reference: Element | None,
    coverage: Element | None,
    insurer: Element | None,
) -> Policy:
    if coverage is None:
        named = reference.child("identifier") if reference is not None else None
        value = named.text("value") if named is not None else None
        return Policy(
            number,
            is_focal,
            reference,
            None,
            number + 1,
            _insurer_names(pool, [insurer]),
            None,
            (value,) if value else (),
            "self",
            Period(None, None),
            "active",
        )
    return Policy(
        number=number,
        is_focal=is_focal,
        element=reference,
        coverage=coverage,
        order=coverage.whole("order") or number + 1,
        insurers=_insurer_names(pool, [*coverage.children("payor"), insurer]),
        plan=_plan(coverage),
        members=_members(coverage),
        relationship=_relationship(coverage),
        period=coverage.period("period") or Period(None, None),
        status=_status(coverage),
    )


def _status(coverage: Element) -> str:
    status = coverage.text("status") or "active"
    if status not in _STATUSES:
        coverage.wrong("status", f"write one of {', '.join(_STATUSES)}")
    return status


def _relationship(coverage: Element) -> str:
    """To the subscriber; nothing said: self. What is not understood may be a child's, whose cover
    ends with an age."""
    concept = coverage.child("relationship")
    if concept is None:
        return "self"
    said = [c.code for c in codings_of(concept)] or [concept.text("text") or "self"]
    for word in said:
        if (known := _RELATIONSHIPS.get(word.strip().lower())) is not None:
            return known
    cure = "write a code of subscriber-relationship: self, spouse, child, parent, common, other"
    concept.faults.add(concept.path, said[0], cure)
    return "self"


def _plan(coverage: Element) -> str | None:
    plans = [
        name
        for each in coverage.children("class")
        if any(c.code == "plan" for c in each.concept("type")) and (name := each.text("value"))
    ]
    if len(set(plans)) > 1:
        coverage.wrong("class", "write one class of type plan; these name several plans")
    return plans[0] if plans else None


def _members(coverage: Element) -> tuple[str, ...]:
    """The member number (identifier of type MB), the subscriber's number, any other identifier."""
    numbers: list[str] = []
    others: list[str] = []
    for each in coverage.children("identifier"):
        value = _member_number(each, "value")
        if value is not None:
            is_member = any(c.code == "MB" for c in each.concept("type"))
            (numbers if is_member else others).append(value)
    subscriber = _member_number(coverage, "subscriberId")
    return tuple(dict.fromkeys([*numbers, *([subscriber] if subscriber else []), *others]))


def _member_number(holder: Element, name: str) -> str | None:
    value = holder.text(name)
    if value is not None and len(value) > _LONGEST_NUMBER:
        holder.wrong(name, f"write a number of at most {_LONGEST_NUMBER} characters")
    return value


def _insurer_names(pool: Pool, references: Iterable[Element | None]) -> tuple[str, ...]:
    """Every word by which the insurer may be known here: identifiers, name, alias, id."""
    words: list[str] = []
    for reference in references:
        if reference is None:
            continue
        found = pool.find(reference)
        if found is not None and found.type == "Organization":
            words += [each.value for each in found.identifiers()]
            words += [word for word in (found.text("name"), *found.texts("alias")) if word]
        named = reference.child("identifier")
        words += [value] if named is not None and (value := named.text("value")) else []
        address = reference.text("reference")
        words += [address.rpartition("/")[2]] if address and not address.startswith("#") else []
        words += [text] if (text := reference.text("display")) else []
    return tuple(dict.fromkeys(word.strip() for word in words))
