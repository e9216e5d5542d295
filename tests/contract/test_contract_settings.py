"""Settings of the outside contract: each does what its name says, a bad one is refused by name."""

from __future__ import annotations

import shutil
import threading
from datetime import datetime
from functools import partial
from pathlib import Path

from builders import BY_VIDEO, MAPPINGS, STILL_TO_COME, another, fixture
from gateway_process import Gateway, addresses, at_once
from processes import GENEROUS_S, RawInsurer, eventually


def test_the_database_url_says_where_everything_is_kept_on_sqlite_and_postgresql(
    database_url: str, tmp_path: Path, contract_insurer: str
) -> None:
    settings = addresses(contract_insurer) | {"PAYER_GATEWAY_DATABASE_URL": database_url}
    gateway = Gateway(tmp_path, settings)

    (line,) = gateway.submit(another())
    delivered = gateway.deliver()
    listed = gateway("submissions", "--json").rows

    assert (delivered.code, delivered.text) == (0, "everything is delivered and answered\n")
    assert [(r["id"], r["state"]) for r in listed] == [(line["submissions"][0]["id"], "accepted")]


def test_without_a_database_url_everything_is_kept_in_the_working_folder(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)

    gateway("submissions", PAYER_GATEWAY_DATABASE_URL=None)

    assert (tmp_path / "payer_gateway.db").is_file()


def test_the_mappings_setting_names_the_folder_of_the_insurers(tmp_path: Path) -> None:
    shutil.copytree(MAPPINGS, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "elsewhere" / "insurers" / "medicare-b")

    listed = Gateway(tmp_path)("insurer", "list", "--json", PAYER_GATEWAY_MAPPINGS="elsewhere")

    assert [r["insurer"] for r in listed.rows] == ["northwind-ppo", "sakura-life", "state-medicaid"]


def test_today_is_the_business_day_that_a_claim_of_a_later_service_day_waits_for(
    gateway: Gateway,
) -> None:
    document = fixture(STILL_TO_COME)
    (line,) = gateway.holds(document)
    (planned,) = line["planned"]
    the_day = planned["due_on"]
    assert (planned["waits_for"], the_day > "2026-04-15") == ("service_day", True)

    before = gateway.deliver()
    waiting = gateway.submissions()
    on_the_day = gateway.deliver(PAYER_GATEWAY_TODAY=the_day)

    assert (before.code, waiting) == (0, [])
    assert (on_the_day.code, [r["state"] for r in gateway.submissions()]) == (0, ["accepted"])


def test_plain_http_to_this_machine_needs_the_loopback_setting(gateway: Gateway) -> None:
    refused = gateway("submissions", PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP=None)

    assert refused.code == 2
    assert "PAYER_GATEWAY_INSURER_MEDICARE_B_URL: is plain http" in refused.said
    assert "set PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP=1" in refused.said


def test_a_send_ends_within_the_lease_however_patient_the_profile_is(tmp_path: Path) -> None:
    over = threading.Event()
    silent = RawInsurer(lambda method, path: over.wait(GENEROUS_S) and None)
    try:
        gateway = Gateway(tmp_path, addresses(silent.url))
        gateway.settings["PAYER_GATEWAY_LEASE_SECONDS"] = "2"
        gateway.holds(another())

        delivered = gateway.deliver("--max-wait", "1")
    finally:
        over.set()
        silent.close()

    (row,) = gateway.submissions()
    first = gateway.show(row["id"])["attempt_list"][0]
    took = datetime.fromisoformat(first["ended_at"]) - datetime.fromisoformat(first["started_at"])
    assert delivered.code == 1
    assert (first["kind"], first["class"]) == ("send", "in_doubt")
    assert 1 < took.total_seconds() < 2  # the profile would have waited for 20


def test_settle_seconds_shorten_the_wait_before_asking_of_a_test_insurer_only(
    gateway: Gateway,
) -> None:
    shutil.copytree(MAPPINGS, gateway.folder / "mappings")
    file = gateway.folder / "mappings" / "insurers" / "medicare-b" / "v1.yaml"
    file.write_text(file.read_text("utf-8").replace("stage: test", "stage: live"), "utf-8")
    gateway.settings["PAYER_GATEWAY_MAPPINGS"] = "mappings"
    gateway.holds(another("09"), another(BY_VIDEO, mood="DROP"))  # medicare-b, northwind-ppo

    def states() -> dict[str, str]:
        gateway.deliver("--max-wait", "2")
        return {row["insurer"]: row["state"] for row in gateway.submissions()}

    eventually(lambda: states() == {"medicare-b": "in_doubt", "northwind-ppo": "accepted"})


UNUSABLE = {
    "PAYER_GATEWAY_DATABASE_URL": {
        "nonsense": "sqlite:///file.db or postgresql://user@host/name",
        "mysql://here/name": "mysql is not supported",
        "sqlite:////nowhere/at/all.db": "unable to open database file",
        "postgresql://nobody@127.0.0.1:1/name": "Connection refused",
    },
    "PAYER_GATEWAY_MAPPINGS": {"/nowhere": "there is no folder '/nowhere'; name the folder"},
    "PAYER_GATEWAY_TODAY": {"tomorrow": "'tomorrow' is no day; write YYYY-MM-DD"},
    "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": {"yes": "'yes': write 1 for on, 0 for off"},
    "PAYER_GATEWAY_LEASE_SECONDS": {
        "soon": "'soon': write seconds from 1",
    },
    "PAYER_GATEWAY_SETTLE_SECONDS": {"-1": "'-1': write seconds from 0"},
    "PAYER_GATEWAY_INSURER_MEDICARE_B_URL": {
        "ftp://insurer.example": "has scheme 'ftp'; only https",
    },
    "PAYER_GATEWAY_INSURER_MEDICARE_B_PREAUTH_URL": {"ftp://insurer.example": "has scheme 'ftp'"},
}


def test_a_setting_that_cannot_be_used_is_misuse_and_is_named_with_its_cure(
    gateway: Gateway,
) -> None:
    bad = [(name, value, said) for name, each in UNUSABLE.items() for value, said in each.items()]

    runs = at_once(
        *(partial(gateway, "submissions", **{name: value}) for name, value, _ in bad),
    )

    for (name, _, said), refused in zip(bad, runs, strict=True):
        assert (refused.code, refused.stdout) == (2, b""), name
        assert name in refused.said
        assert said in refused.said
        assert "Traceback" not in refused.said
