"""Rules 1 to 7: is the question sound, is there cover on the day, is the diagnosis one to judge."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from payer_gateway.domain.days import (
    aware,
    birthday,
    day_of,
    last_day,
    month_end,
    plus_days,
    plus_months,
)
from payer_gateway.domain.eligibility_case import Case, Found
from payer_gateway.domain.eligibility_question import Amount, Leg
from payer_gateway.domain.money import MINOR_DIGITS
from payer_gateway.domain.plan import Dependents, Plan
from payer_gateway.domain.reason_codes import Code, Verdict

# Amounts of more digits than this before the point are slips of the pen.
_WHOLE_DIGITS = 15
_DEPENDENT = frozenset({"child", "dependent"})
_WAS_COVERED = frozenset({Verdict.ELIGIBLE.value, Verdict.CONDITIONAL.value})


# -- 1 input form ---------------------------------------------------------------------------------


def input_form(case: Case) -> Found:
    for amount in case.question.amounts:
        digits = MINOR_DIGITS.get(amount.currency)
        if digits is None or not _is_written_in(amount, digits):
            yield (
                Code.CURRENCY_PRECISION,
                {
                    "amount": str(amount.value),
                    "currency": amount.currency,
                    "digits": str(digits or 0),
                },
            )
            break
    asked = case.known.as_of
    if asked is None:
        return
    latest = plus_months(day_of(asked, case.plan.zone), 12)
    last = case.question.last_service_on
    if last > latest:
        yield Code.DATE_OUT_OF_RANGE, {"service": str(last), "latest": str(latest)}


def _is_written_in(amount: Amount, digits: int) -> bool:
    value: Decimal = amount.value
    if not value.is_finite() or value < 0 or value.adjusted() >= _WHOLE_DIGITS:
        return False
    # Zeros at the end say nothing: 44000.00 is a whole number of yen.
    return value == value.quantize(Decimal(1).scaleb(-digits))


# -- 2 member found -------------------------------------------------------------------------------


def member_found(case: Case) -> Found:
    if not case.known.member_found:
        yield Code.MEMBER_NOT_FOUND, {}


# -- 3 coverage status and period -----------------------------------------------------------------


def coverage_in_force(case: Case) -> Found:
    q, plan = case.question, case.plan
    if q.coverage_status != "active":
        yield from _ended(case, Code.COVERAGE_NOT_ACTIVE, {"status": q.coverage_status})
        return
    start, end = q.coverage_period.start, q.coverage_period.end
    legs = _legs(case)
    if start is not None and any(_is_before(leg, start, plan) for leg in legs):
        yield (
            Code.COVERAGE_NOT_YET_EFFECTIVE,
            {"start": start.isoformat(), "service": str(q.service_on)},
        )
    if end is not None and any(_is_after(leg, end, plan) for leg in legs):
        fields = {"end": end.isoformat(), "service": str(q.last_service_on)}
        yield from _ended(case, Code.COVERAGE_TERMINATED, fields)
        return
    yield from _premium(case)


def _legs(case: Case) -> tuple[Leg, ...]:
    q = case.question
    # What a claim for an operation is judged by is the day of the operation.
    return (Leg(q.mode, q.service_on),) if q.is_surgery_claim else q.legs


def _is_before(leg: Leg, start: date | datetime, plan: Plan) -> bool:
    if isinstance(start, datetime) and leg.at is not None:
        return aware(leg.at, plan.zone) < aware(start, plan.zone)
    return leg.on < day_of(start, plan.zone)


def _is_after(leg: Leg, end: date | datetime, plan: Plan) -> bool:
    if isinstance(end, datetime) and leg.at is not None:
        # The end of a period is part of it (FHIR Period.end), an instant as well as a day.
        return aware(leg.at, plan.zone) > aware(end, plan.zone)
    return leg.on > last_day(end, plan.zone)


def _ended(case: Case, otherwise: Code, fields: dict[str, str]) -> Found:
    """Cover that ended by a change recorded after we had said it was there is its own reason."""
    prior, recorded = case.known.prior, case.question.coverage_change_recorded
    if prior is None or recorded is None or prior.verdict not in _WAS_COVERED:
        yield otherwise, fields
        return
    answered = day_of(prior.evaluated_at, case.plan.zone)
    if recorded < answered:
        yield otherwise, fields
        return
    end = case.question.coverage_period.end
    yield (
        Code.RETROACTIVE_TERMINATION,
        {
            "end": end.isoformat() if end else "its beginning",
            "recorded": str(recorded),
            "answered": str(answered),
        },
    )


def _premium(case: Case) -> Found:
    premium, service = case.question.premium, case.question.last_service_on
    if premium is None or service <= premium.paid_through:
        return
    grace, asked = premium.grace_ends, case.known.as_of
    if grace is not None:
        over = asked is not None and day_of(asked, case.plan.zone) > grace
        if over or service > grace:
            # Unpaid when the grace is over, cover has ended with what was paid for.
            fields = {"end": str(premium.paid_through), "service": str(service)}
            yield Code.COVERAGE_TERMINATED, fields
            return
    yield (
        Code.PREMIUM_GRACE_PERIOD,
        {
            "paid_through": str(premium.paid_through),
            "service": str(service),
            "grace": f"until {grace}" if grace else "its end is not known",
        },
    )


# -- 4 dependent age ------------------------------------------------------------------------------


def dependent_age(case: Case) -> Found:
    end = dependent_until(case)
    if end is not None and case.plan.dependents and case.question.last_service_on > end:
        limit = str(case.plan.dependents.age_limit)
        yield Code.DEPENDENT_AGE_LIMIT, {"end": str(end), "limit": limit}


def dependent_until(case: Case) -> date | None:
    """The last day of cover as a dependent; None where no age ends it."""
    member, terms = case.question.member, case.plan.dependents
    if member is None or terms is None or member.relationship not in _DEPENDENT:
        return None
    if member.birth_date is None or (terms.disabled_exempt and member.disabled):
        return None
    return _until(birthday(member.birth_date, terms.age_limit), terms, case.plan)


def _until(reached: date, terms: Dependents, plan: Plan) -> date:
    if terms.ends == "month_end":
        return month_end(reached)
    if terms.ends == "plan_end":
        return plan.benefit_year_end(reached)
    return plus_days(reached, -1)


# -- 5 order of payers ----------------------------------------------------------------------------


def billing_order(case: Case) -> Found:
    if is_secondary(case):
        yield Code.SECONDARY_PAYER, {"first": bill_first(case) or "another insurer"}


def bill_first(case: Case) -> str | None:
    other = case.question.other_coverage
    return case.question.billed_first or (other.payer if other else None)


def is_secondary(case: Case) -> bool:
    """The order on file decides; where it leaves both first, the birthday rule for a child: the
    parent whose birthday comes first in the year, whatever the year, is billed first."""
    q, other = case.question, case.question.other_coverage
    if q.billed_first is not None:
        return True
    if other is not None and other.order is not None and other.order != q.coverage_order:
        return other.order < q.coverage_order
    if q.coverage_order > 1 or other is None:
        return q.coverage_order > 1
    theirs, ours = other.subscriber_birthday, q.subscriber_birthday
    is_child = q.member is not None and q.member.relationship in _DEPENDENT
    # Equal birthdays: the longer-covered plan is first, which nobody told us; ours stays first.
    return bool(is_child and theirs and ours and theirs[-5:] < ours[-5:])


# -- 6 diagnosis ----------------------------------------------------------------------------------


def diagnosis_valid(case: Case) -> Found:
    finding, coding = case.finding, case.question.diagnosis
    if finding.verdict == "invalid":
        system = coding.system or "no code system"
        yield Code.DIAGNOSIS_INVALID, {"code": coding.code, "system": system}
    elif finding.verdict == "not_specific":
        fields = {"code": finding.code or coding.code, "prefix": finding.prefix or ""}
        yield Code.DIAGNOSIS_NOT_SPECIFIC, fields
    elif finding.verdict == "not_valid_on_date":
        fields = {"code": finding.code or coding.code, "service": str(case.question.service_on)}
        yield Code.DIAGNOSIS_NOT_VALID_ON_DATE, fields


# -- 7 exclusions ---------------------------------------------------------------------------------


def exclusions(case: Case) -> Found:
    code = case.finding.code or ""
    plain = code.replace(".", "")
    prefixes = (each.upper().replace(".", "") for each in case.plan.excluded_diagnoses)
    if plain and any(plain.startswith(prefix) for prefix in prefixes if prefix):
        yield Code.DIAGNOSIS_EXCLUDED, {"code": code}
