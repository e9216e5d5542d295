"""A worker's heartbeat: it leaves its mark in the database, and adds up the counters by the way."""

from __future__ import annotations

import time

from payer_gateway import __version__
from payer_gateway.storage import tallies, workers
from payer_gateway.workflow.services import Services

BEAT_EVERY_S = 5.0


class Pulse:
    """``beat`` as often as you like; it writes every few seconds."""

    def __init__(self, services: Services, name: str) -> None:
        self._services, self._name = services, name
        self._next = 0.0

    def beat(self) -> bool:
        """False: it is no work that waits."""
        if time.monotonic() < self._next:
            return False
        with self._services.database.write() as work:
            workers.beat(work, self._name, __version__)
            tallies.roll(work)
        self._next = time.monotonic() + BEAT_EVERY_S
        return False

    def leave(self) -> bool:
        """The worker ends in good order."""
        with self._services.database.write() as work:
            workers.leave(work, self._name)
        return False
