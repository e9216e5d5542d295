"""Every operation of the HTTP surface in one table: who may call it, what it takes and gives.

Sign-in goes by this table (what it does not list is denied) and the OpenAPI document is made from
it; a test holds it against the routes, both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from payer_gateway.domain.principal import Act


@dataclass(frozen=True, slots=True)
class Operation:
    """``act`` None: open to everybody, without a key. ``takes`` and ``gives`` name schemas."""

    endpoint: str
    method: str
    path: str
    act: Act | None
    summary: str
    takes: str | None = None
    gives: dict[int, str] = field(default_factory=dict)
    needs_body: bool = True
    has_key: bool = False  # takes an Idempotency-Key
    has_filters: bool = False
    filters: tuple[str, ...] = ()  # query parameters that are plain text

    @property
    def is_fhir(self) -> bool:
        return self.path.startswith("/fhir/")


_V1 = "/api/v1"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "consultations.take",
        "POST",
        f"{_V1}/consultations",
        Act.SUBMIT_CONSULTATION,
        "Take a consultation in: it is decided, and the claims that follow go into the outbox."
        " 201: new, or new content under the same source id; 200: the same content again.",
        takes="Consultation",
        gives={200: "ConsultationSummary", 201: "ConsultationSummary"},
        has_key=True,
    ),
    Operation(
        "consultations.show",
        "GET",
        f"{_V1}/consultations/{{consultation_id}}",
        Act.READ_CONSULTATION,
        "What was decided, what is on its way, what is planned.",
        gives={200: "ConsultationSummary"},
    ),
    Operation(
        "consultations.correct",
        "POST",
        f"{_V1}/consultations/{{consultation_id}}/corrections",
        Act.CORRECT_CLAIM,
        "Replace a claim by what the whole corrected consultation says, or void it.",
        takes="Correction",
        gives={201: "ConsultationSummary"},
        has_key=True,
    ),
    Operation(
        "consultations.decide",
        "POST",
        f"{_V1}/consultations/{{consultation_id}}/decision",
        Act.DECIDE_CONSULTATION,
        "Decide a consultation that waits for a person.",
        takes="PersonsDecision",
        gives={200: "ConsultationSummary"},
    ),
    Operation(
        "eligibility.check",
        "POST",
        f"{_V1}/eligibility-checks",
        Act.CHECK_ELIGIBILITY,
        "Is it paid, and why: a consultation decided, per coverage, and nothing of it kept.",
        takes="Consultation",
        gives={200: "EligibilityAnswer"},
    ),
    Operation(
        "fhir.submit",
        "POST",
        "/fhir/CoverageEligibilityRequest/$submit",
        Act.ASK_COVERAGE,
        "Is it paid, and why: a CoverageEligibilityRequest (FHIR R4; alone, in a Bundle or in"
        " Parameters) answered, and nothing of it kept.",
        takes="CoverageEligibilityRequest",
        gives={200: "CoverageEligibilityResponse"},
    ),
    Operation(
        "fhir.metadata",
        "GET",
        "/fhir/metadata",
        None,
        "What the FHIR surface can do.",
        gives={200: "FhirResource"},
    ),
    Operation(
        "fhir.code_system_search",
        "GET",
        "/fhir/CodeSystem",
        None,
        "Our code systems: the reasons of decisions.",
        gives={200: "FhirResource"},
        filters=("url",),
    ),
    Operation(
        "fhir.code_system",
        "GET",
        "/fhir/CodeSystem/{resource_id}",
        None,
        "One of them: eligibility-reason.",
        gives={200: "FhirResource"},
    ),
    Operation(
        "fhir.concept_map_search",
        "GET",
        "/fhir/ConceptMap",
        None,
        "How our codes map to others': reasons to X12 claim adjustment reason codes.",
        gives={200: "FhirResource"},
        filters=("url",),
    ),
    Operation(
        "fhir.concept_map",
        "GET",
        "/fhir/ConceptMap/{resource_id}",
        None,
        "One of them: eligibility-reason-to-carc.",
        gives={200: "FhirResource"},
    ),
    Operation(
        "submissions.page",
        "GET",
        f"{_V1}/submissions",
        Act.READ_SUBMISSION,
        "Submissions, oldest first, a page at a time.",
        gives={200: "SubmissionPage"},
        has_filters=True,
    ),
    Operation(
        "submissions.show",
        "GET",
        f"{_V1}/submissions/{{submission_id}}",
        Act.READ_SUBMISSION,
        "One submission with its attempts, its ledger and why it is not sent now.",
        gives={200: "SubmissionDetail"},
    ),
    Operation(
        "submissions.resolve",
        "POST",
        f"{_V1}/submissions/{{submission_id}}/resolve",
        Act.REPAIR_SUBMISSION,
        "Say, with evidence, whether the insurer booked it.",
        takes="Resolution",
        gives={200: "Submission"},
    ),
    Operation(
        "submissions.cancel",
        "POST",
        f"{_V1}/submissions/{{submission_id}}/cancel",
        Act.REPAIR_SUBMISSION,
        "Take it back before anything is booked.",
        takes="Cancellation",
        gives={200: "Submission"},
    ),
    Operation(
        "submissions.replay",
        "POST",
        f"{_V1}/submissions/{{submission_id}}/replay",
        Act.REPAIR_SUBMISSION,
        "Send a rejected or stuck one again: the same claim, the same bytes.",
        takes="Reason",
        gives={200: "Submission"},
    ),
    Operation(
        "insurers.pause",
        "POST",
        f"{_V1}/insurers/{{name}}/pause",
        Act.STEER_INSURER,
        "Hold everything to this insurer; nothing is dropped.",
        takes="Reason",
        gives={200: "InsurerMode"},
    ),
    Operation(
        "insurers.resume",
        "POST",
        f"{_V1}/insurers/{{name}}/resume",
        Act.STEER_INSURER,
        "Let traffic to this insurer flow again; a reason may be given.",
        takes="Reason",
        gives={200: "InsurerMode"},
        needs_body=False,
    ),
    Operation(
        "notifications.take",
        "POST",
        "/fhir/insurers/{name}/notifications",
        Act.BRING_ANSWERS,
        "An insurer's late answers: a ClaimResponse, a Bundle with ClaimResponses, or a Da Vinci"
        " PAS notification; by a key bound to that insurer. The same body twice is taken once."
        " 202: kept, but about a claim that is not known here.",
        takes="LateAnswers",
        gives={200: "OperationOutcome", 202: "OperationOutcome"},
    ),
    Operation(
        "openapi.document",
        "GET",
        f"{_V1}/openapi.json",
        None,
        "This document.",
        gives={200: "OpenApi"},
    ),
    Operation(
        "health.is_up",
        "GET",
        "/healthz",
        None,
        "The process is up.",
        gives={200: "Health"},
    ),
    Operation(
        "health.is_ready",
        "GET",
        "/readyz",
        None,
        "The database answers and has the schema of this version; 503 otherwise.",
        gives={200: "Health", 503: "Problem"},
    ),
    Operation(
        "health.metrics",
        "GET",
        "/metrics",
        Act.WATCH,
        "Prometheus metrics of this tenant's claims, and of the workers.",
        gives={200: "Metrics"},
    ),
)

BY_ENDPOINT: dict[str, Operation] = {each.endpoint: each for each in OPERATIONS}
