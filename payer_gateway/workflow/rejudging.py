"""Decisions under a changed roster: made anew when the same consultation comes in again. The
earlier decision is never edited; the new one supersedes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.claim import WaitsFor
from payer_gateway.domain.consultation import Consultation
from payer_gateway.domain.eligibility import Decision, decide
from payer_gateway.domain.principal import Principal
from payer_gateway.domain.reasons import Verdict
from payer_gateway.storage import consultations
from payer_gateway.storage.database import Work
from payer_gateway.workflow.judging import Cover, asked_of, judge, last_decision
from payer_gateway.workflow.services import Services
from payer_gateway.workflow.summary import stored_decision

_OPEN = (Verdict.ELIGIBLE, Verdict.CONDITIONAL)


def answered_otherwise(
    s: Services,
    work: Work,
    row: Row[Any],
    consultation: Consultation,
    covers: tuple[Cover, ...],
) -> tuple[Cover, ...]:
    """The covers whose roster has changed since they were decided, so that the answer is another.
    What a person decided stands."""
    found = []
    for cover in covers:
        last = last_decision(work, row.tenant_id, row.id, cover)
        if last is None or last.decided_by != "engine":
            continue
        asked = asked_of(s, work, row.tenant_id, row.id, cover, consultation)
        if asked.standing is None or asked.standing.since <= last.decided_at:
            continue
        decision = decide(asked.question, cover.plan, asked.known, s.codes)
        if _told(decision) != _told(stored_decision(work, last)):
            found.append(cover)
    return tuple(found)


def _told(decision: Decision) -> Decision:
    """What a decision says, without how it came to say so."""
    return replace(decision, trace=(), supersedes=None)


def behind_a_claim(
    s: Services,
    work: Work,
    principal: Principal,
    row: Row[Any],
    consultation: Consultation,
    changed: tuple[Cover, ...],
) -> None:
    """A claim is on its way already, and what was sent is sent: the new decision is on file beside
    the old one. What is still planned on cover that has gone waits for a person."""
    for cover in changed:
        decision_id, decision = judge(s, work, principal, row, row.revision, consultation, cover)
        if decision.verdict in _OPEN:
            continue
        for planned in consultations.planned(work, row.tenant_id, row.id):
            if planned.state == "open" and planned.coverage_order == cover.coverage.order:
                cause = f"the roster has changed: {decision.reasons[0].code}"
                consultations.change_planned(
                    work,
                    planned,
                    decision_id=decision_id,
                    waits_for=WaitsFor.PERSON.value,
                    closed_cause=cause,
                )
