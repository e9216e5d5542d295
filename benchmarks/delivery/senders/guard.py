"""The idempotency guard that users write around a task: a row, committed before the post.

Who finds a row that says ``sending`` cannot know whether the post before was booked. This guard
does not post again then (no doubles; what was not booked stays lost until a person finds it); the
other choice, posting again, is what the senders without a guard do. An answer that says "not
processed" (503) takes the row away again.
"""

from __future__ import annotations

import os
import threading

import posting
import psycopg
import requests

_local = threading.local()


def prepare() -> None:
    _line().execute("CREATE TABLE guard (number text PRIMARY KEY, state text NOT NULL)")


def post_once(number: str) -> None:
    line = _line()
    taken = line.execute(
        "INSERT INTO guard VALUES (%s, 'sending') ON CONFLICT DO NOTHING", (number,)
    )
    if not taken.rowcount:
        return
    try:
        posting.post(number)
    except requests.HTTPError as error:
        if error.response.status_code == 503:
            line.execute("DELETE FROM guard WHERE number = %s", (number,))
        raise
    line.execute("UPDATE guard SET state = 'sent' WHERE number = %s", (number,))


def _line() -> psycopg.Connection:
    if not hasattr(_local, "line"):
        _local.line = psycopg.connect(os.environ["SENDER_GUARD"], autocommit=True)
    line: psycopg.Connection = _local.line
    return line
