"""One answer as ``insurance.item`` of a CoverageEligibilityResponse: what is covered, in which
network, how much is allowed and used, what the member pays, whether leave is needed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from payer_gateway.codes.service_types import SERVICE_TYPE
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.eligibility_standing import Allowance
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import Benefit, CostShare
from payer_gateway.domain.reasons import Code, Reason, Verdict
from payer_gateway.mapping.eligibility_asked import Cover, assumed_mode, mode_of
from payer_gateway.mapping.eligibility_people import EXTENSION, OURS
from payer_gateway.mapping.eligibility_request import Ask, Line, Matter
from payer_gateway.mapping.facts import HCPCS
from payer_gateway.mapping.terminology import CARC, REASONS

JsonObject = dict[str, Any]
_HL7 = "http://terminology.hl7.org/CodeSystem"
_NUMBERED = {2: "second-opinion", 3: "third-opinion"}
_LEAVE = frozenset({Code.AUTH_REQUIRED, Code.AUTH_EXPIRED, Code.CROSS_BORDER_AUTH_REQUIRED})
# The plan leaves this out whoever asks and whenever; other refusals pass, such as a wait.
_LEFT_OUT = frozenset(
    {
        Code.BENEFIT_CATEGORY_MISMATCH,
        Code.CROSS_BORDER_NOT_COVERED,
        Code.DIAGNOSIS_EXCLUDED,
        Code.MODE_NOT_COVERED,
    }
)


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """``decision`` and ``matter`` None: what the plan covers of a ``benefit``, nothing asked."""

    network: str  # in | out
    allowances: tuple[Allowance, ...]
    deductible_met: Money | None
    matter: Matter | None = None
    decision: Decision | None = None
    benefit: Benefit | None = None

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict if self.decision is not None else Verdict.ELIGIBLE

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.decision.reasons if self.decision is not None else ()

    @property
    def patient_sentence(self) -> str:
        if self.decision is None:
            return ""
        said = self.decision.reasons[0].patient_sentence
        cost = self.decision.cost
        if cost is not None:
            said += f" Of {cost.allowed} you pay about {cost.member}."
        return said


def item_of(ask: Ask, cover: Cover, answer: ItemAnswer) -> JsonObject:
    decision, matter = answer.decision, answer.matter
    if decision is None or matter is None:
        return _plan_item(ask, cover, answer)
    first = matter.lines[0]
    told: JsonObject = {
        "extension": _extensions(decision, matter),
        **_subject(decision.service_type, matter.opinion_number, first),
        "network": _coding("benefit-network", answer.network),
        "unit": _coding("benefit-unit", "individual"),
        "term": _coding("benefit-term", _term(answer.allowances)),
        "description": _description(ask, cover, matter, decision),
    }
    modifiers = list(dict.fromkeys(m for line in matter.lines for m in line.modifiers))
    hint = decision.modifier_hint
    told_modifiers = [
        {"coding": [{"system": HCPCS, "code": m}] if m[:1].isalpha() else [{"code": m}]}
        for m in dict.fromkeys([*([hint] if hint else []), *modifiers])
    ]
    if told_modifiers:
        told["modifier"] = told_modifiers
    if decision.benefit is not None:
        told["name"] = f"Second opinion: {decision.benefit.replace('_', ' ')}"
    if any(reason.code in _LEFT_OUT for reason in decision.reasons):
        told["excluded"] = True
        return told
    if ask.asks_for("benefits", "discovery") and decision.verdict is not Verdict.INVALID:
        mode = mode_of(ask, matter) or assumed_mode(cover.plan)
        benefits = _benefits(cover, answer, mode)
        if benefits:
            told["benefit"] = benefits
    if ask.asks_for("auth-requirements", "benefits") and decision.verdict is not Verdict.INVALID:
        told["authorizationRequired"] = decision.auth_required
        supporting = [_concept(reason) for reason in decision.reasons if reason.code in _LEAVE]
        if supporting:
            told["authorizationSupporting"] = supporting
    return told


def _plan_item(ask: Ask, cover: Cover, answer: ItemAnswer) -> JsonObject:
    """What the plan offers of one benefit in one network."""
    benefit = answer.benefit
    name = benefit.name if benefit is not None else ""
    is_surgical = benefit is not None and "complex_surgery" in benefit.categories
    modes = ", ".join(benefit.modes).replace("_", " ") if benefit is not None else ""
    told: JsonObject = {
        "category": {"coding": [{"system": SERVICE_TYPE, "code": "20" if is_surgical else "3"}]},
        "name": f"Second opinion: {name.replace('_', ' ')}",
        "description": f"Covered ways: {modes}."
        + (
            " At a centre of excellence only."
            if benefit is not None and benefit.coe_required
            else ""
        ),
        "network": _coding("benefit-network", answer.network),
        "unit": _coding("benefit-unit", "individual"),
        "term": _coding("benefit-term", _term(answer.allowances)),
    }
    if ask.asks_for("benefits", "discovery"):
        benefits = _benefits(cover, answer, None)
        if benefits:
            told["benefit"] = benefits
    if benefit is not None:
        told["authorizationRequired"] = answer.network in benefit.auth
    return told


def unanswered(line: Line) -> tuple[JsonObject, JsonObject]:
    """An item that is about no second opinion: named back, and the error that says so."""
    name = "category" if line.element.has("category") else "productOrService"
    asked = {name: _kept(line.element.value.get(name))}
    text = (
        f"{line.element.path} is not about a second opinion, which is all that is answered here;"
        f" ask with category {SERVICE_TYPE}|3, 20 or 21, or ask the insurer"
    )
    error = {
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/issue-type", "code": "not-supported"}],
            "text": text,
        }
    }
    return {**asked, "description": f"Not answered: {text}."}, error


def error_of(reason: Reason) -> JsonObject:
    return {"code": _concept(reason)}


def reason_extensions(reasons: Iterable[Reason]) -> list[JsonObject]:
    """Each reason with its codes and both its sentences."""
    return [
        {
            "url": f"{EXTENSION}/eligibility-reason",
            "extension": [
                {"url": "reason", "valueCodeableConcept": _concept(reason)},
                {"url": "patient-text", "valueString": reason.patient_sentence},
            ],
        }
        for reason in reasons
    ]


def _concept(reason: Reason) -> JsonObject:
    """Our code, the CARC that it maps to, and the sentence for a benefits manager."""
    coding = [{"system": REASONS, "code": reason.code.value}]
    if reason.meaning.carc is not None:
        coding.append({"system": CARC, "code": reason.meaning.carc})
    return {"coding": coding, "text": reason.sentence}


def _extensions(decision: Decision, matter: Matter) -> list[JsonObject]:
    told: list[JsonObject] = [
        {"url": f"{EXTENSION}/eligibility-decision", "valueCode": decision.verdict.value},
        *reason_extensions(decision.reasons),
        *_other_subject(decision.service_type, matter.opinion_number, matter.lines[0]),
    ]
    if decision.cost is not None:
        cost = decision.cost
        shares = (("allowed", cost.allowed), ("member", cost.member), ("plan", cost.plan))
        told.append(
            {
                "url": f"{EXTENSION}/cost-estimate",
                "extension": [{"url": name, "valueMoney": money_of(m)} for name, m in shares],
            }
        )
    if decision.penalty is not None:
        told.append({"url": f"{EXTENSION}/penalty", "valueMoney": money_of(decision.penalty)})
    if decision.eligible_from is not None:
        day = decision.eligible_from.isoformat()
        told.append({"url": f"{EXTENSION}/eligible-from", "valueDate": day})
    if decision.bill_first is not None:
        told.append({"url": f"{EXTENSION}/bill-first", "valueString": decision.bill_first})
    asked = matter.diagnosis
    if asked is not None and decision.normalized not in (None, asked.code):
        coding = {"system": asked.system, "code": decision.normalized}
        told.append({"url": f"{EXTENSION}/diagnosis-as-judged", "valueCoding": coding})
    told += [{"url": f"{EXTENSION}/note", "valueString": note} for note in decision.notes]
    return told


def _subject(service_type: str, number: int, line: Line) -> JsonObject:
    """What is answered about: FHIR wants a category or a service, never both (ces-1). A line that
    named its service alone is answered by it; our category is in an extension then, and the other
    way round."""
    category = _category(service_type, number, line)
    service = _kept(line.element.value.get("productOrService"))
    if not service or line.element.has("category"):
        return {"category": category}
    return {"productOrService": service}


def _other_subject(service_type: str, number: int, line: Line) -> list[JsonObject]:
    service = _kept(line.element.value.get("productOrService"))
    if not service:
        return []
    if line.element.has("category"):
        return [{"url": f"{EXTENSION}/asked-service", "valueCodeableConcept": service}]
    category = _category(service_type, number, line)
    return [{"url": f"{EXTENSION}/service-type", "valueCodeableConcept": category}]


def _category(service_type: str, number: int, line: Line) -> JsonObject:
    coding = [
        {"system": SERVICE_TYPE, "code": service_type},
        {"system": f"{OURS}/CodeSystem/opinion-type", "code": _NUMBERED[number]},
    ]
    for each in line.element.concept("category"):
        if each.code != service_type:
            coding.append(
                {"system": each.system, "code": each.code} if each.system else {"code": each.code}
            )
    return {"coding": coding}


def _description(ask: Ask, cover: Cover, matter: Matter, decision: Decision) -> str:
    told = [reason.sentence for reason in decision.reasons]
    if mode_of(ask, matter) is None:
        mode = assumed_mode(cover.plan).replace("_", " ")
        told.append(f"How the opinion is given was not said; this holds for {mode}.")
    if ask.provider.network is None:
        told.append("The provider's network was not said; each is answered.")
    return " ".join(told)


def _benefits(cover: Cover, answer: ItemAnswer, mode: str | None) -> list[JsonObject]:
    told = [_allowance(each, cover.plan.currency) for each in answer.allowances]
    share = cover.plan.cost.get(answer.network)
    if share is not None:
        told += _shares(share, cover.plan.currency, mode, answer.deductible_met)
    return told


def _allowance(each: Allowance, currency: str) -> JsonObject:
    """Opinions are counted as visits; money is what the plan itself pays."""
    if each.number is None:
        return {
            "type": _coding("benefit-type", "benefit"),
            "allowedMoney": _amount(each.allowed, currency),
            "usedMoney": _amount(each.used, currency),
        }
    return {
        "type": {
            "coding": [
                {"system": f"{_HL7}/benefit-type", "code": "visit"},
                {"system": f"{OURS}/CodeSystem/opinion-type", "code": _NUMBERED[each.number]},
            ],
            "text": f"{_NUMBERED[each.number].replace('-', ' ')}s per {each.per}",
        },
        "allowedUnsignedInt": int(each.allowed),
        "usedUnsignedInt": int(each.used),
    }


def _shares(
    share: CostShare, currency: str, mode: str | None, met: Money | None
) -> list[JsonObject]:
    """What the member pays. What is met of a deductible is said only where somebody told us."""
    told: list[JsonObject] = []
    if share.deductible_applies:
        deductible = {
            "type": _coding("benefit-type", "deductible"),
            "allowedMoney": _amount(share.deductible, currency),
        }
        if met is not None and met.currency == currency:
            deductible["usedMoney"] = money_of(met)
        told.append(deductible)
    if mode is None and share.copay != share.telemedicine_copay:
        told.append(_copay(share.copay, currency, "spvisit"))
        told.append(_copay(share.telemedicine_copay, currency, "televisit"))
    else:
        told.append(_copay(_copay_of(share, mode), currency, None))
    if share.coinsurance_pct:
        percent = share.coinsurance_pct
        is_whole = percent == percent.to_integral_value()
        told.append(
            {
                "type": _coding("benefit-type", "copay-percent"),
                **(
                    {"allowedUnsignedInt": int(percent)}
                    if is_whole
                    else {"allowedString": f"{percent} %"}
                ),
            }
        )
    return told


def _copay_of(share: CostShare, mode: str | None) -> Decimal:
    if mode == "telemedicine":
        return share.telemedicine_copay
    return max(share.copay, share.telemedicine_copay) if mode == "hybrid" else share.copay


def _copay(amount: Decimal, currency: str, kind: str | None) -> JsonObject:
    coding = [{"system": f"{_HL7}/benefit-type", "code": "copay"}]
    if kind is not None:
        coding.append({"system": f"{_HL7}/coverage-copay-type", "code": kind})
    return {"type": {"coding": coding}, "allowedMoney": _amount(amount, currency)}


def money_of(money: Money) -> JsonObject:
    return {"value": money.amount, "currency": money.currency}


def _amount(amount: Decimal, currency: str) -> JsonObject:
    return money_of(Money.rounded(amount, currency))


def _term(allowances: Sequence[Allowance]) -> str:
    return "lifetime" if any(each.term == "lifetime" for each in allowances) else "annual"


def _coding(system: str, code: str) -> JsonObject:
    return {"coding": [{"system": f"{_HL7}/{system}", "code": code}]}


def _kept(concept: object) -> JsonObject:
    """A CodeableConcept as it was asked with, codings and text only."""
    kept: JsonObject = {}
    if isinstance(concept, dict):
        codings = concept.get("coding")
        coding = [
            {k: c[k] for k in ("system", "code", "display") if isinstance(c.get(k), str)}
            for c in (codings if isinstance(codings, list) else [codings])
            if isinstance(c, dict) and isinstance(c.get("code"), str)
        ]
        if coding:
            kept["coding"] = coding
        if isinstance(concept.get("text"), str):
            kept["text"] = concept["text"]
    return kept
