"""What was sent, as far as an answer is held against it: the Claim, which of its lines ask for
something (Da Vinci PAS spec-34, spec-46: an answer speaks of every line, and of no other), and who
was named beside it (spec-33).

The bytes are our own and canonical: they are read once, for what is asked of them and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from payer_gateway.mapping.answers import Numbered, numbers_of
from payer_gateway.mapping.speech import Speech


class _Extension(msgspec.Struct):
    url: str = ""


class _Item(msgspec.Struct):
    sequence: int = 0
    modifierExtension: list[_Extension] = []


class _Resource(msgspec.Struct):
    resourceType: str = ""
    identifier: Any = None
    status: str = ""
    item: list[_Item] = []


class _Entry(msgspec.Struct):
    fullUrl: str = ""
    resource: _Resource = msgspec.field(default_factory=_Resource)


class _Document(_Resource):
    entry: list[_Entry] = []


_AS_DOCUMENT = msgspec.json.Decoder(_Document)


class Sent:
    """A document that we sent: a Claim itself, or a Bundle with one. It is read when first it is
    asked: an answer to a claim as a whole is held against none of it."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._read: _Document | None = None

    @property
    def _document(self) -> _Document:
        if self._read is None:
            try:
                self._read = _AS_DOCUMENT.decode(self._body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._read = _Document()
        return self._read

    @property
    def _claim(self) -> _Resource | None:
        document = self._document
        if document.resourceType == "Claim":
            return document
        inside = (entry.resource for entry in document.entry)
        return next((each for each in inside if each.resourceType == "Claim"), None)

    @property
    def status(self) -> str | None:
        """Claim.status; None where it holds no Claim as we write them."""
        claim = self._claim
        return None if claim is None else claim.status

    def lines(self, speech: Speech) -> dict[int, bool]:
        """The numbers of the lines that were sent, and whether each asks for something: a cancelled
        one does not. Where there is no Claim, an answer about lines answers none of ours."""
        claim = self._claim
        if claim is None:
            return {}
        cancelled = None if speech.update is None else speech.update.cancelled
        return {
            item.sequence: cancelled not in [each.url for each in item.modifierExtension]
            for item in claim.item
        }

    def numbered(self) -> Iterator[Numbered]:
        """Every resource of the Bundle that comes back under its numbers."""
        for entry in self._document.entry:
            resource = entry.resource
            yield from numbers_of(resource.resourceType, resource.identifier, entry.fullUrl)
