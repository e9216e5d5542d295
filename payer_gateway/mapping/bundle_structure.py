"""FHIR structure of a Bundle by fhir.resources: elements, cardinality, data types.

The only module that imports fhir.resources, and only its R4B part. It takes two seconds to import,
so it is imported at the first check, not with this module. It checks and never serializes: its
numbers are floats, and required codes it leaves to ``bundle_check``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any


@cache
def _model(resource: str) -> Any:
    from importlib import import_module

    try:
        module = import_module(f"fhir.resources.R4B.{resource.lower()}")
    except ModuleNotFoundError:
        return None
    return getattr(module, resource)


def structure_problems(resource: Mapping[str, Any]) -> list[str]:
    """What is wrong with one resource, in words; never a value of it, which may name a person."""
    kind = resource.get("resourceType")
    model = _model(kind) if isinstance(kind, str) and kind.isidentifier() else None
    if model is None:
        return [f"{kind!r} is no resource of FHIR R4"]
    try:
        model.model_validate(dict(resource))
    except (ValueError, AttributeError, TypeError) as error:  # its validators trust the type
        details = getattr(error, "errors", None)
        if details is None:
            return [f"{kind}: {type(error).__name__}"]
        return [
            f"{kind}.{'.'.join(str(step) for step in each['loc'])}: {each['msg']}"
            for each in details()
        ]
    return []
