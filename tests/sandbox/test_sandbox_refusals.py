"""What is not taken, and how that is said."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from sandbox_bundles import Sandbox, a_bundle, amounts, claim_of, read

Spoil = Callable[[dict[str, Any]], object]
BEARER = {"Authorization": "Bearer s3cret"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'{"resourceType": "Claim"}',
        b'{"resourceType": "Bundle", "type": "collection", "entry": [null, {"resource": 1}]}',
    ],
)
def test_what_is_no_bundle_with_a_claim_is_400(sandbox: Sandbox, body: bytes) -> None:
    response = sandbox.submit(body)

    OperationOutcome.model_validate(response.json())
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/fhir+json"


@pytest.mark.parametrize(
    ("spoil", "code", "where"),
    [
        (lambda c: c.pop("identifier"), "required", "Claim.identifier"),
        (lambda c: c.pop("item"), "required", "Claim.item"),
        (lambda c: c.pop("patient"), "required", "Claim.patient"),
        (lambda c: c.pop("insurance"), "required", "Claim.insurance"),
        (lambda c: c.update(use="predetermination"), "value", "Claim.use"),
        (lambda c: c["total"].update(value=Decimal("1.00")), "business-rule", "Claim.total.value"),
        (lambda c: c["total"].update(value="420.00"), "required", "Claim.total.value"),
        (
            lambda c: c["item"][0]["net"].update(currency="EUR"),
            "value",
            "Claim.item[0].net.currency",
        ),
        (
            lambda c: c["item"][0]["net"].update(value=Decimal("420.001")),
            "value",
            "Claim.item[0].net.value",
        ),
        (
            lambda c: c["item"][0]["net"].update(value=Decimal("1E+999999")),
            "value",
            "Claim.item[0].net.value",
        ),
        (
            lambda c: c["provider"].update(reference="urn:uuid:nowhere"),
            "not-found",
            "Claim.provider",
        ),
        (
            lambda c: c["insurer"].update(reference="Organization/7"),
            "not-found",
            "Claim.insurer",
        ),
    ],
)
def test_a_claim_that_cannot_be_processed_is_422_and_says_where(
    sandbox: Sandbox, spoil: Spoil, code: str, where: str
) -> None:
    bundle = a_bundle("spoiled-1")
    spoil(claim_of(bundle))

    response = sandbox.submit(bundle)

    outcome = response.json()
    OperationOutcome.model_validate(outcome)
    assert response.status_code == 422
    assert (code, [where]) in [(i["code"], i.get("expression")) for i in outcome["issue"]]
    assert sandbox.row("spoiled-1") is None


def test_a_claim_may_refer_to_what_it_contains(sandbox: Sandbox) -> None:
    bundle = a_bundle("contained-1")
    claim = claim_of(bundle)
    claim["contained"] = [{"resourceType": "Organization", "id": "p", "name": "Centre"}]
    claim["provider"] = {"reference": "#p"}

    answer = read(sandbox.submit(bundle))

    assert answer["requestor"]["display"] == "Centre"


def test_another_content_type_is_415(sandbox: Sandbox) -> None:
    response = sandbox.submit(a_bundle(), Content_Type="text/plain")

    assert response.status_code == 415


def test_more_than_ten_megabytes_is_413(sandbox: Sandbox) -> None:
    response = sandbox.submit(b" " * (10 * 1024 * 1024 + 1))

    assert response.status_code == 413
    assert response.json()["issue"][0]["code"] == "too-long"


def test_an_unknown_address_is_a_404_in_fhir(sandbox: Sandbox) -> None:
    response = sandbox.ask("a/b/c/Claim")

    assert response.status_code == 404
    OperationOutcome.model_validate(response.json())


def test_a_line_stays_open_after_a_refusal(sandbox: Sandbox) -> None:
    line = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
    statuses = []

    for _ in range(3):
        line.request("POST", "/Claim/$submit", b"x" * 5000, {"Content-Type": "text/plain"})
        response = line.getresponse()
        response.read()
        statuses.append((response.status, response.will_close))
    line.close()

    assert statuses == [(415, False)] * 3


def test_a_chunked_body_is_read(sandbox: Sandbox) -> None:
    line = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)

    line.request(
        "POST",
        "/Claim/$submit",
        iter([b"not ", b"json"]),
        {"Content-Type": "application/json"},
        encode_chunked=True,
    )
    response = line.getresponse()
    body = response.read()
    line.close()

    assert (response.status, b"not JSON" in body) == (400, True)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}])
def test_a_missing_or_wrong_token_is_401(named_sandbox: Sandbox, header: dict[str, str]) -> None:
    response = named_sandbox.submit(a_bundle("token-1"), **header)

    assert response.status_code == 401
    assert named_sandbox.row("token-1") is None


def test_with_a_profile_the_ledger_calls_the_insurer_by_its_name(named_sandbox: Sandbox) -> None:
    response = named_sandbox.submit(a_bundle("named-1"), **BEARER)

    row = named_sandbox.row("named-1")
    assert response.status_code == 200
    assert row is not None
    assert row["insurer"] == "first-insurer"


def test_with_a_fee_the_fee_is_allowed_and_never_more_than_billed(named_sandbox: Sandbox) -> None:
    dear = named_sandbox.submit(a_bundle("fee-1", code="99245"), **BEARER)
    cheap = named_sandbox.submit(a_bundle("fee-2", code="99245", nets=("80.00",)), **BEARER)

    assert amounts(read(dear)["total"])["eligible"] == "150.00"
    assert amounts(read(cheap)["total"])["eligible"] == "80.00"


@pytest.mark.parametrize("code", ["99999", "unsupported"])
def test_a_code_the_profile_does_not_have_is_422(named_sandbox: Sandbox, code: str) -> None:
    response = named_sandbox.submit(a_bundle("code-1", code=code), **BEARER)

    issue = response.json()["issue"][0]
    assert (response.status_code, issue["code"]) == (422, "code-invalid")
    assert "99244, 99245" in issue["details"]["text"]
    assert issue["expression"] == ["Claim.item[0].productOrService"]


def test_a_claim_for_another_insurer_is_422(named_sandbox: Sandbox) -> None:
    bundle = a_bundle("other-1")
    bundle["entry"][3]["resource"]["identifier"] = [{"system": "urn:x", "value": "PAYER-9"}]

    response = named_sandbox.submit(bundle, **BEARER)

    assert response.status_code == 422
    assert response.json()["issue"][0]["expression"] == ["Claim.insurer"]
