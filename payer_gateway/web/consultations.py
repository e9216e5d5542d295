"""Consultations: take in, look at, correct a claim, decide as a person."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response

from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.web import bodies
from payer_gateway.web.answers import Made, json_answer, once
from payer_gateway.web.signin import caller
from payer_gateway.workflow import corrections, intake, reading, repair
from payer_gateway.workflow.services import Services


def consultations(services: Services) -> Blueprint:
    routes = Blueprint("consultations", __name__, url_prefix="/api/v1/consultations")

    @routes.post("")
    def take() -> Response:
        body, principal = bodies.raw_body(), caller()

        def taken() -> Made:
            bodies.json_of(body)
            result = intake.take_in(services, principal, body)
            return 200 if result.how == "repeated" else 201, result.summary

        return once(services, principal, body, taken)

    @routes.get("/<consultation_id>")
    def show(consultation_id: str) -> Response:
        return json_answer(reading.consultation(services, caller(), consultation_id))

    @routes.post("/<consultation_id>/corrections")
    def correct(consultation_id: str) -> Response:
        body, principal = bodies.raw_body(), caller()

        def corrected() -> Made:
            asked: bodies.Correction = bodies.read(bodies.CorrectionShape, bodies.json_of(body))
            kind: Literal["replace", "void"] = "void" if asked.kind == "void" else "replace"
            document = None
            if asked.consultation is not None:  # an empty one is a broken one, never a void
                document = canonical_json(asked.consultation)
            try:
                return 201, corrections.correct(
                    services,
                    principal,
                    consultation_id,
                    kind=kind,
                    submission_id=asked.submission,
                    reason=asked.reason,
                    document=document,
                )
            except InvalidInput as exc:
                raise InvalidInput(tuple(_inside(fault) for fault in exc.faults)) from None

        return once(services, principal, body, corrected)

    @routes.post("/<consultation_id>/decision")
    def decide(consultation_id: str) -> Response:
        asked: bodies.PersonsDecision = bodies.read_body(bodies.PersonsDecisionShape)
        summary = repair.decide_by_person(
            services, caller(), consultation_id, eligible=asked.eligible, reason=asked.reason
        )
        return json_answer(summary)

    return routes


def _inside(fault: Fault) -> Fault:
    """A fault of the corrected consultation, with its place in the whole body."""
    if fault.path == "$":
        return Fault("consultation", fault.value, fault.cure)
    if fault.path.startswith("consultation."):
        return fault
    joint = "" if fault.path.startswith("[") else "."
    return Fault(f"consultation{joint}{fault.path}", fault.value, fault.cure)
