"""Is the process up, and can it work: for load balancers and supervisors, without a key. What to
watch: for Prometheus, with the key of an ops client, since it names insurers and volumes."""

from __future__ import annotations

from flask import Blueprint, Response

from payer_gateway.web.answers import json_answer
from payer_gateway.web.problems import NotReady
from payer_gateway.web.signin import caller
from payer_gateway.workflow import measuring
from payer_gateway.workflow.readiness import why_not_ready
from payer_gateway.workflow.services import Services


def health(services: Services) -> Blueprint:
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def is_up() -> Response:
        return json_answer({"status": "up"})

    @routes.get("/readyz")
    def is_ready() -> Response:
        why_not = why_not_ready(services)
        if why_not is not None:
            raise NotReady(why_not)
        return json_answer({"status": "ready"})

    @routes.get("/metrics")
    def metrics() -> Response:
        told = measuring.exposition(measuring.measure(services, caller()))
        return Response(told, content_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
