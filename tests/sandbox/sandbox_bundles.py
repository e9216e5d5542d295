"""A minimal submission, and the sandbox in its own process to send it to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import simplejson

CLAIMS = "https://gateway.example/claims"
SERVICES = "https://insurer.example/services"
PAYER = {"system": "https://ids.example/payers", "value": "PAYER-1"}
_URL = "urn:uuid:00000000-0000-4000-8000-00000000000{}"

_SERVE = """
import sys
from pathlib import Path
from payer_gateway.sandbox import serve

def ready(port):
    sys.stdout.write(f"{port}\\n")
    sys.stdout.flush()

ledger, profile, token = sys.argv[1:]
serve(0, Path(ledger), Path(profile) if profile else None, token=token or None, on_ready=ready)
"""


def a_bundle(
    number: str = "C-1",
    *,
    member: str = "M-1",
    nets: tuple[str, ...] = ("420.00",),
    total: str | None = None,
    currency: str = "USD",
    use: str = "claim",
    code: str = "99244",
    pre_auth_ref: str | None = None,
) -> dict[str, Any]:
    """A Bundle with one claim, whose amounts keep the digits they are given with."""
    insurance: dict[str, Any] = {
        "sequence": 1,
        "focal": True,
        "coverage": {"reference": _URL.format(3)},
    }
    if pre_auth_ref is not None:
        insurance["preAuthRef"] = [pre_auth_ref]
    claim = {
        "resourceType": "Claim",
        "identifier": [{"system": CLAIMS, "value": number}],
        "status": "active",
        "type": _coded("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "use": use,
        "patient": {"reference": _URL.format(2)},
        "created": "2026-04-02",
        "insurer": {"reference": _URL.format(4)},
        "provider": {"reference": _URL.format(5)},
        "priority": _coded("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
        "insurance": [insurance],
        "item": [
            {
                "sequence": sequence,
                "productOrService": _coded(SERVICES, code),
                "servicedDate": "2026-04-01",
                "net": {"value": Decimal(net), "currency": currency},
            }
            for sequence, net in enumerate(nets, start=1)
        ],
        "total": {
            "value": sum(map(Decimal, nets), Decimal(0)) if total is None else Decimal(total),
            "currency": currency,
        },
    }
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "https://gateway.example/patients", "value": "P-1"}],
    }
    coverage = {
        "resourceType": "Coverage",
        "status": "active",
        "subscriberId": member,
        "beneficiary": {"reference": _URL.format(2)},
        "payor": [{"reference": _URL.format(4)}],
    }
    insurer = {"resourceType": "Organization", "identifier": [PAYER], "name": "Insurer One"}
    provider = {"resourceType": "Organization", "name": "Second Opinion Centre"}
    resources = (claim, patient, coverage, insurer, provider)
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": _URL.format(number), "resource": resource}
            for number, resource in enumerate(resources, start=1)
        ],
    }


def claim_of(bundle: dict[str, Any]) -> dict[str, Any]:
    claim: dict[str, Any] = bundle["entry"][0]["resource"]
    return claim


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


class Sandbox:
    """A running sandbox. Replies are read with Decimal amounts."""

    def __init__(
        self, ledger: Path, profile: dict[str, Any] | None = None, token: str | None = None
    ) -> None:
        profile_file = ledger.with_suffix(".profile.json")
        if profile is not None:
            profile_file.write_text(json.dumps(profile))
        self.ledger_file = ledger
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _SERVE,
                str(ledger),
                str(profile_file) if profile is not None else "",
                token or "",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.http = requests.Session()

    def submit(
        self, bundle: dict[str, Any] | bytes, *, prefix: str = "/fhir", **headers: str
    ) -> requests.Response:
        body = bundle if isinstance(bundle, bytes) else simplejson.dumps(bundle).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(
            f"{self.url}{prefix}/Claim/$submit",
            data=body,
            headers={"Content-Type": "application/fhir+json"} | named,
            timeout=5,
        )

    def ask(self, path: str, **query: str) -> requests.Response:
        return self.http.get(f"{self.url}/{path}", params=query, timeout=5)

    def found(self, path: str, **query: str) -> dict[str, Any]:
        return read(self.ask(path, **query))

    def row(self, number: str) -> dict[str, Any] | None:
        rows = self.ask("ledger").json()
        return next((r for r in rows if r["claim_identifier"] == f"{CLAIMS}|{number}"), None)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def read(response: requests.Response) -> dict[str, Any]:
    """The JSON of a reply; amounts are Decimal."""
    content: dict[str, Any] = simplejson.loads(response.text, use_decimal=True)
    return content


def amounts(adjudication: list[dict[str, Any]]) -> dict[str, str]:
    """Code to amount, written as on the wire."""
    return {
        row["category"]["coding"][0]["code"]: str(row["amount"]["value"]) for row in adjudication
    }


def reasons(adjudication: list[dict[str, Any]]) -> dict[str, str]:
    return {
        row["category"]["coding"][0]["code"]: row["reason"]["coding"][0]["code"]
        for row in adjudication
        if "reason" in row
    }
