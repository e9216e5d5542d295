"""The objects of the API as JSON Schema 2020-12. What comes in is drawn from the shapes that read
it; what goes out is written here, and a test holds real answers against it."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from payer_gateway.domain.answer import Review
from payer_gateway.domain.claim import Use, WaitsFor
from payer_gateway.domain.reasons import Code, Verdict
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.mapping.consultation_fields import (
    Choice,
    Day,
    Flag,
    Instant,
    Many,
    Part,
    Shape,
    Told,
    Whole,
)
from payer_gateway.mapping.consultation_schema import ConsultationShape
from payer_gateway.web import bodies

Schema = dict[str, Any]


def of_shape(shape: Shape) -> Schema:
    """The object that the shape takes; unknown fields are refused, as the shape does."""
    named = {each.data_key or name: each for name, each in shape.fields.items()}
    return {
        "type": "object",
        "description": shape.what,
        "properties": {name: _of_field(each) for name, each in named.items()},
        "required": [name for name, each in named.items() if each.required],
        "additionalProperties": False,
    }


def _of_field(each: fields.Field[Any]) -> Schema:
    if isinstance(each, Part) and isinstance(each.schema, Shape):
        return of_shape(each.schema)
    if isinstance(each, Many):
        return {"type": "array", "description": each.what, "items": _of_field(each.inner)}
    if isinstance(each, bodies.Document):
        return _ref("Consultation")
    if isinstance(each, Choice):
        return {"type": "string", "enum": list(each.words)}
    kinds: list[tuple[type[Told[Any]], Schema]] = [
        (Flag, {"type": "boolean"}),
        (Whole, {"type": "integer"}),
        (bodies.Count, {"type": "integer"}),
        (Day, {"type": "string", "format": "date"}),
        (Instant, {"type": "string", "format": "date-time"}),
        (bodies.AnId, {"type": "string", "format": "uuid"}),
    ]
    found = next((schema for kind, schema in kinds if isinstance(each, kind)), {"type": "string"})
    return {**found, "description": each.what} if isinstance(each, Told) else found


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(words: Any) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _resource(*kinds: str) -> Schema:
    """A FHIR resource: its form is HL7's to say (hl7.org/fhir/R4)."""
    kind = _one_of(kinds) if kinds else {"type": "string"}
    return {
        "type": "object",
        "description": "HL7 FHIR R4 (4.0.1)",
        "properties": {"resourceType": kind},
        "required": ["resourceType"],
    }


_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_ID: Schema = {"type": "string", "format": "uuid"}
_DAY: Schema = {"type": "string", "format": "date"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_AMOUNT: Schema = {
    "type": "string",
    "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
    "description": "a decimal string, never a JSON number",
}
_CURRENCY: Schema = {"type": "string", "pattern": "^[A-Z]{3}$"}
_REASONS = _list(_one_of(Code))

_SUBMISSION: dict[str, Schema] = {
    "id": _ID,
    "consultation": _ID,
    "insurer": _TEXT,
    "claim_identifier": {**_TEXT, "description": "system|value"},
    "use": _one_of(Use),
    "state": _one_of(State),
    "attempts": {**_WHOLE, "description": "the number of sends"},
    "amount": _AMOUNT,
    "currency": _CURRENCY,
    "last_class": _or_null(_one_of(OutcomeClass)),
    "cause": _or_null(_TEXT),
}

_ATTEMPT = _object(
    n=_WHOLE,
    kind=_TEXT,
    trigger=_TEXT,
    started_at=_INSTANT,
    ended_at=_or_null(_INSTANT),
    **{"class": _or_null(_one_of(OutcomeClass))},
    http_status=_or_null(_WHOLE),
    error=_or_null(_TEXT),
    retry_after=_or_null({}),
)

_FACT = _object(
    kind=_TEXT,
    line=_or_null(_WHOLE),
    at=_INSTANT,
    outcome=_or_null(_TEXT),
    approved=_or_null({"type": "boolean"}),
    review=_or_null({"type": "string", "enum": [*Review]}),
    second_opinion=_or_null({"type": "boolean"}),
    currency=_or_null(_CURRENCY),
    billed=_or_null(_AMOUNT),
    allowed=_or_null(_AMOUNT),
    payable=_or_null(_AMOUNT),
    patient=_or_null(_AMOUNT),
    control_number=_or_null(_TEXT),
)

# What the insurer said with a code: its own words, and the hint of its file; and what the gateway
# found wrong with an answer.
_SAID = _object(
    place=_TEXT,
    code=_TEXT,
    text=_TEXT,
    hint=_or_null(_TEXT),
    followup=_or_null(_TEXT),
    followup_hint=_or_null(_TEXT),
    by=_one_of(("insurer", "gateway")),
)

_DECIDED = _object(
    coverage=_WHOLE,
    insurer=_or_null(_TEXT),
    plan=_or_null(_TEXT),
    decision=_one_of(Verdict),
    reasons=_REASONS,
)

_COST = _object(allowed=_AMOUNT, member=_AMOUNT, plan=_AMOUNT, currency=_CURRENCY)

_CODE: Schema = {**_TEXT, "description": "a bare X12 code number"}

_EXPLAINED = _object(
    code=_one_of(Code),
    sentence={**_TEXT, "description": "for a benefits manager"},
    patient_sentence={**_TEXT, "description": "for the patient"},
    **{column: _or_null(_CODE) for column in ("carc", "eb01", "eb11", "eb12", "aaa")},
)

_JUDGED = _object(
    coverage=_or_null(_WHOLE),
    insurer=_or_null(_TEXT),
    plan=_or_null(_TEXT),
    plan_version=_or_null(_WHOLE),
    coverage_source=_one_of(("asserted", "roster")),
    decision=_one_of(Verdict),
    reasons=_list(_EXPLAINED),
    benefit=_or_null(_TEXT),
    auth_required={"type": "boolean"},
    cost=_or_null(_COST),
    remaining={
        "type": "object",
        "description": "opinions left, second and third; null: no limit",
        "additionalProperties": _or_null(_WHOLE),
    },
    penalty=_or_null(_AMOUNT),
    units=_WHOLE,
    carc=_or_null(_CODE),
    eb01=_or_null(_CODE),
    aaa=_or_null(_CODE),
    eligible_from=_or_null(_DAY),
    bill_first=_or_null(_TEXT),
    supersedes=_or_null(_TEXT),
    notes=_list(_TEXT),
    normalized=_or_null({**_TEXT, "description": "the diagnosis in its standard spelling"}),
    suggestion_prefix=_or_null(_TEXT),
    modifier_hint=_or_null({**_TEXT, "description": "HCPCS modifier"}),
    service_type={**_TEXT, "description": "X12 service type code"},
    per_leg_network=_list(_one_of(("in", "out"))),
    valid_until=_or_null(_DAY),
)

_PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": _WHOLE,
        "detail": _TEXT,
        "instance": {"type": "string", "format": "uri"},
        "errors": _list(
            _object(path=_TEXT, value={"description": "as received, shortened"}, cure=_TEXT)
        ),
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
}


