"""``submit --json``: a line per file, exit 0 for any decision, 1 for what is no consultation."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import BY_VIDEO, STILL_TO_COME, TWO_COVERAGES, another
from gateway_process import Gateway
from walked import REFUSED, TAKEN, Walk

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_every_taken_file_gets_a_line_with_exactly_the_keys_of_the_contract(walk: Walk) -> None:
    for line in walk.taken.rows:
        assert tuple(line) == TAKEN, line["file"]
        assert UUID.fullmatch(line["consultation"])
        assert isinstance(line["source_id"], str)
        assert line["revision"] == 1
        assert all(re.fullmatch(r"[A-Z_]+", code) for code in line["reasons"])
        for each in line["decisions"]:
            assert set(each) == {"coverage", "insurer", "plan", "decision", "reasons"}
            assert isinstance(each["coverage"], int)
        for each in line["submissions"]:
            assert set(each) == {"id", "insurer", "use", "state"}
            assert UUID.fullmatch(each["id"])
            assert (each["use"] in ("claim", "preauthorization"), each["state"]) == (True, "ready")
        for each in line["planned"]:
            assert set(each) == {"use", "waits_for", "due_on"}
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", each["due_on"])


def test_any_decision_is_exit_0_and_the_first_coverages_is_the_consultations(walk: Walk) -> None:
    decided = {line["decision"] for line in walk.taken.rows}

    assert walk.taken.code == 0
    assert {"ELIGIBLE", "CONDITIONAL", "NOT_ELIGIBLE"} <= decided
    for line in walk.taken.rows:
        first = line["decisions"][0]
        assert (line["decision"], line["reasons"]) == (first["decision"], first["reasons"])


def test_what_follows_from_a_decision_is_submitted_or_planned(walk: Walk) -> None:
    assert [p["waits_for"] for p in walk.of(STILL_TO_COME)["planned"]] == ["service_day"]
    assert [p["waits_for"] for p in walk.of(TWO_COVERAGES)["planned"]] == ["primary"]
    assert [d["coverage"] for d in walk.of(TWO_COVERAGES)["decisions"]] == [1, 2]
    assert [p["waits_for"] for p in walk.of("03")["planned"]] == ["authorization"]
    assert [s["use"] for s in walk.of("03")["submissions"]] == ["preauthorization"]
    assert (walk.of("07")["submissions"], walk.of("07")["planned"]) == ([], [])


def test_files_and_folders_are_taken_in_the_order_given(walk: Walk) -> None:
    named = [line["file"] for line in walk.taken.rows]

    folders = [str(Path(name).parent) for name in named[:-1]]
    assert folders == ["consultations"] * 16 + ["moods"] * 8
    assert named[:16] == sorted(named[:16])
    assert Path(named[-1]).name == "approved.json"


def test_a_second_run_finds_the_same_consultations_and_submits_nothing_new(walk: Walk) -> None:
    before = walk.gateway.submissions()

    again = walk.gateway("submit", "--json", "consultations", "moods")

    first = {line["file"]: line for line in walk.taken.rows}
    assert again.code == 0
    for line in again.rows:
        was = first[line["file"]]
        assert (line["consultation"], line["revision"]) == (was["consultation"], was["revision"])
        assert {s["id"] for s in was["submissions"]} <= {s["id"] for s in line["submissions"]}
    assert [r["id"] for r in walk.gateway.submissions()] == [r["id"] for r in before]


Broken = Callable[[Path], object]
BROKEN: dict[str, tuple[Broken, str]] = {
    "no JSON": (lambda p: p.write_text("{ not json"), "$"),
    "empty": (lambda p: p.write_text(""), "$"),
    "a list": (lambda p: p.write_text("[]"), "$"),
    "no UTF-8": (lambda p: p.write_bytes(b"\xff\xfe"), "$"),
    "a link to nowhere": (lambda p: p.symlink_to("nowhere"), "$"),
    "a folder": (lambda p: p.mkdir(), "$"),
    "too little": (lambda p: p.write_text('{"id": "X-1"}'), "patient"),
}


def test_what_is_no_consultation_is_reported_and_never_stops_the_others(gateway: Gateway) -> None:
    folder = gateway.folder / "mixed"
    folder.mkdir()
    for number, (make, _) in enumerate(BROKEN.values()):
        make(folder / f"{number}.json")
    gateway.file("mixed/good.json", another(BY_VIDEO))

    ran = gateway("submit", "--json", "mixed", "missing.json")

    *broken, good, missing = ran.rows
    assert ran.code == 1
    assert (tuple(good), good["decision"]) == (TAKEN, "ELIGIBLE")
    for line, (_, path) in zip(broken, BROKEN.values(), strict=True):
        assert tuple(line) == REFUSED
        assert (line["consultation"], line["decision"]) == (None, None)
        assert all(set(error) == {"path", "value", "cure"} for error in line["errors"])
        assert path in [error["path"] for error in line["errors"]], line
        assert all(error["cure"] for error in line["errors"])
    assert (missing["file"], missing["errors"][0]["value"]) == ("missing.json", "missing.json")
    assert len(gateway.submissions()) == 1


def test_nothing_is_stored_of_a_consultation_that_is_not_taken(gateway: Gateway) -> None:
    document = another(BY_VIDEO)
    broken = document | {"requested_at": "yesterday", "frobnicated": True}
    (refused,) = gateway.submit(broken)

    (taken,) = gateway.submit(document)

    assert {e["path"]: e["value"] for e in refused["errors"]} == {
        "requested_at": "yesterday",
        "frobnicated": True,
    }
    assert taken["revision"] == 1


def test_other_content_under_the_same_id_is_refused_once_a_claim_is_on_its_way(
    gateway: Gateway,
) -> None:
    document = another(BY_VIDEO)
    (first,) = gateway.submit(document)
    changed = gateway.file("changed.json", document | {"urgency": "urgent"})

    refused = gateway("submit", "--json", changed)

    assert refused.code == 1
    assert tuple(refused.rows[0]) == REFUSED
    assert f"{first['consultation']}/corrections" in refused.rows[0]["errors"][0]["cure"]
    assert len(gateway.submissions()) == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_a_folder_that_holds_no_consultation_is_a_problem_that_is_said(
    gateway: Gateway, as_json: bool
) -> None:
    (gateway.folder / "empty").mkdir()

    ran = gateway("submit", *(["--json"] if as_json else []), "empty")

    assert ran.code == 1
    assert "name a JSON file, or a folder that holds some" in ran.text


def test_without_json_people_get_a_table_and_the_counts(gateway: Gateway) -> None:
    ran = gateway("submit", gateway.file("it.json", another(BY_VIDEO)))

    assert ran.code == 0
    assert re.search(r"it\.json +ELIGIBLE +COVERED_BENEFIT +claim → northwind-ppo", ran.text)
    assert ran.text.endswith("1 files: 1 ELIGIBLE\n")
