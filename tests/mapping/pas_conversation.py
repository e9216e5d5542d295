"""A prior authorization through all its steps, as an insurer that speaks PAS is asked."""

from __future__ import annotations

import dataclasses
from datetime import date

from mapping_cases import FIXTURES, a_claim, a_decision, shipped

from payer_gateway.domain.claim import CLAIM_SYSTEM, Related, Relation, Use
from payer_gateway.mapping.bundle import build
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.inquiry import inquiry_bundle

SPOKEN_BY = {"pas-2.2.1": "northwind-ppo", "pas-2.0.1": "state-medicaid"}


def conversation(insurer: str) -> dict[str, bytes]:
    """A request, lines added to it, one changed (and with its day the event) and one cancelled, all
    withdrawn; and the question about each."""
    profile = shipped(insurer)
    path = FIXTURES / "consultations" / "05-us-oncology-hybrid.json"
    first = read_consultation(path.read_bytes()).consultation
    call, visit = first.services
    interpreter = dataclasses.replace(visit, code="interpreter", modifiers=())
    added = dataclasses.replace(first, services=(call, visit, interpreter))
    later = dataclasses.replace(call, quantity=2, serviced=date(2026, 3, 9))
    fewer = dataclasses.replace(first, services=(later, interpreter))
    found: dict[str, bytes] = {}
    sent: bytes | None = None
    for n, (name, consultation, relation) in enumerate(
        (
            ("initial", first, None),
            ("added", added, Relation.REPLACE),
            ("modified", fewer, Relation.REPLACE),
            ("withdrawn", fewer, Relation.VOID),
        )
    ):
        claim = dataclasses.replace(
            a_claim(Use.PREAUTHORIZATION),
            id=f"00000000-0000-4000-8000-00000000010{n}",
            number=f"UPDATE-{n}",
            related=relation and Related(f"{CLAIM_SYSTEM}|UPDATE-{n - 1}", relation, None),
        )
        coverage = consultation.coverages[0]
        sent = build(profile, consultation, coverage, claim, a_decision(), sent).body
        found[f"update-{name}"] = sent
        words = profile.speeches[Use.PREAUTHORIZATION].ask
        assert words is not None
        found[f"inquiry-{name}"] = inquiry_bundle(sent, words)
    return found
