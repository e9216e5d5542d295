"""Causes: a fingerprint that groups equal failures, so that a thousand claims with one fault are
one line for operations staff. Built from codes and places only, never from free text."""

from __future__ import annotations

import hashlib
import re

from sqlalchemy import select, update

from payer_gateway.domain.answer import Issue
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.storage.statements import insert_if_absent
from payer_gateway.storage.tables import cause

_INDEX = re.compile(r"\[\d+\]")


def record(
    work: Work,
    tenant_id: str,
    insurer_id: str,
    outcome: OutcomeClass,
    http_status: int | None,
    issue: Issue | None,
) -> str:
    """Find or make the cause, count the sighting, and open it again if it was resolved; its id."""
    code = issue.code[:60] if issue else None
    expression = _INDEX.sub("[*]", issue.expression)[:200] if issue else None
    parts = [insurer_id, outcome.value, str(http_status or ""), code or "", expression or ""]
    fingerprint = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
    label = " ".join(p for p in parts[1:] if p)
    insert_if_absent(
        work,
        cause,
        {
            "tenant_id": tenant_id,
            "id": new_id(work.now),
            "fingerprint": fingerprint,
            "insurer_id": insurer_id,
            "class": outcome.value,
            "http_status": http_status,
            "issue_code": code,
            "expression": expression,
            "label": label,
            "first_seen": work.now,
            "last_seen": work.now,
            "seen": 0,
        },
    )
    mine = (cause.c.tenant_id == tenant_id, cause.c.fingerprint == fingerprint)
    found = work.conn.execute(select(cause.c.id, cause.c.state).where(*mine)).one()
    work.conn.execute(
        update(cause)
        .where(*mine)
        .values(
            last_seen=work.now,
            seen=cause.c.seen + 1,
            state="regressed" if found.state == "resolved" else found.state,
        )
    )
    return str(found.id)
