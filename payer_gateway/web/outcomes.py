"""Errors of the FHIR surface: the table of problems, told as OperationOutcome."""

from __future__ import annotations

from flask import Response

from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.outcome import outcome_of
from payer_gateway.web.problems import Told, told_of

FHIR_JSON = "application/fhir+json; charset=utf-8"
# Kind of problem → issue type of FHIR R4 (http://hl7.org/fhir/issue-type).
_TYPES = {
    "unreadable-request": "structure",
    "not-signed-in": "login",
    "not-allowed": "forbidden",
    "not-found": "not-found",
    "no-such-address": "not-found",
    "method-not-allowed": "not-supported",
    "not-acceptable": "not-supported",
    "too-large": "too-long",
    "not-json": "not-supported",
    "invalid-input": "invalid",
    "not-covered": "not-supported",
    "member-unknown": "not-found",
    "not-ready": "transient",
    "incident": "exception",
}


def outcome(exc: Exception) -> Response:
    """What the caller is told; the statuses and words are those of every other surface."""
    told = told_of(exc)
    code = _TYPES.get(told.name, "processing")
    resource = outcome_of(code, _text(told), told.faults, told.reason)
    return Response(canonical_json(resource), told.status, told.headers, content_type=FHIR_JSON)


def _text(told: Told) -> str:
    if told.name == "no-such-address":
        return f"{told.title}. GET /fhir/metadata says what there is."
    if told.name == "unreadable-request" and not told.faults:
        return told.title
    return told.detail
