"""A roster of synthetic members, the same for the same seed: families with one subscriber, eight
plans, birth dates and first days of cover of many years, premiums in arrears, other insurers,
deductibles met to the cent."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

COLUMNS = (
    "insurer plan member_id birth_date cover_start cover_end status employer_id employee_id"
    " relationship subscriber_id sex disabled residence order paid_through grace_ends other_payer"
    " other_order accumulator_year deductible_met amount_used opinions_used"
).split()
# plan, insurer, of a hundred families, whether an employer stands behind it
_PLANS = (
    ("US-PPO-2026", "NORTHWIND-PPO", 30, True),
    ("EMP-MANDATORY-2026", "NORTHWIND-PPO", 15, True),
    ("US-PPO-NY-INSURED-2026", "NORTHWIND-PPO", 8, True),
    ("US-HDHP-2026", "NORTHWIND-PPO", 12, True),
    ("MEDICARE-B-2026", "MEDICARE-B", 20, False),
    ("STATE-MEDICAID-2026", "STATE-MEDICAID", 10, False),
    ("IN-CORP-2026", "NORTHWIND-PPO", 3, True),
    ("JP-PRIV-GAN", "NORTHWIND-PPO", 2, False),
)
_STATES = "US-NY US-TX US-CA US-FL US-IL US-OH US-PA US-GA US-NC US-MI".split()
_USED = ("C50=1/0", "C34=1/0", "M16=1/0", "C18=1/1", "*=1/0")
YEAR = 2026


def write_roster(path: Path, members: int, seed: int = 20260701) -> None:
    chance = random.Random(seed)  # noqa: S311
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        written = 0
        while written < members:
            family = _family(chance, written, members - written)
            file.writelines(
                ",".join(row.get(name, "") for name in COLUMNS) + "\n" for row in family
            )
            written += len(family)


def _family(chance: random.Random, first: int, at_most: int) -> list[dict[str, str]]:
    weights = [each[2] for each in _PLANS]
    plan, insurer, _, has_employer = chance.choices(_PLANS, weights)[0]
    people = ["self"]
    if has_employer:
        people += ["spouse"] * (chance.random() < 0.5) + ["child"] * chance.choice(
            [0, 0, 1, 2, 2, 3]
        )
    shared = {
        "insurer": insurer,
        "plan": plan,
        "cover_start": _start(chance),
        "status": "active",
        "residence": chance.choice(_STATES),
        "order": "1",
    }
    if has_employer:
        shared |= {"employer_id": f"E{chance.randrange(300):03d}", "employee_id": f"X{first}"}
    if chance.random() < 0.02:
        shared |= {"paid_through": f"{YEAR}-05-31", "grace_ends": f"{YEAR}-08-31"}
    return [
        shared | _person(chance, plan, who, first + n, first)
        for n, who in enumerate(people[:at_most])
    ]


def _start(chance: random.Random) -> str:
    """Most have been covered for years, from any day; who joins does so on the first of a month."""
    if chance.random() < 0.9:
        return _day(chance, 2008, YEAR)
    return f"{YEAR}-{chance.randrange(1, 11):02d}-01"


def _person(
    chance: random.Random, plan: str, who: str, number: int, subscriber: int
) -> dict[str, str]:
    is_old = plan.startswith("MEDICARE")
    born = (1930, 1961) if is_old else (1956, 2004)
    row = {
        "member_id": f"W{number:09d}",
        "birth_date": _day(chance, 2000, YEAR) if who == "child" else _day(chance, *born),
        "relationship": who,
        "subscriber_id": "" if who == "self" else f"W{subscriber:09d}",
        "sex": chance.choice(["female", "male"]),
        "disabled": "true" if chance.random() < 0.005 else "",
    }
    if chance.random() < 0.06:
        row["cover_end"] = _day(chance, YEAR + 1, YEAR + 2)
        if chance.random() < 0.5:
            row["cover_end"] = f"{YEAR}-{chance.choice(['10-31', '11-30', '12-31'])}"
    if chance.random() < 0.03:
        row |= {"other_payer": "Insurer Z", "other_order": "1"}
    return row | _usage(chance, plan)


def _usage(chance: random.Random, plan: str) -> dict[str, str]:
    usage: dict[str, str] = {}
    if plan.startswith("MEDICARE"):
        part = f"{chance.randrange(28_300) / 100:.2f}"
        usage["deductible_met"] = chance.choice(["283.00", "283.00", "0.00", part])
    elif plan == "US-HDHP-2026":
        part = f"{chance.randrange(340_000) / 100:.2f}"
        usage["deductible_met"] = chance.choice(["0.00", "3400.00", part])
    elif plan == "JP-PRIV-GAN" and chance.random() < 0.02:
        usage["amount_used"] = str(chance.randrange(0, 200_000, 1000))
    if chance.random() < 0.02:
        usage["opinions_used"] = chance.choice(_USED)
    return usage | ({"accumulator_year": str(YEAR)} if usage else {})


def _day(chance: random.Random, first_year: int, year_after: int) -> str:
    first, last = date(first_year, 1, 1).toordinal(), date(year_after, 1, 1).toordinal()
    return date.fromordinal(chance.randrange(first, last)).isoformat()
