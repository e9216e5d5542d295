"""The one tree of errors. Each says what is wrong, where, with which value, and how to cure it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: a JSON path (``services[0].unit_price.value``), the value
    as received (shortened), and what to do about it."""

    path: str
    value: object
    cure: str


class GatewayError(Exception):
    """Anything this package raises on purpose."""


class InvalidInput(GatewayError):
    """An input that cannot be taken as it is; carries every fault found, not only the first."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{f.path}: {f.cure}" for f in faults))
        self.faults = faults


class NotFound(GatewayError):
    """No such thing for this tenant (another tenant's thing is not found either)."""


class Conflict(GatewayError):
    """The thing exists and is not in a state that allows this; the message names the way on."""


class NotAllowed(GatewayError):
    """The principal's role may not do this."""


class MappingError(GatewayError):
    """A mapping or plan file is wrong or does not cover a value: names file, key and cure."""


class SettingError(GatewayError):
    """A setting is missing or cannot be read: names the setting, the value and the cure."""


class IllegalTransition(GatewayError):
    """A submission was asked to make a move that the table of states does not hold."""


class LeaseLost(GatewayError):
    """The submission is no longer held under our lease token; nothing was written."""
