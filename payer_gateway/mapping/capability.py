"""What our FHIR surface can do, as a CapabilityStatement: nothing that is not there."""

from __future__ import annotations

from typing import Any

from payer_gateway import __version__

JsonObject = dict[str, Any]
# The day on which the statement last changed.
_CHANGED = "2026-11-26"
_SUBMIT = "http://hl7.org/fhir/OperationDefinition/CoverageEligibilityRequest-submit"


def capability_statement() -> JsonObject:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _CHANGED,
        "publisher": "payer_gateway",
        "kind": "instance",
        "software": {"name": "payer_gateway", "version": __version__},
        "implementation": {"description": "Eligibility of second opinions, decided with reasons"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Nothing that is submitted is kept.",
                "security": {
                    "description": "Authorization: Bearer KEY, a key of the roles provider, ops or"
                    " insurer (its own coverages only). Metadata, CodeSystem and ConceptMap are"
                    " open to everybody."
                },
                "resource": [
                    {
                        "type": "CoverageEligibilityRequest",
                        "profile": "http://hl7.org/fhir/StructureDefinition/"
                        "CoverageEligibilityRequest",
                        "operation": [
                            {
                                "name": "submit",
                                "definition": _SUBMIT,
                                "documentation": "One request: alone with contained resources, in"
                                " a Bundle of type collection with what it refers to, or as the"
                                " parameter resource. Purposes benefits, validation,"
                                " auth-requirements, discovery.",
                            }
                        ],
                    },
                    _terminology("CodeSystem"),
                    _terminology("ConceptMap"),
                ],
            }
        ],
    }


def _terminology(kind: str) -> JsonObject:
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": "url", "type": "uri"}],
    }
