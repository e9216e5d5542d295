"""The FHIR of the laboratory's insurer: what it reads of a claim, and what it answers."""

from __future__ import annotations

from typing import Any


def claim_of(bundle: dict[str, Any]) -> dict[str, Any]:
    return next(
        entry["resource"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Claim"
    )


def token_of(identifier: dict[str, Any]) -> str:
    return f"{identifier['system']}|{identifier['value']}"


def decision_on(booking: dict[str, Any], outcome: str = "complete") -> dict[str, Any]:
    """The ClaimResponse: everything is paid, every prior authorization given."""
    system, _, value = booking["claim"].partition("|")
    amount = booking["total"]
    response = {
        "resourceType": "ClaimResponse",
        "id": f"r{booking['n']}",
        "identifier": [{"system": "https://lab.example/control", "value": f"L-{booking['n']:06d}"}],
        "status": "active",
        "type": {"coding": [{"code": "professional"}]},
        "use": booking["use"],
        "patient": {"display": "as submitted"},
        "created": "2026-04-15T12:00:00Z",
        "insurer": {"display": booking["insurer"]},
        "request": {"identifier": {"system": system, "value": value}},
        "outcome": outcome,
    }
    if outcome != "queued":
        response["total"] = [
            {"category": {"coding": [{"code": code}]}, "amount": amount}
            for code in ("submitted", "eligible", "benefit")
        ]
        if booking["use"] == "preauthorization":
            response["preAuthRef"] = f"AUTH-{booking['n']:06d}"
            response["preAuthPeriod"] = {"start": "2025-01-01", "end": "2030-12-31"}
    return response


def issue(code: str) -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": code, "details": {"text": "the laboratory says so"}}
        ],
    }
