"""The sandbox insurer: its addresses, its ledger, and its moods, each gone through to the end."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import requests
from builders import AUTHORIZATION_DENIED, BY_VIDEO
from gateway_process import Gateway, booked, sandbox
from processes import GENEROUS_S
from walked import MOODS, Walk

FHIR = "application/fhir+json"


def get(url: str, **asked: str) -> requests.Response:
    return requests.get(url, params=asked, timeout=GENEROUS_S)


def test_it_says_what_it_can_do(contract_insurer: str) -> None:
    statement = get(f"{contract_insurer}/metadata").json()

    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"].startswith("4.0")


def test_it_takes_a_bundle_and_answers_searches_about_it(walk: Walk, contract_insurer: str) -> None:
    (row,) = walk.rows_of(BY_VIDEO)
    identifier = row["claim_identifier"]

    claims = get(f"{contract_insurer}/Claim", identifier=identifier).json()
    answers = get(f"{contract_insurer}/ClaimResponse", **{"request.identifier": identifier}).json()

    assert (claims["type"], claims["total"]) == ("searchset", 1)
    assert claims["entry"][0]["resource"]["resourceType"] == "Claim"
    assert (answers["total"], answers["entry"][0]["resource"]["outcome"]) == (1, "complete")


def test_a_searchset_with_total_0_means_not_found(contract_insurer: str) -> None:
    for resource, name in (("Claim", "identifier"), ("ClaimResponse", "request.identifier")):
        found = get(f"{contract_insurer}/{resource}", **{name: "https://nobody.example|none"})

        assert (found.status_code, found.json()["type"]) == (200, "searchset")
        assert found.json()["total"] == 0


def test_the_ledger_lists_each_claim_with_what_one_booking_is_worth(walk: Walk) -> None:
    for row in walk.listed.rows:
        entry = walk.ledger.get(row["claim_identifier"])
        assert (entry is None) == (row["state"] == "rejected")
        if entry is None:
            continue
        assert set(entry) == {
            "claim_identifier",
            "insurer",
            "use",
            "currency",
            "billed",
            "payable",
            "times",
        }
        for key in ("insurer", "use", "currency"):
            assert entry[key] == row[key]
        assert (entry["billed"], entry["times"]) == (row["amount"], 1)
        assert isinstance(entry["payable"], str)
        assert Decimal(entry["payable"]) < Decimal(entry["billed"])


# mood → state in the end, sends, last class, and the share that is paid (None: nothing is booked)
ENDS: dict[str, tuple[str, int, str, str | None]] = {
    "DENY": ("accepted", 1, "accepted", "0"),
    "AUTH": ("accepted", 1, "accepted", "0"),
    "REJECT": ("rejected", 1, "rejected", None),
    "BUSY": ("accepted", 2, "accepted", "0.81"),
    "DROP": ("accepted", 1, "found", "0.81"),
    "LATE": ("accepted", 1, "accepted_async", "0.81"),
    "GARBAGE": ("accepted", 1, "found", "0.81"),
    "DEDUPE": ("accepted", 1, "accepted", "0.81"),
}


@pytest.mark.parametrize("mood", MOODS)
def test_each_mood_comes_to_its_end_and_is_billed_once_at_most(walk: Walk, mood: str) -> None:
    state, sends, last_class, share = ENDS[mood]
    (row,) = walk.rows_of(mood)
    entry = walk.ledger.get(row["claim_identifier"])

    assert (row["state"], row["attempts"], row["last_class"]) == (state, sends, last_class)
    if share is None:
        assert entry is None
        return
    assert entry is not None
    assert entry["times"] == 1
    assert Decimal(entry["payable"]) == Decimal(entry["billed"]) * Decimal(share)


def test_a_claim_without_the_authorization_it_wants_is_told_so_per_line(walk: Walk) -> None:
    (row,) = walk.rows_of("AUTH")
    reply = json.loads(walk.line.about(row["claim_identifier"])[0].reply)

    assert "preAuthRef" in reply["disposition"]
    assert all(item["adjudication"] for item in reply["item"])


def test_a_denied_authorization_is_followed_by_no_claim(walk: Walk) -> None:
    rows = walk.rows_of(AUTHORIZATION_DENIED)

    assert [(row["use"], row["state"]) for row in rows] == [("preauthorization", "accepted")]


def test_it_books_every_post_and_deduplicates_only_in_the_mood_that_says_so(
    walk: Walk, gateway: Gateway
) -> None:
    with sandbox(gateway.folder, name="twice") as url:
        for mood, times in (("approved", 2), ("DEDUPE", 1)):
            (row,) = walk.rows_of(mood)
            body = walk.line.about(row["claim_identifier"])[0].request
            for _ in range(2):
                posted = requests.post(
                    f"{url}/Claim/$submit",
                    data=body,
                    headers={"Content-Type": FHIR},
                    timeout=GENEROUS_S,
                )
                assert posted.status_code == 200

            assert booked(url)[row["claim_identifier"]]["times"] == times


def test_its_ledger_is_on_disk_and_read_back(walk: Walk, gateway: Gateway) -> None:
    (row,) = walk.rows_of("approved")
    body = walk.line.about(row["claim_identifier"])[0].request
    with sandbox(gateway.folder) as url:
        requests.post(
            f"{url}/Claim/$submit", data=body, headers={"Content-Type": FHIR}, timeout=GENEROUS_S
        )
        before = booked(url)

    with sandbox(gateway.folder) as url:
        assert booked(url) == before != {}


def test_a_port_that_is_none_is_misuse(gateway: Gateway) -> None:
    assert gateway("sandbox", "--port", "99999", "--ledger", "l.jsonl").code == 2
