"""OpenAPI 3.1, made from the table of operations."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response

from payer_gateway import __version__
from payer_gateway.web.answers import json_answer
from payer_gateway.web.operations import OPERATIONS, Operation
from payer_gateway.web.problems import PROBLEM_JSON
from payer_gateway.web.schemas import all_schemas, filters

_MEANING = {
    200: "Done.",
    201: "Made.",
    202: "Kept; a person looks at it.",
    400: "The request cannot be read; errors names the place.",
    401: "No API key, or one that nobody holds.",
    403: "The role of this key may not do that.",
    404: "Not found; another tenant's is not found either.",
    406: "We answer in JSON only.",
    409: "Its state does not allow that, or the first request with this key still runs.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not declared as JSON.",
    422: "Not valid; errors names each place with its cure. Or the key was used for another body.",
    503: "Not ready.",
}


def openapi() -> Blueprint:
    routes = Blueprint("openapi", __name__, url_prefix="/api/v1")
    described = describe()

    @routes.get("/openapi.json")
    def document() -> Response:
        return json_answer(described)

    return routes


def describe() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "payer-gateway",
            "version": __version__,
            "description": "Money is a decimal string, never a JSON number. Errors are RFC 9457"
            " problem details; under /fhir they are OperationOutcomes, and money is a number with"
            " exactly its digits, as FHIR R4 has it. Unknown fields and query parameters are"
            " refused.",
        },
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "schemas": all_schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.endpoint,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.act is None:
        described["security"] = []
    if operation.takes is not None:
        described["requestBody"] = {
            "required": operation.needs_body,
            "content": _content(_media(operation), operation.takes),
        }
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall("{(.+?)}", operation.path)
    ]
    if operation.has_filters:
        found += [{"name": n, "in": "query", "schema": schema} for n, schema in filters().items()]
    found += [{"name": n, "in": "query", "schema": {"type": "string"}} for n in operation.filters]
    if operation.has_key:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same request with the same key gets the stored answer for 24"
                " hours, with Idempotency-Replayed: true; so do answers that refuse it.",
                "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"},
            }
        )
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    refusals: set[int] = set()
    if operation.act is not None:
        refusals |= {401, 403}
    if "{" in operation.path:
        refusals |= {404, 409} if operation.method == "POST" else {404}
    if operation.takes is not None:
        refusals |= {400, 413, 415, 422}
    if operation.has_key:
        refusals |= {409}
    if operation.has_filters:
        refusals |= {400}
    if operation.is_fhir:
        refusals |= {400, 406}
    wrong = "OperationOutcome" if operation.is_fhir else "Problem"
    given = operation.gives | dict.fromkeys(refusals, wrong)
    return {
        str(status): {
            "description": _MEANING[status],
            "content": _content(PROBLEM_JSON if schema == "Problem" else _media(operation), schema),
        }
        for status, schema in sorted(given.items())
    }


def _media(operation: Operation) -> str:
    return "application/fhir+json" if operation.is_fhir else "application/json"


def _content(media_type: str, schema: str) -> dict[str, Any]:
    if schema == "Metrics":
        media_type = "text/plain"
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
