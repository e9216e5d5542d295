"""What was sent, as far as an answer is held against it: the Claim, and which of its lines ask for
something (Da Vinci PAS spec-34, spec-46: an answer speaks of every line, and of no other).

The bytes are our own and canonical: they are read for what is asked of them and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from payer_gateway.mapping.speech import Speech


class _Extension(msgspec.Struct):
    url: str = ""


class _Item(msgspec.Struct):
    sequence: int = 0
    modifierExtension: list[_Extension] = []


class _Claim(msgspec.Struct):
    status: str = ""
    item: list[_Item] = []


class _Resource(msgspec.Struct):
    resourceType: str = ""


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"{}")


class _Document(msgspec.Struct):
    resourceType: str = ""
    entry: list[_Entry] = []


_AS_DOCUMENT = msgspec.json.Decoder(_Document)
_AS_RESOURCE = msgspec.json.Decoder(_Resource)
_AS_CLAIM = msgspec.json.Decoder(_Claim)


@dataclass(frozen=True, slots=True)
class SentClaim:
    """Claim.status, and for each line's number the URLs of its modifier extensions."""

    status: str
    lines: dict[int, tuple[str, ...]]


def lines_of(claim: SentClaim | None, speech: Speech) -> dict[int, bool]:
    """The numbers of the lines that were sent, and whether each asks for something: a cancelled one
    does not."""
    cancelled = None if speech.update is None else speech.update.cancelled
    return {} if claim is None else {n: cancelled not in u for n, u in claim.lines.items()}


def claim_sent(body: bytes) -> SentClaim | None:
    """The Claim in a document that we sent, itself or in a Bundle. None: it holds none as we write
    them, and an answer about lines answers none of ours."""
    try:
        return _claim_in(body)
    except msgspec.DecodeError:
        return None


def _claim_in(body: bytes) -> SentClaim | None:
    document = _AS_DOCUMENT.decode(body)
    raw: Any = body
    if document.resourceType != "Claim":
        inside = (entry.resource for entry in document.entry)
        raw = next((r for r in inside if _AS_RESOURCE.decode(r).resourceType == "Claim"), None)
        if raw is None:
            return None
    claim = _AS_CLAIM.decode(raw)
    lines = {item.sequence: tuple(e.url for e in item.modifierExtension) for item in claim.item}
    return SentClaim(claim.status, lines)
