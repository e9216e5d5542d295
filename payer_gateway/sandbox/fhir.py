"""The FHIR this insurer speaks: answers, searchsets, outcomes and what it is capable of."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from payer_gateway.sandbox.fees import Adjudicated, added_up
from payer_gateway.sandbox.intake import Submission
from payer_gateway.sandbox.ledger import Numbers
from payer_gateway.sandbox.refusal import Issue

Resource = dict[str, Any]

_OURS = uuid.UUID("6f1d2c0e-6c3f-4a53-9d0b-6a4f3f6a8f10")
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
_REASON = "https://x12.org/codes/claim-adjustment-reason-codes"
_PAYMENT = "http://terminology.hl7.org/CodeSystem/ex-paymenttype"
CONTROL_NUMBER = "https://sandbox.example/control-number"
AUTHORIZED_FOR = timedelta(days=180)


def response_to(
    submission: Submission, numbers: Numbers, now: datetime, *, outcome: str, disposition: str
) -> Resource:
    """What every ClaimResponse says; who and what it is about stand in logical references."""
    control = f"SBX-{numbers.control:06d}"
    response: Resource = {
        "resourceType": "ClaimResponse",
        "id": str(uuid.uuid5(_OURS, f"ClaimResponse/{control}/{submission.claim_identifier}")),
        "identifier": [{"system": CONTROL_NUMBER, "value": control}],
        "status": "active",
        "type": submission.type,
        "use": submission.use,
        "patient": submission.patient,
        "created": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "insurer": submission.insurer,
        "request": {"type": "Claim", "identifier": submission.identifier},
        "outcome": outcome,
        "disposition": disposition,
    }
    if submission.requestor is not None:
        response["requestor"] = submission.requestor
    return response


def authorized(submission: Submission, numbers: Numbers, now: datetime) -> Resource:
    """The number of a prior authorization, and how long it holds."""
    days = (now.date(), *submission.serviced)
    return {
        "preAuthRef": f"AUTH-{numbers.authorization:06d}",
        "preAuthPeriod": {
            "start": min(days).isoformat(),
            "end": (max(days) + AUTHORIZED_FOR).isoformat(),
        },
    }


def adjudicated(lines: list[Adjudicated], currency: str, now: datetime) -> Resource:
    """Items, totals and, if anything is payable, the payment of an adjudicated claim."""
    total = added_up(lines, currency)
    parts: Resource = {
        "item": [
            {"itemSequence": line.sequence, "adjudication": _amounts(line, currency)}
            for line in lines
        ],
        "total": _amounts(total, currency),
    }
    if total.benefit > 0:
        parts["payment"] = {
            "type": {"coding": [{"system": _PAYMENT, "code": "complete"}]},
            "date": now.date().isoformat(),
            "amount": _money(total.benefit, currency),
        }
    return parts


def _amounts(line: Adjudicated, currency: str) -> list[Resource]:
    rows = (
        ("submitted", line.submitted, None),
        ("eligible", line.eligible, line.reduced_for),
        ("copay", line.copay, None),
        ("benefit", line.benefit, line.denied_for),
    )
    return [
        {
            "category": {"coding": [{"system": _ADJUDICATION, "code": code}]},
            **({"reason": {"coding": [{"system": _REASON, "code": reason}]}} if reason else {}),
            "amount": _money(amount, currency),
        }
        for code, amount, reason in rows
    ]


def _money(amount: Decimal, currency: str) -> Resource:
    return {"value": amount, "currency": currency}


def operation_outcome(issues: Iterable[Issue]) -> Resource:
    """What was wrong and what to change, an issue each."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": issue.code,
                "details": {"text": issue.text},
                **({"expression": [issue.where]} if issue.where else {}),
            }
            for issue in issues
        ],
    }


def searchset(
    self_url: str,
    found: list[tuple[str, Resource]],
    *,
    total: int | None = None,
    next_url: str | None = None,
) -> Resource:
    """The matches of a search (or a page of ``total``), each with a name that makes its fullUrl.

    A resource that came without an id gets one: search results must have ids.
    """
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found) if total is None else total,
        "link": [{"relation": "self", "url": self_url}],
    }
    if next_url is not None:
        bundle["link"].append({"relation": "next", "url": next_url})
    if found:
        bundle["entry"] = [
            _match(str(uuid.uuid5(_OURS, name)), resource) for name, resource in found
        ]
    return bundle


def _match(own_id: str, resource: Resource) -> Resource:
    return {
        "fullUrl": f"urn:uuid:{own_id}",
        "resource": {"id": own_id} | resource,
        "search": {"mode": "match"},
    }


def capability_statement(base_url: str) -> Resource:
    """What ``metadata`` answers."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "software": {"name": "payer-gateway sandbox insurer"},
        "implementation": {"description": "An insurer to test against", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": "Claim",
                        "interaction": [{"code": "search-type"}],
                        "searchParam": [
                            {
                                "name": "identifier",
                                "definition": "http://hl7.org/fhir/SearchParameter/Claim-identifier",
                                "type": "token",
                            },
                            {
                                "name": "created",
                                "definition": "http://hl7.org/fhir/SearchParameter/Claim-created",
                                "type": "date",
                            },
                        ],
                        "operation": [
                            {
                                "name": "submit",
                                "definition": "http://hl7.org/fhir/OperationDefinition/Claim-submit",
                            }
                        ],
                    },
                    {
                        "type": "ClaimResponse",
                        "interaction": [{"code": "search-type"}],
                        "searchParam": [
                            {
                                "name": "request",
                                "definition": "http://hl7.org/fhir/SearchParameter/ClaimResponse-request",
                                "type": "reference",
                                "documentation": "Only chained: request.identifier",
                            }
                        ],
                    },
                ],
            }
        ],
    }
