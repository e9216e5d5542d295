"""The shape of a file that people write, held against its JSON schema: what is wrong, in words that
name file, key, value and cure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import fastjsonschema

from payer_gateway.domain.errors import MappingError

# What one dialect says over another: held against the schema before the two are put together, so
# that everything laid over key by key is a mapping. What must be there is for the whole to say.
_LAID_OVER = ("codes", "resources", "hints")
_PARTS = ("adjudication", "inquiry", "update")


def refuse_misshapen(schema: str, document: object, where: str) -> None:
    """Raise MappingError unless the document has the shape. ``schema``: a file of ``schemas/``, or
    ``dialect-over`` for a dialect that extends another one."""
    try:
        _validator(schema)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        key = ".".join(str(step) for step in error.path[1:])
        raise MappingError(f"{where}: {f'{key}: ' if key else ''}{_cure(error)}") from None


@cache
def _validator(name: str) -> Callable[[object], object]:
    compiled: Callable[[object], object] = fastjsonschema.compile(_schema(name))
    return compiled


def _schema(name: str) -> dict[str, Any]:
    if name == "dialect-over":
        whole = _schema("dialect")
        known: dict[str, Any] = {key: {} for key in (*whole["properties"], "extends")}
        known |= {key: whole["properties"][key] for key in _LAID_OVER}
        for key in _PARTS:
            words = whole["properties"][key]["description"]
            known[key] = {"type": "object", "description": words}
        return {**whole, "required": ["dialect"], "properties": known}
    path = f"schemas/{name}.schema.json"
    loaded: dict[str, Any] = json.loads(
        files("payer_gateway.mapping").joinpath(path).read_text("utf-8")
    )
    return loaded


def _cure(error: Any) -> str:
    definition, value = error.definition or {}, error.value
    said = str(definition.get("description", error.message))
    if error.rule == "required":
        return f"add {', '.join(key for key in definition['required'] if key not in value)}"
    if error.rule == "additionalProperties" and isinstance(value, Mapping):
        known = definition.get("properties", {})
        stray = _stray(error, known)
        if known:
            return f"remove {', '.join(stray)}; the keys are {', '.join(known)}"
        return f"{', '.join(map(repr, stray))} cannot stand here; {said}"
    return said + (f"; not {_shown(value)}" if isinstance(value, (str, int)) else "")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value)


def _stray(error: Any, known: Mapping[str, object]) -> list[str]:
    """Keys that no property and no pattern knows."""
    if known:
        return [str(key) for key in error.value if key not in known]
    patterns = error.definition.get("patternProperties", {})
    return [
        str(key) for key in error.value if not any(re.search(each, str(key)) for each in patterns)
    ]
