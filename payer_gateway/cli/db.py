"""``payer-gateway db upgrade``."""

from __future__ import annotations

import os

import click

from payer_gateway.settings import Settings
from payer_gateway.storage.database import Database


@click.group()
def db() -> None:
    """The database's schema."""


@db.command()
def upgrade() -> None:
    """Bring the schema to this version. Stop the workers first."""
    database = Database(Settings.from_env(os.environ).database_url)
    try:
        database.upgrade()
        click.echo(f"schema {database.schema_version()}")
    finally:
        database.close()
