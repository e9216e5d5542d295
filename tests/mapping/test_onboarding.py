"""An insurer's first file and its release: four commands, no Python touched."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from mapping_cases import FIXTURES, MAPPINGS

from payer_gateway.domain.errors import Conflict, MappingError
from payer_gateway.mapping.onboarding import FIRST_CASE, new_insurer, release
from payer_gateway.mapping.our_codes import OUR_CODES
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.mapping.profile_check import check
from payer_gateway.mapping.released import FILE, add_released, read_released

DIALECTS = sorted(path.stem for path in (MAPPINGS / "dialects").glob("*.yaml"))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Mappings and fixtures of their own, without any released version."""
    shutil.copytree(MAPPINGS, tmp_path / "mappings", ignore=shutil.ignore_patterns(FILE))
    shutil.copytree(FIXTURES / "replies", tmp_path / "fixtures" / "replies")
    return tmp_path / "mappings", tmp_path / "fixtures"


def filled_in(mappings: Path, name: str) -> Path:
    """What the insurer's engineer writes for the holes: a code of its own for every service."""
    file = mappings / "insurers" / name / "v1.yaml"
    numbers = iter(range(1, 99))
    text = file.read_text("utf-8").replace("zone: FILL-ME", "zone: Europe/Vienna")
    text = re.sub("system: FILL-ME", lambda _: "system: https://acme.example/codes", text)
    head, _, body = text.partition("profile:")
    file.write_text(f"{head}profile:{re.sub('FILL-ME', lambda _: f'T{next(numbers)}', body)}")
    return file


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_new_file_names_every_hole_and_is_right_once_they_are_filled(
    dialect: str, folders: tuple[Path, Path]
) -> None:
    mappings, fixtures = folders

    file, case = new_insurer(mappings, fixtures, "acme", dialect)
    empty = check(Shelf(mappings), "acme", fixtures)
    filled_in(mappings, "acme")
    full = check(Shelf(mappings), "acme", fixtures)

    assert (file.name, case.parent.name) == ("v1.yaml", FIRST_CASE)
    assert len(empty.problems) == 1
    for code in OUR_CODES["service"]:
        assert f"codes.service.values.{code}" in empty.problems[0]
    assert full.problems == ()
    assert any("keeps no Bundle yet" in each for each in full.untested)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_release_keeps_what_the_file_makes_and_refuses_any_later_change(
    dialect: str, folders: tuple[Path, Path]
) -> None:
    mappings, fixtures = folders
    new_insurer(mappings, fixtures, "acme", dialect)
    file = filled_in(mappings, "acme")

    released = release(Shelf(mappings), mappings, fixtures, "acme")
    again = release(Shelf(mappings), mappings, fixtures, "acme")
    unchanged = check(Shelf(mappings), "acme", fixtures)
    file.write_text(file.read_text("utf-8").replace("max_inflight: 4", "max_inflight: 5"))
    changed = check(Shelf(mappings), "acme", fixtures)

    assert released.problems == ()
    assert {path.name for path in released.kept} == {
        "bundle.claim.json",
        "bundle.preauthorization.json",
    }
    assert read_released(mappings) == released.digests
    assert (again.digests, again.kept) == ({}, ())
    assert unchanged.problems == ()
    assert "version 1 is released" in changed.problems[0]
    assert "write v2.yaml" in changed.problems[0]


def test_a_changed_dialect_changes_what_was_released_with_it(folders: tuple[Path, Path]) -> None:
    mappings, fixtures = folders
    new_insurer(mappings, fixtures, "acme", "base-r4")
    filled_in(mappings, "acme")
    release(Shelf(mappings), mappings, fixtures, "acme")
    dialect = mappings / "dialects" / "base-r4.yaml"

    dialect.write_text(dialect.read_text("utf-8").replace("elective: normal", "elective: deferred"))

    with pytest.raises(MappingError, match="is released, and it or what it builds on was changed"):
        Shelf(mappings).profile("acme")


def test_a_comment_or_another_spelling_of_the_same_is_no_change(
    folders: tuple[Path, Path],
) -> None:
    mappings, fixtures = folders
    new_insurer(mappings, fixtures, "acme", "base-r4")
    file = filled_in(mappings, "acme")
    release(Shelf(mappings), mappings, fixtures, "acme")

    file.write_text("# looked through\n" + file.read_text("utf-8").replace(": 20s", ": '20s'"))

    assert check(Shelf(mappings), "acme", fixtures).problems == ()


