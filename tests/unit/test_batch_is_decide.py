"""A night's run gives every member the answer that ``decide`` gives: random rosters, random plans,
days around every bound."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from builders import MAPPINGS
from eligibility_cases import CODES, SHELF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payer_gateway.domain.eligibility import decide
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.domain.standard_question import Ask, known_from, question_for
from payer_gateway.mapping.batch_answers import Cell, cells_of
from payer_gateway.mapping.plans import PlanShelf, plan_from
from payer_gateway.mapping.profile import Shelf
from payer_gateway.mapping.roster_blocks import blocks_of
from payer_gateway.mapping.roster_file import COLUMNS, line_of, unfit_amounts
from payer_gateway.workflow.batch import EXAMPLES, Run, Shelves, decide_roster

OPS = Principal("t", Role.OPS, "test")
INSURERS = Shelf(MAPPINGS)
ON = date(2026, 7, 1)
LEAP = date(2028, 2, 29)
NAMES = [column.name for column in COLUMNS]
PRICES = {c: Money(Decimal(a), c) for c, a in (("USD", "420.00"), ("JPY", "44000"))}


class Plans(PlanShelf):
    """The shipped plans, and those that a test makes up."""

    def __init__(self, made: dict[str, Plan]) -> None:
        super().__init__(MAPPINGS)
        self._made = made

    def plan(self, name: str) -> Plan:
        return self._made.get(name.upper()) or _shipped(name)


@cache
def _shipped(name: str) -> Plan:
    return SHELF.plan(name)


def one_by_one(rows: list[dict[str, str]], ask: Ask, plans: PlanShelf) -> Iterator[Any]:
    """What a loop says of each row: the answers, or that there are faults."""
    seen = set()
    for row in rows:
        cells = [row.get(name, "").strip() for name in NAMES]
        line, faults = line_of(COLUMNS, cells)
        try:
            INSURERS.find(cells[0])
            plan = plans.plan(cells[1])
        except MappingError:
            yield "faults"
            continue
        if line is None or faults or unfit_amounts(line.usage, plan.currency):
            yield "faults"
            continue
        who = (cells[0].upper(), plan.name, cells[2].upper().replace(" ", "").replace("-", ""))
        if who in seen:
            yield "faults"
            continue
        seen.add(who)
        known = known_from(ask, plan, line.usage)
        yield [
            (
                cells[2],
                *cells_of(
                    line.membership,
                    plan,
                    benefit,
                    decide(question_for(ask, benefit, plan, line.membership), plan, known, CODES),
                ),
            )
            for benefit in ask.benefits_of(plan)
        ]


def by_batch(file: Path, ask: Ask, plans: PlanShelf, block: int = 1 << 20) -> Run:
    shelves = Shelves(INSURERS, plans, CODES)
    return decide_roster(shelves, OPS, blocks_of(file, block), ask, lambda read, rows: None)


def told(run: Run) -> list[tuple[Cell, ...]]:
    return [
        (name, *answer)
        for name, first, count in run.members.rows()
        for answer in run.answers[first : first + count]
    ]


def written(rows: list[dict[str, str]], names: list[str] = NAMES) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def days_around(*days: date) -> st.SearchStrategy[str]:
    near = st.builds(
        lambda day, n: (day + timedelta(days=n)).isoformat(),
        st.sampled_from(days),
        st.integers(-3, 3),
    )
    return near | st.dates(date(1990, 1, 1), date(2030, 1, 1)).map(str)


def mostly_empty(filled: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | st.just("") | filled


INSTANTS = st.builds(
    lambda day, time, offset: f"{day}T{time}{offset}",
    days_around(ON, LEAP),
    st.sampled_from(["00:00:00", "23:59", "15:00:00"]),
    st.sampled_from(["Z", "+09:00", "-05:00", "+14:00"]),
)
DAYS = days_around(ON, ON - timedelta(days=30), ON - timedelta(days=90), LEAP, date(2026, 4, 1))
BIRTHS = days_around(
    *(date(ON.year - age, month, 1) for age in (18, 19, 26) for month in (1, 4, 7, 8)),
    *(date(year, 2, 28) for year in (2000, 2002, 2004, 2008)),
    date(1960, 5, 5),
)
AMOUNTS = st.sampled_from(
    ["0", "0.00", "1000.00", "580.00", "579.99", "283.00", "282.99", "200000"]
)
FREE = st.integers(0, 300_000).map(lambda cents: f"{cents / 100:.2f}") | AMOUNTS
BAD = st.sampled_from(["x", "2026-13-01", "2026-1-5", "-1", "1.005", "\u00a0", "a\tb", "Ä" * 201])
ROWS = st.fixed_dictionaries(
    {
        "insurer": st.sampled_from(["NORTHWIND-PPO", "northwind-ppo", "MEDICARE-B"]),
        "plan": st.sampled_from([*SHELF.names(), "MADE-UP", "made-up"]),
        "member_id": st.integers(0, 10**9).map(lambda n: f"W{n}") | st.sampled_from(["w-1", "W 1"]),
        "birth_date": BIRTHS,
        "cover_start": DAYS | INSTANTS,
        "cover_end": mostly_empty(DAYS | INSTANTS),
        "status": st.sampled_from(["", "active", "Active", "cancelled"]),
        "employer_id": st.just(""),
        "employee_id": st.just(""),
        "relationship": st.sampled_from(["", "self", "child", "Child", "dependent", "spouse"]),
        "subscriber_id": st.just(""),
        "sex": st.sampled_from(["", "female", "Male"]),
        "disabled": st.sampled_from(["", "", "false", "true", "TRUE"]),
        "residence": st.sampled_from(["", "US-NY", "jp-13", "JP"]),
        "order": st.sampled_from(["", "1", "2", "02"]),
        "paid_through": mostly_empty(DAYS),
        "grace_ends": mostly_empty(DAYS),
        "change_recorded": mostly_empty(DAYS),
        "subscriber_birthday": mostly_empty(st.sampled_from(["09-30", "1980-02-29", "12-31"])),
        "other_payer": mostly_empty(st.sampled_from(["Insurer Z", "=Z", 'Z "and" sons, Inc.'])),
        "other_order": mostly_empty(st.sampled_from(["1", "2"])),
        "other_subscriber_birthday": mostly_empty(st.sampled_from(["02-10", "09-30"])),
        "accumulator_year": st.sampled_from(["2026", "2026", "2025", "2027", ""]),
        "deductible_met": mostly_empty(FREE),
        "out_of_pocket_met": mostly_empty(FREE),
        "amount_used": mostly_empty(FREE),
        "opinions_used": mostly_empty(
            st.sampled_from(["C50=1/0", "C34=1/0", "*=1/0", "C50.911=0/1; I25=1/1", "EP-1=2/0"])
        ),
    }
)
SPOILED = st.builds(
    lambda row, name, bad: {**row, name: bad}, ROWS, st.sampled_from(NAMES), BAD | st.just("")
)


def kin(base: dict[str, str], others: list[tuple[dict[str, str], str]]) -> list[dict[str, str]]:
    """Members that differ from the first in one column only: those that a bound tells apart."""
    return [base] + [
        {**base, name: other[name], "member_id": f"V{n}"} for n, (other, name) in enumerate(others)
    ]


BOUNDED = "birth_date cover_start cover_end paid_through deductible_met amount_used".split()
KIN = st.builds(
    kin,
    ROWS | ROWS.map(lambda row: {**row, "relationship": "child", "cover_end": ""}),
    st.lists(st.tuples(ROWS, st.sampled_from(BOUNDED)), min_size=10, max_size=40),
)
ROSTERS = KIN | KIN | st.lists(ROWS | ROWS | ROWS | SPOILED, min_size=1, max_size=25)
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "timezone": st.sampled_from(["Asia/Tokyo", "Pacific/Kiritimati", "America/Los_Angeles"]),
        "year": st.sampled_from(["calendar", {"starts": "04-01"}, {"starts": "07-01"}]),
        "dependents": st.fixed_dictionaries(
            {
                "age_limit": st.sampled_from(["18", "19", "26"]),
                "ends": st.sampled_from(["month_end", "plan_end", "birthday"]),
                "disabled_exempt": st.sampled_from(["true", "false"]),
            }
        ),
        "waiting_period_days": st.sampled_from(["1", "30", "90"]),
        "initial_waiting_days": st.sampled_from(["15", "365"]),
        "condition_waiting": st.just([{"prefix": ["C50", "I25"], "months": "24"}]),
        "excluded_diagnoses": st.sampled_from([["C50"], ["I25"], ["Z41"]]),
        "limits": st.sampled_from(
            [
                [{"unit": "opinion", "per": "member", "max_second": "1", "max_third": "0"}],
                [{"unit": "opinion", "per": "condition", "term": "lifetime", "max_second": "1"}],
                [{"unit": "amount", "per": "member", "max": "600.00"}],
                [
                    {"unit": "opinion", "per": "condition", "max_second": "2", "max_third": "1"},
                    {"unit": "amount", "per": "member", "max": "500.00"},
                ],
            ]
        ),
        "cost": st.sampled_from(
            [
                {"in": {"deductible": "1000.00", "coinsurance_pct": "20"}},
                {"in": {"copay": "40.00", "deductible": "580.00", "deductible_applies": "true"}},
            ]
        ),
    },
)
ASKS = st.builds(
    Ask,
    on=st.sampled_from([ON, LEAP, date(2026, 12, 31), date(2027, 1, 1)]),
    asked=st.just(ON),
    examples=st.just(EXAMPLES),
    opinion_number=st.sampled_from([2, 2, 3]),
    mode=st.sampled_from(["telemedicine", "in_person", "hybrid", "records_review"]),
    network=st.sampled_from(["in", "out"]),
    prices=st.sampled_from([PRICES, PRICES, {}]),
    benefits=st.sampled_from([(), (), ("oncology",), ("complex_surgery", "oncology")]),
)


def made_up(keys: dict[str, Any]) -> Plans:
    whole = {**SHELF.keys("US-PPO-2026"), **keys}
    return Plans({"MADE-UP": plan_from(Path("test"), whole, "MADE-UP", 1)})


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(deadline=None, max_examples=60, suppress_health_check=QUIET)
@given(rows=ROSTERS, keys=KEYS, ask=ASKS, block=st.sampled_from([300, 5000, 1 << 20]))
def test_every_member_gets_the_answer_of_a_loop_over_decide(
    tmp_path: Path, rows: list[dict[str, str]], keys: dict[str, Any], ask: Ask, block: int
) -> None:
    plans = made_up(keys)
    file = tmp_path / "roster.csv"
    file.write_text(written(rows), encoding="utf-8")
    loop = list(one_by_one(rows, ask, plans))

    run = by_batch(file, ask, plans, block)

    assert sorted(told(run), key=str) == sorted(
        (answer for answers in loop if answers != "faults" for answer in answers), key=str
    )
    assert {fault.line for fault in run.faults} == {
        number for number, answers in enumerate(loop, start=2) if answers == "faults"
    }
    assert run.rows == len(rows) == run.members.height + len({f.line for f in run.faults})


PLAIN = {
    "insurer": "NORTHWIND-PPO",
    "birth_date": "1979-05-14",
    "cover_start": "2015-01-01",
    "relationship": "child",
    "accumulator_year": "2026",
    "deductible_met": "0.00",
}


def swept(plan: str) -> list[dict[str, str]]:
    """Members of one plan that differ from each other in one column, by every day and cent around
    where a rule may change its mind."""
    near = [ON + timedelta(days=n) for n in (*range(-100, 5), *range(-740, -720), -400)]
    births = [date(ON.year - 27, 12, 20) + timedelta(days=n) for n in range(0, 800)]
    cents = [10 * n + few for n in (0, 28_300 // 10, 34_000, 298_000 // 10) for few in range(-3, 4)]
    grown: dict[str, str] = {"birth_date": "2020-01-01"}
    rows = [grown | {"cover_start": str(day)} for day in near]
    rows += [grown | {"cover_start": f"{day}T20:00:00-05:00"} for day in near[-25:-20]]
    rows += [grown | {"cover_end": str(day)} for day in near]
    rows += [grown | {"paid_through": str(day)} for day in near]
    rows += [{"birth_date": str(day)} for day in births]
    rows += [grown | {"deductible_met": f"{max(n, 0) / 100:.2f}"} for n in cents]
    rows += [grown | {"deductible_met": f"{n / 10:.2f}"} for n in range(0, 4000, 37)]
    rows += [grown | {"amount_used": str(n)} for n in range(0, 200_002, 25_000)]
    return [{**PLAIN, **row, "plan": plan, "member_id": f"V{n}"} for n, row in enumerate(rows)]


@pytest.mark.parametrize("name", SHELF.names())
def test_every_day_and_cent_around_a_bound_is_answered_as_by_decide(
    tmp_path: Path, name: str
) -> None:
    plans = Plans({})
    rows = swept(name)
    ask = Ask(ON, ON, EXAMPLES, prices=PRICES)
    file = tmp_path / "roster.csv"
    file.write_text(written(rows), encoding="utf-8")
    loop = list(one_by_one(rows, ask, plans))

    run = by_batch(file, ask, plans)

    assert told(run) == [answer for answers in loop if answers != "faults" for answer in answers]
    assert len(run.faults) == loop.count("faults")
    assert run.decided < len(rows) / 2, "hardly anybody was found to be alike"
