"""What the ledger keeps, for how long, and how it is asked."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import requests
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from sandbox_bundles import CLAIMS, Sandbox, a_bundle, amounts, claim_of, read

from payer_gateway.sandbox import create_app, serve


def test_bookings_survive_a_kill_and_numbers_go_on(ledger_file: Path) -> None:
    before = Sandbox(ledger_file)
    first = read(before.submit(a_bundle("C-1")))
    authorized = read(before.submit(a_bundle("C-2", use="preauthorization")))
    before.stop(signal.SIGKILL)
    with ledger_file.open("ab") as file:
        file.write(b'{"claim_identifier": "half a li')

    after = Sandbox(ledger_file)
    second = read(after.submit(a_bundle("C-1")))
    third = read(after.submit(a_bundle("C-3", use="preauthorization")))
    rows = after.ask("ledger").json()
    after.stop()

    assert [a["identifier"][0]["value"] for a in (first, authorized, second, third)] == [
        "SBX-000001",
        "SBX-000002",
        "SBX-000003",
        "SBX-000004",
    ]
    assert [authorized["preAuthRef"], third["preAuthRef"]] == ["AUTH-000001", "AUTH-000002"]
    assert [row["times"] for row in rows] == [2, 1, 1]
    assert len(ledger_file.read_text().splitlines()) == 4


def test_a_dropped_line_is_remembered_over_a_kill(ledger_file: Path) -> None:
    bundle = a_bundle("C-1", member="M-1-MOOD-DROP")
    before = Sandbox(ledger_file)
    with pytest.raises(requests.ConnectionError):
        before.submit(bundle)
    before.stop(signal.SIGKILL)

    after = Sandbox(ledger_file)
    found = after.found("Claim", identifier=f"{CLAIMS}|C-1")
    again = after.submit(bundle)
    after.stop()

    assert found["total"] == 1
    assert again.status_code == 200


def test_sigterm_ends_it_cleanly(ledger_file: Path) -> None:
    sandbox = Sandbox(ledger_file)
    sandbox.submit(a_bundle())

    code = sandbox.stop(signal.SIGTERM)

    assert code == 0


def test_a_spoiled_line_in_the_middle_is_named(ledger_file: Path) -> None:
    ledger_file.write_text('{"claim_identifier": 1}\n')

    with pytest.raises(ValueError, match="line 1 of the sandbox ledger"):
        create_app(ledger_file, None)


def test_a_taken_port_is_the_callers_to_handle(sandbox: Sandbox, ledger_file: Path) -> None:
    port = int(sandbox.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        serve(port, ledger_file, None)


def test_a_claim_is_found_as_it_came_in(sandbox: Sandbox) -> None:
    bundle = a_bundle("found-1", nets=("420.00", "0.50"))
    sandbox.submit(bundle)
    sandbox.submit(bundle)

    found = sandbox.found("Claim", identifier=f"{CLAIMS}|found-1")

    Bundle.model_validate(found)
    assert found["total"] == 2
    ids = [entry["resource"].pop("id") for entry in found["entry"]]
    assert len(set(ids)) == 2
    assert [entry["resource"] for entry in found["entry"]] == [claim_of(bundle)] * 2
    assert str(found["entry"][0]["resource"]["total"]["value"]) == "420.50"


def test_an_answer_is_found_by_the_claims_identifier(sandbox: Sandbox) -> None:
    answer = read(sandbox.submit(a_bundle("found-2")))

    found = sandbox.found("fhir/ClaimResponse", **{"request.identifier": f"{CLAIMS}|found-2"})

    Bundle.model_validate(found)
    assert [entry["resource"] for entry in found["entry"]] == [answer]


@pytest.mark.parametrize(
    ("path", "name"), [("Claim", "identifier"), ("ClaimResponse", "request.identifier")]
)
def test_an_unknown_identifier_finds_nothing(sandbox: Sandbox, path: str, name: str) -> None:
    found = sandbox.found(path, **{name: f"{CLAIMS}|never-sent"})

    Bundle.model_validate(found)
    assert found["total"] == 0


@pytest.mark.parametrize("path", ["Claim", "ClaimResponse"])
@pytest.mark.parametrize("query", [{}, {"identifier": " ", "request.identifier": ""}])
def test_a_search_without_an_identifier_is_refused(
    sandbox: Sandbox, path: str, query: dict[str, str]
) -> None:
    response = sandbox.ask(path, **query)

    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] == "required"


def test_yen_have_no_decimals(sandbox: Sandbox) -> None:
    answer = read(sandbox.submit(a_bundle("yen-1", nets=("33335",), currency="JPY")))

    row = sandbox.row("yen-1")
    assert amounts(answer["total"]) == {
        "submitted": "33335",
        "eligible": "30002",
        "copay": "3000",
        "benefit": "27002",
    }
    assert row is not None
    assert (row["billed"], row["payable"]) == ("33335", "27002")


def test_dinars_have_three_decimals(sandbox: Sandbox) -> None:
    sandbox.submit(a_bundle("dinar-1", nets=("10.005",), currency="BHD"))

    row = sandbox.row("dinar-1")
    assert row is not None
    assert (row["billed"], row["payable"]) == ("10.005", "8.104")


def test_the_ledger_can_be_asked_for_one_insurer(sandbox: Sandbox) -> None:
    sandbox.submit(a_bundle("one-insurer"))

    ours = sandbox.ask("ledger", insurer="PAYER-1").json()
    others = sandbox.ask("ledger", insurer="PAYER-2").json()

    assert f"{CLAIMS}|one-insurer" in {row["claim_identifier"] for row in ours}
    assert others == []


@pytest.mark.parametrize("path", ["metadata", "fhir/metadata"])
def test_it_says_what_it_is_capable_of(sandbox: Sandbox, path: str) -> None:
    statement = sandbox.found(path)

    CapabilityStatement.model_validate(statement)
    assert statement["fhirVersion"] == "4.0.1"
