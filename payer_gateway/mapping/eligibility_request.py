"""A CoverageEligibilityRequest (HL7 FHIR R4) as what is asked: for whom, of which coverages, for
what purposes, and about which opinions.

Lines of one opinion (the call, the tumour board, the interpreter) are asked about together: lines
are grouped by what they are an opinion on, so that a copay is owed once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from payer_gateway.codes.hcpcs import TELEHEALTH_PLACES
from payer_gateway.codes.service_types import SERVICE_TYPE
from payer_gateway.codes.sets import ICD_10_PCS
from payer_gateway.domain.consultation import OPINION_SERVICE, SERVICES, Coding
from payer_gateway.domain.eligibility_question import Amount
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.consultation_fields import YEARS
from payer_gateway.mapping.eligibility_elements import check
from payer_gateway.mapping.eligibility_orders import (
    MODE,
    PLACES,
    Orders,
    mode_word,
    orders_of,
)
from payer_gateway.mapping.eligibility_people import (
    Patient,
    Policy,
    Provider,
    patient_of,
    policy_of,
    provider_of,
    read_policy,
)
from payer_gateway.mapping.fhir_document import Submitted, submitted
from payer_gateway.mapping.fhir_element import Element, Faults

KIND = "CoverageEligibilityRequest"
_CATEGORIES = (
    SERVICE_TYPE,
    "https://codesystem.x12.org/005010/1365",  # the same list, as PAS names it
    "http://terminology.hl7.org/CodeSystem/ex-benefitcategory",
    "",
)
# Service types of an opinion: 3 consultation, 20 and 21 second and third surgical opinion; an
# opinion is billed as a visit (1 medical care, 98 office visit) as well. 30 is the whole plan,
# 2 an operation.
_OPINION_TYPES = frozenset({"1", "3", "20", "21", "98"})
_PLAN, _SURGERY = "30", "2"
_TELEHEALTH = frozenset({"93", "95", "GT", "GQ", "G0", "FQ"})  # modifiers
_MODES = {
    "second-opinion-video": "telemedicine",
    "second-opinion-audio": "telemedicine",
    "second-opinion-visit": "in_person",
    "second-opinion-records-review": "records_review",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One ``item`` of the request. ``element`` to answer with."""

    element: Element
    category: str | None
    services: tuple[Coding, ...]
    modifiers: tuple[str, ...]
    quantity: int
    price: Amount | None  # of one
    diagnosis: Coding | None
    place: str | None
    mode: str | None

    @property
    def is_opinion(self) -> bool:
        if {"SM", "SN", "SF"} & set(self.modifiers) or self.category in _OPINION_TYPES:
            return True
        if any(c.system == OPINION_SERVICE for c in self.services):
            return True
        return self.category in (None, _PLAN) and self.diagnosis is not None

    @property
    def is_operation(self) -> bool:
        return self.category == _SURGERY and any(c.system == ICD_10_PCS for c in self.services)

    @property
    def is_general(self) -> bool:
        """What does the plan cover at all?"""
        return self.category in (None, _PLAN) and not self.services and self.diagnosis is None


