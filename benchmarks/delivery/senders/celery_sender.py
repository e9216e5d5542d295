"""Celery. ``SENDER_MODE``: ``default``; ``acks_late`` with its documented companions; ``guarded``,
which adds to that the row that users write to keep a task from posting twice.

The visibility timeout is 5 s for all: with Redis' default of an hour the same redeliveries come an
hour later.
"""

from __future__ import annotations

import os
import sys

import posting
import requests
from celery import Celery

MODE = os.environ["SENDER_MODE"]
app = Celery("sender", broker=posting.BROKER)
app.conf.update(
    broker_transport_options={"visibility_timeout": 5},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
)
if MODE != "default":
    app.conf.update(
        task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1
    )


@app.task(
    name="send",
    autoretry_for=(requests.RequestException,),
    retry_backoff=1,
    retry_backoff_max=2,
    max_retries=posting.TRIES,
)
def send(number: str) -> None:
    if MODE == "guarded":
        import guard

        guard.post_once(number)
    else:
        posting.post(number)


if __name__ == "__main__":
    if MODE == "guarded":
        import guard

        guard.prepare()
    for number in posting.numbers(int(sys.argv[1])):
        send.delay(number)
