"""Submissions: list, look at one, repair one."""

from __future__ import annotations

from flask import Blueprint, Response

from payer_gateway.web import bodies
from payer_gateway.web.answers import json_answer
from payer_gateway.web.signin import caller
from payer_gateway.workflow import reading, repair
from payer_gateway.workflow.services import Services


def submissions(services: Services) -> Blueprint:
    routes = Blueprint("submissions", __name__, url_prefix="/api/v1/submissions")

    @routes.get("")
    def page() -> Response:
        asked = bodies.read_query(bodies.ListingShape)
        items, after = reading.listing(services, caller(), **asked)
        return json_answer({"items": items, "next": after})

    @routes.get("/<submission_id>")
    def show(submission_id: str) -> Response:
        return json_answer(reading.one_submission(services, caller(), submission_id))

    @routes.post("/<submission_id>/resolve")
    def resolve(submission_id: str) -> Response:
        asked: bodies.Resolution = bodies.read_body(bodies.ResolutionShape)
        row = repair.resolve(
            services,
            caller(),
            submission_id,
            booked=asked.booked,
            evidence=asked.evidence,
            control_number=asked.control_number,
        )
        return json_answer(row)

    @routes.post("/<submission_id>/cancel")
    def cancel(submission_id: str) -> Response:
        asked: bodies.Cancellation = bodies.read_body(bodies.CancellationShape)
        row = repair.cancel(
            services, caller(), submission_id, asked.reason, not_booked=asked.not_booked
        )
        return json_answer(row)

    @routes.post("/<submission_id>/replay")
    def replay(submission_id: str) -> Response:
        asked: bodies.Reason = bodies.read_body(bodies.ReasonShape)
        return json_answer(repair.replay_one(services, caller(), submission_id, asked.reason or ""))

    return routes
