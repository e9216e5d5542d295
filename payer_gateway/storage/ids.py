"""Ids of our things: UUID version 7 (RFC 9562), so that they sort by the time they were made."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

from payer_gateway.domain.errors import NotFound


def new_id(now: datetime) -> str:
    """48 bits of milliseconds, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    value |= (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def known_id(text: str, what: str) -> str:
    """The id in its standard spelling; NotFound when it cannot be an id of ours."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(f"no {what} {text[:60]!r}") from None
