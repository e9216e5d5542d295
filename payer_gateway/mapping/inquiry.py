"""The question "did it arrive, and what was decided?" where it is put as an operation: the request
that was sent, cut down to what identifies it.

Made from the exact bytes that were sent, not from the mapping of today: whatever was asked for then
is asked about now. Which elements stay stands in the dialect (``inquiry.ask``). Source: Da Vinci
PAS, operation Claim/$inquire, profiles inquiry-request-bundle and claim-inquiry.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from payer_gateway.domain.consultation import Identifier
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.references import references_in

_Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AskWords:
    """Profiles of the question, and the elements of a Claim and its lines that it keeps."""

    bundle_profile: str
    claim_profile: str
    claim: tuple[str, ...]
    item: tuple[str, ...]
    item_extensions: tuple[str, ...]
    number_system: str


def inquiry_bundle(sent: bytes, words: AskWords) -> bytes:
    """The question about a request, as exact bytes; the same request, the same question.

    Raises MappingError when what was sent is no request that can be asked about.
    """
    bundle: Any = parse_json(sent)
    entries = {e["fullUrl"]: e["resource"] for e in bundle.get("entry", ())}
    first = next(iter(entries), None)
    if first is None or entries[first].get("resourceType") != "Claim":
        raise MappingError("what was sent is no Bundle with a Claim first, so it cannot be asked")
    own = uuid.uuid5(uuid.UUID(entries[first]["id"]), "inquiry")
    claim = _claim(entries[first], own, words)
    return canonical_json(
        {
            "resourceType": "Bundle",
            "id": str(uuid.uuid5(own, "bundle")),
            "meta": {"profile": [words.bundle_profile]},
            "identifier": {"system": words.number_system, "value": str(uuid.uuid5(own, "bundle"))},
            "type": bundle["type"],
            "timestamp": bundle["timestamp"],
            "entry": [
                {"fullUrl": own.urn, "resource": claim},
                *({"fullUrl": url, "resource": entries[url]} for url in _reached(claim, entries)),
            ],
        }
    )


def _claim(sent: _Resource, own: uuid.UUID, words: AskWords) -> _Resource:
    kept = {name: sent[name] for name in words.claim if name in sent}
    number = Identifier(words.number_system, str(own))
    return {
        "resourceType": "Claim",
        "id": str(own),
        "meta": {**sent.get("meta", {}), "profile": [words.claim_profile]},
        **kept,
        # Names the inquiry; what is looked for are the lines, by their traces.
        "identifier": [{"system": number.system, "value": number.value}],
        "item": [_item(item, words) for item in sent.get("item", ())],
    }


def _item(sent: _Resource, words: AskWords) -> _Resource:
    kept = {name: sent[name] for name in words.item if name in sent}
    traced = [e for e in sent.get("extension", ()) if e.get("url") in words.item_extensions]
    return {**kept, "extension": traced} if traced else kept


def _reached(claim: _Resource, entries: Mapping[str, _Resource]) -> list[str]:
    """Every entry that the question leads to, in the order in which it was sent."""
    reached: set[str] = set()
    todo: list[_Resource] = [claim]
    while todo:
        for url in references_in(todo.pop()):
            if url in entries and url not in reached:
                reached.add(url)
                todo.append(entries[url])
    return [url for url in entries if url in reached]
