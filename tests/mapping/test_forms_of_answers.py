"""Forms in which insurers answer: what each means was written down before it was read.

A request (or a claim) with two lines was sent. ``as_meant``: the class, the review, whether it is
leave (or paid), and what is named as wrong with it. What is not understood is never leave.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from published_replies import PAS

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.inquiry_replies import read_notified
from payer_gateway.mapping.replies import read_submit

Json = dict[str, Any]
OURS = "https://payer-gateway.example/claim|FORM-1"
X12_306 = "https://codesystem.x12.org/005010/306"
PAS_URL = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
SENT = json.dumps(
    {
        "resourceType": "Bundle",
        "entry": [
            {"resource": {"resourceType": "Claim", "item": [{"sequence": 1}, {"sequence": 2}]}}
        ],
    }
).encode()


def coding(code: str | None, system: str | None = X12_306) -> Json:
    return {key: value for key, value in (("system", system), ("code", code)) if value is not None}


def action(*codings: Json, number: str | None = None) -> Json:
    """A reviewAction with one review code, told in these codings."""
    inner = [
        {
            "url": f"{PAS_URL}/extension-reviewActionCode",
            "valueCodeableConcept": {"coding": [*codings]},
        }
    ]
    inner += [{"url": "number", "valueString": number}] if number else []
    return {"url": f"{PAS_URL}/extension-reviewAction", "extension": inner}


def line(n: int, *codings: Json, number: str | None = None) -> Json:
    """A line of an answer that is decided in these codings."""
    return {
        "itemSequence": n,
        "adjudication": [
            {
                "category": {"coding": [{"code": "submitted"}]},
                "extension": [action(*codings, number=number)],
            }
        ],
    }


def answer(*items: Json, **more: Any) -> Json:
    return {
        "resourceType": "ClaimResponse",
        "status": "active",
        "use": "preauthorization",
        "outcome": "complete",
        "request": {"identifier": {"system": OURS.split("|")[0], "value": "FORM-1"}},
        "item": [*items],
        **more,
    }


def bundle(*resources: Json) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"value": "B"},
        "timestamp": "2026-04-01T00:00:00Z",
        "entry": [
            {"fullUrl": f"urn:uuid:{n}", "resource": each} for n, each in enumerate(resources)
        ],
    }


A1, A2, A3, A4, A6 = (coding(each) for each in ("A1", "A2", "A3", "A4", "A6"))
ELSEWHERE = "https://insurer.example/decisions"


@dataclass(frozen=True)
class Form:
    body: Any
    outcome: str
    review: str | None = None
    leave: bool = False
    named: tuple[str, ...] = field(default=())
    status: int = 200


def outcome_of(severity: str, code: str) -> Json:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": "as it says"}],
    }


ASKED: dict[str, Form] = {
    "both lines certified": Form(
        bundle(answer(line(1, A1, number="N-1"), line(2, A1, number="N-1"))),
        "accepted",
        "approved",
        True,
    ),
    "certified, said in the insurer's own words too": Form(
        bundle(answer(line(1, A1, coding("OK", ELSEWHERE)), line(2, coding("OK", ELSEWHERE), A1))),
        "accepted",
        "approved",
        True,
    ),
    "certified twice, in one system": Form(
        bundle(answer(line(1, A1, A1), line(2, A1))), "accepted", "approved", True
    ),
    "certified, and not certified in another system": Form(
        bundle(answer(line(1, A1, coding("A3", ELSEWHERE)), line(2, A1))),
        "accepted",
        "unclear",
        False,
        ("review-code",),
    ),
    "certified, beside a code of nobody's system": Form(
        bundle(answer(line(1, A1, coding("MAYBE", None)), line(2, A1))),
        "accepted",
        "unclear",
        False,
        ("review-code",),
    ),
    "certified and not certified in one concept": Form(
        bundle(answer(line(1, A1, A3), line(2, A1))), "accepted", "unclear", False, ("review-code",)
    ),
    "the insurer's own words alone": Form(
        bundle(answer(line(1, coding("OK", ELSEWHERE)), line(2, A1))),
        "accepted",
        "unclear",
        False,
        ("review-code",),
    ),
    "certified in part": Form(
        bundle(answer(line(1, A2), line(2, A1))), "accepted", "modified", True
    ),
    "one certified, one not": Form(
        bundle(answer(line(1, A1), line(2, A3))), "accepted", "partly", False
    ),
    "none certified": Form(bundle(answer(line(1, A3), line(2, A3))), "accepted", "denied", False),
    "none certified, and numbered all the same": Form(
        bundle(answer(line(1, A3, number="N-1"), line(2, A3), preAuthRef="N-1")),
        "accepted",
        "denied",
        False,
    ),
    "one pended": Form(bundle(answer(line(1, A1), line(2, A4))), "accepted_async", None, False),
    "modified, what is granted in an added line": Form(
        bundle(
            answer(
                line(1, A6),
                line(2, A1),
                addItem=[
                    {
                        **line(0, A1),
                        "itemSequence": [1],
                        "productOrService": {"coding": [coding("G0425", "urn:x")]},
                    }
                ],
            )
        ),
        "accepted",
        "modified",
        True,
        ("added-lines", "line-changed"),
    ),
    "modified, and the added line not granted": Form(
        bundle(answer(line(1, A6), line(2, A1), addItem=[{**line(0, A3), "itemSequence": [1]}])),
        "accepted",
        "partly",
        False,
        ("added-lines",),
    ),
    "a line left out": Form(
        bundle(answer(line(1, A1))), "accepted", "unclear", False, ("line-not-answered",)
    ),
    "a line that was never sent": Form(
        bundle(answer(line(1, A1), line(2, A1), line(9, A1))),
        "accepted",
        "unclear",
        False,
        ("line-never-sent",),
    ),
    "a line answered twice, differently": Form(
        bundle(answer(line(1, A1), line(1, A3), line(2, A1))),
        "accepted",
        "unclear",
        False,
        ("line",),
    ),
    "a placeholder of a published example": Form(
        bundle(answer(line(1, coding("DENIEDCODE")), line(2, A1))),
        "accepted",
        "unclear",
        False,
        ("review-code",),
    ),
    "a code in lower case": Form(
        bundle(answer(line(1, coding("a1")), line(2, A1))),
        "accepted",
        "unclear",
        False,
        ("review-code",),
    ),
    "a number and no review": Form(
        bundle(answer(preAuthRef="N-1")), "accepted", "unclear", False, ("line-not-answered",)
    ),
    "refused for its data": Form(
        bundle(
            answer(outcome="error", error=[{"code": {"coding": [coding("42", "urn:x12-901")]}}])
        ),
        "rejected",
        None,
        False,
        ("urn:x12-901|42",),
    ),
    "granted, with errors beside it": Form(
        bundle(
            answer(
                line(1, A1),
                line(2, A1),
                outcome="partial",
                error=[{"code": {"text": "one page unreadable"}}],
            )
        ),
        "accepted",
        "approved",
        True,
        ("error",),
    ),
    "another claim": Form(
        bundle(
            answer(
                line(1, A1), line(2, A1), request={"identifier": {"system": "s", "value": "OTHER"}}
            )
        ),
        "unreadable_answer",
        None,
        False,
        ("other-claim",),
    ),
    "a billing answer": Form(
        bundle(answer(line(1, A1), line(2, A1), use="claim")),
        "unreadable_answer",
        None,
        False,
        ("other-use",),
    ),
    "a draft": Form(
        bundle(answer(line(1, A1), line(2, A1), status="draft")),
        "unreadable_answer",
        None,
        False,
        ("not-active",),
    ),
    "an unknown outcome": Form(
        bundle(answer(line(1, A1), line(2, A1), outcome="approved")),
        "unreadable_answer",
        None,
        False,
        ("no-rule",),
    ),
    "a patient and no answer": Form(
        {"resourceType": "Patient", "id": "p"}, "unreadable_answer", None, False, ("no-rule",)
    ),
    "our own request back": Form(json.loads(SENT), "unreadable_answer", None, False, ("no-rule",)),
    "an OperationOutcome of 200 that refuses": Form(
        outcome_of("error", "invalid"), "rejected", None, False, ("invalid",)
    ),
    "an OperationOutcome of 200 that only warns": Form(
        outcome_of("warning", "informational"),
        "unreadable_answer",
        None,
        False,
        ("informational", "no-rule"),
    ),
    "an OperationOutcome of 400": Form(
        outcome_of("fatal", "required"), "rejected", None, False, ("required",), 400
    ),
    "an OperationOutcome of 422 that knows it": Form(
        outcome_of("error", "duplicate"), "duplicate_reported", None, False, ("duplicate",), 422
    ),
    "a web page": Form("<html><body>Welcome</body></html>", "in_doubt", None, False, ("no-json",)),
    "a web page of 502": Form("<html>Bad Gateway</html>", "in_doubt", None, False, (), 502),
    "nothing": Form("", "in_doubt", None, False, ("no-body",)),
    "nothing, of 202": Form("", "accepted_async", None, False, (), 202),
    "half of it": Form(
        '{"resourceType": "Bundle", "entry": [', "in_doubt", None, False, ("no-json",)
    ),
    "null": Form("null", "unreadable_answer", None, False, ("no-rule",)),
}


def read(form: Form, profile: Any, use: Use) -> Reading:
    body = form.body if isinstance(form.body, str) else json.dumps(form.body)
    reply = Reply(form.status, {}, body.encode())
    return read_submit(profile, use, reply, identifier=OURS, sent=SENT)


@pytest.mark.parametrize("profile", PAS, ids=lambda profile: str(profile.name))
@pytest.mark.parametrize("name", ASKED)
def test_an_answer_to_a_request_is_read_as_it_was_meant(name: str, profile: Any) -> None:
    form = ASKED[name]

    reading = read(form, profile, Use.PREAUTHORIZATION)

    adjudication = reading.adjudication
    said = (adjudication.review, adjudication.approved) if adjudication else (None, False)
    assert (reading.outcome, *said) == (form.outcome, form.review, form.leave)
    assert set(form.named) <= {issue.code for issue in reading.issues}


def test_an_answer_that_comes_later_is_held_against_what_was_sent_as_well() -> None:
    whole = answer(line(1, A1), line(2, A1))
    half = answer(line(1, A1))

    for profile in PAS:
        late = read_notified(profile, Use.PREAUTHORIZATION, half, sent=SENT)

        assert late.adjudication is not None
        assert not late.adjudication.approved
        assert "line-not-answered" in {issue.code for issue in late.issues}
        complete = read_notified(profile, Use.PREAUTHORIZATION, whole, sent=SENT)
        assert complete.adjudication is not None
        assert complete.adjudication.approved


def test_lines_that_grant_in_an_answer_that_is_not_in_force_are_no_leave() -> None:
    for odd in ({"status": "cancelled"}, {"status": "retired"}, {"outcome": "error"}):
        for profile in PAS:
            late = read_notified(
                profile, Use.PREAUTHORIZATION, answer(line(1, A1), line(2, A1)) | odd, sent=SENT
            )

            assert late.adjudication is None or late.adjudication.review == "unclear"
            assert late.adjudication is None or not late.adjudication.approved
