"""The web application: its blueprints, who may come in, and how errors are told."""

from __future__ import annotations

from flask import Flask, Response, request

from payer_gateway.web import outcomes, problems, signin
from payer_gateway.web.bodies import LARGEST_BODY
from payer_gateway.web.consultations import consultations
from payer_gateway.web.eligibility import eligibility
from payer_gateway.web.fhir import fhir
from payer_gateway.web.health import health
from payer_gateway.web.insurers import insurers
from payer_gateway.web.notifications import notifications
from payer_gateway.web.openapi import openapi
from payer_gateway.web.submissions import submissions
from payer_gateway.workflow.services import Services

_FHIR = "/fhir/"


def create_web_app(services: Services) -> Flask:
    app = Flask(__name__, static_folder=None, template_folder=None)
    # One byte more than may come: a body without a length is cut there by Werkzeug, without a
    # word, and the byte too many is how we see it.
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1
    app.url_map.merge_slashes = False  # no redirects: an address is right or it is not
    signin.guard(app, services)
    for blueprint in (
        consultations(services),
        eligibility(services),
        submissions(services),
        insurers(services),
        fhir(services),
        notifications(services),
        health(services),
        openapi(),
    ):
        app.register_blueprint(blueprint)

    @app.errorhandler(Exception)
    def _failed(exc: Exception) -> Response:
        if f"{request.path}/".startswith(_FHIR):
            return outcomes.outcome(exc)
        return problems.problem_of(exc).response()

    @app.after_request
    def _harden(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.path.startswith(("/api/", _FHIR)):
            response.headers["Cache-Control"] = "no-store"
        return response

    return app
