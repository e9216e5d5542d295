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


def new_ids(now: datetime, n: int) -> list[str]:
    """So many ids of one moment, with one call for randomness."""
    milliseconds = int(now.timestamp() * 1000).to_bytes(6, "big").hex()
    head = f"{milliseconds[:8]}-{milliseconds[8:]}-7"
    noise = secrets.token_hex(10 * n)
    found = []
    for at in range(0, 20 * n, 20):
        r = noise[at : at + 20]
        variant = "89ab"[int(r[3], 16) & 3]
        found.append(f"{head}{r[:3]}-{variant}{r[4:7]}-{r[7:19]}")
    return found


def known_id(text: str, what: str) -> str:
    """The id in its standard spelling; NotFound when it cannot be an id of ours."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(f"no {what} {text[:60]!r}") from None
