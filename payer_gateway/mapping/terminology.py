"""Our reasons as a FHIR CodeSystem, and the ConceptMap that says which X12 CARC each becomes. Made
from the table of reasons; CARC numbers only, X12's words are X12's."""

from __future__ import annotations

from typing import Any

from payer_gateway import __version__
from payer_gateway.domain.reasons import MEANINGS

JsonObject = dict[str, Any]

_BASE = "https://payer-gateway.example"
REASONS = f"{_BASE}/CodeSystem/eligibility-reason"
CARC = "https://x12.org/codes/claim-adjustment-reason-codes"
MAP = f"{_BASE}/ConceptMap/eligibility-reason-to-carc"
_PUBLISHER = "payer_gateway"
_VERDICT = "verdict"


def reason_code_system() -> JsonObject:
    return {
        "resourceType": "CodeSystem",
        "id": "eligibility-reason",
        "url": REASONS,
        "version": __version__,
        "name": "EligibilityReason",
        "title": "Reasons of an eligibility decision about a second opinion",
        "status": "active",
        "experimental": False,
        "publisher": _PUBLISHER,
        "description": "Why a plan pays for a second opinion, does not, or not yet. The worst"
        " verdict of all reasons is the decision: INVALID, NOT_ELIGIBLE, PENDED, CONDITIONAL,"
        " ELIGIBLE. Words in braces are filled from the case.",
        "caseSensitive": True,
        "compositional": False,
        "versionNeeded": False,
        "content": "complete",
        "count": len(MEANINGS),
        "property": [
            {
                "code": _VERDICT,
                "uri": f"{REASONS}#{_VERDICT}",
                "description": "the decision that the reason leads to",
                "type": "code",
            }
        ],
        "concept": [
            {
                "code": code.value,
                "display": code.value.replace("_", " ").lower(),
                "definition": meaning.sentence,
                "designation": [
                    {
                        "language": "en",
                        "use": {"display": "for the patient"},
                        "value": meaning.patient,
                    }
                ],
                "property": [{"code": _VERDICT, "valueCode": meaning.verdict.value}],
            }
            for code, meaning in MEANINGS.items()
        ],
    }


def reason_concept_map() -> JsonObject:
    """Where two CARC fit both are there; the first is the one that is sent. A reason that has none
    is there as unmatched."""
    return {
        "resourceType": "ConceptMap",
        "id": "eligibility-reason-to-carc",
        "url": MAP,
        "version": __version__,
        "name": "EligibilityReasonToCarc",
        "title": "Reasons of an eligibility decision as X12 claim adjustment reason codes",
        "status": "active",
        "experimental": False,
        "publisher": _PUBLISHER,
        "description": "Numbers other than 61 are not verified against X12's own list.",
        "group": [
            {
                "source": REASONS,
                "target": CARC,
                "element": [
                    {"code": code.value, "target": _targets(meaning.accepted("carc"))}
                    for code, meaning in MEANINGS.items()
                ],
            }
        ],
    }


def _targets(numbers: tuple[str, ...]) -> list[JsonObject]:
    if not numbers:
        comment = "no claim adjustment reason says this"
        return [{"equivalence": "unmatched", "comment": comment}]
    return [{"code": number, "equivalence": "wider"} for number in numbers]


def searchset(address: str, found: list[JsonObject]) -> JsonObject:
    """``address``: of the search, without its query when there was none."""
    bundle: JsonObject = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": address}],
    }
    if found:  # FHIR has no empty lists
        bundle["entry"] = [
            {"fullUrl": each["url"], "resource": each, "search": {"mode": "match"}}
            for each in found
        ]
    return bundle