@dataclass(frozen=True, slots=True)
class Matter:
    """One opinion (or operation) asked about: the lines that are about it."""

    lines: tuple[Line, ...]
    is_operation: bool
    opinion_number: int
    diagnosis: Coding | None
    procedures: tuple[Coding, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    request: Element
    full_url: str | None
    purposes: tuple[str, ...]
    created: date | datetime
    serviced: tuple[date | datetime, ...]  # one, or first and last
    patient: Patient
    provider: Provider
    policies: tuple[Policy, ...]
    matters: tuple[Matter, ...]
    lines: tuple[Line, ...]
    orders: Orders

    def asks_for(self, *purposes: str) -> bool:
        return any(each in self.purposes for each in purposes)


def read_request(document: object) -> Ask:
    """Raises InvalidInput with every fault of the request and of what we read of the rest."""
    faults = Faults()
    found = submitted(document, KIND, faults)
    check(found.request, KIND)
    ask = _Reader(found).ask()
    if faults.found or ask is None:
        raise InvalidInput(tuple(faults.found))
    return ask


class _Reader:
    def __init__(self, found: Submitted) -> None:
        self._found, self._request, self._pool = found, found.request, found.pool

    def ask(self) -> Ask | None:
        request, pool = self._request, self._pool
        orders = orders_of(request, pool)
        created = request.when("created")
        _must_be_in_our_years(request, "created", created)
        lines = tuple(self._line(each) for each in request.children("item"))
        pool.find(request.child("insurer"), "Organization")
        policies = self._policies()
        serviced = self._serviced() or ((created,) if created is not None else ())
        patient = self._patient()
        self._must_be_the_patients(policies)
        self._must_be_born(created, policies)
        named = [request.child("provider"), *(each.element.child("provider") for each in lines)]
        for reference in named:
            pool.find(reference, "Practitioner", "PractitionerRole", "Organization")
        provider = provider_of(pool, [*named, *orders.performers])
        _must_have_one_currency(lines)
        matters = _matters(lines, orders)
        purposes = tuple(dict.fromkeys(request.texts("purpose")))
        if purposes != ("validation",):
            _must_have_diagnoses(matters)
        if created is None:
            return None
        return Ask(
            request=request,
            full_url=self._found.full_url,
            purposes=purposes,
            created=created,
            serviced=serviced,
            patient=patient,
            provider=provider,
            policies=policies,
            matters=matters,
            lines=lines,
            orders=orders,
        )

    def _patient(self) -> Patient:
        reference = self._request.child("patient")
        if reference is None:
            return Patient()
        resource = self._pool.find(reference, "Patient")
        if self._pool.find(reference) is None and self._pool.of("Patient"):
            # Whoever it is, it is not the one of whom age and place were sent.
            reference.wrong("reference", "point at the Patient that is sent along")
        return patient_of(resource, reference.child("identifier"))

    def _must_be_the_patients(self, policies: Iterable[Policy]) -> None:
        """Whose cover it is that is asked about, where both are sent along."""
        reference = self._request.child("patient")
        patient = self._pool.find(reference)
        for policy in policies:
            holder = policy.coverage.child("beneficiary") if policy.coverage is not None else None
            if holder is None or reference is None:
                continue
            found = self._pool.find(holder)
            if found is not None and patient is not None:
                is_another = found is not patient
            else:
                is_another = len({_on_their_server(holder), _on_their_server(reference)} - {""}) > 1
            if is_another:
                holder.wrong("reference", "send the patient's own Coverage; this is another's")

    def _must_be_born(self, created: date | datetime | None, policies: Iterable[Policy]) -> None:
        """Before it was asked; and a child, whose cover ends with an age, on a whole day."""
        resource = self._pool.find(self._request.child("patient"))
        born = resource.text("birthDate") if resource is not None else None
        if resource is None or born is None:
            return
        if created is not None and born[:10] > created.isoformat()[:10]:
            resource.wrong("birthDate", "write a day that is not after the request was created")
        if len(born) < len("2000-02-29") and any(p.relationship == "child" for p in policies):
            resource.wrong("birthDate", "write the whole day: a child's cover ends with an age")

    def _serviced(self) -> tuple[date | datetime, ...]:
        request = self._request
        if request.has("servicedPeriod"):
            period = request.period("servicedPeriod")
            given = (period.start, period.end) if period is not None else ()
            days = tuple(each for each in given if each is not None)
            if request.value["servicedPeriod"] == {}:
                request.wrong("servicedPeriod", "add its start")
            _must_be_in_our_years(request, "servicedPeriod", *days)
            return days
        day = request.day("servicedDate")
        _must_be_in_our_years(request, "servicedDate", day)
        return () if day is None else (day,)

    def _policies(self) -> tuple[Policy, ...]:
        request, pool = self._request, self._pool
        insurer = request.child("insurer")
        entries = request.children("insurance")
        if entries:
            read = (policy_of(pool, n, each, insurer) for n, each in enumerate(entries))
            return tuple(each for each in read if each is not None)
        # Discovery asks which coverages there are; those sent along are the ones we are told of.
        return tuple(
            read_policy(pool, n, False, None, each, insurer)
            for n, each in enumerate(pool.of("Coverage"))
        )

    def _line(self, item: Element) -> Line:
        category = next((c.code for c in item.concept("category") if c.system in _CATEGORIES), None)
        if category is None and item.concept("category"):
            # The number of another list means something else.
            other = item.concept("category")[0]
            category = f"{other.system}|{other.code}"
        services = item.concept("productOrService")
        for service in services:
            if service.system == OPINION_SERVICE and service.code not in SERVICES:
                item.wrong("productOrService", f"write one of our codes: {', '.join(SERVICES)}")
        modifiers = tuple(c.code.upper() for c in item.concepts("modifier"))
        place = self._place(item)
        return Line(
            element=item,
            category=category,
            services=services,
            modifiers=modifiers,
            quantity=_quantity(item),
            price=_price(item),
            diagnosis=self._diagnosis(item),
            place=place,
            mode=_mode(item, services, modifiers, place),
        )

    def _diagnosis(self, item: Element) -> Coding | None:
        """The principal one: the first of the item."""
        for each in item.children("diagnosis"):
            codings = each.concept("diagnosisCodeableConcept")
            reference = each.child("diagnosisReference")
            if reference is not None:
                condition = self._pool.find(reference, "Condition")
                if condition is None:
                    reference.wrong("reference", "send the Condition along, or name the code here")
                    continue
                codings = condition.concept("code")
            if codings:
                return _best(codings)
        return None

    def _place(self, item: Element) -> str | None:
        """The CMS place of service of the item's facility, else of the request's."""
        for holder in (item, self._request):
            location = self._pool.find(holder.child("facility"), "Location")
            if location is not None:
                for coding in location.concepts("type"):
                    if coding.system == PLACES:
                        return coding.code
        return None


def _best(codings: tuple[Coding, ...]) -> Coding:
    """Of several codes for one diagnosis the ICD one; else the first."""
    return next((c for c in codings if "/icd-10" in c.system.lower()), codings[0])


def _quantity(item: Element) -> int:
    quantity = item.child("quantity")
    value = quantity.number("value") if quantity is not None else None
    if value is None or quantity is None:
        return 1
    if value != value.to_integral_value() or not 0 < value < 10**6:
        quantity.wrong("value", "write a whole number from 1 to 999999")
        return 1
    return int(value)


def _price(item: Element) -> Amount | None:
    money = item.money("unitPrice")
    if money is None:
        return None
    value, currency = money
    if value < 0:
        item.wrong("unitPrice", "write an amount that is not below zero")
    return Amount(value, currency)


def _mode(
    item: Element, services: Iterable[Coding], modifiers: tuple[str, ...], place: str | None
) -> str | None:
    said = item.extension(MODE)
    if said is not None:
        return mode_word(said)
    for coding in services:
        if coding.system == OPINION_SERVICE and coding.code in SERVICES:
            return _MODES.get(coding.code)
    if _TELEHEALTH & set(modifiers) or place in TELEHEALTH_PLACES:
        return "telemedicine"
    return "in_person" if place is not None else None


def _on_their_server(reference: Element) -> str:
    """The address of a Patient on the sender's own server; "" for any other."""
    address = reference.text("reference") or ""
    return address if address.startswith("Patient/") else ""


def _must_be_in_our_years(element: Element, name: str, *whens: date | datetime | None) -> None:
    if any(when is not None and not YEARS[0] <= when.year <= YEARS[1] for when in whens):
        element.wrong(name, f"write a year from {YEARS[0]} to {YEARS[1]}")


def _must_have_one_currency(lines: Iterable[Line]) -> None:
    """A sum of two currencies is none, and what it costs would go unsaid."""
    priced = [line for line in lines if line.price is not None]
    for line in priced:
        first = priced[0].price
        price = line.element.child("unitPrice")
        if price is not None and first is not None and line.price is not None:
            if line.price.currency != first.currency:
                cure = f"write {first.currency}: all items of a request have one currency"
                price.wrong("currency", cure)


def _must_have_diagnoses(matters: Iterable[Matter]) -> None:
    """An opinion is judged by its diagnosis; of one in words alone nothing can be said."""
    for matter in matters:
        if matter.diagnosis is None and not matter.is_operation:
            cure = (
                "add the diagnosis as an ICD-10 code: a diagnosisCodeableConcept with a coding, or"
                " the reason of the ServiceRequest"
            )
            matter.lines[0].element.wrong("diagnosis", cure)


def _matters(lines: tuple[Line, ...], orders: Orders) -> tuple[Matter, ...]:
    groups: dict[Matter, list[Line]] = {}
    for line in lines:
        if not (line.is_opinion or line.is_operation):
            continue
        third = line.category == "21" or "SN" in line.modifiers
        operation = tuple(c for c in line.services if c.system == ICD_10_PCS)
        about = Matter(
            (),
            line.is_operation,
            3 if third else orders.opinion_number,
            line.diagnosis or orders.diagnosis,
            operation or orders.procedures,
        )
        groups.setdefault(about, []).append(line)
    return tuple(replace(about, lines=tuple(group)) for about, group in groups.items())
