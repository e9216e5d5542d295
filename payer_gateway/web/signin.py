"""Who calls: ``Authorization: Bearer KEY``. What the table of operations leaves out is denied."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from flask import Flask, g, request

from payer_gateway.domain.errors import NotAllowed
from payer_gateway.domain.principal import Principal
from payer_gateway.web.operations import BY_ENDPOINT
from payer_gateway.web.problems import NotSignedIn
from payer_gateway.workflow.clients import principal_of
from payer_gateway.workflow.services import Services

_LONGEST_KEY = 200


class KeyRing:
    """Who held a key a moment ago. A key that is revoked opens nothing any more after ``SECONDS``;
    one that nobody holds is looked up each time. Keeps hashes, never keys."""

    SECONDS = 5.0
    _MOST = 1000

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._services, self._clock = services, clock
        self._seen: dict[bytes, tuple[float, Principal]] = {}

    def holder(self, key: str) -> Principal | None:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        now = self._clock()
        until, principal = self._seen.get(name, (now, None))
        if principal is not None and now < until:
            return principal
        principal = principal_of(self._services, key)
        if principal is None:
            self._seen.pop(name, None)
            return None
        if len(self._seen) >= self._MOST:
            self._seen.clear()
        self._seen[name] = (now + self.SECONDS, principal)
        return principal


def guard(app: Flask, services: Services) -> None:
    """Have every request of the app looked at before anything else reads it."""
    ring = KeyRing(services)

    @app.before_request
    def _look() -> None:
        # No endpoint: 404 or 405. A stranger does not learn which.
        operation = BY_ENDPOINT.get(request.endpoint or "")
        if operation is not None and operation.act is None:
            return
        principal = _signed_in(ring)
        if operation is not None and operation.act is not None:
            principal.must_be_allowed(operation.act)
        elif request.endpoint is not None:
            raise NotAllowed("this address is open to nobody: it is not among the operations")
        g.principal = principal


def caller() -> Principal:
    """Who makes the current request."""
    principal: Principal = g.principal
    return principal


def _signed_in(ring: KeyRing) -> Principal:
    scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise NotSignedIn("Send your API key as Authorization: Bearer KEY.")
    principal = ring.holder(key) if len(key) <= _LONGEST_KEY else None
    if principal is None:
        raise NotSignedIn("Nobody holds this API key; ask the operator for a new one.")
    return principal
