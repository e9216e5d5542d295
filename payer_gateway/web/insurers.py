"""Insurers: hold their traffic, let it flow."""

from __future__ import annotations

from flask import Blueprint, Response, request

from payer_gateway.domain.errors import MappingError, NotFound
from payer_gateway.web import bodies
from payer_gateway.web.answers import json_answer
from payer_gateway.web.signin import caller
from payer_gateway.workflow import steering
from payer_gateway.workflow.services import Services


def insurers(services: Services) -> Blueprint:
    routes = Blueprint("insurers", __name__, url_prefix="/api/v1/insurers")

    @routes.post("/<name>/pause")
    def pause(name: str) -> Response:
        asked: bodies.Reason = bodies.read_body(bodies.ReasonShape)
        return steer(name, "paused", asked.reason)

    @routes.post("/<name>/resume")
    def resume(name: str) -> Response:
        reason = None
        if request.content_length or request.headers.get("Transfer-Encoding"):
            asked: bodies.Reason = bodies.read_body(bodies.OptionalReasonShape)
            reason = asked.reason
        return steer(name, "on", reason)

    def steer(name: str, mode: str, reason: str | None) -> Response:
        try:
            insurer = services.shelf.find(name)
        except MappingError as exc:
            raise NotFound(str(exc)) from None
        steering.set_mode(services, caller(), insurer, mode, reason)
        return json_answer({"insurer": insurer, "mode": mode})

    return routes
