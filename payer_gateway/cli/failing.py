"""Errors on the command line: one line that names the cure, and the exit code it means."""

from __future__ import annotations

import errno

import click

from payer_gateway.cli.streams import Unprintable
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
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def told(exc: Exception) -> int:
    """Print the error to stderr; its exit code. Raises what is no error of ours again."""
    for kind in type(exc).__mro__:
        if kind in _EXIT:
            click.echo(f"payer-gateway: {exc}", err=True)
            return _EXIT[kind]
    if _is_unreachable_database(exc):
        said = str(getattr(exc, "orig", exc)).strip().splitlines()[0]
        click.echo(
            f"payer-gateway: PAYER_GATEWAY_DATABASE_URL: the database cannot be opened: {said};"
            " start it, or correct the setting",
            err=True,
        )
        return 2
    if isinstance(exc, Unprintable):
        said = str(exc.strerror).lower()
        cure = "make room where it goes, or send it elsewhere"
        click.echo(f"payer-gateway: the output cannot be written: {said}; {cure}", err=True)
        return 2
    if isinstance(exc, OSError) and exc.errno in _FULL:
        click.echo(f"payer-gateway: {exc}; make room there and run it again", err=True)
        return 2
    raise exc


def _is_unreachable_database(exc: Exception) -> bool:
    from sqlalchemy.exc import OperationalError

    # Without a statement it never came as far as asking: no server, no folder, no such database.
    return isinstance(exc, OperationalError) and exc.statement is None
