"""Is it paid, and why? A consultation is decided and nothing of it is kept."""

from __future__ import annotations

from typing import Any

from payer_gateway.domain.eligibility import Decision, decide, no_coverage
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.decision_json import NO_GUARANTEE, explained
from payer_gateway.storage import consultations
from payer_gateway.workflow.judging import Cover, asked_of, covers_of
from payer_gateway.workflow.services import Services


def check(s: Services, principal: Principal, document: bytes) -> dict[str, Any]:
    """The object of ``POST /api/v1/eligibility-checks`` for one consultation (JSON bytes).

    One decision per coverage, in order; the first is the decision of the consultation, as it would
    be on taking it in now. Raises InvalidInput with every fault.
    """
    principal.must_be_allowed(Act.CHECK_ELIGIBILITY)
    consultation = read_consultation(document).consultation
    covers = covers_of(s, consultation)
    tenant_id = principal.tenant_id
    judged: list[tuple[Cover | None, str, Decision]] = []
    if not covers:
        judged.append((None, "asserted", no_coverage()))
    with s.database.read() as work:
        ours = consultations.known_as(work, tenant_id, consultation.source, consultation.source_id)
        for cover in covers:
            asked = asked_of(s, work, tenant_id, ours, cover, consultation)
            decision = decide(asked.question, cover.plan, asked.known, s.codes)
            judged.append((cover, asked.source, decision))
    first = judged[0][2]
    return {
        "source_id": consultation.source_id,
        "decision": first.verdict.value,
        "reasons": [reason.code.value for reason in first.reasons],
        "decisions": [_told(*each) for each in judged],
        "disclaimer": NO_GUARANTEE,
    }


def _told(cover: Cover | None, source: str, decision: Decision) -> dict[str, Any]:
    return {
        "coverage": cover.coverage.order if cover else None,
        "insurer": cover.profile.name if cover else None,
        "plan": cover.plan.name if cover else None,
        "plan_version": cover.plan.version if cover else None,
        "coverage_source": source,
        **explained(decision),
    }
