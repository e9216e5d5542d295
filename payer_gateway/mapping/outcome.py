"""What went wrong as a FHIR OperationOutcome: one issue per fault, with its place and the cure.

Source: HL7 FHIR R4, OperationOutcome; issue types of http://hl7.org/fhir/issue-type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from payer_gateway.domain.errors import Fault
from payer_gateway.domain.reasons import Code
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.terminology import REASONS

JsonObject = dict[str, Any]


def outcome_of(
    code: str, text: str, faults: Sequence[Fault] = (), reason: Code | None = None
) -> JsonObject:
    """``code``: the issue type of the whole; each fault has its own where its cure tells one.
    ``reason``: the decision's reason that says the same."""
    if not faults:
        return {"resourceType": "OperationOutcome", "issue": [_issue(code, text, None, reason)]}
    issues = []
    for fault in faults:
        value = "" if fault.value is None else f" (received: {_shown(fault.value)})"
        place = "" if fault.path == "$" else f"{fault.path}: "
        said = f"{place}{fault.cure}{value}"
        path = None if fault.path == "$" else fault.path
        issues.append(_issue(_type(code, fault), said, path, reason))
    return {"resourceType": "OperationOutcome", "issue": issues}


_BECAME = {
    "decided": ("informational", "taken: the decision is kept"),
    "found": ("informational", "taken: you have the claim, your decision is to come"),
    "noted": ("informational", "noted; it changes nothing"),
    "repeated": ("informational", "had that already"),
    "contradicts": ("conflict", "kept: this claim was taken back here; a person looks at it"),
    "unknown": ("not-found", "kept, but there is no such claim here; a person looks at it"),
}


def notices_taken(taken: Sequence[tuple[str, str | None]]) -> JsonObject:
    """What became of each answer that an insurer brought, in its order: what it became, and the
    claim's identifier."""
    issues: list[JsonObject] = []
    for became, identifier in taken:
        code, said = _BECAME[became]
        severity = "information" if code == "informational" else "warning"
        words = f"{identifier or 'an answer that names no claim of ours'}: {said}"
        issues.append({"severity": severity, "code": code, "diagnostics": words})
    nothing = {"severity": "information", "code": "informational", "diagnostics": "Received."}
    return {"resourceType": "OperationOutcome", "issue": issues or [nothing]}


def _issue(code: str, said: str, path: str | None, reason: Code | None) -> JsonObject:
    issue: JsonObject = {"severity": "error", "code": code, "diagnostics": said}
    if reason is not None:
        issue["details"] = {"coding": [{"system": REASONS, "code": reason.value}]}
    if path is not None:
        issue["expression"] = [path]
    return issue


def _type(code: str, fault: Fault) -> str:
    """Missing, not allowed there, or of a wrong value: the first word of the cure says it."""
    if code != "invalid":
        return code
    word = fault.cure.partition(" ")[0]
    return {"add": "required", "remove": "structure", "write": "value"}.get(word, code)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()
