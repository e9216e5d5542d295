"""An insurer is added by files alone: no line of Python, no restart of anything but the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml
from builders import BY_VIDEO, MAPPINGS, NEEDS_AUTHORIZATION, another
from gateway_process import Gateway, booked, sandbox
from recording_line import recording

ACME = Path(__file__).with_name("acme-v1.yaml")
BOREALIS = Path(__file__).with_name("borealis-v1.yaml")


def read(path: Path) -> dict:
    loaded: dict = yaml.safe_load(path.read_text("utf-8"))
    return loaded


def test_the_new_file_differs_in_every_table_from_every_shipped_one() -> None:
    acme, dialect = read(ACME), read(MAPPINGS / "dialects" / "base-r4.yaml")
    shipped = [read(path) for path in MAPPINGS.glob("insurers/*/v1.yaml")]

    assert set(acme["codes"]) == {*dialect["codes"], "service"}
    for name, table in acme["codes"].items():
        for other in (dialect, *shipped):
            assert table != other["codes"].get(name), name


def test_a_new_insurer_is_tested_and_carries_claims_with_files_alone(tmp_path: Path) -> None:
    shutil.copytree(MAPPINGS, tmp_path / "mappings")
    (tmp_path / "mappings" / "insurers" / "acme").mkdir()
    shutil.copy(ACME, tmp_path / "mappings" / "insurers" / "acme" / "v1.yaml")
    gateway = Gateway(tmp_path, {"PAYER_GATEWAY_MAPPINGS": "mappings"})
    profile = tmp_path / "acme.json"
    profile.write_bytes(gateway("mapping", "render", "--resolved", "acme").stdout)
    documents = [another(BY_VIDEO), another(NEEDS_AUTHORIZATION)]
    for document in documents:
        document["coverages"][0]["insurer"] = "Acme Mutual of Nowhere"

    with sandbox(tmp_path, profile=profile) as url, recording(url) as line:
        gateway.settings["PAYER_GATEWAY_INSURER_ACME_URL"] = f"{line.url}/r4"
        tested = gateway("insurer", "test", "acme", "--json")
        in_words = gateway("insurer", "test", "acme")
        before = set(booked(url))
        lines = gateway.submit(*documents)
        delivered = gateway.deliver()
        ledger = {key: row for key, row in booked(url).items() if key not in before}

    assert (tested.code, in_words.code) == (0, 0), tested.text
    assert {"pass", "note"} >= {row["result"] for row in tested.rows}
    assert {"metadata", "inquiry finds the test claim"} <= {row["check"] for row in tested.rows}
    assert "for the insurer: ____" in in_words.text
    assert [line["decisions"][0]["insurer"] for line in lines] == ["acme", "acme"]
    assert (delivered.code, delivered.text) == (0, "everything is delivered and answered\n")
    rows = gateway.submissions()
    assert {row["claim_identifier"] for row in rows} == set(ledger)
    assert sorted(row["use"] for row in ledger.values()) == ["claim", "claim", "preauthorization"]
    assert {row["insurer"] for row in ledger.values()} == {"acme"}
    sent = [json.loads(each.request) for each in line.sent()]
    codes = [
        item["productOrService"]["coding"][0]
        for bundle in sent
        for entry in bundle["entry"]
        for item in entry["resource"].get("item", [])
    ]
    assert {code["system"] for code in codes} == {"https://acme.example/tariff"}
    assert all(code["code"].startswith("T/") for code in codes)


def test_a_file_with_prior_authorizations_as_pas_differs_in_every_table_of_both_dialects() -> None:
    borealis = read(BOREALIS)
    claims = borealis["codes"] | borealis["claim"]["codes"]
    asked = borealis["codes"] | borealis["preauthorization"]["codes"]

    for tables, dialect in ((claims, "base-r4"), (asked, "pas-2.2.1")):
        theirs = read(MAPPINGS / "dialects" / f"{dialect}.yaml")["codes"]
        assert set(theirs) <= set(tables)
        for name, table in theirs.items():
            assert tables[name] != table, name


def test_the_four_commands_take_an_insurer_in_and_it_carries_both_of_its_dialects(
    tmp_path: Path,
) -> None:
    shutil.copytree(MAPPINGS, tmp_path / "mappings")
    shutil.copytree(MAPPINGS.parent / "fixtures" / "replies", tmp_path / "fixtures" / "replies")
    own = {
        "PAYER_GATEWAY_MAPPINGS": str(tmp_path / "mappings"),
        "PAYER_GATEWAY_FIXTURES": str(tmp_path / "fixtures"),
    }
    gateway = Gateway(tmp_path, own)
    documents = [another(BY_VIDEO), another(NEEDS_AUTHORIZATION)]
    for document in documents:
        document["coverages"][0]["insurer"] = "borealis health of nowhere"

    made = gateway("mapping", "new", "borealis", "--like", "pas-2.2.1")
    unfilled = gateway("mapping", "check", "borealis")
    shutil.copy(BOREALIS, tmp_path / "mappings" / "insurers" / "borealis" / "v1.yaml")
    checked = gateway("mapping", "check", "borealis")
    asking = ("borealis", "oncology-by-video", "--use", "preauthorization")
    rendered = gateway("mapping", "render", *asking)
    released = gateway("mapping", "release", "borealis")
    profile = tmp_path / "borealis.json"
    profile.write_bytes(gateway("mapping", "render", "--resolved", "borealis").stdout)
    with sandbox(tmp_path, profile=profile) as url, recording(url) as line:
        gateway.settings["PAYER_GATEWAY_INSURER_BOREALIS_URL"] = f"{line.url}/r4"
        tested = gateway("insurer", "test", "borealis", "--json")
        tests = [each.path for each in line.sent()]
        before = set(booked(url))
        gateway.submit(*documents)
        delivered = gateway.deliver()
        ledger = {key: row for key, row in booked(url).items() if key not in before}

    assert (made.code, unfilled.code, checked.code, released.code) == (0, 1, 0, 0), checked.text
    assert "still to be filled in: payer.name" in unfilled.text
    (bundle,) = rendered.rows
    (claim, *_) = [entry["resource"] for entry in bundle["entry"]]
    asked = {item["productOrService"]["coding"][0]["code"] for item in claim["item"]}
    assert asked <= set(read(BOREALIS)["codes"]["requested_service"]["values"].values())
    assert tested.code == 0, tested.text
    checks = {row["check"]: row["result"] for row in tested.rows}
    assert checks["inquiry about an unknown prior authorization"] == "pass"
    assert checks["inquiry finds the test prior authorization"] == "pass"
    assert "/r4/Claim/$inquire" in tests
    assert (delivered.code, delivered.text) == (0, "everything is delivered and answered\n")
    assert sorted(row["use"] for row in ledger.values()) == ["claim", "claim", "preauthorization"]
    # Its own hint stands beside its own code.
    rows = [gateway.show(row["id"]) for row in gateway.submissions()]
    hints = {said["hint"] for row in rows for said in row["insurer_says"]}
    assert "Borealis pays its own tariff, always. Close the case." in hints
