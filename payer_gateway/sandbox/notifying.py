"""Telling whoever subscribed: a late answer is brought to one address, as PAS notifications are."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import simplejson

from payer_gateway.sandbox import pas

_TIMEOUT_S = 10
_TRIES = 5


class Notifier:
    """Brings answers to ``url`` when they are due; without one it does nothing. One event number
    after the other; what is not taken with a 2xx is brought again, five times in all."""

    def __init__(self, url: str | None, token: str | None) -> None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"--notify {url} is no http address")
        self._url, self._token = url, token
        self._events = 0
        self._lock = threading.Lock()

    def at(self, due: datetime, answer: Callable[[], dict[str, Any]]) -> None:
        if self._url is None:
            return
        wait = max(timedelta(0), due - datetime.now(UTC)).total_seconds()
        timer = threading.Timer(wait, self._bring, (answer, 1))
        timer.daemon = True
        timer.start()

    def _bring(self, answer: Callable[[], dict[str, Any]], nth: int) -> None:
        with self._lock:
            self._events += 1
            number = self._events
        body = pas.notification(answer(), number, datetime.now(UTC))
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            str(self._url),
            data=simplejson.dumps(body, use_decimal=True).encode(),
            headers={"Content-Type": "application/fhir+json", **self._sign()},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 - as above
                return
        except (urllib.error.URLError, OSError):
            if nth < _TRIES:
                again = threading.Timer(nth, self._bring, (answer, nth + 1))
                again.daemon = True
                again.start()

    def _sign(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
