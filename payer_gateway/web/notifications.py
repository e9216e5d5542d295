"""An insurer's late answers over FHIR: POST /fhir/insurers/{name}/notifications."""

from __future__ import annotations

from flask import Blueprint, Response

from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.outcome import notices_taken
from payer_gateway.web import bodies
from payer_gateway.web.outcomes import FHIR_JSON
from payer_gateway.web.signin import caller
from payer_gateway.workflow import notified
from payer_gateway.workflow.services import Services


def notifications(services: Services) -> Blueprint:
    routes = Blueprint("notifications", __name__, url_prefix="/fhir/insurers")

    @routes.post("/<name>/notifications")
    def take(name: str) -> Response:
        body = bodies.raw_body()
        bodies.json_of(body)  # what cannot be read at all is 400, not 422
        taken = notified.take_answers(services, caller(), name, body)
        # Kept either way; 202 says that somebody has to look what an unknown claim is about.
        status = 202 if any(each.became == "unknown" for each in taken) else 200
        told = notices_taken([(each.became, each.claim_identifier) for each in taken])
        return Response(canonical_json(told), status, content_type=FHIR_JSON)

    return routes
