"""What a command works with: services from the environment, and who acts."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from payer_gateway.domain.principal import DEFAULT_TENANT, Principal, Role
from payer_gateway.settings import Settings

if TYPE_CHECKING:
    from payer_gateway.workflow.services import Services


def local_operator(role: Role = Role.OPS) -> Principal:
    """The account that runs the command; never a flag."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = str(os.getuid())
    return Principal(DEFAULT_TENANT, role, f"local:{account}")


@contextmanager
def opened(settings: Settings | None = None, *, store: bool = True) -> Iterator[Services]:
    """Services for one command, closed after it. Without ``store`` no database is touched."""
    # What opens no services need not wait for the database's driver.
    from payer_gateway.app import build_services

    services = build_services(settings or Settings.from_env(os.environ), migrate=store)
    try:
        yield services
    finally:
        services.client.close()
        services.database.close()
