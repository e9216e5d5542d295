"""Log lines of long-running commands: ids and states, never people."""

from __future__ import annotations

import logging

# The only extra fields that are ever printed; what is not listed here does not reach a log.
_FIELDS = ("submission_id", "attempt", "status", "outcome", "state")


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        found = [(name, getattr(record, name, None)) for name in _FIELDS]
        return text + "".join(f" {name}={value}" for name, value in found if value is not None)


def log_to_stderr(level: int = logging.INFO) -> None:
    """One line an event on stderr, for whoever collects them."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("payer_gateway").addHandler(handler)
    logging.getLogger("payer_gateway").setLevel(level)
