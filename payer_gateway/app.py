"""The composition root: settings become services, services become what runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from payer_gateway.codes import load_code_sets
from payer_gateway.domain.errors import SettingError
from payer_gateway.domain.principal import DEFAULT_TENANT
from payer_gateway.insurers.addresses import AddressBook, check_base_url
from payer_gateway.insurers.client import HttpClient
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.settings import Settings, insurer_setting
from payer_gateway.storage import tenants
from payer_gateway.storage.database import Database
from payer_gateway.workflow.readiness import read_ahead
from payer_gateway.workflow.services import Address, Services

if TYPE_CHECKING:
    from flask import Flask


def build_services(settings: Settings, *, migrate: bool = True) -> Services:
    """Open the database (an empty one is migrated) and read where the insurers are.

    Raises SettingError naming the setting and the cure.
    """
    if not settings.mappings.is_dir():
        raise SettingError(
            f"PAYER_GATEWAY_MAPPINGS: there is no folder {str(settings.mappings)!r}; name the"
            " folder that holds dialects/, insurers/ and plans/"
        )
    shelf = Shelf(settings.mappings)
    addresses = addresses_of(settings, shelf.names())
    database = Database(settings.database_url)
    if migrate:
        database.ensure_schema()
        with database.write() as work:
            tenants.ensure(work, DEFAULT_TENANT)
    return Services(
        database=database,
        shelf=shelf,
        plans=PlanShelf(settings.mappings),
        codes=load_code_sets(),
        client=HttpClient(
            AddressBook(
                allow_loopback_http=settings.allow_loopback_http,
                allow_private=settings.allow_private_addresses,
            )
        ),
        addresses=addresses,
        today=settings.today,
        lease=timedelta(seconds=settings.lease_seconds),
        settle_override=(
            None if settings.settle_seconds is None else timedelta(seconds=settings.settle_seconds)
        ),
    )


def addresses_of(settings: Settings, insurers: list[str]) -> dict[str, Address]:
    """The insurers that have an address; those without one are held, not refused."""
    found: dict[str, Address] = {}
    for name in insurers:
        url = settings.of_insurer(name, "URL")
        preauth = settings.of_insurer(name, "PREAUTH_URL")
        if url is None and preauth is not None:
            raise SettingError(
                f"{insurer_setting(name, 'PREAUTH_URL')} is set, {insurer_setting(name, 'URL')}"
                " is not; set both, or the URL alone"
            )
        if url is None:
            continue
        for what, value in (("URL", url), ("PREAUTH_URL", preauth)):
            if value is None:
                continue
            check_base_url(
                value,
                allow_loopback_http=settings.allow_loopback_http,
                setting=insurer_setting(name, what),
            )
        found[name] = Address(url, preauth or url, settings.of_insurer(name, "TOKEN"))
    return found


def create_app(settings: Settings) -> Flask:
    """The HTTP surface, for any WSGI server (see ``wsgi.py``); all that it works with is read, so
    that the first request is answered like any other."""
    from payer_gateway.web.application import create_web_app

    services = build_services(settings)
    read_ahead(services)
    return create_web_app(services)
