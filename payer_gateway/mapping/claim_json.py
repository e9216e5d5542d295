"""A claim and what it carries, as JSON and back: the bodies of claims and planned claims."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from payer_gateway.domain.claim import Claim, PriorResult, Related, Relation, Use
from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.decision_json import plain


def encode_claim(claim: Claim) -> bytes:
    return canonical_json(plain(claim))


def decode_claim(body: bytes) -> Claim:
    document: Any = parse_json(body)
    related, prior = document["related"], document["prior_result"]
    return Claim(
        id=document["id"],
        number=document["number"],
        use=Use(document["use"]),
        coverage_order=document["coverage_order"],
        created_on=date.fromisoformat(document["created_on"]),
        authorization_number=document["authorization_number"],
        authorization_period=_period(document["authorization_period"]),
        related=(
            Related(related["identifier"], Relation(related["relation"]), related["control_number"])
            if related
            else None
        ),
        prior_result=_prior(prior) if prior else None,
    )


def encode_carried(
    *, authorization: tuple[str, Period | None] | None, prior: PriorResult | None
) -> bytes:
    """What a planned claim has been given while it waited."""
    return canonical_json(
        {
            "authorization_number": authorization[0] if authorization else None,
            "authorization_period": plain(authorization[1]) if authorization else None,
            "prior_result": plain(prior),
        }
    )


def decode_carried(body: bytes) -> tuple[str | None, Period | None, PriorResult | None]:
    document: Any = parse_json(body)
    prior = document["prior_result"]
    return (
        document["authorization_number"],
        _period(document["authorization_period"]),
        _prior(prior) if prior else None,
    )


def _prior(document: Any) -> PriorResult:
    paid = document["paid"]
    return PriorResult(
        insurer=document["insurer"],
        claim_identifier=document["claim_identifier"],
        outcome=document["outcome"],
        paid=Money(Decimal(paid["value"]), paid["currency"]),
        control_number=document["control_number"],
    )


def _period(document: Any) -> Period | None:
    if document is None:
        return None
    return Period(_when(document["start"]), _when(document["end"]))


def _when(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
