"""An insurer's engineer who saw the documentation alone wrote these files: codes of her own in
every table, delivery of her own. The commands take them in as they are.

``strangers/aurora-assurance``: her file, her golden cases and replies; nothing here is ours.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from builders import BY_VIDEO, CONSULTATIONS, MAPPINGS, NEEDS_AUTHORIZATION, another
from gateway_process import Gateway, booked, sandbox
from recording_line import recording

HERS = Path(__file__).parent / "strangers" / "aurora-assurance"
NAME = "aurora-assurance"


def taken_in(folder: Path) -> Gateway:
    shutil.copytree(MAPPINGS, folder / "mappings")
    shutil.copytree(MAPPINGS.parent / "fixtures" / "replies", folder / "fixtures" / "replies")
    (folder / "mappings" / "insurers" / NAME).mkdir()
    shutil.copy(HERS / "v1.yaml", folder / "mappings" / "insurers" / NAME)
    shutil.copytree(HERS / "cases", folder / "fixtures" / NAME / "v1")
    own = {
        "PAYER_GATEWAY_MAPPINGS": str(folder / "mappings"),
        "PAYER_GATEWAY_FIXTURES": str(folder / "fixtures"),
    }
    return Gateway(folder, own)


def test_her_files_are_checked_rendered_and_released(tmp_path: Path) -> None:
    gateway = taken_in(tmp_path)

    checked = gateway("mapping", "check", NAME)
    before = gateway("mapping", "render", NAME, "void")
    released = gateway("mapping", "release", NAME)
    kept = tmp_path / "fixtures" / NAME / "v1" / "void" / "bundle.claim.json"

    assert (checked.code, released.code) == (0, 0), checked.text + released.text
    (rendered,) = before.rows
    assert rendered == json.loads(kept.read_text("utf-8"))
    (claim, *_) = [entry["resource"] for entry in rendered["entry"]]
    assert claim["related"]


def test_her_codes_differ_from_the_shipped_ones_and_stand_in_what_she_is_sent(
    tmp_path: Path,
) -> None:
    her: dict[str, Any] = yaml.safe_load((HERS / "v1.yaml").read_text("utf-8"))
    dialect: dict[str, Any] = yaml.safe_load(
        (MAPPINGS / "dialects" / "base-r4.yaml").read_text("utf-8")
    )
    alike = {name for name, table in her["codes"].items() if table == dialect["codes"].get(name)}

    (bundle,) = taken_in(tmp_path)("mapping", "render", NAME, "oncology-by-video").rows

    assert set(her["codes"]) | set(her["claim"]["codes"]) >= set(dialect["codes"])
    assert alike == set()
    claim = bundle["entry"][0]["resource"]
    sent = {item["productOrService"]["coding"][0]["code"] for item in claim["item"]}
    assert sent <= set(her["codes"]["service"]["values"].values())


def test_a_diagnosis_that_pas_takes_for_none_is_told_in_the_category_that_she_named(
    tmp_path: Path,
) -> None:
    (japanese,) = (path for path in CONSULTATIONS if path.name.startswith("16"))
    asked = ("mapping", "render", NAME, japanese, "--use", "preauthorization")

    rendered = taken_in(tmp_path)(*asked)

    assert rendered.code == 0, rendered.said
    (bundle,) = rendered.rows
    claim = bundle["entry"][0]["resource"]
    named = {each["category"]["coding"][0]["code"] for each in claim["supportingInfo"]}
    assert "diagnosis" not in claim
    assert "PX-diagnosis" in named


def test_the_sandbox_that_plays_her_is_reached_where_she_is_and_answers_in_her_words(
    tmp_path: Path,
) -> None:
    gateway = taken_in(tmp_path)
    profile = tmp_path / "aurora.json"
    profile.write_bytes(gateway("mapping", "render", "--resolved", NAME).stdout)
    paths = {each["submit_path"] for each in json.loads(profile.read_text())["deliveries"].values()}
    documents = [another(BY_VIDEO), another(NEEDS_AUTHORIZATION)]
    for document in documents:
        document["coverages"][0]["insurer"] = NAME

    with sandbox(tmp_path, profile=profile) as url, recording(url) as line:
        gateway.settings["PAYER_GATEWAY_INSURER_AURORA_ASSURANCE_URL"] = f"{line.url}/r4"
        gateway.submit(*documents)
        delivered = gateway.deliver()
        reached = {each.path.removeprefix("/r4/") for each in line.sent()}
        rows = booked(url).values()

    assert (delivered.code, delivered.text) == (0, "everything is delivered and answered\n")
    assert sorted(row["use"] for row in rows) == ["claim", "claim", "preauthorization"]
    assert paths <= reached
    assert "Claim/$submit" not in reached
    for row in gateway.submissions():
        decided = [f for f in gateway.show(row["id"])["ledger"] if f["outcome"] == "complete"]
        is_claim = row["use"] == "claim"
        assert any(f["payable"] if is_claim else f["review"] == "approved" for f in decided), row
