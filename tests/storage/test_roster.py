"""The roster: what a file says is what is looked up, bad lines are told, nothing is half kept."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from builders import OPS, TODAY, Build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roster_files import A_MEMBER, Imported, a_roster, written
from sqlalchemy import func, select

from payer_gateway.domain.errors import InvalidInput, NotAllowed
from payer_gateway.domain.principal import Role
from payer_gateway.domain.roster import Entry, Usage, Used
from payer_gateway.mapping.roster_file import read_line
from payer_gateway.storage import tables
from payer_gateway.storage.known import known_of
from payer_gateway.workflow import enrolment, roster_import
from payer_gateway.workflow.services import Services

NAMES = ("northwind-ppo", "US-PPO-2026")
TABLES = (tables.roster_member, tables.roster_usage, tables.roster_plan, tables.body)


@pytest.fixture
def house(build: Build) -> Services:
    return build()


def entry(house: Services, member_id: str = "W1") -> Entry | None:
    with house.database.read() as work:
        found = enrolment.standing(work, "default", *NAMES, member_id)
    assert found is not None
    return found.entry


def rows(house: Services) -> list[Any]:
    with house.database.read() as work:
        return [
            tuple(row)
            for table in TABLES
            for row in sorted(work.conn.execute(select(table)).all(), key=str)
        ]


def test_a_member_is_looked_up_as_the_file_says(house: Services, tmp_path: Path) -> None:
    member = {
        "relationship": "child",
        "subscriber_id": "W2",
        "accumulator_year": "2026",
        "deductible_met": "250.00",
        "opinions_used": "C50=1/0",
    }

    imported = Imported(house, a_roster(tmp_path, member))

    assert imported.counts == (1, 0, 0, 0)
    found = entry(house)
    line = read_line(A_MEMBER | member)
    assert found == Entry(line.membership, (line.usage,), None)  # type: ignore[arg-type]


def test_a_member_id_is_found_however_it_is_spaced(house: Services, tmp_path: Path) -> None:
    Imported(house, a_roster(tmp_path, {"member_id": "W 12-3"}))

    assert entry(house, "w123") is not None
    assert entry(house, "W1234") is None


def test_a_plan_without_a_roster_has_no_standing(house: Services, tmp_path: Path) -> None:
    Imported(house, a_roster(tmp_path, {}))

    with house.database.read() as work:
        assert enrolment.standing(work, "default", "medicare-b", "US-PPO-2026", "W1") is None
        assert enrolment.standing(work, "default", NAMES[0], "US-HDHP-2026", "W1") is None
        assert enrolment.standing(work, "other", *NAMES, "W1") is None


def test_the_same_file_again_changes_nothing(house: Services, tmp_path: Path) -> None:
    file = a_roster(
        tmp_path, {}, {"member_id": "W2", "accumulator_year": "2026", "deductible_met": "1.00"}
    )
    Imported(house, file)
    before = rows(house)

    imported = Imported(house, file)

    assert imported.counts == (0, 0, 2, 0)
    assert rows(house) == before


def test_columns_in_another_order_say_the_same(house: Services, tmp_path: Path) -> None:
    Imported(house, a_roster(tmp_path, {"status": "active"}))
    names = list(reversed([*A_MEMBER, "status"]))
    turned = ",".join(names) + "\n" + ",".join((A_MEMBER | {"status": "active"})[n] for n in names)

    imported = Imported(house, written(tmp_path, turned.encode()))

    assert imported.counts == (0, 0, 1, 0)


def test_what_a_later_file_says_takes_the_place_of_what_was_said(
    house: Services, tmp_path: Path
) -> None:
    Imported(house, a_roster(tmp_path, {}, {"member_id": "W2"}))

    imported = Imported(house, a_roster(tmp_path, {"cover_end": "2026-02-28"}))

    assert imported.counts == (0, 1, 0, 0)
    found = entry(house)
    assert found is not None
    assert (found.membership.end, found.changed_on) == (date(2026, 2, 28), TODAY)
    other = entry(house, "W2")
    assert other is not None
    assert other.changed_on is None
    with house.database.read() as work:
        kept = work.conn.execute(select(func.count()).select_from(tables.body)).scalar_one()
    assert kept == 2  # the old words are gone with the change


def test_a_new_benefit_year_keeps_what_was_used_in_the_old(house: Services, tmp_path: Path) -> None:
    old = {"accumulator_year": "2025", "opinions_used": "C50=1/0"}
    Imported(house, a_roster(tmp_path, old))

    imported = Imported(house, a_roster(tmp_path, {"accumulator_year": "2026", "amount_used": "5"}))

    assert imported.counts == (0, 1, 0, 0)
    found = entry(house)
    assert found is not None
    assert found.usage == (
        Usage(2025, opinions_used=(Used("C50", 1, 0),)),
        Usage(2026, amount_used=Decimal(5)),
    )
    assert found.changed_on is None  # the cover itself is as it was


def test_bad_lines_are_told_with_their_numbers_and_good_ones_are_kept(
    house: Services, tmp_path: Path
) -> None:
    file = a_roster(
        tmp_path,
        {"member_id": "W1"},
        {"member_id": "W2", "birth_date": "14.05.1979", "cover_start": "x"},
        {"member_id": "W3", "plan": "NO-SUCH-PLAN", "insurer": "nobody"},
        {"member_id": "W4"},
    )

    imported = Imported(house, file)

    assert imported.bad == [(3, "birth_date"), (3, "cover_start"), (4, "insurer"), (4, "plan")]
    assert imported.faults[0].value == "14.05.1979"
    assert "YYYY-MM-DD" in imported.faults[0].cure
    assert imported.counts == (2, 0, 0, 2)
    assert [entry(house, f"W{n}") is not None for n in range(1, 5)] == [True, False, False, True]


def test_strictly_one_bad_line_leaves_nothing(
    house: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster_import, "CHUNK", 2)
    members = [{"member_id": f"W{n}"} for n in range(1, 7)]
    Imported(house, a_roster(tmp_path, {"member_id": "W0"}))
    before = rows(house)

    imported = Imported(
        house, a_roster(tmp_path, *members, {"sex": "f"}, {"order": "0"}), strict=True
    )

    assert imported.bad == [(8, "sex"), (9, "order")]
    assert imported.summary["kept"] is False
    assert imported.counts == (0, 0, 0, 2)
    assert rows(house) == before


def test_strictly_a_good_file_is_kept_whole(
    house: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster_import, "CHUNK", 2)
    file = a_roster(tmp_path, *({"member_id": f"W{n}"} for n in range(5)))

    imported = Imported(house, file, strict=True)

    assert (imported.counts, imported.summary["kept"]) == ((5, 0, 0, 0), True)


def test_a_member_named_twice_is_refused_with_the_line_that_was_first(
    house: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster_import, "CHUNK", 2)
    file = a_roster(
        tmp_path,
        {"member_id": "W1"},
        {"member_id": "w-1", "order": "2"},
        {"member_id": "W2"},
        {"member_id": "W3"},
        {"member_id": "W1"},
    )

    imported = Imported(house, file)

    assert imported.bad == [(3, "member_id"), (6, "member_id")]
    assert all(fault.cure.startswith("line 2 ") for fault in imported.faults)
    found = entry(house)
    assert found is not None
    assert found.membership.order is None  # the first stands


def test_money_that_the_plans_currency_cannot_write_is_refused(
    house: Services, tmp_path: Path
) -> None:
    yen = {"insurer": "SAKURA-LIFE", "plan": "JP-PRIV-GAN", "accumulator_year": "2026"}

    imported = Imported(house, a_roster(tmp_path, yen | {"amount_used": "0.50"}))

    assert imported.bad == [(2, "amount_used")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        ("member_id,plan".encode("utf-16"), "UTF-8"),
        (b"insurer;plan;member_id", "commas"),
        (b"insurer,plan,member_id,birth_date,cover_start,diagnosis", "'diagnosis' is no column"),
        (b"insurer,plan,member_id,birth_date", "the column is missing"),
        (b"insurer,insurer,plan,member_id,birth_date,cover_start", "named twice"),
        (b'"insurer', "quotes"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_with_the_cure(
    house: Services, tmp_path: Path, content: bytes, says: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Imported(house, written(tmp_path, content))

    assert says in str(refused.value)


HEADER = b"insurer,plan,member_id,birth_date,cover_start,network\n"
GOOD = b"NORTHWIND-PPO,US-PPO-2026,W1,1979-05-14,2026-01-01,\n"


@pytest.mark.parametrize(
    ("content", "bad", "added"),
    [
        (b"\xef\xbb\xbf" + HEADER + GOOD, [], 1),
        ((HEADER + GOOD).replace(b"\n", b"\r\n"), [], 1),
        (HEADER + GOOD.rstrip(), [], 1),
        (HEADER + b"\n,,,,,\n" + GOOD, [], 1),
        (HEADER, [], 0),
        (HEADER + GOOD.replace(b"W1,", b"W1,,") + GOOD, [(2, "the line")], 1),
        (HEADER + GOOD.replace(b",\n", b",caf\xe9\n") + GOOD, [(2, "network")], 1),
        (HEADER + GOOD.replace(b",\n", b',"a\nb"\n') + GOOD.replace(b"W1", b"W2"),
         [(2, "network")], 1),
        (HEADER + GOOD.replace(b",\n", b',"a""b, c"\n'), [], 1),
        (HEADER + GOOD + GOOD.replace(b"W1", b'"W2'), [(3, "the line")], 1),
        (HEADER + GOOD.replace(b"W1", b'"W2"x') + GOOD, [(2, "the line")], 1),
        (HEADER + GOOD.replace(b"W1", b"W\x001"), [(2, "member_id")], 0),
        (HEADER + GOOD.replace(b"W1", "Ｗ１é".encode()), [], 1),
    ],
)  # fmt: skip
def test_a_file_is_read_as_people_and_programs_write_it(
    house: Services, tmp_path: Path, content: bytes, bad: list[Any], added: int
) -> None:
    imported = Imported(house, written(tmp_path, content))

    assert imported.bad == bad
    assert imported.summary["added"] == added


def test_an_employee_is_found_by_employer_number_and_birth_date_alone(
    house: Services, tmp_path: Path
) -> None:
    work_of = {"employer_id": "ACME", "employee_id": "E-1"}
    used = {"accumulator_year": "2026", "opinions_used": "C50=1/0"}
    file = a_roster(
        tmp_path,
        work_of | used,
        work_of | {"member_id": "W2", "birth_date": "2010-01-02", "relationship": "child",
                   "subscriber_id": "W1"},
        work_of | {"member_id": "W3", "employer_id": "OTHER-CO"},
    )  # fmt: skip
    Imported(house, file)

    def found(*who: Any) -> list[tuple[str, int]]:
        with house.database.read() as work:
            entries = enrolment.of_employee(work, "default", *who)
        return [(each.membership.member_id, len(each.usage)) for each in entries]

    assert found("acme", "e-1", date(1979, 5, 14)) == [("W1", 0)]
    assert found("ACME", "E-1", date(2010, 1, 2)) == [("W2", 0)]
    assert found("OTHER-CO", "E-1", date(1979, 5, 14)) == [("W3", 0)]
    assert found("ACME", "E-1", date(1979, 5, 15)) == []
    with house.database.read() as work:
        family = enrolment.dependents(work, "default", *NAMES, "W1")
    assert [each.membership.member_id for each in family] == ["W2"]


def test_what_tells_of_a_person_stands_in_bodies_alone(house: Services, tmp_path: Path) -> None:
    person = {
        "member_id": "CANARYMEMBER",
        "birth_date": "1961-02-03",
        "employer_id": "CANARYEMPLOYER",
        "employee_id": "CANARYEMPLOYEE",
        "residence": "US-VT",
        "accumulator_year": "2026",
        "opinions_used": "C61=1/0",
    }

    Imported(house, a_roster(tmp_path, person))

    with house.database.read() as work:
        told = [
            str(row)
            for table in tables.metadata.sorted_tables
            if table.name != "body"
            for row in work.conn.execute(select(table))
        ]
    assert not [row for row in told if any(v in row for v in ("CANARY", "1961", "US-VT", "C61"))]


def test_only_operations_staff_import_a_roster(house: Services, tmp_path: Path) -> None:
    file = a_roster(tmp_path, {})

    for role in (Role.PROVIDER, Role.EMPLOYER, Role.INSURER, Role.WORKER):
        with pytest.raises(NotAllowed):
            roster_import.import_roster(
                house,
                replace(OPS, role=role),
                file,
                roster_import.Told(lambda n, f: None, lambda n, b: None),
                strict=False,
            )


def test_an_import_is_on_record_with_its_file_and_counts(house: Services, tmp_path: Path) -> None:
    Imported(house, a_roster(tmp_path, {}, {"sex": "f"}))

    with house.database.read() as work:
        row = work.conn.execute(select(tables.roster_import)).one()
    assert (row.lines, row.added, row.refused, row.is_kept) == (2, 1, 1, True)
    assert (row.started_by, len(row.file_sha256)) == ("local:ana", 64)
    assert row.ended_at >= row.started_at


DAYS = st.dates(date(1930, 1, 1), date(2029, 12, 31)).map(str)
MEMBERS = st.fixed_dictionaries(
    {"birth_date": st.dates(date(1930, 1, 1), date(2025, 12, 31)).map(str)},
    optional={
        "sex": st.sampled_from(["male", "female", "unknown"]),
        "disabled": st.sampled_from(["true", "false"]),
        "relationship": st.sampled_from(["self", "child", "spouse"]),
        "residence": st.sampled_from(["US-NY", "JP-13", "IN"]),
        "order": st.sampled_from("123"),
        "network": st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=9),
        "change_recorded": DAYS,
    },
)
USED = st.fixed_dictionaries(
    {"accumulator_year": st.sampled_from(["2025", "2026"])},
    optional={
        "deductible_met": st.decimals(0, 9999, places=2).map(str),
        "opinions_used": st.sampled_from(["C50=1/0", "C50=0/2;*=1/1"]),
    },
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(MEMBERS, st.just({}) | USED), max_size=8))
def test_whatever_a_file_says_is_what_is_looked_up(
    house: Services, members: list[tuple[dict[str, str], dict[str, str]]]
) -> None:
    with house.database.write() as work:
        for table in TABLES:
            work.conn.execute(table.delete())
    lines = [cover | used | {"member_id": f"M{n}"} for n, (cover, used) in enumerate(members)]
    with tempfile.TemporaryDirectory() as folder:
        imported = Imported(house, a_roster(Path(folder), {"member_id": "X"}, *lines))

    assert imported.bad == []
    for line in lines:
        said = read_line(A_MEMBER | line)
        usage = () if said.usage is None else (said.usage,)
        assert entry(house, line["member_id"]) == Entry(said.membership, usage, None)
    with house.database.read() as work:
        assert known_of(work, "default", *NAMES, "0" * 64, None).roster_since is not None