def test_with_a_problem_nothing_is_released(folders: tuple[Path, Path]) -> None:
    mappings, fixtures = folders
    _, case = new_insurer(mappings, fixtures, "acme", "base-r4")
    filled_in(mappings, "acme")
    case.write_text(case.read_text("utf-8").replace('"acme"', '"somebody-else"'))

    released = release(Shelf(mappings), mappings, fixtures, "acme")

    assert any("add that to aliases" in problem for problem in released.problems)
    assert released.digests == {}
    assert not (mappings / FILE).exists()


def test_a_released_version_that_is_gone_is_missed(folders: tuple[Path, Path]) -> None:
    mappings, fixtures = folders
    new_insurer(mappings, fixtures, "acme", "base-r4")
    file = filled_in(mappings, "acme")
    release(Shelf(mappings), mappings, fixtures, "acme")

    file.rename(file.with_name("v2.yaml"))
    second = file.with_name("v2.yaml")
    second.write_text(second.read_text("utf-8").replace("version: 1", "version: 2"))
    found = check(Shelf(mappings), "acme", fixtures)

    assert any(
        "insurers/acme/v1.yaml: is released and no longer there" in p for p in found.problems
    )


def test_nothing_that_is_there_is_written_over(folders: tuple[Path, Path]) -> None:
    mappings, fixtures = folders
    file, _ = new_insurer(mappings, fixtures, "acme", "base-r4")
    before = file.read_bytes()

    with pytest.raises(Conflict, match=r"v1\.yaml is there already"):
        new_insurer(mappings, fixtures, "acme", "base-r4")

    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["A", "a b", "../a", "a--b", "", "a/b", "-a"])
def test_a_name_that_is_no_folder_and_no_setting_is_refused(
    name: str, folders: tuple[Path, Path]
) -> None:
    with pytest.raises(MappingError, match="is no name of an insurer"):
        new_insurer(*folders, name, "base-r4")


def test_an_unknown_dialect_is_refused_with_those_there_are(folders: tuple[Path, Path]) -> None:
    with pytest.raises(MappingError, match=r"no dialect is called 'x12'; write .*base-r4"):
        new_insurer(*folders, "acme", "x12")


def test_a_file_that_cannot_be_used_stops_no_other_insurer(folders: tuple[Path, Path]) -> None:
    mappings, fixtures = folders
    new_insurer(mappings, fixtures, "acme", "base-r4")
    shelf = Shelf(mappings)

    found = shelf.find("NWM")
    with pytest.raises(MappingError, match=r"no insurer is called .*still to be filled in"):
        shelf.find("Acme Mutual")

    assert found == "northwind-ppo"
    assert shelf.find("acme") == "acme"


def test_a_plan_that_is_released_is_refused_once_it_or_its_parent_changed(
    folders: tuple[Path, Path],
) -> None:
    mappings, _ = folders
    plans = {name: PlanShelf(mappings).plan(name) for name in ("us-ppo-2026", "us-hdhp-2026")}
    add_released(mappings, {f"plans/{name}/v1": plan.digest for name, plan in plans.items()})
    file = mappings / "plans" / "us-ppo-2026" / "v1.yaml"

    unchanged = PlanShelf(mappings).plan("us-hdhp-2026")
    file.write_text(file.read_text("utf-8") + "suspected_cancer: true\n")

    assert unchanged.digest == plans["us-hdhp-2026"].digest
    for name in plans:
        with pytest.raises(MappingError, match="is released, and it or what it builds on"):
            PlanShelf(mappings).plan(name)


def test_the_list_is_read_strictly_and_never_loses_a_line(tmp_path: Path) -> None:
    add_released(tmp_path, {"insurers/b/v1": "b" * 64, "plans/a/v2": "a" * 64})
    add_released(tmp_path, {"insurers/a/v10": "c" * 64, "insurers/b/v1": "d" * 64})

    lines = (tmp_path / FILE).read_text().splitlines()
    (tmp_path / FILE).write_text("\n".join([*lines, "nonsense"]))

    assert lines == [
        f"{'c' * 64}  insurers/a/v10",
        f"{'b' * 64}  insurers/b/v1",
        f"{'a' * 64}  plans/a/v2",
    ]
    with pytest.raises(MappingError, match="line 4"):
        read_released(tmp_path)


def test_every_shipped_version_is_as_it_was_released() -> None:
    shelf, plans = Shelf(MAPPINGS), PlanShelf(MAPPINGS)

    for version in read_released(MAPPINGS):
        room, name, number = version.split("/")
        if room == "insurers":
            assert shelf.version(name, int(number[1:])).digest == read_released(MAPPINGS)[version]
        else:
            plans.plan(name)


