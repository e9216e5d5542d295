"""Who calls: ``Authorization: Bearer KEY``. What the table of operations leaves out is denied."""

from __future__ import annotations

from flask import Flask, g, request

from payer_gateway.domain.errors import NotAllowed
from payer_gateway.domain.principal import Principal
from payer_gateway.web.operations import BY_ENDPOINT
from payer_gateway.web.problems import NotSignedIn
from payer_gateway.workflow.clients import principal_of
from payer_gateway.workflow.services import Services

_LONGEST_KEY = 200


def guard(app: Flask, services: Services) -> None:
    """Have every request of the app looked at before anything else reads it."""

    @app.before_request
    def _look() -> None:
        # No endpoint: 404 or 405. A stranger does not learn which.
        operation = BY_ENDPOINT.get(request.endpoint or "")
        if operation is not None and operation.act is None:
            return
        principal = _signed_in(services)
        if operation is not None and operation.act is not None:
            principal.must_be_allowed(operation.act)
        elif request.endpoint is not None:
            raise NotAllowed("this address is open to nobody: it is not among the operations")
        g.principal = principal


def caller() -> Principal:
    """Who makes the current request."""
    principal: Principal = g.principal
    return principal


def _signed_in(services: Services) -> Principal:
    scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise NotSignedIn("Send your API key as Authorization: Bearer KEY.")
    principal = principal_of(services, key) if len(key) <= _LONGEST_KEY else None
    if principal is None:
        raise NotSignedIn("Nobody holds this API key; ask the operator for a new one.")
    return principal
