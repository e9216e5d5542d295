"""The roster wins: what it says of a member takes the place of what the asker asserts.

What differs is noted in the decision; what the roster leaves out stays as it was asserted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.eligibility_question import Member, Question, Snapshot
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.roster import Entry, Membership, Usage

_ICD = re.compile(r"[A-Z][0-9A-Z]{2}(\.?[0-9A-Z]{1,4})?")


def by_roster(
    question: Question, known: Snapshot, entry: Entry | None, plan: Plan
) -> tuple[Question, Snapshot]:
    """The question and what is known of it, where the plan has a roster. ``entry`` None: the member
    is not on it."""
    if entry is None:
        return question, replace(known, member_found=False)
    asked = with_membership(question, entry.membership, entry.changed_on)
    differs = tuple(differences(question, entry.membership))
    return asked, replace(with_usage(known, entry.usage, asked, plan), roster_differs=differs)


def with_membership(
    question: Question, membership: Membership, changed_on: date | None = None
) -> Question:
    """The question of this member. ``changed_on``: when we learned of the latest change, for a
    roster that does not say when it was recorded."""
    m = membership
    home = m.residence.partition("-")[0] if m.residence else question.patient_country
    return replace(
        question,
        member=Member(m.birth_date, m.relationship, m.disabled),
        coverage_status=m.status,
        coverage_period=m.period,
        # Never two first: a roster puts a cover behind others, and not before what is named first.
        coverage_order=max(question.coverage_order, m.order or 1),
        premium=m.premium or question.premium,
        coverage_change_recorded=m.change_recorded or changed_on,
        patient_country=home,
        subscriber_birthday=m.subscriber_birthday or question.subscriber_birthday,
        other_coverage=m.other_coverage or question.other_coverage,
    )


def differences(question: Question, membership: Membership) -> Iterator[str]:
    """What was asserted otherwise than the roster says; what was not asserted does not differ."""
    m, member = membership, question.member
    told, kept = question.coverage_period, m.period
    if member is not None and member.birth_date not in (None, m.birth_date):
        yield "BIRTH_DATE"
    if member is not None and member.relationship != m.relationship:
        yield "RELATIONSHIP"
    if question.coverage_status != m.status:
        yield "STATUS"
    if _differs(told, kept):
        yield "PERIOD"
    if m.order is not None and question.coverage_order != m.order:
        yield "ORDER"
    home = question.patient_country
    if m.residence and home and m.residence.partition("-")[0] != home:
        yield "RESIDENCE"


def _differs(told: Period, kept: Period) -> bool:
    return any(
        said is not None and said != known
        for said, known in ((told.start, kept.start), (told.end, kept.end))
    )


def with_usage(known: Snapshot, usage: Sequence[Usage], question: Question, plan: Plan) -> Snapshot:
    """What is known, and what the roster says is used: opinions are added to those counted already,
    amounts are those of the benefit year of the service (else of the latest year before it)."""
    used = dict(known.opinions_used)
    for each in usage:
        for key, n in _opinions(each, question, plan):
            used[key] = used.get(key, 0) + n
    year = plan.benefit_year(question.service_on)
    told = [each for each in usage if _begins(each, plan) <= year]
    if not told:
        return replace(known, opinions_used=used)
    latest = max(told, key=lambda each: each.year)
    met, paid = latest.deductible_met, latest.amount_used
    amounts = [limit for limit in plan.limits if limit.unit == "amount"]
    if amounts and all(limit.term == "lifetime" for limit in amounts):
        paid = sum((u.amount_used for u in usage if u.amount_used is not None), start=Decimal(0))
    return replace(
        known,
        opinions_used=used,
        deductible_met=None if met is None else Money.rounded(met, plan.currency),
        amount_used=paid,
        accumulators_of=_begins(latest, plan),
    )


def _begins(usage: Usage, plan: Plan) -> date:
    month, day = plan.year_starts
    return date(usage.year, month, day)


def _opinions(
    usage: Usage, question: Question, plan: Plan
) -> Iterator[tuple[tuple[str, int, date], int]]:
    """By condition and of all conditions together (``*``)."""
    year = _begins(usage, plan)
    for used in usage.opinions_used:
        condition = _condition(used.condition, question)
        for number, n in ((2, used.second), (3, used.third)):
            if n and condition != "*":
                yield (condition, number, year), n
            if n:
                yield ("*", number, year), n


def _condition(written: str, question: Question) -> str:
    """Whoever keeps a roster counts by diagnosis and knows no episodes of ours: its C50 is the
    episode that is asked about, where that one's diagnosis is in C50."""
    code = written.upper()
    if written in ("*", question.episode_id) or not _ICD.fullmatch(code):
        return written
    category = code[:3]
    asked = question.diagnosis.code.strip().upper()[:3]
    return question.episode_id or category if category == asked else category
