"""Huey on Redis, with retries. A task is taken off the queue before it runs: what a killed consumer
held is gone, and no setting brings it back.
"""

from __future__ import annotations

import sys

import posting
from huey import RedisHuey

queue = RedisHuey("sender", url=posting.BROKER, results=False)


@queue.task(retries=posting.TRIES, retry_delay=1)
def send(number: str) -> None:
    posting.post(number)


def fill(claims: int) -> None:
    for number in posting.numbers(claims):
        send(number)


if __name__ == "__main__":
    # Huey names a task after its module: the one that the consumer knows, not __main__.
    import huey_sender

    huey_sender.fill(int(sys.argv[1]))
