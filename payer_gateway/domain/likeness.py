"""Which members are alike to the rules: bounds beyond which an input cannot matter any more.

A million members differ in their days and amounts; the rules only look whether cover has begun, a
child has come of age, a deductible is met. Where those bounds lie is asked of ``decide`` itself,
once per plan, by halving: cover that began in 2019 gets the answer of cover that began in year 1,
so the two are alike. No rule is written here a second time.

This holds because each of these inputs acts one way along its line (earlier cover is never judged
as later) and by itself, whatever the others are; ``tests/unit/test_batch_is_decide.py`` holds both
against random plans and members. What an allowance in money makes depend on each other (deductible
and amount used) is not taken apart: there both are kept as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from payer_gateway.domain.days import month_end, plus_months
from payer_gateway.domain.eligibility import Decision, decide
from payer_gateway.domain.eligibility_question import CodeSets
from payer_gateway.domain.eligibility_trace import Trace, Trail
from payer_gateway.domain.money import MINOR_DIGITS
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.roster import Membership, Usage
from payer_gateway.domain.standard_question import Ask, known_from, question_for

_MOST = 10**15  # minor units; above every deductible
_LONG_AGO = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one plan and one ask, over all of the plan's benefits. None: there is no such bound, and
    every value may matter. Amounts in the plan's currency."""

    starts_by: date | None  # cover that starts by this day has long begun
    ends_from: date | None  # cover that ends on this day or later goes on
    ended_by: date | None  # cover that ends by this day is over
    paid_from: date | None  # a premium paid through this day or later is paid
    met_none: Decimal | None  # so much of the deductible met is as good as nothing
    met_full: Decimal | None  # and so much is all of it
    reads_amount_used: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Answers of one plan to one ask, for members that differ from a plain one in one thing."""

    ask: Ask
    plan: Plan
    codes: CodeSets

    def decide(self, member: Membership, usage: Usage | None) -> tuple[Decision, ...]:
        """One decision per benefit that is asked about."""
        known = known_from(self.ask, self.plan, usage)
        return tuple(
            decide(question_for(self.ask, benefit, self.plan, member), self.plan, known, self.codes)
            for benefit in self.ask.benefits_of(self.plan)
        )

    def plain(self) -> Membership:
        return Membership("", self.plan.name, "", _LONG_AGO, start=date.min)

    def of(self, usage: Usage | None = None, **different: Any) -> tuple[object, ...]:
        return tuple(map(_seen, self.decide(replace(self.plain(), **different), usage)))

    def met(self, minor: int, amount_used: Decimal | None = None) -> tuple[object, ...]:
        digits = MINOR_DIGITS[self.plan.currency]
        year = self.plan.benefit_year(self.ask.on).year
        return self.of(Usage(year, Decimal(minor).scaleb(-digits), None, amount_used))


def _seen(decision: Decision) -> object:
    """All that members may differ in, also where a worse reason hides it."""
    return (
        _outcomes(decision.trace),
        decision.cost,
        tuple(decision.remaining.items()),
        decision.remaining_amount,
        decision.eligible_from,
        decision.bill_first,
        decision.notes,
    )


def _outcomes(trace: Sequence[Trace]) -> tuple[str, ...]:
    return trace.outcomes if isinstance(trace, Trail) else tuple(each.outcome for each in trace)


def bounds_of(asked: Asked) -> Bounds:
    on, plan = asked.ask.on, asked.plan
    plain, over = asked.of(), asked.of(end=date.min)
    nothing, all_of_it = asked.met(0), asked.met(_MOST)
    met_none: int | None = _MOST
    met_full: int | None = 0
    reads_amount = asked.met(0, Decimal(_MOST)) != nothing
    digits = MINOR_DIGITS[plan.currency]
    if reads_amount:
        met_none = met_full = None
    elif nothing != all_of_it:
        likely = int(_deductible(asked).scaleb(digits))
        met_none = _last(lambda minor: asked.met(minor) == nothing, 0, _MOST, likely)
        met_full = _first(lambda minor: asked.met(minor) == all_of_it, 0, _MOST, likely)
    return Bounds(
        starts_by=_last_day(lambda day: asked.of(start=day) == plain, on),
        ends_from=_first_day(lambda day: asked.of(end=day) == plain, on),
        ended_by=_last_day(lambda day: asked.of(end=day) == over, on) if over != plain else None,
        paid_from=_first_day(lambda day: asked.of(paid_through=day) == plain, on),
        met_none=None if met_none is None else Decimal(met_none).scaleb(-digits),
        met_full=None if met_full is None else Decimal(met_full).scaleb(-digits),
        reads_amount_used=reads_amount,
    )


def born_from(asked: Asked, relationship: str, disabled: bool) -> date | None:
    """Whoever is born on that day or later is too young for an age to matter; where no age ever
    does, everybody is."""
    terms: dict[str, Any] = {"relationship": relationship, "disabled": disabled}
    ageless = asked.of(birth_date=None, **terms)
    if asked.of(birth_date=date.min, **terms) == ageless:
        return date.min
    age = asked.plan.dependents.age_limit if asked.plan.dependents else 0
    likely = plus_months(asked.plan.benefit_year_end(asked.ask.on), -12 * age)
    return _first_day(lambda day: asked.of(birth_date=day, **terms) == ageless, likely)


def born_like(asked: Asked, relationship: str, disabled: bool, born: date) -> tuple[date, date]:
    """The first and last birthday of those whose age is judged as that of somebody born then."""
    terms: dict[str, Any] = {"relationship": relationship, "disabled": disabled}
    same = asked.of(birth_date=born, **terms)

    def is_so(day: date) -> bool:
        return asked.of(birth_date=day, **terms) == same

    # Most plans count by months.
    first = _first_day(is_so, born.replace(day=1), until=born)
    last = _last_day(is_so, month_end(born), since=born)
    return first or born, last or born


def _deductible(asked: Asked) -> Decimal:
    terms = asked.plan.cost.get(asked.ask.network)
    return terms.deductible if terms else Decimal(0)


# -- halving --------------------------------------------------------------------------------------
# ``likely`` is where the search begins: a good guess saves questions, a bad one costs a few.


def _last_day(
    is_so: Callable[[date], bool], likely: date, *, since: date = date.min
) -> date | None:
    low, high = since.toordinal(), date.max.toordinal()
    found = _last(lambda n: is_so(date.fromordinal(n)), low, high, likely.toordinal())
    return None if found is None else date.fromordinal(found)


def _first_day(
    is_so: Callable[[date], bool], likely: date, *, until: date = date.max
) -> date | None:
    low, high = date.min.toordinal(), until.toordinal()
    found = _first(lambda n: is_so(date.fromordinal(n)), low, high, likely.toordinal())
    return None if found is None else date.fromordinal(found)


def _last(is_so: Callable[[int], bool], low: int, high: int, likely: int) -> int | None:
    """The last number of low … high for which it is so, where it is so up to some number."""
    first = _first(lambda n: not is_so(n), low, high, likely)
    if first is None:
        return high
    return first - 1 if first > low else None


def _first(is_so: Callable[[int], bool], low: int, high: int, likely: int) -> int | None:
    """The first number of low … high from which on it is so; None: never."""
    end, step, middle = high + 1, 1, min(max(low, likely), high)
    while low < end:
        if is_so(middle):
            end = middle
            middle = end - step
        else:
            low = middle + 1
            middle = middle + step
        step *= 2
        # Strides grow until the bound lies between two of them; from then on it is halved.
        if step > end - low:
            middle = (low + end) // 2
    return low if low <= high else None
