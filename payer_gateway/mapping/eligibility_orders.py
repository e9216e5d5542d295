"""What stands around a CoverageEligibilityRequest: the ServiceRequest of the opinion, the operation
proposed, the first opinion, a prior authorization, a referral.

Read from resources that the request points at (``supportingInfo``, ``item.detail``) and from every
ServiceRequest of the Bundle, in the shape in which our own Bundles carry them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from payer_gateway.codes.hcpcs import TELEHEALTH_PLACES
from payer_gateway.codes.sets import ICD_10_PCS
from payer_gateway.domain.consultation import Coding, Period
from payer_gateway.domain.eligibility_question import EarlierOpinion
from payer_gateway.mapping.eligibility_people import EXTENSION, OURS, Provider, provider_of
from payer_gateway.mapping.fhir_document import Pool
from payer_gateway.mapping.fhir_element import Element

MODE = f"{EXTENSION}/consultation-mode"
EARLIER = f"{EXTENSION}/earlier-opinion"
PLACES = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
_MODES = f"{OURS}/CodeSystem/consultation-mode"
_OPINIONS = f"{OURS}/CodeSystem/opinion-type"
_REFERRAL = "57133-1"  # LOINC: referral note
_WORDS = {
    "telemedicine": "telemedicine",
    "in-person": "in_person",
    "in_person": "in_person",
    "hybrid": "hybrid",
    "records-review": "records_review",
    "records_review": "records_review",
}
_TAKEN_BACK = ("revoked", "entered-in-error")
# Parts of an earlier opinion, each with the element that holds its value.
_PARTS = {
    "number": "valuePositiveInt",
    "date": "valueDate",
    "doctor": "valueReference",
    "practice": "valueReference",
    "agrees": "valueBoolean",
    "recommends-surgery": "valueBoolean",
}
_URGENCY = {"routine": "elective", "urgent": "urgent", "asap": "urgent", "stat": "emergency"}


@dataclass(frozen=True, slots=True)
class FirstOpinion:
    on: date | None = None
    npi: str | None = None
    organization: str | None = None
    recommends_surgery: bool | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    opinion_number: int
    mode: str | None
    urgency: str
    episode: str | None
    diagnosis: Coding | None
    procedures: tuple[Coding, ...]
    surgery_on: date | None
    first: FirstOpinion
    second: EarlierOpinion | None
    authorization: str | None
    authorization_period: Period | None
    has_referral: bool
    performers: tuple[Element, ...]


def orders_of(request: Element, pool: Pool) -> Orders:
    pointed = _pointed_at(request, pool)
    orders = [*pool.of("ServiceRequest")]
    for each in orders:
        _must_stand(each)
    codes = [c for each in orders for c in (*each.concept("code"), *each.concepts("category"))]
    details = [c for each in orders for c in each.concepts("orderDetail")]
    operations = _operations(orders, pointed)
    first, second = _earlier(request, pool, orders)
    number, period = _authorization(pointed)
    is_third = any(c.system == _OPINIONS and c.code == "third-opinion" for c in codes)
    is_third = is_third or any(c.code == "21" for each in orders for c in each.concepts("category"))
    return Orders(
        opinion_number=3 if is_third else 2,
        mode=_mode(request, orders, details),
        urgency=_urgency(request, orders),
        episode=_episode(orders),
        diagnosis=_diagnosis(orders, pool),
        procedures=tuple(dict.fromkeys(code for code, _ in operations)),
        surgery_on=next((day for _, day in operations if day is not None), None),
        first=first,
        second=second,
        authorization=number,
        authorization_period=period,
        has_referral=any(
            c.code == _REFERRAL
            for each in pointed
            if each.type == "DocumentReference"
            for c in each.concept("type")
        ),
        performers=tuple(p for each in orders for p in each.children("performer")),
    )


def _must_stand(order: Element) -> None:
    if (status := order.text("status")) in _TAKEN_BACK:
        order.wrong("status", f"send an order that stands, or leave this one out: it is {status}")
    if order.has("priority") and order.text("priority") not in _URGENCY:
        order.wrong("priority", f"write one of {', '.join(_URGENCY)}")


def _pointed_at(request: Element, pool: Pool) -> list[Element]:
    references = [each.child("information") for each in request.children("supportingInfo")]
    for item in request.children("item"):
        references += item.children("detail")
    found = (pool.find(each) for each in references)
    return [each for each in found if each is not None]


def mode_word(said: Element) -> str | None:
    word = said.text("valueCode")
    if word not in _WORDS:
        words = "telemedicine, in-person, hybrid or records-review"
        said.wrong("valueCode", f"write {words}")
        return None
    return _WORDS[word]


def _mode(request: Element, orders: list[Element], details: list[Coding]) -> str | None:
    said = request.extension(MODE)
    if said is not None:
        return mode_word(said)
    for coding in details:
        if coding.system == _MODES and coding.code in _WORDS:
            return _WORDS[coding.code]
    for place in (c for each in orders for c in each.concepts("locationCode")):
        if place.system == PLACES:
            return "telemedicine" if place.code in TELEHEALTH_PLACES else "in_person"
    return None


def _urgency(request: Element, orders: list[Element]) -> str:
    if any(c.code == "stat" for c in request.concept("priority")):
        return "emergency"
    words = (_URGENCY.get(each.text("priority") or "") for each in orders)
    return next((word for word in words if word is not None), "elective")


def _episode(orders: list[Element]) -> str | None:
    for each in orders:
        requisition = each.child("requisition")
        if requisition is not None and (value := requisition.text("value")):
            return value
    return None


def _diagnosis(orders: list[Element], pool: Pool) -> Coding | None:
    for order in orders:
        for coding in order.concepts("reasonCode"):
            return coding
        for reference in order.children("reasonReference"):
            condition = pool.find(reference)
            for coding in condition.concept("code") if condition is not None else ():
                return coding
    return None


def _operations(orders: list[Element], pointed: list[Element]) -> list[tuple[Coding, date | None]]:
    """Operations that are proposed (ICD-10-PCS), each with its day where it has one."""
    found = []
    for each in (*orders, *(p for p in pointed if p.type == "Procedure")):
        day = _day(each.when("occurrenceDateTime") or each.when("performedDateTime"))
        for coding in (*each.concept("code"), *each.concepts("orderDetail")):
            if coding.system == ICD_10_PCS:
                found.append((coding, day))
    return found


def _day(when: date | datetime | None) -> date | None:
    return when.date() if isinstance(when, datetime) else when


def _earlier(
    request: Element, pool: Pool, orders: list[Element]
) -> tuple[FirstOpinion, EarlierOpinion | None]:
    """The extension says all of an earlier opinion; else the ServiceRequest: its requester gave the
    first one, and the Condition it gives as its reason was recorded with it."""
    first, second = FirstOpinion(), None
    numbers: list[int | None] = []
    for each in request.extensions(EARLIER):
        said = _parts(each, pool)
        number, who, on, agrees, surgery = _said(pool, said)
        if number in numbers:
            said["number"].wrong("valuePositiveInt", "write each earlier opinion once")
        numbers.append(number)
        if number == 1:
            first = FirstOpinion(on, who.npi, who.organization, surgery)
        elif number == 2:
            second = EarlierOpinion(on, who.npi, who.organization, agrees)
        else:
            each.faults.add(f"{each.path}.extension", None, "add number: valuePositiveInt 1 or 2")
    if first == FirstOpinion():
        first = _first(pool, orders)
    return first, second


def _parts(opinion: Element, pool: Pool) -> dict[str, Element]:
    """By their name. Independence and order are judged by them, so that none may go unheard."""
    said: dict[str, Element] = {}
    for part in opinion.children("extension"):
        name = str(part.value.get("url"))
        holds = _PARTS.get(name)
        if holds is None or name in said:
            part.wrong("url", f"write one of {', '.join(_PARTS)}, each once")
            continue
        said[name] = part
        if not part.has(holds):
            part.wrong(holds, f"add it: the value of {name}")
        elif holds == "valueReference":
            person = part.child(holds)
            if person is not None and pool.find(person) is None and not person.has("identifier"):
                person.wrong("reference", "send along whom it points at")
    return said


def _said(
    pool: Pool, said: dict[str, Element]
) -> tuple[int | None, Provider, date | None, bool | None, bool | None]:
    def part(name: str) -> Element | None:
        return said.get(name)

    number, on, agrees, surgery = map(part, ("number", "date", "agrees", "recommends-surgery"))
    people = [each.child("valueReference") for each in map(part, ("doctor", "practice")) if each]
    return (
        number.whole("valuePositiveInt") if number is not None else None,
        provider_of(pool, people),
        on.day("valueDate") if on is not None else None,
        agrees.flag("valueBoolean") if agrees is not None else None,
        surgery.flag("valueBoolean") if surgery is not None else None,
    )


def _first(pool: Pool, orders: list[Element]) -> FirstOpinion:
    who = provider_of(pool, [each.child("requester") for each in orders])
    recorded: date | None = None
    for order in orders:
        for reference in order.children("reasonReference"):
            condition = pool.find(reference)
            if condition is not None and recorded is None:
                recorded = _day(condition.when("recordedDate"))
    return FirstOpinion(recorded, who.npi, who.organization)


def _authorization(pointed: list[Element]) -> tuple[str | None, Period | None]:
    """The number of an authorization on file: of a ClaimResponse or on a Claim pointed at. One that
    was taken back, was never decided or answers something else gives no leave."""
    for each in pointed:
        if each.type == "ClaimResponse" and _gives_leave(each):
            if number := each.text("preAuthRef"):
                return number, each.period("preAuthPeriod")
        if each.type == "Claim":
            for insurance in each.children("insurance"):
                for number in insurance.texts("preAuthRef"):
                    return number, None
    return None, None


def _gives_leave(answer: Element) -> bool:
    return (
        answer.text("status") in (None, "active")
        and answer.text("outcome") in (None, "complete", "partial")
        and answer.text("use") in (None, "preauthorization")
    )