def a_right_one(folders: tuple[Path, Path]) -> Path:
    """A new insurer whose holes are filled; the folder of its first golden case."""
    mappings, fixtures = folders
    _, case = new_insurer(mappings, fixtures, "acme", "base-r4")
    filled_in(mappings, "acme")
    return case.parent


def told(folders: tuple[Path, Path]) -> str:
    mappings, fixtures = folders
    return "\n".join(check(Shelf(mappings), "acme", fixtures).problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "claim.json: write an object"),
        ('{"id": 5}', "id: write the claim's id, a UUID; not 5"),
        ('{"creatd_on": "2026-04-01"}', "remove creatd_on; the keys are id, number"),
        ('{"created_on": "2026-02-30"}', "created_on: write a day as YYYY-MM-DD; not '2026-02-30'"),
        ('{"created_on": "x"}', "created_on: write a day as YYYY-MM-DD; not 'x'"),
        ('{"coverage_order": 3}', "coverage_order: the consultation has no coverage of order 3"),
        ('{"agreed_fee": 5}', "agreed_fee: write an amount and its currency"),
        ('{"service_type": "99"}', "service_type: write 3, 20 or 21"),
        ('{"related": {}}', "related: add identifier, relation, control_number"),
        ('{"authorization_period": "x"}', "authorization_period: write {"),
    ],
)
def test_a_golden_claim_that_cannot_be_is_told_with_its_key(
    text: str, words: str, folders: tuple[Path, Path]
) -> None:
    (a_right_one(folders) / "claim.json").write_text(text, "utf-8")

    said = told(folders)

    assert words in said
    assert "oncology-by-video/claim.json" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "write an object"),
        ("{}", "add kind, use, http, body, expect"),
        ('{"kind": "x", "use": "claim", "http": 200, "body": null, "expect": {}}', "kind: write"),
        ('{"kind": "submit", "use": "x", "http": 200, "body": null, "expect": {}}', "use: write"),
        ('{"kind": "submit", "use": "claim", "http": "200", "body": null, "expect": {}}', "http: "),
        (
            '{"kind": "submit", "use": "claim", "http": 200, "bdy": 1, "body": "", "expect": {}}',
            "remove bdy",
        ),
    ],
)
def test_a_golden_reply_that_cannot_be_is_told_with_its_key(
    text: str, words: str, folders: tuple[Path, Path]
) -> None:
    replies = a_right_one(folders).parent / "replies"
    replies.mkdir()
    (replies / "odd.json").write_text(text, "utf-8")

    said = told(folders)

    assert words in said
    assert "replies/odd.json" in said


def test_a_status_that_the_insurer_means_its_own_way_is_for_its_own_replies_to_say(
    folders: tuple[Path, Path],
) -> None:
    a_right_one(folders)
    file = folders[0] / "insurers" / "acme" / "v1.yaml"
    file.write_text(file.read_text("utf-8") + "\nstatuses: {409: rejected}\n", "utf-8")

    found = check(Shelf(folders[0]), "acme", folders[1])

    assert found.problems == ()
    assert any("statuses.409: add a golden reply" in each for each in found.untested)


def test_a_release_that_is_refused_leaves_no_golden_that_the_mended_file_is_held_against(
    folders: tuple[Path, Path],
) -> None:
    case = a_right_one(folders)
    file = folders[0] / "insurers" / "acme" / "v1.yaml"
    right = file.read_text("utf-8")
    spoilt = "\npreauthorization: {resources: {Claim: {created: omit}}}\n"
    file.write_text(right + spoilt, "utf-8")

    refused = release(Shelf(folders[0]), folders[0], folders[1], "acme")

    assert "Claim.created: is missing" in refused.problems[0]
    assert refused.kept == ()
    assert [path.name for path in case.iterdir()] == ["consultation.json"]
    file.write_text(right, "utf-8")
    assert release(Shelf(folders[0]), folders[0], folders[1], "acme").digests


def test_nothing_is_released_without_a_golden_case(folders: tuple[Path, Path]) -> None:
    shutil.rmtree(a_right_one(folders))

    released = release(Shelf(folders[0]), folders[0], folders[1], "acme")

    assert "it has no golden case" in released.problems[0]
    assert read_released(folders[0]) == {}


def test_a_file_whose_name_is_no_versions_is_not_passed_over(folders: tuple[Path, Path]) -> None:
    a_right_one(folders)
    file = folders[0] / "insurers" / "acme" / "v1.yaml"
    file.with_name("v2.yml").write_text(file.read_text("utf-8"), "utf-8")

    assert "acme/v2.yml: name it v1.yaml, v2.yaml" in told(folders)
