"""Blind keys: HMAC-SHA-256 under a secret per tenant. Equal people and conditions can be found and
counted; whoever holds only the table cannot read them, nor try out who is in it."""

from __future__ import annotations

import hmac
from datetime import date

from payer_gateway.storage import tenants
from payer_gateway.storage.database import Work


class BlindKeys:
    """The keys of one tenant, each 64 hexadecimal digits."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def of(cls, work: Work, tenant_id: str) -> BlindKeys:
        """A tenant's secret never changes. Once it is seen committed it is kept with the connection
        it came by, so that a question costs one trip to the database less."""
        kept: dict[str, BlindKeys] = work.conn.info.setdefault("blind keys", {})
        keys = kept.get(tenant_id)
        if keys is None:
            keys = cls(tenants.blind_key(work, tenant_id))
            if work.is_reading:
                kept[tenant_id] = keys
        return keys

    def member(self, insurer: str, plan: str, member_id: str) -> str:
        """Member ids are compared as insurers do: case, spaces and hyphens apart."""
        plain = member_id.upper().replace(" ", "").replace("-", "")
        return self._blind("member", insurer, plan, plain)

    def condition(self, insurer: str, episode_id: str) -> str:
        return self._blind("condition", insurer, episode_id)

    def employee(self, employer_id: str, employee_id: str, birth_date: date) -> str:
        """A member as an employer names one: never by name or illness. Case apart; everything else
        of an employee's number counts."""
        return self._blind(
            "employee", employer_id.casefold(), employee_id.casefold(), birth_date.isoformat()
        )

    def _blind(self, *parts: str) -> str:
        return hmac.digest(self._secret, "\x1f".join(parts).encode(), "sha256").hex()
