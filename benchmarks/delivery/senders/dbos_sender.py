"""DBOS on PostgreSQL: a durable workflow for each claim on a queue, its post a step with retries.
A step's result is remembered; one that was cut off is run again.
"""

from __future__ import annotations

import sys
import threading

import posting
from dbos import DBOS, DBOSClient, DBOSConfig

config: DBOSConfig = {
    "name": "sender",
    "system_database_url": posting.BROKER,
}
DBOS(config=config)


@DBOS.step(retries_allowed=True, max_attempts=posting.TRIES, interval_seconds=1.0, backoff_rate=1.0)
def post(number: str) -> None:
    posting.post(number)


@DBOS.workflow(name="send")
def send(number: str) -> None:
    post(number)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        DBOS.launch()
        DBOS.register_queue("claims", worker_concurrency=posting.THREADS, polling_interval_sec=0.1)
        threading.Event().wait()
    else:
        DBOS.launch()  # makes its tables
        DBOS.destroy()
        client = DBOSClient(system_database_url=posting.BROKER)
        for number in posting.numbers(int(sys.argv[1])):
            client.enqueue({"queue_name": "claims", "workflow_name": "send"}, number)
        client.destroy()
