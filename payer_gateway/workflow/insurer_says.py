"""What the insurer said of one submission, in its own words, beside its file's hints."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping.insurer_words import MAX_WORDS, Said, words_of
from payer_gateway.storage import bodies, ledger, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services


def said_of(s: Services, work: Work, row: Row[Any]) -> list[Said]:
    """Complaints and reasons of the last reply to a send, then of every answer that was booked;
    empty when the insurer's file is gone."""
    try:
        profile = s.shelf.version(row.profile, row.profile_version)
    except MappingError:
        return []
    sends = [a for a in outbox.attempts(work, row.tenant_id, row.id) if a.kind == "send"]
    replies = [a.reply_body_id for a in sends if a.reply_body_id is not None][-1:]
    replies += [
        fact.body_id
        for fact in ledger.of_submission(work, row.tenant_id, row.id)
        if fact.body_id is not None
    ]
    found: dict[Said, None] = {}
    for body_id in dict.fromkeys(replies):
        body = bodies.get(work, row.tenant_id, body_id)
        found |= dict.fromkeys(words_of(profile, Use(row.use), body, row.claim_identifier))
    return list(found)[:MAX_WORDS]


def as_json(said: Said) -> dict[str, Any]:
    return dataclasses.asdict(said)
