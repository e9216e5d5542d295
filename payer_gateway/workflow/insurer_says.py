"""What the insurer said of one submission, in its own words, beside its file's hints."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.insurer_words import (
    MAX_WORDS,
    Said,
    found_in_answer,
    found_in_reply,
    words_of,
)
from payer_gateway.storage import bodies, ledger, outbox
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services


def said_of(s: Services, work: Work, row: Row[Any]) -> list[Said]:
    """Complaints and reasons of the last reply to a send, then of every answer that was booked, and
    after each what we found wrong with it; empty when the insurer's file is gone."""
    try:
        profile = s.shelf.version(row.profile, row.profile_version)
    except MappingError:
        return []
    use, number = Use(row.use), row.claim_identifier
    sent = bodies.kept(work, row.tenant_id, row.body_id)
    found: dict[Said, None] = {}
    seen = set()
    sends = [a for a in outbox.attempts(work, row.tenant_id, row.id) if a.kind == "send"]
    if last := next((a for a in reversed(sends) if a.reply_body_id is not None), None):
        seen.add(last.reply_body_id)
        reply = Reply(last.http_status, {}, bodies.get(work, row.tenant_id, last.reply_body_id))
        found |= dict.fromkeys(words_of(profile, use, reply.body, number))
        found |= dict.fromkeys(found_in_reply(profile, use, reply, number, sent))
    for fact in ledger.of_submission(work, row.tenant_id, row.id):
        if fact.body_id is not None and fact.body_id not in seen:
            seen.add(fact.body_id)
            body = bodies.get(work, row.tenant_id, fact.body_id)
            found |= dict.fromkeys(words_of(profile, use, body, number))
            found |= dict.fromkeys(found_in_answer(profile, use, body, number, sent))
    return list(found)[:MAX_WORDS]


def as_json(said: Said) -> dict[str, Any]:
    return dataclasses.asdict(said)
