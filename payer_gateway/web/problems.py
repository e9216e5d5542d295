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
from payer_gateway.domain.reasons import Code
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.workflow.asking import MemberUnknown
from payer_gateway.workflow.idempotency import KeyReused, StillRunning

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
TYPES = "https://payer-gateway.example/problems/"


class Unreadable(InvalidInput):
    """The request itself is wrong: JSON that cannot be read, a header or query parameter."""


class NotJson(InvalidInput):
    """The body is declared as something other than plain JSON in UTF-8."""


class NotOffered(InvalidInput):
    """The answer is wanted in a form that we do not write."""


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
    NotOffered: Kind(
        406,
        "not-acceptable",
        "We answer in JSON only",
        "Send Accept: application/fhir+json (or application/json), or leave it out.",
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
    NotJson: Kind(
        415,
        "not-json",
        "The body is not declared as JSON",
        "Send Content-Type: application/json, without a Content-Encoding.",
    ),
    KeyReused: Kind(422, "key-reused", "The Idempotency-Key was used for another request"),
    MemberUnknown: Kind(422, "member-unknown", "Nobody is known under that member number"),
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


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller is told, whatever the surface writes it as. ``reason``: the decision's reason
    that says the same. ``incident``: of a fault of ours, its id in the log."""

    status: int
    name: str
    title: str
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    reason: Code | None = None
    incident: str | None = None


def told_of(exc: Exception) -> Told:
    """What the table does not list is a fault of ours: it is logged under an incident id, and the
    caller learns that id and nothing else."""
    for kind in type(exc).__mro__:
        if kind in _TABLE:
            return _told(_TABLE[kind], exc)
    if isinstance(exc, HTTPException) and exc.code is not None and 400 <= exc.code < 500:
        told = Kind(exc.code, "bad-request", "The request cannot be taken", exc.description)
        return _told(told, exc)
    return _incident(exc)


def problem_of(exc: Exception) -> Problem:
    """The same as RFC 9457 problem details."""
    told = told_of(exc)
    document: dict[str, Any] = {
        "type": TYPES + told.name,
        "title": told.title,
        "status": told.status,
        "detail": told.detail,
    }
    if told.faults:
        document["errors"] = [
            {"path": f.path, "value": f.value, "cure": f.cure} for f in told.faults
        ]
    if told.incident is not None:
        document["instance"] = f"urn:uuid:{told.incident}"
    return Problem(told.status, canonical_json(document), told.headers)


def _told(kind: Kind, exc: Exception) -> Told:
    headers = dict(kind.headers)
    if isinstance(exc, MethodNotAllowed) and exc.valid_methods:
        headers["Allow"] = ", ".join(exc.valid_methods)
    reason = exc.reason if isinstance(exc, MemberUnknown) else None
    detail = kind.detail or str(exc)
    if isinstance(exc, MethodNotAllowed) and exc.valid_methods:
        asking = " or ".join(m for m in exc.valid_methods if m not in ("HEAD", "OPTIONS"))
        detail = f"Send {asking} to it, as the Allow header says."
    return Told(kind.status, kind.name, kind.title, detail, _faults(exc), headers, reason)


def _faults(exc: Exception) -> tuple[Fault, ...]:
    if isinstance(exc, InvalidInput):
        return exc.faults
    if isinstance(exc, MappingError):
        return (Fault("$", None, str(exc)),)
    return ()


def _incident(exc: Exception) -> Told:
    incident = str(uuid.uuid4())
    # Neither the message nor the values: a database error quotes what it was given, and that
    # tells of people.
    log.error("incident %s: %s", incident, _where(exc))
    detail = (
        f"It is logged as incident {incident}. Whether anything was stored is not known: send the"
        " same request again."
    )
    return Told(500, "incident", "Something failed on our side", detail, incident=incident)


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
