"""What an employer is told of a person: a projection of enrolment and plan, and nothing else.

An employer asks about a person, never about an illness. The answer names whether that person is
enrolled, in which plan, for which benefit year, and what that plan offers to everybody; the offer
is read from the plan version alone, so it is the same for every member of the plan. Somebody
unknown, somebody else's employee and somebody whose cover is not in force get one and the same
answer (``UNKNOWN_MEMBER``), after the same work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.days import day_of, last_day
from payer_gateway.domain.plan import CostShare, Limit, Plan

Body = Mapping[str, object]

# All that an employer may ever see of a member, at the top of the answer.
FIELDS = ("enrolled", "plan", "benefit_period", "programme_offered")
# What is never a key of the answer, at any depth.
FORBIDDEN = frozenset(
    "diagnosis proposed_procedure reasons opinions_used remaining cost provider mode"
    " first_opinion claim decision_trace".split()
)


@dataclass(frozen=True, slots=True)
class EmployerAnswer:
    """``status`` is that of HTTP; ``decision`` is for tests of decisions, not for the employer."""

    status: int
    body: Body
    decision: str | None


UNKNOWN_MEMBER = EmployerAnswer(
    404, {"code": "unknown_member", "detail": "No such member of your plans."}, None
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the roster says of a person: who employs them and when they are covered."""

    employer: str | None
    status: str
    period: Period


def employer_view(
    asking: str, enrolment: Enrolment | None, plan: Plan, as_of: date | datetime
) -> EmployerAnswer:
    """The answer to one employer about one person on one day (in the plan's zone).

    ``enrolment`` None: no such person. The whole answer is made for everybody before it is known
    who may have it, so that how long it takes tells nothing.
    """
    known = enrolment or Enrolment(None, "", Period(None, None))
    day = day_of(as_of, plan.zone)
    answer = EmployerAnswer(200, _enrolled(plan, day), "ENROLLED")
    start, end = known.period.start, known.period.end
    checks = (
        enrolment is not None,
        known.employer == asking,
        known.status == "active",
        start is None or day_of(start, plan.zone) <= day,
        end is None or day <= last_day(end, plan.zone),
    )
    return answer if all(checks) else UNKNOWN_MEMBER


def _enrolled(plan: Plan, day: date) -> Body:
    year = {
        "start": plan.benefit_year(day).isoformat(),
        "end": plan.benefit_year_end(day).isoformat(),
    }
    return {
        "enrolled": True,
        "plan": plan.name,
        "benefit_period": year,
        "programme_offered": programme_offered(plan),
    }


def programme_offered(plan: Plan) -> Body:
    """The plan's list of second-opinion benefits; money as decimal strings in its currency."""
    return {
        "benefits": [
            {
                "name": benefit.name,
                "modes_offered": list(benefit.modes),
                "authorization_needed": sorted(benefit.auth),
                "centre_of_excellence_only": benefit.coe_required,
            }
            for benefit in plan.benefits.values()
        ],
        "currency": plan.currency,
        "standard_cost_share": {
            {"in": "in_network", "out": "out_of_network"}.get(tier, tier): _share(share)
            for tier, share in plan.cost.items()
        },
        "plan_limits": [_limit(limit) for limit in plan.limits],
    }


def _share(share: CostShare) -> Body:
    return {
        "copay": str(share.copay),
        "telemedicine_copay": str(share.telemedicine_copay),
        "deductible": str(share.deductible) if share.deductible_applies else "0",
        "coinsurance_pct": str(share.coinsurance_pct),
    }


def _limit(limit: Limit) -> Body:
    return {
        "unit": limit.unit,
        "per": limit.per,
        "term": limit.term,
        "second_opinions": limit.max_second,
        "third_opinions": limit.max_third,
        "amount": None if limit.maximum is None else str(limit.maximum),
    }
