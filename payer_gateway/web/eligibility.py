"""Eligibility checks: is it paid, and why, without taking anything in."""

from __future__ import annotations

from flask import Blueprint, Response

from payer_gateway.web import bodies
from payer_gateway.web.answers import json_answer
from payer_gateway.web.signin import caller
from payer_gateway.workflow import checking
from payer_gateway.workflow.services import Services


def eligibility(services: Services) -> Blueprint:
    routes = Blueprint("eligibility", __name__, url_prefix="/api/v1/eligibility-checks")

    @routes.post("")
    def check() -> Response:
        bodies.no_query()
        body = bodies.raw_body()
        bodies.json_of(body)
        return json_answer(checking.check(services, caller(), body))

    return routes
