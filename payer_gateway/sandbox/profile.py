"""What the sandbox reads of an insurer's profile: who it is, where it is reached, its codes and
fees, and what it calls things in its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

_USES = ("claim", "preauthorization")
_AMOUNTS = {"billed": "submitted", "allowed": "eligible", "patient": "copay", "payable": "benefit"}
_REVIEWS = {"approved": "A1", "denied": "A3", "pended": "A4", "modified": "A6"}
_NAMED_IN = (
    "http://terminology.hl7.org/CodeSystem/adjudication",
    "https://codesystem.x12.org/005010/306",
)
_POST, _PLACE = "POST ", "{identifier}"


@dataclass(frozen=True, slots=True)
class Profile:
    """The insurer this sandbox plays. Empty fields are not checked."""

    name: str | None = None
    payer_system: str | None = None
    payer_value: str | None = None
    service_system: str | None = None
    service_codes: frozenset[str] = frozenset()
    fees: dict[str, Decimal] = field(default_factory=dict)
    case_rate_system: str | None = None
    case_rate_codes: frozenset[str] = frozenset()
    # What it calls otherwise in its answers: use → the standard's code → its own.
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    # Where it is reached, beside the usual addresses: path → the parameter that names the claim.
    submit_paths: frozenset[str] = frozenset()
    inquire_paths: frozenset[str] = frozenset()
    claim_searches: dict[str, str] = field(default_factory=dict)
    answer_searches: dict[str, str] = field(default_factory=dict)
    # Of prior authorizations, where they are asked for in another dialect than claims.
    requested_system: str | None = None
    requested_codes: frozenset[str] = frozenset()
    inquiry_result: str = "Parameters"
    carries_old: bool = False  # an update must bring the earlier request along

    @property
    def queues(self) -> bool:
        """The older release of PAS calls what is pended queued."""
        return self.inquiry_result == "Bundle"

    def in_its_words(self, answer: Any, use: str) -> Any:
        """An answer as the sandbox gives it, amounts and reviews by the insurer's own names."""
        names = self.words.get(use)
        return _renamed(answer, names) if names else answer

    def codes_for(self, use: str) -> tuple[frozenset[str], str | None]:
        if use == "preauthorization" and self.requested_codes:
            return self.requested_codes, self.requested_system
        return self.service_codes, self.service_system

    @classmethod
    def read(cls, raw: dict[str, Any] | None) -> Profile:
        """The profile as ``mapping render --resolved`` prints it; unknown keys are ignored.

        Raises ValueError for a fee that is no amount.
        """
        raw = raw or {}
        deliveries = [_section(_section(raw, "deliveries"), use) for use in _USES]
        questions = [_text(each.get("inquire")) or "" for each in deliveries]
        answers = [_text(each.get("answer")) or "" for each in deliveries]
        operations = [each for each in (*questions, *answers) if each.startswith(_POST)]
        case_rate = _section(_section(raw, "codes"), "case_rate")
        payer = _section(_section(raw, "payer"), "identifier")
        service = _section(_section(raw, "codes"), "service")
        asked = _section(_section(raw, "uses"), "preauthorization")
        requested = _section(_section(asked, "codes"), "requested_service")
        result = _section(asked, "inquiry").get("result")
        return cls(
            carries_old=_section(asked, "update").get("carries_old") == "yes",
            requested_system=_text(requested.get("system")),
            requested_codes=frozenset(_codes(_section(requested, "values"))),
            inquiry_result="Bundle" if result == "Bundle" else "Parameters",
            words={use: _words(_section(_section(raw, "uses"), use)) for use in _USES},
            case_rate_system=_text(case_rate.get("system")),
            case_rate_codes=frozenset(_codes(_section(case_rate, "values"))),
            submit_paths=frozenset(
                path for each in deliveries if (path := _text(each.get("submit_path")))
            ),
            inquire_paths=frozenset(each.removeprefix(_POST) for each in operations),
            claim_searches=dict(filter(None, map(_search, questions))),
            answer_searches=dict(filter(None, map(_search, answers))),
            name=_text(raw.get("profile")),
            payer_system=_text(payer.get("system")),
            payer_value=_text(payer.get("value")),
            service_system=_text(service.get("system")),
            service_codes=frozenset(_codes(_section(service, "values"))),
            fees={code: _fee(code, fee) for code, fee in _section(raw, "fees").items()},
        )


def _words(spoken: dict[str, Any]) -> dict[str, str]:
    """The first name of each kind, where the standard's is none of its names."""
    told = _section(spoken, "adjudication")
    named = [(_section(told, "amounts"), _AMOUNTS)]
    named.append((_section(_section(told, "review"), "codes"), _REVIEWS))
    found = {}
    for lists, standard in named:
        for kind, code in standard.items():
            names = lists.get(kind)
            if isinstance(names, list) and names and code not in names:
                found[code] = str(names[0])
    return found


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _renamed(each, names) for key, each in value.items()}
    if made.get("system") in _NAMED_IN and made.get("code") in names:
        made["code"] = names[made["code"]]
    return made


def _search(question: str) -> tuple[str, str] | None:
    """Path and parameter of ``Claim?identifier={identifier}``; None for what is no search."""
    path, _, query = question.partition("?")
    named = [each.partition("=")[0] for each in query.split("&") if _PLACE in each]
    return (path, named[0]) if named else None


def _section(raw: dict[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _codes(values: dict[str, Any]) -> list[str]:
    named = (v.get("code") if isinstance(v, dict) else v for v in values.values())
    return [code for code in named if isinstance(code, str) and code not in ("", "unsupported")]


def _fee(code: str, fee: object) -> Decimal:
    try:
        amount = Decimal(str(fee))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"fees.{code}: {fee!r} is no amount; write it like '123.00'")
    return amount
