"""What an employer sees: the same of every member of a plan, and one answer for everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from eligibility_cases import SHELF

from payer_gateway.domain.consultation import Period
from payer_gateway.domain.employer import (
    FIELDS,
    FORBIDDEN,
    UNKNOWN_MEMBER,
    Enrolment,
    employer_view,
    programme_offered,
)
from payer_gateway.mapping.canonical import canonical_json

DAY = date(2026, 3, 5)
ALWAYS = Period(date(2020, 1, 1), None)


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for below in value.values():
            yield from keys_of(below)
    if isinstance(value, list):
        for each in value:
            yield from keys_of(each)


@pytest.mark.parametrize("name", SHELF.names())
def test_the_answer_holds_the_allowed_fields_and_no_forbidden_one_at_any_depth(name: str) -> None:
    answer = employer_view("ACME", Enrolment("ACME", "active", ALWAYS), SHELF.plan(name), DAY)

    assert (answer.status, tuple(answer.body)) == (200, FIELDS)
    assert not FORBIDDEN & set(keys_of(answer.body))


def test_the_offer_is_the_same_bytes_for_every_member() -> None:
    plan = SHELF.plan("US-PPO-2026")
    people = [Enrolment("ACME", "active", Period(date(2026, n, 1), None)) for n in (1, 2, 3)]

    bodies = {canonical_json(employer_view("ACME", each, plan, DAY).body) for each in people}

    assert len(bodies) == 1
    assert canonical_json(programme_offered(plan)) in bodies.pop()


@pytest.mark.parametrize(
    "enrolment",
    [
        None,
        Enrolment("OTHER", "active", ALWAYS),
        Enrolment(None, "active", ALWAYS),
        Enrolment("ACME", "cancelled", ALWAYS),
        Enrolment("ACME", "active", Period(date(2026, 3, 6), None)),
        Enrolment("ACME", "active", Period(None, date(2026, 3, 4))),
    ],
)
def test_everybody_who_is_not_theirs_today_gets_one_and_the_same_answer(
    enrolment: Enrolment | None,
) -> None:
    assert employer_view("ACME", enrolment, SHELF.plan("US-PPO-2026"), DAY) is UNKNOWN_MEMBER
