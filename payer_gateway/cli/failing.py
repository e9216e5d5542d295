"""Errors on the command line: one line that names the cure, and the exit code it means."""

from __future__ import annotations

import click

from payer_gateway.domain.errors import (
    Conflict,
    GatewayError,
    InvalidInput,
    NotAllowed,
    SettingError,
)
from payer_gateway.settings import BadSetting

# Walked along the class's bases; what is not listed is a fault of ours and keeps its traceback.
_EXIT: dict[type[Exception], int] = {
    SettingError: 2,
    BadSetting: 2,
    InvalidInput: 2,
    NotAllowed: 2,
    Conflict: 1,
    GatewayError: 1,
}


def told(exc: Exception) -> int:
    """Print the error to stderr; its exit code. Raises what is no error of ours again."""
    for kind in type(exc).__mro__:
        if kind in _EXIT:
            click.echo(f"payer-gateway: {exc}", err=True)
            return _EXIT[kind]
    raise exc
