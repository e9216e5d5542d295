"""Insurers of the outside contract: addresses and secrets by environment, names and aliases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from builders import BY_VIDEO, INSURERS, MAPPINGS, NEEDS_AUTHORIZATION, another
from gateway_process import Gateway, addresses, booked, sandbox
from recording_line import RecordingLine


def test_four_insurers_are_shipped_and_all_are_at_stage_test(gateway: Gateway) -> None:
    rows = gateway("insurer", "list", "--json").rows

    assert tuple(row["insurer"] for row in rows) == INSURERS
    assert {row["stage"] for row in rows} == {"test"}


def test_a_claim_is_posted_to_claim_submit_below_the_insurers_url(
    gateway: Gateway, recorded_line: RecordingLine
) -> None:
    url = f"{recorded_line.url}/below-this"
    gateway.holds(another())

    gateway.deliver(PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL=url)

    assert [each.path for each in recorded_line.sent()] == ["/below-this/Claim/$submit"]


def test_a_prior_authorization_goes_to_the_address_of_its_own(tmp_path: Path) -> None:
    with sandbox(tmp_path, name="claims") as claims, sandbox(tmp_path, name="asked") as asked:
        gateway = Gateway(tmp_path, addresses(claims))
        gateway.settings["PAYER_GATEWAY_INSURER_NORTHWIND_PPO_PREAUTH_URL"] = f"{asked}/pa"
        gateway.holds(another(NEEDS_AUTHORIZATION))

        delivered = gateway.deliver()

        assert delivered.code == 0
        assert [row["use"] for row in booked(claims).values()] == ["claim"]
        assert [row["use"] for row in booked(asked).values()] == ["preauthorization"]


def test_an_address_for_prior_authorizations_alone_is_refused(tmp_path: Path) -> None:
    alone = {"PAYER_GATEWAY_INSURER_MEDICARE_B_PREAUTH_URL": "https://insurer.example/pa"}

    refused = Gateway(tmp_path, alone)("submissions")

    assert refused.code == 2
    assert "PAYER_GATEWAY_INSURER_MEDICARE_B_PREAUTH_URL is set" in refused.said
    assert "PAYER_GATEWAY_INSURER_MEDICARE_B_URL is not" in refused.said


def test_the_token_opens_an_insurer_that_asks_for_one_and_is_shown_nowhere(tmp_path: Path) -> None:
    with sandbox(tmp_path, token="open-sesame") as url:
        gateway = Gateway(tmp_path, addresses(url))
        gateway.holds(another())

        without = gateway.deliver("--max-wait", "1")
        closed = booked(url)
        gateway.settings["PAYER_GATEWAY_INSURER_NORTHWIND_PPO_TOKEN"] = "open-sesame"
        with_it = gateway.deliver()

        assert (without.code, closed) == (1, {})
        assert (with_it.code, len(booked(url))) == (0, 1)
    (row,) = gateway.submissions()
    shown = [gateway("insurer", "list", "--json"), gateway("submission", "show", row["id"])]
    assert not any("open-sesame" in ran.text + ran.said for ran in (*shown, without, with_it))
    assert b"open-sesame" not in (tmp_path / "gateway.db").read_bytes()


CALLED = {
    "Northwind-PPO": "northwind-ppo",
    "nwm": "northwind-ppo",
    "NORTHWIND": "northwind-ppo",
    "Medicare-Part-B": "medicare-b",
    "さくら生命": "sakura-life",
}


def test_an_insurer_is_found_by_its_name_or_an_alias_case_apart(gateway: Gateway) -> None:
    documents = [another(BY_VIDEO) for _ in CALLED]
    for document, called in zip(documents, CALLED, strict=True):
        document["coverages"][0]["insurer"] = called

    lines = gateway.submit(*documents)

    found = [line["decisions"][0]["insurer"] for line in lines]
    assert dict(zip(CALLED, found, strict=True)) == CALLED


def test_an_insurer_nobody_has_a_file_for_is_named_with_the_cure(gateway: Gateway) -> None:
    document = another(BY_VIDEO)
    document["coverages"][0]["insurer"] = "NOBODY-MUTUAL"
    file = gateway.file("it.json", document)

    refused = gateway("submit", "--json", file)

    (line,) = refused.rows
    assert (refused.code, line["consultation"]) == (1, None)
    assert "NOBODY-MUTUAL" in line["errors"][0]["cure"]
    assert "mappings/insurers/<name>/v1.yaml" in line["errors"][0]["cure"]


@pytest.mark.parametrize(
    ("before", "private"),
    [
        ("stage: test", "password: open-sesame"),
        ("  submit: Claim/$submit", "  base_url: https://insurer.example/fhir"),
    ],
)
def test_an_address_or_a_secret_in_an_insurers_file_is_refused(
    gateway: Gateway, before: str, private: str
) -> None:
    shutil.copytree(MAPPINGS, gateway.folder / "mappings")
    file = gateway.folder / "mappings" / "insurers" / "northwind-ppo" / "v1.yaml"
    file.write_text(file.read_text("utf-8").replace(before, f"{private}\n{before}"), "utf-8")

    checked = gateway("mapping", "check", "northwind-ppo", PAYER_GATEWAY_MAPPINGS="mappings")

    assert checked.code == 1
    assert "addresses and secrets stand in no file" in (checked.text + checked.said)
    assert "PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL" in (checked.text + checked.said)
