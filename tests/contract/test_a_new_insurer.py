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
