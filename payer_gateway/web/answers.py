"""Answers: canonical JSON (no float ever), and requests that are carried out once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from flask import Response, request

from payer_gateway.domain.errors import Fault
from payer_gateway.domain.principal import Principal
from payer_gateway.mapping.canonical import canonical_json, parse_json, shorten
from payer_gateway.web.problems import PROBLEM_JSON, Unreadable, problem_of
from payer_gateway.workflow.idempotency import answer_once
from payer_gateway.workflow.services import Services

_KEY = re.compile("[\x21-\x7e]{1,200}")

Made = tuple[int, dict[str, Any]]


def json_answer(value: object, status: int = 200) -> Response:
    return _answer(status, canonical_json(value))


def once(
    services: Services, principal: Principal, body: bytes, make: Callable[[], Made]
) -> Response:
    """The answer that ``make`` gives. With an Idempotency-Key it is made once, errors of the
    caller included; the same request again gets the same status and bytes."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        status, value = make()
        return _answer(status, canonical_json(value))
    if not _KEY.fullmatch(key):
        cure = "send 1 to 200 visible ASCII characters, no spaces"
        raise Unreadable((Fault("header.Idempotency-Key", shorten(key), cure),))

    def told() -> tuple[int, bytes]:
        try:
            status, value = make()
        except Exception as exc:
            problem = problem_of(exc)
            return problem.status, problem.body
        return status, canonical_json(value)

    answer = answer_once(services, principal, key, _fingerprint(body), told)
    response = _answer(answer.status, answer.body)
    if answer.is_replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _fingerprint(body: bytes) -> str:
    asked = f"{request.method} {request.path}\n".encode()
    return hashlib.sha256(asked + body).hexdigest()


def _answer(status: int, body: bytes) -> Response:
    kind = PROBLEM_JSON if status >= 400 else "application/json"
    response = Response(body, status, mimetype=kind)
    if status == 201:
        # Read back from the answer, so that a stored one is answered with it as well.
        made = parse_json(body)
        assert isinstance(made, dict)  # noqa: S101 - every 201 is a consultation's summary
        response.headers["Location"] = f"/api/v1/consultations/{made['consultation']}"
    return response
