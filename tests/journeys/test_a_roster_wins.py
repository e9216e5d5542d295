"""Where a plan has a roster, it says who is covered; a change of it leads to a new decision."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from builders import BY_VIDEO, OPS, Build, another, environment, take_in
from processes import COMMAND, eventually
from roster_files import Imported, a_roster
from sqlalchemy import func, select

from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.storage import bodies, tables
from payer_gateway.workflow import checking
from payer_gateway.workflow.services import Services


@pytest.fixture
def house(build: Build) -> Services:
    return build()


def on_roster(document: dict[str, Any], **changes: str) -> dict[str, str]:
    """The line of a roster that says of the patient what the consultation asserts."""
    (coverage,) = document["coverages"]
    return {
        "plan": coverage["plan"],
        "member_id": coverage["member_id"],
        "birth_date": document["patient"]["birth_date"],
        "cover_start": coverage["period"]["start"],
        "cover_end": coverage["period"]["end"],
        "relationship": coverage["relationship"],
    } | changes


def decisions(house: Services) -> list[Any]:
    with house.database.read() as work:
        return list(work.conn.execute(select(tables.decision).order_by(tables.decision.c.id)))


def told(house: Services, row: Any) -> Any:
    with house.database.read() as work:
        return parse_json(bodies.get(work, row.tenant_id, row.body_id))


def check(house: Services, document: dict[str, Any]) -> dict[str, Any]:
    answer = checking.check(house, OPS, canonical_json(document))
    (each,) = answer["decisions"]
    return {**each, "codes": answer["reasons"]}


def test_without_a_roster_of_the_plan_the_senders_word_counts(house: Services) -> None:
    assert check(house, another(BY_VIDEO))["coverage_source"] == "asserted"


def test_who_is_not_on_the_roster_is_not_found(house: Services, tmp_path: Path) -> None:
    Imported(house, a_roster(tmp_path, {"member_id": "SOMEBODY-ELSE"}))

    summary = take_in(house, another(BY_VIDEO))

    assert (summary["decision"], summary["reasons"]) == ("INVALID", ["MEMBER_NOT_FOUND"])
    assert summary["submissions"] == []
    assert [row.coverage_source for row in decisions(house)] == ["roster"]


def test_what_the_roster_says_of_the_member_is_judged_and_differences_are_noted(
    house: Services, tmp_path: Path
) -> None:
    document = another(BY_VIDEO)
    says = on_roster(document, birth_date="1990-01-20", relationship="child")
    Imported(house, a_roster(tmp_path, says))

    answer = check(house, document)

    assert answer["codes"] == ["DEPENDENT_AGE_LIMIT"]
    assert answer["coverage_source"] == "roster"
    assert {"ROSTER_DIFFERS_BIRTH_DATE", "ROSTER_DIFFERS_RELATIONSHIP"} <= set(answer["notes"])


def test_a_roster_that_agrees_changes_nothing(house: Services, tmp_path: Path) -> None:
    document = another(BY_VIDEO)
    Imported(house, a_roster(tmp_path, on_roster(document)))

    answer = check(house, document)

    assert (answer["codes"], answer["notes"]) == (["COVERED_BENEFIT"], [])


def test_an_unpaid_premium_on_the_roster_pends(house: Services, tmp_path: Path) -> None:
    document = another(BY_VIDEO)
    unpaid = on_roster(document, paid_through="2026-01-31", grace_ends="2026-12-31")
    Imported(house, a_roster(tmp_path, unpaid))

    assert check(house, document)["codes"] == ["PREMIUM_GRACE_PERIOD"]


def test_opinions_that_the_roster_counts_by_diagnosis_use_up_the_allowance(
    house: Services, tmp_path: Path
) -> None:
    document = another(BY_VIDEO)
    code = next(d for d in document["diagnoses"] if d["role"] == "principal")["code"]
    used = on_roster(document, accumulator_year="2026", opinions_used=f"{code[:3]}=1/0")
    Imported(house, a_roster(tmp_path, used))

    assert check(house, document)["codes"] == ["BENEFIT_LIMIT_REACHED"]


def test_cover_ended_behind_our_answer_leads_to_a_new_decision_and_the_old_one_stays(
    house: Services, tmp_path: Path
) -> None:
    document = another(BY_VIDEO)
    Imported(house, a_roster(tmp_path, on_roster(document)))
    take_in(house, document)
    (first,) = decisions(house)
    before = tuple(first), told(house, first)
    Imported(house, a_roster(tmp_path, on_roster(document, cover_end="2026-01-31")))

    summary = take_in(house, document)

    assert summary["reasons"] == ["RETROACTIVE_TERMINATION"]
    old, new = decisions(house)
    assert (tuple(old), told(house, old)) == before
    assert new.supersedes_id == old.id
    assert "RESCISSION_REVIEW" in told(house, new)["notes"]
    assert len(summary["submissions"]) == 1  # what was sent is sent


def test_the_same_consultation_under_the_same_roster_is_not_judged_again(
    house: Services, tmp_path: Path
) -> None:
    document = another(BY_VIDEO)
    file = a_roster(tmp_path, on_roster(document))
    Imported(house, file)
    take_in(house, document)
    Imported(house, file)

    take_in(house, document)

    assert len(decisions(house)) == 1


def test_who_comes_onto_the_roster_is_decided_anew_and_the_claim_follows(
    house: Services, tmp_path: Path
) -> None:
    document = another(BY_VIDEO)
    Imported(house, a_roster(tmp_path, {"member_id": "SOMEBODY-ELSE"}))
    refused = take_in(house, document)
    Imported(house, a_roster(tmp_path, on_roster(document)))

    summary = take_in(house, document)

    assert (refused["decision"], summary["decision"]) == ("INVALID", "ELIGIBLE")
    assert len(summary["submissions"]) == 1


@pytest.mark.parametrize("strict", [False, True])
def test_an_import_that_is_killed_leaves_whole_members_and_is_completed_by_another(
    database_url: str, house: Services, tmp_path: Path, strict: bool
) -> None:
    file = a_roster(
        tmp_path,
        *({"member_id": f"W{n}", "accumulator_year": "2026", "amount_used": "1.00"}
          for n in range(12_000)),
    )  # fmt: skip
    options = ["--strict"] if strict else []
    process = subprocess.Popen(
        [COMMAND, "roster", "import", str(file), *options],
        env={**os.environ, **environment(database_url)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def begun() -> bool:
        return count(house, tables.roster_import if strict else tables.roster_member) > 0

    eventually(lambda: begun() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()

    members, used = count(house, tables.roster_member), count(house, tables.roster_usage)
    assert members == used
    assert count(house, tables.body) == members + used
    if strict:
        assert members in (0, 12_000)
    imported = Imported(house, file)
    assert imported.counts == (12_000 - members, 0, members, 0)


def count(house: Services, table: Any) -> int:
    with house.database.read() as work:
        return int(work.conn.execute(select(func.count()).select_from(table)).scalar_one())
