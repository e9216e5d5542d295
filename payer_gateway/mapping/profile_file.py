"""Insurer and dialect files: read, held against their schema, and put together.

Everything in a file is text; ``profile.py`` turns it into values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping.file_shape import refuse_misshapen
from payer_gateway.mapping.grammar import OMIT, is_leaf, merge, normalize

Document = dict[str, Any]
# Stands in a new file where only the insurer's engineer knows what to write.
HOLE = "FILL-ME"
# What would be an address or a secret, whatever the spelling: both belong to the environment.
_PRIVATE = frozenset(
    "address api_key apikey authorization base_url client_secret endpoint host key password secret"
    " token url username".split()
)


def check_insurer_file(document: Document, where: str, name: str, version: int) -> None:
    """Raise MappingError unless the file has the shape of an insurer's, and says what its path
    says."""
    if holes := list(_holes(document, "")):
        raise MappingError(f"{where}: still to be filled in: {', '.join(holes)}")
    _refuse_private(document, where, name)
    refuse_misshapen("profile", document, where)
    for key, expected in (("profile", name), ("version", str(version))):
        if document[key] != expected:
            raise MappingError(f"{where}: {key}: write {expected}, as the file's path says")
    hours = document["delivery"]["calling_hours"]
    if hours[:5] == hours[6:]:
        raise MappingError(
            f"{where}: delivery.calling_hours: {hours} is no time at all; write none for all day"
        )


def _holes(value: object, path: str) -> Iterator[str]:
    """Keys whose value is still a hole, in the order of the file."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _holes(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _holes(item, f"{path}[{n}]")
    elif isinstance(value, str) and HOLE in value:
        yield path


def inherit(document: Document, base: Document, where: str) -> Document:
    """A dialect that says only where it differs from another one, put together with that one,
    which is whole and right.

    Tables, templates and settings are laid over key by key; lists are taken as a whole.
    """
    refuse_misshapen("dialect-over", document, where)
    out = {**base, **{key: value for key, value in document.items() if key != "extends"}}
    out["codes"] = _codes(base["codes"], _mapping(document, "codes"))
    resources = _templates(base["resources"])
    own = _templates(_mapping(document, "resources"))
    for resource, template in own.items():
        _refuse_idle_omit(resources.get(resource), template, where, f"resources.{resource}")
    out["resources"] = merge(resources, own)
    for key in ("adjudication", "inquiry", "update"):
        if key in base:
            out[key] = {**base[key], **_mapping(document, key)}
    out["hints"] = _hints(_mapping(base, "hints"), _mapping(document, "hints"))
    return out


def _mapping(document: Document, key: str) -> Document:
    """Absent or of another shape is empty here; the schema looks at the whole afterwards."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def check_dialect_file(document: Document, where: str, name: str) -> None:
    refuse_misshapen("dialect", document, where)
    if document["dialect"] != name:
        raise MappingError(f"{where}: dialect: write {name}, as the file's name says")
    used = {template_of(entry) for entry in document["bundle"]}
    for name in sorted(used - set(document["resources"])):
        raise MappingError(f"{where}: resources: add {name}; bundle names it")
    for name in sorted(set(document["resources"]) - used - {"Bundle"}):
        raise MappingError(f"{where}: bundle: name {name}, or drop its template")


def template_of(entry: Document) -> str:
    """The template that a kind of entry is filled from: its own, else its resource's."""
    return str(entry.get("template", entry["resource"]))


def resolve(insurer: Document, dialect: Document, use: Use, where: str) -> Document:
    """What one use of one insurer means: its dialect with its own codes and differences on top,
    and on top of those what it says of this use alone."""
    codes, resources = dialect["codes"], _templates(dialect["resources"])
    for said, prefix in ((insurer, ""), (insurer.get(use.value, {}), f"{use.value}.")):
        codes = _codes(codes, said.get("codes", {}))
        own = _templates(said.get("resources", {}))
        stray = sorted(set(own) - set(resources))
        if stray:
            raise MappingError(
                f"{where}: {prefix}resources.{stray[0]}:"
                f" {dialect['dialect']} sends no such resource"
            )
        for resource, template in own.items():
            _refuse_idle_omit(resources[resource], template, where, f"{prefix}resources.{resource}")
        resources = merge(resources, own)
    return {
        "dialect": dialect["dialect"],
        "standard": dialect["standard"],
        "uses": dialect.get("uses", [each.value for each in Use]),
        "bundle": dialect["bundle"],
        "codes": codes,
        "resources": resources,
        "responses": dialect["responses"],
        "adjudication": _adjudication(
            dialect, insurer.get(use.value, {}).get("adjudication", {}), f"{where}: {use}"
        ),
        "inquiry": dialect["inquiry"],
        "code_systems": insurer.get("code_systems", {}),
        "reads_its_own_codes": "adjudication" in insurer.get(use.value, {}),
        "hints": _hints(dialect.get("hints", {}), insurer.get("hints", {})),
        **({"update": dialect["update"]} if "update" in dialect else {}),
    }


