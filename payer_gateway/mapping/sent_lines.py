"""What was sent, as far as an answer is held against it: the Claim, and which of its lines ask for
something (Da Vinci PAS spec-34, spec-46: an answer speaks of every line, and of no other)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from payer_gateway.mapping.hostile import as_list, as_object
from payer_gateway.mapping.speech import Speech

_Object = Mapping[str, object]


def claim_in(sent: object) -> _Object | None:
    """The Claim in what was sent: the document itself, or an entry of it."""
    document = as_object(sent)
    inside = (as_object(entry).get("resource") for entry in as_list(document.get("entry")))
    every = map(as_object, chain((document,), inside))
    return next((r for r in every if r.get("resourceType") == "Claim"), None)


def lines_of(claim: _Object | None, speech: Speech) -> dict[int, bool]:
    """The numbers of the lines that were sent, and whether each asks for something: a cancelled one
    does not."""
    items = map(as_object, as_list(as_object(claim).get("item")))
    return {
        n: not _is_cancelled(item, speech)
        for item in items
        if isinstance(n := item.get("sequence"), int)
    }


def _is_cancelled(item: _Object, speech: Speech) -> bool:
    if speech.update is None:
        return False
    modifiers = map(as_object, as_list(item.get("modifierExtension")))
    return any(modifier.get("url") == speech.update.cancelled for modifier in modifiers)
