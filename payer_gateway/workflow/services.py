"""What every step works with, put together once by the composition root (``app.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from payer_gateway.domain.claim import Use
from payer_gateway.domain.eligibility import CodeSets
from payer_gateway.insurers.client import HttpClient
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Profile, Shelf
from payer_gateway.storage.database import Database


@dataclass(frozen=True, slots=True)
class Address:
    """Where an insurer is reached; from settings only, never from a file."""

    url: str
    preauth_url: str
    token: str | None

    def base(self, use: str) -> str:
        return self.preauth_url if use == Use.PREAUTHORIZATION.value else self.url


@dataclass(frozen=True, slots=True)
class Services:
    database: Database
    shelf: Shelf
    plans: PlanShelf
    codes: CodeSets
    client: HttpClient
    addresses: Mapping[str, Address]
    today: date | None
    lease: timedelta
    settle_override: timedelta | None

    def business_day(self, now: datetime, zone: ZoneInfo) -> date:
        """The day that service days, filing deadlines and waiting claims go by."""
        return self.today or now.astimezone(zone).date()

    def settle(self, profile: Profile) -> timedelta:
        """How long an insurer may take to book; shorter by setting for test insurers only."""
        if self.settle_override is not None and profile.stage == "test":
            return self.settle_override
        return timedelta(seconds=profile.delivery.settle_s)

    def send_deadline_s(self, profile: Profile) -> float:
        """Seconds for one exchange: the profile's timeout, but always well inside a lease."""
        return min(
            float(profile.delivery.timeout_s), self.lease.total_seconds() - self.lease_margin_s()
        )

    def lease_margin_s(self) -> float:
        """What is always left of a lease when an exchange ends, for recording it."""
        return max(0.3, min(5.0, self.lease.total_seconds() * 0.2))
