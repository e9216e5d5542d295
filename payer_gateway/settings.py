"""Every setting: its environment name, default and meaning. README's table is tested against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

# name → (default as shown to people, meaning)
MEANINGS: dict[str, tuple[str, str]] = {
    "PAYER_GATEWAY_DATABASE_URL": (
        "sqlite:///payer_gateway.db",
        "where everything is kept: sqlite:///file.db or postgresql://user@host/name",
    ),
    "PAYER_GATEWAY_MAPPINGS": ("mappings", "folder with dialects, insurers and plans"),
    "PAYER_GATEWAY_FIXTURES": ("fixtures", "folder with the golden cases of the insurers"),
    "PAYER_GATEWAY_TODAY": (
        "today",
        "the business day (YYYY-MM-DD) that service days and filing deadlines go by",
    ),
    "PAYER_GATEWAY_LEASE_SECONDS": (
        "60",
        "how long a worker may hold a submission; every send ends well within it",
    ),
    "PAYER_GATEWAY_SETTLE_SECONDS": (
        "as the profile says",
        "wait before asking about a lost answer; for insurers of stage test only",
    ),
    "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": (
        "0",
        "1: insurers on this machine may be reached by plain http (sandbox, tests)",
    ),
    "PAYER_GATEWAY_ALLOW_PRIVATE_ADDRESSES": (
        "0",
        "1: insurers in private networks (10/8, 172.16/12, 192.168/16, fc00::/7) may be reached",
    ),
    "PAYER_GATEWAY_INSURER_<NAME>_URL": (
        "none",
        "FHIR base of an insurer (NAME in upper case, - as _); without it its claims are held",
    ),
    "PAYER_GATEWAY_INSURER_<NAME>_PREAUTH_URL": (
        "its URL",
        "FHIR base for prior authorizations, where that is another",
    ),
    "PAYER_GATEWAY_INSURER_<NAME>_TOKEN": ("none", "bearer token for that insurer"),
}


class BadSetting(ValueError):
    """A setting cannot be read; the text names it, its value and the cure."""


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str
    mappings: Path
    fixtures: Path
    today: date | None
    lease_seconds: float
    settle_seconds: float | None
    allow_loopback_http: bool
    allow_private_addresses: bool
    environ: Mapping[str, str]  # for the names that hold an insurer's

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises BadSetting."""
        lease = _seconds(environ, "PAYER_GATEWAY_LEASE_SECONDS", at_least=1.0)
        return cls(
            database_url=environ.get("PAYER_GATEWAY_DATABASE_URL", "sqlite:///payer_gateway.db"),
            mappings=Path(environ.get("PAYER_GATEWAY_MAPPINGS", "mappings")),
            fixtures=Path(environ.get("PAYER_GATEWAY_FIXTURES", "fixtures")),
            today=_day(environ, "PAYER_GATEWAY_TODAY"),
            lease_seconds=60.0 if lease is None else lease,
            settle_seconds=_seconds(environ, "PAYER_GATEWAY_SETTLE_SECONDS", at_least=0.0),
            allow_loopback_http=_switch(environ, "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP"),
            allow_private_addresses=_switch(environ, "PAYER_GATEWAY_ALLOW_PRIVATE_ADDRESSES"),
            environ=environ,
        )

    def of_insurer(self, name: str, what: str) -> str | None:
        """``what`` is URL, PREAUTH_URL or TOKEN; None when it is not set or empty. White space
        around it (a file's last newline) is no part of it. Raises BadSetting for a token that
        cannot stand in a header; its value is not repeated."""
        setting = insurer_setting(name, what)
        value = self.environ.get(setting, "").strip()
        if what == "TOKEN" and not (value.isascii() and value.isprintable() and " " not in value):
            raise BadSetting(f"{setting}: a token is visible ASCII characters without spaces")
        return value or None


def insurer_setting(name: str, what: str) -> str:
    return f"PAYER_GATEWAY_INSURER_{name.upper().replace('-', '_')}_{what}"


def _day(environ: Mapping[str, str], name: str) -> date | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadSetting(f"{name}={text!r} is no day; write YYYY-MM-DD") from None


def _seconds(environ: Mapping[str, str], name: str, *, at_least: float) -> float | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not at_least <= value <= 86400:
        raise BadSetting(f"{name}={text!r}: write seconds from {at_least:g} to 86400")
    return value


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "0")
    if text not in ("0", "1", ""):
        raise BadSetting(f"{name}={text!r}: write 1 for on, 0 for off")
    return text == "1"
