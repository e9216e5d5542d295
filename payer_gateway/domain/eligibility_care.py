"""Rules 11 to 14 and 16: who gives the opinion, when, where, and with whose leave."""

from __future__ import annotations

from itertools import pairwise

from payer_gateway.domain.days import day_of, last_day
from payer_gateway.domain.eligibility_case import Case, Found
from payer_gateway.domain.eligibility_cost import price_of
from payer_gateway.domain.eligibility_question import Question
from payer_gateway.domain.reason_codes import Code

# Where doctors are licensed by state or province, a licence of the country says nothing.
_LICENSED_BY_STATE = frozenset({"US", "CA"})
_REMOTE = frozenset({"telemedicine", "hybrid"})  # a hybrid without legs has a call among them


# -- 11 independence ------------------------------------------------------------------------------


def independence(case: Case) -> Found:
    q, plan = case.question, case.plan
    shared = _shared(case)
    if shared is not None:
        yield Code.NOT_INDEPENDENT, {"shared": shared}
    if plan.performing_surgeon_denied and _same(q.provider_npi, q.performing_surgeon_npi):
        yield Code.SECOND_OPINION_SURGEON_PERFORMS, {}


def _shared(case: Case) -> str | None:
    """What this opinion shares with an earlier one; a third is held against both."""
    q, plan = case.question, case.plan
    earlier = [(q.first_opinion_npi, q.first_opinion_organization)]
    if q.opinion_number > 2 and q.second_opinion is not None:
        earlier.append((q.second_opinion.npi, q.second_opinion.organization))
    if plan.same_npi_denied and any(_same(q.provider_npi, npi) for npi, _ in earlier):
        return "practitioner"
    if plan.same_organization_denied and any(
        _same(q.provider_organization, organization) for _, organization in earlier
    ):
        return "organization"
    return None


def _same(one: str | None, other: str | None) -> bool:
    return bool(one and other and one.strip().upper() == other.strip().upper())


# -- 12 order of dates, opinion age ---------------------------------------------------------------


def order_of_dates(case: Case) -> Found:
    q = case.question
    yield from _order_of_opinions(q)
    if q.surgery_on is None:
        return
    last = q.last_service_on
    if case.plan.must_precede_surgery and q.surgery_on < last:
        yield Code.OPINION_AFTER_SURGERY, {"surgery": str(q.surgery_on), "service": str(last)}
    valid, mandate = case.plan.opinion_valid_days, case.plan.mandate
    if valid is None or mandate is None or q.urgency in mandate.exempt_urgency:
        return
    age = (q.surgery_on - last).days
    # Only where the plan asks for an opinion before this operation does its age matter.
    if age > valid and case.mandate_group is not None:
        yield (
            Code.SECOND_OPINION_EXPIRED,
            {"opinion": str(last), "age": str(age), "valid": str(valid)},
        )


def _order_of_opinions(q: Question) -> Found:
    given = [("first", q.first_opinion_on)]
    if q.opinion_number > 2 and q.second_opinion is not None:
        given.append(("second", q.second_opinion.on))
    now = "second" if q.opinion_number <= 2 else "third"
    known = [(name, on) for name, on in (*given, (now, q.service_on)) if on is not None]
    for (earlier, before), (later, after) in pairwise(known):
        if before > after:
            yield (
                Code.OPINION_ORDER,
                {"earlier": earlier, "first": str(before), "later": later, "service": str(after)},
            )
            return


# -- 13 network, centre of excellence, licence ----------------------------------------------------


def provider(case: Case) -> Found:
    q, benefit = case.question, case.benefit
    if benefit is not None and benefit.coe_required and not q.provider_is_coe:
        yield Code.COE_REQUIRED, {"benefit": benefit.name}
    if case.plan.licence_where_patient_is and any(leg.mode in _REMOTE for leg in q.legs):
        if not _is_licensed(q.provider_licensed_in, q.patient_location):
            licensed = ", ".join(q.provider_licensed_in or ()) or "no place that we know of"
            yield (
                Code.PROVIDER_LICENSURE,
                {"licensed": licensed, "location": q.patient_location or ""},
            )
    networks = set(case.networks)
    if {"in", "out"} <= networks:
        yield Code.MIXED_NETWORK, {"networks": ", ".join(case.networks)}
    elif "out" in networks and not case.pays_as_in_network:
        yield Code.OUT_OF_NETWORK, {}


def _is_licensed(licences: tuple[str, ...] | None, location: str | None) -> bool:
    if licences is None or location is None:
        return True  # nobody told us: no reason to stop
    country, _, state = location.upper().partition("-")
    held = {each.strip().upper() for each in licences}
    if not state:  # we know the country only: a licence anywhere in it will do
        return any(each.partition("-")[0] == country for each in held)
    return location.upper() in held or (country in held and country not in _LICENSED_BY_STATE)


# -- 14 cross-border and currency -----------------------------------------------------------------


def cross_border(case: Case) -> Found:
    q, allowed = case.question, case.plan.cross_border_allowed
    if q.is_cross_border and q.provider_country is not None:
        if allowed is not None and q.provider_country not in allowed:
            yield Code.CROSS_BORDER_NOT_COVERED, {"country": q.provider_country}
        elif needs_leave_abroad(case) and q.authorization_number is None:
            yield Code.CROSS_BORDER_AUTH_REQUIRED, {"country": q.provider_country}
    price = price_of(case)
    if price is not None and price.currency != case.plan.currency:
        yield (
            Code.CURRENCY_CONVERSION_REQUIRED,
            {"billed": price.currency, "plan": case.plan.currency},
        )


def needs_leave_abroad(case: Case) -> bool:
    asks = case.benefit is not None and "cross_border" in case.benefit.auth
    return asks and case.question.is_cross_border


# -- 16 authorization -----------------------------------------------------------------------------


def authorization(case: Case) -> Found:
    q, zone = case.question, case.plan.zone
    if case.benefit is None:
        return
    required = any(network in case.benefit.auth for network in case.networks)
    if q.authorization_number is None:
        if required:
            yield Code.AUTH_REQUIRED, {"benefit": case.benefit.name}
        return
    period = q.authorization_period
    if not (required or needs_leave_abroad(case)) or period is None:
        return
    for leg in q.legs:
        too_early = period.start is not None and leg.on < day_of(period.start, zone)
        too_late = period.end is not None and leg.on > last_day(period.end, zone)
        if too_early or too_late:
            yield Code.AUTH_EXPIRED, {"service": str(leg.on)}
            return
