"""Dramatiq on Redis: messages are acknowledged late, as always with it, and retried with a short
backoff; a dead worker's messages come back when its heartbeat is 5 s old.
"""

from __future__ import annotations

import sys

import dramatiq
import posting
from dramatiq.brokers.redis import RedisBroker

# maintenance_chance: looking for dead workers' messages is left to chance; more often, as advised
# where few messages flow.
broker = RedisBroker(url=posting.BROKER, heartbeat_timeout=5_000, maintenance_chance=100_000)
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=posting.TRIES, min_backoff=1_000, max_backoff=2_000)
def send(number: str) -> None:
    posting.post(number)


if __name__ == "__main__":
    for number in posting.numbers(int(sys.argv[1])):
        send.send(number)