def refuse_unfit(insurer: Document, uses: Mapping[Use, Document], where: str) -> None:
    """Raise MappingError for what each part alone may say, and these parts together may not: a
    dialect for a use it has no words for, a table that nothing is translated by, an operation where
    the dialect knows none."""
    for use, resolved in uses.items():
        if use not in resolved["uses"]:
            raise MappingError(
                f"{where}: extends.{use}: {resolved['dialect']} is for"
                f" {' and '.join(resolved['uses'])} only; name another dialect"
            )
        told = {**insurer["delivery"], **insurer["delivery"].get(use.value, {})}
        for key in ("inquire", "answer"):
            if told[key].startswith("POST ") and "ask" not in resolved["inquiry"]:
                part = "" if use is Use.CLAIM else f"{use}."
                raise MappingError(
                    f"{where}: delivery.{part}{key}: {resolved['dialect']} asks by no operation;"
                    f" write a search or none, not {told[key]!r}"
                )
    used = {use: set(_tables(resolved["resources"])) for use, resolved in uses.items()}
    _refuse_idle(insurer["codes"], {"service"}.union(*used.values()), where, "")
    for use in Use:
        own: Document = insurer.get(use.value, {}).get("codes", {})
        _refuse_idle(own, used[use], where, f"{use}.")


def _refuse_idle(tables: Document, used: set[str], where: str, part: str) -> None:
    for name in tables:
        if name not in used:
            raise MappingError(
                f"{where}: {part}codes.{name}: no template translates by this table, so it changes"
                f" nothing; remove it, or say 'code: {name}' in a template"
            )


def _tables(template: object) -> Iterator[str]:
    """The tables that a template's leaves name."""
    if isinstance(template, list):
        for each in template:
            yield from _tables(each)
    elif isinstance(template, Mapping):
        name = template.get("code")
        if isinstance(name, str):
            yield name
        for each in template.values():
            yield from _tables(each)


def _adjudication(dialect: Document, own: Document, where: str) -> Document:
    """How an answer is read, with the insurer's own codes: of each amount, and of each review."""
    base: Document = dialect["adjudication"]
    out = {**base, "amounts": {**base["amounts"], **own.get("amounts", {})}}
    if "review" in own and "review" not in base:
        raise MappingError(
            f"{where}.adjudication.review: {dialect['dialect']} has no review of lines; remove it"
        )
    if "review" in own:
        out["review"] = {**base["review"], "codes": {**base["review"]["codes"], **own["review"]}}
    return out


def _templates(resources: Mapping[str, object]) -> dict[str, Any]:
    return {name: normalize(template) for name, template in resources.items()}


def _refuse_idle_omit(base: object, over: object, where: str, key: str) -> None:
    """An ``omit`` that leaves nothing out is a misspelled element."""
    if not isinstance(over, Mapping) or is_leaf(over):
        return
    for name, value in over.items():
        inner = base.get(name) if isinstance(base, Mapping) else None
        if value == OMIT and inner is None:
            raise MappingError(f"{where}: {key}.{name}: there is nothing to omit; drop the line")
        _refuse_idle_omit(inner, value, where, f"{key}.{name}")


def _codes(base: Mapping[str, Document], own: Mapping[str, Document]) -> dict[str, Document]:
    """The insurer's tables laid over the dialect's, entry by entry."""
    out = dict(base)
    for name, table in own.items():
        before = out.get(name, {})
        out[name] = {**before, **table, "values": {**before.get("values", {}), **table["values"]}}
    return out


def _hints(base: Mapping[str, Document], own: Mapping[str, Document]) -> dict[str, Document]:
    """What to do about codes, the insurer's words over the dialect's, code by code."""
    return {system: {**base.get(system, {}), **own.get(system, {})} for system in {**base, **own}}


def meaning(document: Document) -> Document:
    """What of a file decides what is sent and how it is read. Hints are for people: one learnt
    later is added to a version that is long frozen."""
    return {key: value for key, value in document.items() if key != "hints"}


def dialect_names(insurer: Document) -> dict[Use, str]:
    return {use: insurer["extends"][use.value] for use in Use}


def file_label(path: Path, mappings: Path) -> str:
    """The path as messages name it: from the mappings folder on."""
    return str(path.relative_to(mappings.parent)) if mappings.parent in path.parents else str(path)


def _refuse_private(document: Document, where: str, name: str) -> None:
    prefix = f"PAYER_GATEWAY_INSURER_{name.upper().replace('-', '_')}"
    for part, keys in (
        ("", document),
        ("delivery.", document.get("delivery")),
        ("payer.", document.get("payer")),
    ):
        for key in keys if isinstance(keys, Mapping) else ():
            if key.lower().replace("-", "_") in _PRIVATE:
                raise MappingError(
                    f"{where}: {part}{key}: addresses and secrets stand in no file; remove it and"
                    f" set {prefix}_URL (and {prefix}_TOKEN) in the environment"
                )
