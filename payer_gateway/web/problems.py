"""Errors as RFC 9457 problem details: one table, walked along the exception's classes."""

from __future__ import annotations

import logging
import traceback
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Response
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.exceptions import NotFound as NoRoute

from payer_gateway.domain.errors import (
    Conflict,
    Fault,
    GatewayError,
    InvalidInput,
    LeaseLost,
    MappingError,
    NotAllowed,
    NotFound,
)
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.workflow.idempotency import KeyReused, StillRunning

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
TYPES = "https://payer-gateway.example/problems/"


class Unreadable(InvalidInput):
    """The request itself is wrong: JSON that cannot be read, a header or query parameter."""


class NotSignedIn(GatewayError):
    """No key, or one that nobody holds."""


class NotReady(GatewayError):
    """This process cannot do its work now."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``detail`` None: the exception's own words, which name the cure."""

    status: int
    name: str
    title: str
    detail: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


_TABLE: dict[type[BaseException], Kind] = {
    Unreadable: Kind(
        400,
        "unreadable-request",
        "The request cannot be read",
        "Nothing was done; errors names the place and the cure.",
    ),
    NotSignedIn: Kind(
        401, "not-signed-in", "An API key is needed", headers={"WWW-Authenticate": "Bearer"}
    ),
    NotAllowed: Kind(403, "not-allowed", "Not allowed for this role"),
    NotFound: Kind(404, "not-found", "Not found"),
    NoRoute: Kind(
        404,
        "no-such-address",
        "There is nothing at this address",
        "GET /api/v1/openapi.json lists what there is.",
    ),
    MethodNotAllowed: Kind(
        405,
        "method-not-allowed",
        "This address does not take this method",
        "The Allow header names what it takes.",
    ),
    StillRunning: Kind(
        409, "still-running", "The first request still runs", headers={"Retry-After": "1"}
    ),
    Conflict: Kind(409, "conflict", "Its state does not allow that"),
    LeaseLost: Kind(
        409, "conflict", "Its state does not allow that", "It changed meanwhile; look again."
    ),
    RequestEntityTooLarge: Kind(
        413,
        "too-large",
        "The body is too large",
        "A body may have at most 1 MiB; documents are named by their link, never sent.",
    ),
    UnsupportedMediaType: Kind(
        415,
        "not-json",
        "The body is not declared as JSON",
        "Send Content-Type: application/json, without a Content-Encoding.",
    ),
    KeyReused: Kind(422, "key-reused", "The Idempotency-Key was used for another request"),
    InvalidInput: Kind(
        422,
        "invalid-input",
        "The input is not valid",
        "Nothing was stored; errors names each place with its cure.",
    ),
    MappingError: Kind(
        422,
        "not-covered",
        "The insurer's file does not cover this",
        "Nothing was stored; errors names what the insurer's file cannot say.",
    ),
    NotReady: Kind(503, "not-ready", "Not ready", headers={"Retry-After": "5"}),
}


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    body: bytes = field(repr=False)
    headers: dict[str, str]

    def response(self) -> Response:
        return Response(self.body, self.status, self.headers, mimetype=PROBLEM_JSON)


def problem_of(exc: Exception) -> Problem:
    """What the caller is told. What the table does not list is a fault of ours: it is logged
    under an incident id, and the caller learns that id and nothing else."""
    for kind in type(exc).__mro__:
        if kind in _TABLE:
            return _told(_TABLE[kind], exc)
    if isinstance(exc, HTTPException) and exc.code is not None and 400 <= exc.code < 500:
        told = Kind(exc.code, "bad-request", "The request cannot be taken", exc.description)
        return _told(told, exc)
    return _incident(exc)


def _told(kind: Kind, exc: Exception) -> Problem:
    document: dict[str, Any] = {
        "type": TYPES + kind.name,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail or str(exc),
    }
    faults = _faults(exc)
    if faults:
        document["errors"] = [{"path": f.path, "value": f.value, "cure": f.cure} for f in faults]
    headers = dict(kind.headers)
    if isinstance(exc, MethodNotAllowed) and exc.valid_methods:
        headers["Allow"] = ", ".join(exc.valid_methods)
    return Problem(kind.status, canonical_json(document), headers)


def _faults(exc: Exception) -> tuple[Fault, ...]:
    if isinstance(exc, InvalidInput):
        return exc.faults
    if isinstance(exc, MappingError):
        return (Fault("$", None, str(exc)),)
    return ()


def _incident(exc: Exception) -> Problem:
    incident = str(uuid.uuid4())
    # Neither the message nor the values: a database error quotes what it was given, and that
    # tells of people.
    log.error("incident %s: %s", incident, _where(exc))
    document = {
        "type": TYPES + "incident",
        "title": "Something failed on our side",
        "status": 500,
        "detail": f"It is logged as incident {incident}. Whether anything was stored is not known:"
        " send the same request again.",
        "instance": f"urn:uuid:{incident}",
    }
    return Problem(500, canonical_json(document), {})


def _where(exc: BaseException) -> str:
    """The classes and places of an error and of what led to it, without a word of theirs."""
    told: list[str] = []
    current: BaseException | None = exc
    while current is not None and len(told) < 5:
        frames = traceback.extract_tb(current.__traceback__)[-6:]
        places = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        told.append(f"{type(current).__name__} at {places}")
        current = current.__cause__ or current.__context__
    return "; after ".join(told)
