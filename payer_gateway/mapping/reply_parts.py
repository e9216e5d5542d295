"""The body and the headers of an insurer's reply: its document, and when it may be called again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from payer_gateway.domain.answer import Issue
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.canonical import parse_json

MAX_RETRY_AFTER_S = 24 * 3600


def parse_body(body: bytes) -> tuple[object, Issue | None]:
    """The document, or what is wrong with it."""
    if not body.strip():
        return None, Issue("no-body", "$", "the answer has no body")
    try:
        # Some servers write a byte order mark, which a reader may pass over (RFC 8259, 8.1).
        return parse_json(body.removeprefix(b"\xef\xbb\xbf")), None
    except InvalidInput as error:
        fault = error.faults[0]
        return None, Issue("no-json", fault.path[:200], fault.cure)
    except (ValueError, RecursionError):
        return None, Issue("no-json", "$", "the answer is no JSON that can be read")


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds, or a date counted from the answer's own Date: no clock is read here."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:10]), MAX_RETRY_AFTER_S)
    until, sent = _http_date(text), _http_date(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return max(0, min(int((until - sent).total_seconds()), MAX_RETRY_AFTER_S))


def _http_date(text: str) -> datetime | None:
    try:
        value = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