def all_schemas() -> dict[str, Schema]:
    """Every schema that the table of operations names, and those they refer to."""
    return {
        "Consultation": of_shape(ConsultationShape()),
        "Correction": of_shape(bodies.CorrectionShape()),
        "PersonsDecision": of_shape(bodies.PersonsDecisionShape()),
        "Resolution": of_shape(bodies.ResolutionShape()),
        "Cancellation": of_shape(bodies.CancellationShape()),
        "Reason": of_shape(bodies.ReasonShape()),
        "ConsultationSummary": _object(
            consultation=_ID,
            source_id=_TEXT,
            revision=_WHOLE,
            decision=_one_of(Verdict),
            reasons=_REASONS,
            decisions=_list(_DECIDED),
            submissions=_list(
                _object(id=_ID, insurer=_TEXT, use=_one_of(Use), state=_one_of(State))
            ),
            planned=_list(_object(use=_one_of(Use), waits_for=_one_of(WaitsFor), due_on=_DAY)),
        ),
        "EligibilityAnswer": _object(
            source_id=_TEXT,
            decision=_one_of(Verdict),
            reasons=_REASONS,
            decisions=_list(_JUDGED),
            disclaimer=_TEXT,
        ),
        "Submission": _object(**_SUBMISSION),
        "SubmissionPage": _object(items=_list(_ref("Submission")), next=_or_null(_ID)),
        "SubmissionDetail": _object(
            **_SUBMISSION,
            lane=_TEXT,
            follows=_or_null(_ID),
            profile=_TEXT,
            profile_digest=_TEXT,
            control_number=_or_null(_TEXT),
            next_at=_INSTANT,
            filing_due=_DAY,
            adjudication_due=_or_null(_INSTANT),
            attempt_list=_list(_ATTEMPT),
            ledger=_list(_FACT),
            insurer_says=_list(_SAID),
            why_not_sent=_or_null(_TEXT),
        ),
        "InsurerMode": _object(insurer=_TEXT, mode=_one_of(("on", "paused"))),
        "Health": _object(status=_TEXT),
        "OpenApi": {"type": "object"},
        "FhirResource": _resource(),
        "CoverageEligibilityRequest": _resource(
            "CoverageEligibilityRequest", "Bundle", "Parameters"
        ),
        "CoverageEligibilityResponse": _resource("CoverageEligibilityResponse"),
        "OperationOutcome": _resource("OperationOutcome"),
        "LateAnswers": {"anyOf": [_resource("ClaimResponse"), _resource("Bundle")]},
        "Metrics": {**_TEXT, "description": "Prometheus' text format 0.0.4"},
        "Problem": _PROBLEM,
    }


def filters() -> dict[str, Schema]:
    """The query parameters of the listing."""
    properties: dict[str, Schema] = of_shape(bodies.ListingShape())["properties"]
    properties["limit"] |= {"minimum": 1, "maximum": bodies.LARGEST_PAGE, "default": 50}
    return properties
