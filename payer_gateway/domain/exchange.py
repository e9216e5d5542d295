"""One exchange with an insurer, in our words: what is sent, and what came back or did not.

``insurers/`` turns the network into these values and never raises a transport error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# Framing, address and sign-in are the gateway's: an insurer's file that set them would break one.
OUR_HEADERS = frozenset(
    {"authorization", "connection", "content-length", "host", "transfer-encoding", "user-agent"}
)


class NoReplyKind(StrEnum):
    """How far an exchange without a readable answer had come."""

    NOT_SENT = "not_sent"  # certainly: no byte of the request left
    TLS = "tls"  # certainly not sent either: the certificate or handshake was refused
    FENCED = "fenced"  # the fence stopped it before the first byte: the lease was no longer ours
    UNKNOWN = "unknown"  # bytes left; whether the insurer booked them, nobody here knows


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it is to leave.

    ``deadline_s`` is wall-clock seconds for the whole exchange, connect to last byte. ``fence``
    is called after the connection stands and right before the first byte of the request is
    written; when it returns False nothing is sent (rule L4).
    """

    method: str
    url: str
    # Out of every repr: the headers hold the token, the body tells of a person.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    deadline_s: float
    fence: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The insurer answered completely: status, headers (lower-case names), body bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoReply:
    """There is no complete answer. ``error`` is short, for operations staff, never a payload."""

    kind: NoReplyKind
    error: str
