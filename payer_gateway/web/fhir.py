"""The FHIR R4 surface: eligibility asked and answered, and the words it is answered in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask import Blueprint, Response, request

from payer_gateway.domain.errors import Fault, NotFound
from payer_gateway.mapping.canonical import (
    encode_checked,
    refuse_control_characters,
    shorten,
)
from payer_gateway.mapping.capability import capability_statement
from payer_gateway.mapping.terminology import (
    reason_code_system,
    reason_concept_map,
    searchset,
)
from payer_gateway.web import bodies
from payer_gateway.web.outcomes import FHIR_JSON
from payer_gateway.web.problems import NotOffered, Unreadable
from payer_gateway.web.signin import caller
from payer_gateway.workflow import asking
from payer_gateway.workflow.services import Services

_JSON = ("application/fhir+json", "application/json", "application/*", "*/*", "text/json", "json")
_FORMATS = ("json", "application/json", "application/fhir+json")
_MODES = ("full", "normative")  # of a CapabilityStatement


def fhir(services: Services) -> Blueprint:
    routes = Blueprint("fhir", __name__, url_prefix="/fhir")
    code_systems = {each["id"]: each for each in (reason_code_system(),)}
    concept_maps = {each["id"]: each for each in (reason_concept_map(),)}
    statement = capability_statement()
    # On SQLite one question at a time in a process. Under Python's one lock two at once are not
    # faster: each reading of the database hands the lock over, and getting it back takes up to 5 ms
    # every time. What waits for PostgreSQL waits without it, and others go on meanwhile.
    turn: AbstractContextManager[object] = (
        threading.Lock() if services.database.is_sqlite else nullcontext()
    )

    @routes.before_request
    def _agree() -> None:
        """We speak JSON, and FHIR R4."""
        wanted = request.headers.get("Accept", "")
        if wanted and not any(map(_is_ours, wanted.lower().split(","))):
            cure = "accept application/fhir+json (fhirVersion=4.0), or leave the header out"
            raise NotOffered((Fault("header.Accept", shorten(wanted), cure),))
        version = request.mimetype_params.get("fhirversion")
        if version is not None and not version.startswith("4.0"):
            cure = "send FHIR R4: fhirVersion=4.0, or leave it out"
            raise Unreadable((Fault("header.Content-Type", shorten(version), cure),))

    @routes.post("/CoverageEligibilityRequest/$submit")
    def submit() -> Response:
        _query(())
        body = bodies.raw_body()
        with turn:
            document = bodies.json_of(body)
            refuse_control_characters(body, document)
            return _answer(asking.submit(services, caller(), document))

    @routes.get("/metadata")
    def metadata() -> Response:
        mode = _query(("mode",)).get("mode", "full")
        if mode not in _MODES:
            cure = f"write {' or '.join(_MODES)}, or leave it out; there is no other statement"
            raise Unreadable((Fault("query.mode", shorten(mode), cure),))
        return _answer(statement)

    @routes.get("/CodeSystem")
    def code_system_search() -> Response:
        return _found(code_systems)

    @routes.get("/CodeSystem/<resource_id>")
    def code_system(resource_id: str) -> Response:
        return _one("CodeSystem", resource_id, code_systems)

    @routes.get("/ConceptMap")
    def concept_map_search() -> Response:
        return _found(concept_maps)

    @routes.get("/ConceptMap/<resource_id>")
    def concept_map(resource_id: str) -> Response:
        return _one("ConceptMap", resource_id, concept_maps)

    return routes


def _is_ours(wanted: str) -> bool:
    """Whether one member of an Accept header, in lower case, is a form that we write."""
    kind, *parameters = (part.strip() for part in wanted.split(";"))
    given = dict(each.partition("=")[::2] for each in parameters)
    is_wanted = given.get("q", "1").strip("0.") != ""  # q=0 asks for anything but this
    return kind in _JSON and is_wanted and given.get("fhirversion", "4.0").startswith("4.0")


def _found(resources: Mapping[str, Any]) -> Response:
    wanted = _query(("url",)).get("url")
    return _answer(
        searchset(
            request.url if request.query_string else request.base_url,
            [each for each in resources.values() if wanted in (None, each["url"])],
        )
    )


def _one(kind: str, resource_id: str, resources: Mapping[str, Any]) -> Response:
    _query(())
    found = resources.get(resource_id)
    if found is None:
        known = ", ".join(f"/fhir/{kind}/{each}" for each in resources)
        raise NotFound(f"There is no such {kind} here; there is {known}.")
    return _answer(found)


def _query(known: tuple[str, ...]) -> dict[str, str]:
    """The query; an unknown parameter is an error, never ignored."""
    given = request.args
    wrong = [name for name in given if name not in (*known, "_format")]
    if wrong:
        cure = f"leave it out; known here: {', '.join((*known, '_format'))}"
        raise Unreadable(tuple(Fault(f"query.{shorten(name)}", None, cure) for name in wrong))
    unclear = [name for name, values in given.lists() if len(values) > 1 or not values[0]]
    if unclear:
        cure = "give it once, with a value"
        raise Unreadable(tuple(Fault(f"query.{name}", None, cure) for name in unclear))
    form = given.get("_format", "json").replace(" ", "+")
    if form not in _FORMATS:
        cure = f"write one of {', '.join(_FORMATS)}, or leave it out"
        raise NotOffered((Fault("query._format", shorten(form), cure),))
    return {name: given[name] for name in known if name in given}


def _answer(resource: Mapping[str, Any]) -> Response:
    # Every leaf is text, truth, a whole number, or an amount in its currency's digits.
    return Response(encode_checked(resource), 200, content_type=FHIR_JSON)
