"""A hint stands beside what an insurer said, by its system and code together; its words stay."""

from __future__ import annotations

from mapping_cases import MAPPINGS, EditedShelf, document_of, file_of

from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.insurer_words import (
    Said,
    found_in_answer,
    found_in_reply,
    words_of,
)
from payer_gateway.mapping.profile import Profile, Shelf

ERRORS = "https://codesystem.x12.org/005010/901"
PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"


def with_hints(insurer: str, hints: dict[str, dict[str, str]]) -> Profile:
    file = file_of(insurer)
    return EditedShelf({file: document_of(file) | {"hints": hints}}).version(insurer, 1)


def refusal() -> bytes:
    followup = {
        "url": f"{PAS}/extension-errorFollowupAction",
        "valueCodeableConcept": {
            "coding": [{"system": "https://codesystem.x12.org/005010/889", "code": "N"}]
        },
    }
    code = {"coding": [{"system": ERRORS, "code": "T4"}], "text": "payer name missing"}
    return canonical_json(
        {
            "resourceType": "ClaimResponse",
            "outcome": "error",
            "error": [{"extension": [followup], "code": code}],
        }
    )


def test_an_insurers_hint_stands_beside_its_own_words_and_its_dialects_beside_the_followup() -> (
    None
):
    profile = with_hints("northwind-ppo", {ERRORS: {"T4": "Call the portal desk."}})

    (said,) = words_of(profile, Use.PREAUTHORIZATION, refusal(), "s|1")

    assert (said.code, said.text, said.hint) == (
        f"{ERRORS}|T4",
        "payer name missing",
        "Call the portal desk.",
    )
    assert said.followup_hint is not None
    assert "call the insurer" in said.followup_hint


def test_one_insurers_hint_is_not_anothers_and_a_code_needs_its_system() -> None:
    elsewhere = Shelf(MAPPINGS).version("state-medicaid", 1)
    of_another_system = with_hints("northwind-ppo", {"https://x.example": {"T4": "Never mind."}})

    said: list[Said] = []
    for profile in (elsewhere, of_another_system):
        said += words_of(profile, Use.PREAUTHORIZATION, refusal(), "s|1")

    assert [(each.text, each.hint) for each in said] == [("payer name missing", None)] * 2


def test_a_hint_learnt_later_leaves_the_digest_of_a_frozen_version_alone() -> None:
    before = Shelf(MAPPINGS).version("northwind-ppo", 1)

    after = with_hints("northwind-ppo", {ERRORS: {"T4": "Call the portal desk."}})

    assert after.digest == before.digest


def test_what_is_wrong_with_an_answer_stands_beside_what_the_insurer_says() -> None:
    profile = Shelf(MAPPINGS).version("northwind-ppo", 1)
    sent = canonical_json({"resourceType": "Claim", "item": [{"sequence": 1}, {"sequence": 2}]})
    review = {
        "url": f"{PAS}/extension-reviewAction",
        "extension": [
            {
                "url": f"{PAS}/extension-reviewActionCode",
                "valueCodeableConcept": {
                    "coding": [{"system": "https://codesystem.x12.org/005010/306", "code": "A9"}]
                },
            }
        ],
    }
    answer = {
        "resourceType": "ClaimResponse",
        "outcome": "complete",
        "item": [{"itemSequence": 1, "adjudication": [{"extension": [review]}]}],
    }

    use, body = Use.PREAUTHORIZATION, canonical_json(answer)
    at_once = found_in_reply(profile, use, Reply(200, {}, body), "s|1", sent)
    later = found_in_answer(profile, use, body, "s|1", sent)

    for found in (at_once, later):
        assert [(each.by, each.code) for each in found] == [
            ("gateway", "review-code"),
            ("gateway", "line-not-answered"),
        ]
