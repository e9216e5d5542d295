"""A decision as JSON and back: the body that a decision's row points at. Lossless for what later
steps read (verdict, reasons, benefit, cost, remaining); question and trace are kept to be read."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, overload

from payer_gateway.domain.cost import Cost
from payer_gateway.domain.eligibility import RULESET, Decision, Question, Snapshot, Trail
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.reasons import Code, Reason, Verdict
from payer_gateway.mapping.canonical import canonical_json, parse_json

NO_GUARANTEE = "An estimate for the day of the service, not a guarantee of payment."
_NUMBERS = {2: "second", 3: "third"}  # opinions


def plain(value: Any) -> Any:
    """Domain values as JSON values: dates ISO 8601, money ``{value: "420.00", currency}``."""
    if isinstance(value, Money):
        return {"value": str(value.amount), "currency": value.currency}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v) for v in value)
    if isinstance(value, (tuple, list, Trail)):
        return [plain(v) for v in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


def _key(key: Any) -> str:
    if isinstance(key, tuple):
        return "/".join(str(part) for part in key)
    return str(key)


def input_digest(question: Question | None, plan: Plan | None, known: Snapshot | None) -> str:
    """One hash over all that went into the decision: the same digest must give the same answer."""
    inputs = {
        "ruleset": RULESET,
        "question": plain(question),
        "plan": plan.digest if plan else None,
        "known": plain(known),
    }
    return hashlib.sha256(canonical_json(inputs)).hexdigest()


def encode(decision: Decision, question: Question | None, known: Snapshot | None) -> bytes:
    document = plain(decision)
    document["reasons"] = [
        {
            **plain(reason),
            "sentence": reason.sentence,
            "patient_sentence": reason.patient_sentence,
        }
        for reason in decision.reasons
    ]
    document["question"] = plain(question)
    document["known"] = plain(known)
    return canonical_json(document)


def decode(body: bytes) -> Decision:
    """The decision as it was stored; its trace stays in the body."""
    document: Any = parse_json(body)
    cost, later = document["cost"], document.get  # what bodies of ruleset 1 do not have
    return Decision(
        verdict=Verdict(document["verdict"]),
        reasons=tuple(Reason(Code(r["code"]), r["rule"], r["fields"]) for r in document["reasons"]),
        benefit=document["benefit"],
        service_type=document["service_type"],
        auth_required=document["auth_required"],
        cost=Cost(*(_money(cost[k]) for k in ("allowed", "member", "plan"))) if cost else None,
        remaining={int(k): v for k, v in document["remaining"].items()},
        eligible_from=_day(document["eligible_from"]),
        notes=tuple(document["notes"]),
        trace=(),
        remaining_amount=_money(later("remaining_amount")),
        bill_first=later("bill_first"),
        supersedes=later("supersedes"),
        normalized=later("normalized"),
        suggestion_prefix=later("suggestion_prefix"),
        modifier_hint=later("modifier_hint"),
        per_leg_network=tuple(later("per_leg_network", ())),
        units=later("units", 1),
        penalty=_money(later("penalty")),
        valid_until=_day(later("valid_until")),
    )


@overload
def _money(value: Mapping[str, str]) -> Money: ...


@overload
def _money(value: Mapping[str, str] | None) -> Money | None: ...


def _money(value: Mapping[str, str] | None) -> Money | None:
    return Money(Decimal(value["value"]), value["currency"]) if value else None


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def answer_of(decision: Decision) -> dict[str, Any]:
    """A decision as it is told outside (scenario files, eligibility checks); money as decimal
    strings in the currency that ``cost`` names."""
    cost, penalty = decision.cost, decision.penalty
    return {
        "decision": decision.verdict.value,
        "reasons": [reason.code.value for reason in decision.reasons],
        "benefit": decision.benefit,
        "auth_required": decision.auth_required,
        "cost": cost
        and {
            "allowed": str(cost.allowed.amount),
            "member": str(cost.member.amount),
            "plan": str(cost.plan.amount),
            "currency": cost.allowed.currency,
        },
        "remaining": {_NUMBERS[n]: left for n, left in decision.remaining.items()},
        "penalty": None if penalty is None else str(penalty.amount),
        "units": decision.units,
        **{column: decision.number(column) for column in ("carc", "eb01", "aaa")},
        "eligible_from": decision.eligible_from and decision.eligible_from.isoformat(),
        "bill_first": decision.bill_first,
        "supersedes": decision.supersedes,
        "notes": list(decision.notes),
        "normalized": decision.normalized,
        "suggestion_prefix": decision.suggestion_prefix,
        "modifier_hint": decision.modifier_hint,
        "service_type": decision.service_type,
        "per_leg_network": list(decision.per_leg_network),
    }


def explained(decision: Decision) -> dict[str, Any]:
    """The answer with its reasons in words: a sentence for a benefits manager, one for the patient,
    and the standard codes of each."""
    columns = ("carc", "eb01", "eb11", "eb12", "aaa")
    return {
        **answer_of(decision),
        "reasons": [
            {
                "code": reason.code.value,
                "sentence": reason.sentence,
                "patient_sentence": reason.patient_sentence,
                **{column: getattr(reason.meaning, column) for column in columns},
            }
            for reason in decision.reasons
        ],
        "valid_until": decision.valid_until and decision.valid_until.isoformat(),
    }


def restated(decision: Decision, verdict: Verdict, reasons: tuple[Reason, ...]) -> Decision:
    """The same decision with another verdict: what a person decided on top of it."""
    return dataclasses.replace(decision, verdict=verdict, reasons=reasons)
