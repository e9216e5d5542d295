"""The task that every task queue is given: post one claim, raise when that did not go well.

As its users write it: one ``requests.Session`` per thread, a timeout, the claim's number as
``Idempotency-Key``, the same bytes on every try. What a raise leads to is the queue's business.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import requests

BROKER = os.environ.get("SENDER_BROKER", "")
THREADS = int(os.environ.get("SENDER_THREADS", "8"))
TRIES = 12
_ADDRESS = os.environ["SENDER_INSURER"] + "/Claim/$submit"
_BODY = Path(os.environ["SENDER_BODY"]).read_bytes()
_local = threading.local()


def numbers(claims: int) -> list[str]:
    return [f"CLAIM-{n:05d}" for n in range(claims)]


def post(number: str) -> None:
    session = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
    headers = {"Content-Type": "application/fhir+json", "Idempotency-Key": number}
    body = _BODY.replace(b"GOLDEN-1", number.encode())
    session.post(_ADDRESS, data=body, headers=headers, timeout=4).raise_for_status()
