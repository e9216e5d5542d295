"""What a scenario gives, as the question and the snapshot that it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from payer_gateway.codes import ICD_10_CM, ICD_10_PCS, ICD_10_WHO
from payer_gateway.domain.consultation import Coding
from payer_gateway.domain.days import day_of
from payer_gateway.domain.eligibility_question import (
    Amount,
    EarlierOpinion,
    Leg,
    Member,
    OtherCoverage,
    Premium,
    PriorAnswer,
    Question,
    Snapshot,
)
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.domain.money import Money
from payer_gateway.domain.reason_codes import Verdict
from payer_gateway.mapping.our_codes import SEXES
from payer_gateway.mapping.roster_file import RELATIONSHIPS
from payer_gateway.mapping.scenario_file import Scenario, is_nothing
from payer_gateway.mapping.scenario_given import Given

_SYSTEMS = {
    "icd-10-cm": ICD_10_CM,
    "icd-10": ICD_10_WHO,
    "icd-10-who": ICD_10_WHO,
    "icd-10-pcs": ICD_10_PCS,
}
_CATEGORY = re.compile(r"[A-Z][0-9A-Z]{2}")


def question_of_scenario(scenario: Scenario) -> tuple[Question, Snapshot] | None:
    """None: the scenario gives no coverage at all. Raises InvalidInput."""
    g = Given(scenario)
    if g.part("coverage") is None:
        return None
    legs, amounts = _legs(g), _amounts(g)
    billed, allowed = (_money(each) for each in amounts)
    location = g.place("request.patient_location")
    home = g.place("member.residence") or location
    question = Question(
        opinion_number=int(g.choice("request.opinion_number", "2", "3") or 2),
        mode=g.choice("request.mode", *_MODES) or "telemedicine",
        legs=legs,
        diagnosis=_diagnosis(g),
        procedure=tuple(Coding(ICD_10_PCS, p) for p in g.texts("request.proposed_procedure") or ()),
        surgery_on=g.day("request.surgery_date"),
        benefit=g.text("request.benefit_requested"),
        episode_id=None,
        first_opinion_on=_first_opinion_on(g, legs),
        first_opinion_npi=g.text("request.first_opinion.npi"),
        first_opinion_organization=g.text("request.first_opinion.tin_group"),
        provider_npi=g.text("provider.npi"),
        provider_organization=g.text("provider.tin_group"),
        provider_country=g.place("provider.country"),
        provider_network=g.choice("provider.network", "in", "out") or "out",
        provider_is_coe=g.flag("provider.coe"),
        patient_country=home.partition("-")[0] if home else None,
        coverage_order=g.whole("coverage.order", 1) or 1,
        coverage_status=g.text("coverage.status") or "active",
        coverage_period=g.period("coverage.period"),
        billed_first=None,
        authorization_number=g.text("request.auth_number"),
        authorization_period=g.period("request.auth_period"),
        modifiers=g.texts("request.modifiers") or (),
        billed=billed,
        agreed_fee=allowed,
        kind=g.choice("request.kind", "opinion", "surgery_claim") or "opinion",
        urgency=g.choice("request.urgency", "elective", "urgent", "emergency") or "elective",
        recommends_surgery=g.unsure("request.first_opinion.recommends_surgery"),
        second_opinion=_second(g),
        performing_surgeon_npi=g.text("request.performing_surgeon_npi"),
        has_written_referral=g.flag("request.written_referral_from_attending"),
        patient_location=location,
        provider_licensed_in=g.texts("provider.licensed_in"),
        member=_member(g),
        premium=_premium(g),
        coverage_change_recorded=g.day("coverage.change_recorded"),
        other_coverage=_other(g),
        subscriber_birthday=g.birthday("subscriber_birthday"),
        amounts=tuple(each for each in amounts if each is not None),
    )
    return question, _snapshot(g, question)


_MODES = ("telemedicine", "in_person", "hybrid", "records_review")


def _first_opinion_on(g: Given, legs: tuple[Leg, ...]) -> date | None:
    """A scenario that moves its service before the first opinion of the defaults, and does not
    date that opinion itself, says nothing about their order (S35)."""
    on = g.day("request.first_opinion.date")
    own: Mapping[str, Any] = g.scenario.given.get("request") or {}
    opinion: Mapping[str, Any] = own.get("first_opinion") or {}
    dates_it = "date" in opinion
    moves_service = "service" in own or "legs" in own
    if on is not None and moves_service and not dates_it and on > min(leg.on for leg in legs):
        return None
    return on


def _diagnosis(g: Given) -> Coding:
    system = g.text("request.diagnosis.system") or ""
    code = g.text("request.diagnosis.code") or ""
    return Coding(_SYSTEMS.get(system.lower(), system), code)


def _legs(g: Given) -> tuple[Leg, ...]:
    listed = g.raw("request.legs")
    if not listed:
        mode = g.text("request.mode") or "telemedicine"
        return _leg(g, mode, g.when("request.service"), None)
    legs: list[Leg] = []
    for n, keys in enumerate(listed if isinstance(listed, list) else [listed]):
        where = f"legs[{n}]"
        one = Given(g.scenario, {where: keys})
        mode = one.choice(f"{where}.mode", *_MODES) or g.text("request.mode") or "telemedicine"
        when = one.when(f"{where}.service") or g.when("request.service")
        legs += _leg(g, mode, when, one.choice(f"{where}.network", "in", "out"))
    return tuple(legs)


def _leg(g: Given, mode: str, when: date | datetime | None, network: str | None) -> tuple[Leg, ...]:
    if when is None:
        cure = "write the day of the service"
        raise InvalidInput((Fault(f"{g.scenario.id}.given.request.service", None, cure),))
    at = when if isinstance(when, datetime) else None
    return (Leg(mode, day_of(when, g.plan.zone), at, network),)


def _amounts(g: Given) -> tuple[Amount | None, Amount | None]:
    """Billed and allowed, as written."""
    value = g.decimal("request.billed.value")
    currency = g.text("request.billed.currency") or g.plan.currency
    price = g.scenario.price
    allowed = None
    if price is not None:
        cure = "write a decimal number such as '420.00'"
        allowed = Amount(g.read("price.allowed", price, Decimal, cure), g.plan.currency)
    return (None if value is None else Amount(value, currency)), allowed


def _money(amount: Amount | None) -> Money | None:
    """None for what is no money of its currency: the first rule says so."""
    try:
        return None if amount is None else Money(amount.value, amount.currency)
    except (ValueError, InvalidOperation):
        return None


def _second(g: Given) -> EarlierOpinion | None:
    if g.raw("request.second_opinion") is None:
        return None
    where = "request.second_opinion"
    return EarlierOpinion(
        on=g.day(f"{where}.date"),
        npi=g.text(f"{where}.npi"),
        organization=g.text(f"{where}.tin_group"),
        agrees=g.unsure(f"{where}.agrees"),
    )


def _member(g: Given) -> Member | None:
    if g.part("member") is None:
        return None
    g.choice("member.sex", *SEXES)  # no rule asks for it; a slip of the pen is told all the same
    return Member(
        birth_date=g.day("member.birth_date"),
        relationship=g.choice("member.relationship", *RELATIONSHIPS) or "self",
        disabled=g.flag("member.disabled"),
    )


def _premium(g: Given) -> Premium | None:
    paid = g.day("coverage.paid_through")
    return None if paid is None else Premium(paid, g.day("coverage.grace_ends"))


def _other(g: Given) -> OtherCoverage | None:
    if g.part("other_coverage") is None:
        return None
    return OtherCoverage(
        payer=g.text("other_coverage.payer"),
        order=g.whole("other_coverage.order", 1),
        subscriber_birthday=g.birthday("other_coverage.subscriber_birthday"),
    )


def _snapshot(g: Given, question: Question) -> Snapshot:
    plan = g.plan
    counted = g.whole("accumulators.accumulator_year")
    of = None
    if counted is not None:
        cure = "write the year in which the benefit year begins, such as 2026"
        month, day = plan.year_starts
        of = g.read(
            "accumulators.accumulator_year", counted, lambda year: date(int(year), month, day), cure
        )
    paid = g.sum_of_money("accumulators.amount_used")
    return Snapshot(
        opinions_used=_used(g, of or plan.benefit_year(question.service_on)),
        deductible_met=g.sum_of_money("accumulators.deductible_met"),
        amount_used=None if paid is None else paid.amount,
        accumulators_of=of,
        member_found=g.flag("member_found", otherwise=True),
        as_of=g.instant("as_of"),
        prior=_prior(g),
    )


def _prior(g: Given) -> PriorAnswer | None:
    if g.part("prior_answer") is None:
        return None
    verdict = g.choice("prior_answer.decision", *(each.value for each in Verdict))
    evaluated = g.instant("prior_answer.evaluated_at")
    if verdict is None or evaluated is None:
        name = "decision" if verdict is None else "evaluated_at"
        where = f"{g.scenario.id}.given.prior_answer.{name}"
        raise InvalidInput((Fault(where, None, "add it: what was answered before, and when"),))
    return PriorAnswer(g.text("prior_answer.id") or "", verdict, evaluated)


def _used(g: Given, year: date) -> dict[tuple[str, int, date], int]:
    """Used opinions by condition, and of all conditions together (``*``)."""
    used: dict[tuple[str, int, date], int] = {}
    for condition, counts in (g.raw("accumulators.opinions_used") or {}).items():
        category = condition.strip().upper()[:3]
        key = category if _CATEGORY.fullmatch(category) else condition
        for number, name in ((2, "second"), (3, "third")):
            told = {} if is_nothing(counts) else counts
            value = told.get(name)
            where = f"accumulators.opinions_used.{condition}.{name}"
            if is_nothing(value):
                continue
            n = g.count(where, value)
            for scope in (key, "*"):
                used[scope, number, year] = used.get((scope, number, year), 0) + n
    return used
