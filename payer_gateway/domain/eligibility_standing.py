"""Beside the decision: is the member covered at all on the day, and what the plan allows of which
how much is used. The same rules and the same counts as the decision's, for whoever asks about a
plan before there is an opinion to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from payer_gateway.domain.eligibility_case import Case
from payer_gateway.domain.eligibility_rules import RULES
from payer_gateway.domain.reasons import Code, Reason, Verdict

# Rules 1 to 5 ask about member and coverage, the later ones about the opinion.
_OF_COVER = tuple(rule for rule in RULES if rule.number <= 5)
_IN_FORCE = frozenset({"member-found", "coverage-in-force", "dependent-age"})


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one limit of the plan allows and what of it is used, before this opinion.

    ``number`` is that of the opinion (2, 3), None for an amount in the plan's currency.
    """

    number: int | None
    allowed: Decimal
    used: Decimal
    per: str  # condition | member
    term: str  # annual | lifetime


def standing(case: Case) -> tuple[Reason, ...]:
    """What the rules of member and coverage find; nothing: covered, and billed first."""
    return tuple(
        Reason(code, rule.name, fields) for rule in _OF_COVER for code, fields in rule.judge(case)
    )


def is_in_force(found: tuple[Reason, ...]) -> bool:
    """Whether there is cover on the day: a premium in its grace or another insurer that is billed
    first do not end it."""
    return not any(
        reason.rule in _IN_FORCE
        and (reason.verdict is Verdict.NOT_ELIGIBLE or reason.code is Code.MEMBER_NOT_FOUND)
        for reason in found
    )


def allowances(case: Case, numbers: tuple[int, ...]) -> Iterator[Allowance]:
    """Per opinion number the limit of which the least is left, then each limit of money."""
    for number in numbers:
        found = [
            Allowance(
                number,
                Decimal(maximum),
                Decimal(case.used(number, limit)),
                limit.per,
                limit.term,
            )
            for limit in case.plan.limits
            if limit.unit == "opinion" and (maximum := limit.of(number)) is not None
        ]
        if found:
            yield min(found, key=lambda each: each.allowed - each.used)
    for limit in case.plan.limits:
        if limit.unit == "amount" and limit.maximum is not None:
            counts = limit.term == "lifetime" or case.accumulators_are_of_this_year
            used = (case.known.amount_used or Decimal(0)) if counts else Decimal(0)
            yield Allowance(None, limit.maximum, used, limit.per, limit.term)
