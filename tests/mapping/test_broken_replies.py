"""Replies that are wrong in some way, made from sound ones: none breaks a reader, none that is not
understood gives leave, and each has its reason named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from mapping_cases import FIXTURES
from published_replies import PAS, PLAIN, claim_answered, meaning

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.inquiry_replies import read_answer, read_inquiry
from payer_gateway.mapping.replies import read_submit

OURS = "https://payer-gateway.example/claim|GOLDEN-1"
X12_306 = "https://codesystem.x12.org/005010/306"
REVIEW = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewAction"
Answer = dict[str, Any]


def golden(dialect: str, name: str) -> Any:
    path = FIXTURES / "replies" / dialect / f"{name}.json"
    return json.loads(path.read_text("utf-8"))["body"]


APPROVED = golden("pas-2.2.1", "published-approval")
PAID = golden("base-r4", "submit-complete")


def answer_of(bundle: Any) -> Answer:
    found: Answer = bundle["entry"][0]["resource"]
    return found


def submitted(body: object, *, pas: bool, sent: bytes | None = None) -> list[Reading]:
    """As each insurer of that kind is read, of a request with one line unless another was sent."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    use = Use.PREAUTHORIZATION if pas else Use.CLAIM
    line = claim_answered({}) if sent is None else sent
    return [
        read_submit(profile, use, Reply(200, {}, raw), sent=line)
        for profile in (PAS if pas else (PLAIN,))
    ]


def codes(reading: Reading) -> list[str]:
    return [issue.code for issue in reading.issues]


def action_of(answer: Answer, line: int = 0) -> Answer:
    found: Answer = answer["item"][line]["adjudication"][0]["extension"][0]
    return found


def review(code: object, **more: object) -> Answer:
    """One more adjudication of a line, with this review."""
    coding = {"system": X12_306, "code": code, **more}
    inner = {"url": f"{REVIEW}Code", "valueCodeableConcept": {"coding": [coding]}}
    return {
        "category": {"coding": [{"code": "submitted"}]},
        "extension": [{"url": REVIEW, "extension": [inner]}],
    }


def set_code(answer: Answer, code: object) -> None:
    answer["item"][0]["adjudication"] = [review(code)]


# What makes of a plain approval something that nobody understands, and what we call it.
NO_LEAVE: dict[str, tuple[Callable[[Answer], object], str]] = {
    "a code nobody knows": (lambda a: set_code(a, "ZZ"), "review-code"),
    "a placeholder": (lambda a: set_code(a, "APPROVEDCODE"), "review-code"),
    "a code in small letters": (lambda a: set_code(a, "a1"), "review-code"),
    "a code that is a number": (lambda a: set_code(a, 1), "review-code"),
    "a code that is null": (lambda a: set_code(a, None), "review-code"),
    "a code that is a list": (lambda a: set_code(a, ["A1"]), "review-code"),
    "a code of another system": (
        lambda a: a["item"][0].update(adjudication=[review("A1", system="https://x.example")]),
        "review-code",
    ),
    "a second review that refuses": (
        lambda a: a["item"][0]["adjudication"].append(review("A3")),
        "review-differs",
    ),
    "a second review, far behind": (
        lambda a: a["item"][0]["adjudication"].extend([*[review("A1")] * 200, review("A3")]),
        "review-differs",
    ),
    "a second code beside the first": (
        lambda a: action_of(a)["extension"].extend(review("A3")["extension"][0]["extension"]),
        "review-code",
    ),
    "a line answered twice, once refused": (
        lambda a: a["item"].append({"itemSequence": 1, "adjudication": [review("A3")]}),
        "line",
    ),
    "a line without a number that is refused": (
        lambda a: a["item"].append({"adjudication": [review("A3")]}),
        "line",
    ),
    "a part of a line that is refused": (
        lambda a: a["item"][0].update(detail=[{"adjudication": [review("A3")]}]),
        "review-differs",
    ),
    "a line that was never sent": (
        lambda a: a["item"].append({"itemSequence": 7, "adjudication": [review("A1")]}),
        "line-never-sent",
    ),
    "another number for our line": (
        lambda a: a["item"][0].update(itemSequence=99),
        "line-never-sent",
    ),
    "a number that is text": (lambda a: a["item"][0].update(itemSequence="1"), "line-not-answered"),
    "a huge number": (lambda a: a["item"][0].update(itemSequence=10**200), "line-not-answered"),
    "an added line that is refused": (
        lambda a: a.update(addItem=[{"itemSequence": [1], "adjudication": [review("A3")]}]),
        "added-lines",
    ),
    "an added line nobody understands": (
        lambda a: a.update(addItem=[{"itemSequence": [1], "adjudication": [review("ZZ")]}]),
        "added-lines",
    ),
    "the whole is refused": (lambda a: a.update(adjudication=[review("A3")]), ""),
    "no review": (lambda a: a["item"][0].update(adjudication=[]), "no-review"),
    "no review, and a number": (
        lambda a: (a["item"][0].update(adjudication=[]), a.update(preAuthRef="PA-1")),
        "no-review",
    ),
    "a review under another name": (
        lambda a: action_of(a).update(url="https://x.example/review"),
        "no-review",
    ),
    "no line": (lambda a: a.pop("item"), "line-not-answered"),
    "lines that are no list": (lambda a: a.update(item=a["item"][0]), "shape"),
    "lines that are null": (lambda a: a.update(item=None), "shape"),
    "an adjudication that is no list": (
        lambda a: a["item"][0].update(adjudication=a["item"][0]["adjudication"][0]),
        "shape",
    ),
    "an extension that is no list": (
        lambda a: a["item"][0]["adjudication"][0].update(extension={"url": REVIEW}),
        "shape",
    ),
    "no outcome": (lambda a: a.pop("outcome"), "no-rule"),
    "an outcome that is null": (lambda a: a.update(outcome=None), "no-rule"),
    "an outcome that is a list": (lambda a: a.update(outcome=["complete"]), "no-rule"),
    "an outcome nobody knows": (lambda a: a.update(outcome="done"), "no-rule"),
    "an answer taken back": (lambda a: a.update(status="cancelled"), "not-active"),
    "a draft": (lambda a: a.update(status="draft"), "not-active"),
    "an answer entered in error": (lambda a: a.update(status="entered-in-error"), "not-active"),
    "an answer to a claim": (lambda a: a.update(use="claim"), "other-use"),
    "another kind of resource": (lambda a: a.update(resourceType="Claim"), "no-rule"),
    "a kind that is a list": (lambda a: a.update(resourceType=["ClaimResponse"]), "no-rule"),
    "an unknown kind": (lambda a: a.update(resourceType="ClaimReply"), "no-rule"),
}


@pytest.mark.parametrize("name", sorted(NO_LEAVE))
def test_what_is_not_understood_gives_no_leave_and_says_why(name: str) -> None:
    spoil, reason = NO_LEAVE[name]
    bundle = copy.deepcopy(APPROVED)
    assert all(meaning(each) == "approved" for each in submitted(bundle, pas=True))

    spoil(answer_of(bundle))

    for reading in submitted(bundle, pas=True):
        assert meaning(reading) in ("nothing", "unclear", "partly")
        assert not reason or reason in codes(reading)


def two_answers(bundle: Any) -> None:
    second = copy.deepcopy(bundle["entry"][0])
    second["resource"]["item"][0]["adjudication"] = [review("A3")]
    bundle["entry"].append(second)


# What may befall the Bundle around an approval.
AROUND: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "a Bundle in a Bundle": (
        lambda b: b.update(entry=[{"resource": copy.deepcopy(b)}]),
        "approved",
        "",
    ),
    "two answers that differ": (two_answers, "nothing", "several-answers"),
    "the same answer twice": (
        lambda b: b["entry"].append(copy.deepcopy(b["entry"][0])),
        "approved",
        "bundle-url",
    ),
    "no entry": (lambda b: b.update(entry=[]), "nothing", "no-rule"),
    "entries that are no list": (lambda b: b.update(entry=b["entry"][0]), "nothing", "no-rule"),
    "an entry that is null": (lambda b: b["entry"].insert(0, None), "approved", "bundle-first"),
    "another kind of Bundle": (lambda b: b.update(type="history"), "approved", "bundle-type"),
    "no instant": (lambda b: b.pop("timestamp"), "approved", "bundle-element"),
    "an unknown element": (lambda b: b.update(verdict="yes"), "approved", ""),
}


@pytest.mark.parametrize("name", sorted(AROUND))
def test_a_bundle_that_is_odd_is_named_and_its_answer_is_read(name: str) -> None:
    spoil, means, reason = AROUND[name]
    bundle = copy.deepcopy(APPROVED)

    spoil(bundle)

    for reading in submitted(bundle, pas=True):
        assert meaning(reading) == means
        assert not reason or reason in codes(reading)


def amount(code: str, value: object, **more: object) -> Answer:
    category = {"coding": [{"code": code}]}
    return {"category": category, "amount": {"value": value, "currency": "USD", **more}}


# What a claim's answer may do with money, and that no amount is made of it.
NO_AMOUNT: dict[str, list[Answer]] = {
    "text": [amount("benefit", "12.00")],
    "null": [amount("benefit", None)],
    "a list": [amount("benefit", [12])],
    "an object": [amount("benefit", {"value": 12})],
    "truth": [amount("benefit", True)],
    "stated twice": [amount("benefit", 12), amount("benefit", 12)],
    "huge": [amount("benefit", 10**40)],
    "smaller than a cent": [amount("benefit", 12.345)],
    "no currency": [amount("benefit", 12, currency=None)],
    "no such currency": [amount("benefit", 12, currency="$")],
}


@pytest.mark.parametrize("name", sorted(NO_AMOUNT))
def test_money_that_cannot_be_read_is_no_amount_and_says_so(name: str) -> None:
    answer = copy.deepcopy(PAID)
    answer.pop("total", None)
    answer["item"] = [{"itemSequence": 1, "adjudication": NO_AMOUNT[name]}]

    (reading,) = submitted(answer, pas=False)

    assert reading.adjudication is not None
    assert [line.payable for line in reading.adjudication.lines] == [None, None]
    assert not reading.adjudication.approved
    assert "amount" in codes(reading)


def test_lines_that_were_never_sent_are_not_added_up() -> None:
    answer = copy.deepcopy(PAID)
    answer.pop("total", None)
    answer["item"] = [{"itemSequence": n, "adjudication": [amount("benefit", 5)]} for n in (1, 9)]

    (reading,) = submitted(answer, pas=False)

    assert reading.adjudication is not None
    assert reading.adjudication.payable is None
    assert codes(reading) == ["line-never-sent"]


# Bodies that are no answer at all.
NO_ANSWER: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no-body"),
    "blanks": (b" \n", "no-body"),
    "a page": (b"<html><body>Please sign in</body></html>", "no-json"),
    "XML": (b'<ClaimResponse xmlns="http://hl7.org/fhir"/>', "no-json"),
    "cut off": (json.dumps(APPROVED).encode()[:-40], "no-json"),
    "something after the end": (json.dumps(APPROVED).encode() + b"{}", "no-json"),
    "a key given twice": (b'{"resourceType": "Bundle", "type": "a", "type": "b"}', "no-json"),
    "not UTF-8": (json.dumps(APPROVED).encode("utf-16"), "no-json"),
    "a number without end": (b'{"total": 1' + b"0" * 500 + b"}", "no-json"),
    "not a number": (b'{"resourceType": "ClaimResponse", "total": NaN}', "no-json"),
    "too deep": (b"[" * 200 + b"]" * 200, "no-json"),
    "null": (b"null", "no-rule"),
    "a list": (b"[]", "no-rule"),
    "a list of answers": (json.dumps([answer_of(APPROVED)]).encode(), "no-rule"),
    "a text": (b'"approved"', "no-rule"),
    "truth": (b"true", "no-rule"),
    "an empty object": (b"{}", "no-rule"),
}


@pytest.mark.parametrize("name", sorted(NO_ANSWER))
def test_a_body_that_is_no_answer_says_what_it_is(name: str) -> None:
    body, reason = NO_ANSWER[name]

    for reading in (*submitted(body, pas=True), *submitted(body, pas=False)):
        assert meaning(reading) == "nothing"
        assert codes(reading)[-1] == reason
        # What cannot be read at all may have been booked: it is asked about, never sent again.
        in_doubt = reason != "no-rule"
        assert (reading.outcome is OutcomeClass.IN_DOUBT) == in_doubt


def test_a_byte_order_mark_is_passed_over() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(APPROVED).encode()

    assert {meaning(each) for each in submitted(body, pas=True)} == {"approved"}


def test_what_went_wrong_in_a_batch_is_heard() -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "invalid", "diagnostics": "no such member"}],
    }
    entry = {"response": {"status": "422 Unprocessable", "outcome": outcome}}
    body = {"resourceType": "Bundle", "type": "batch-response", "entry": [entry]}

    for reading in (*submitted(body, pas=True), *submitted(body, pas=False)):
        assert meaning(reading) == "error"
        assert [issue.text for issue in reading.issues] == ["no such member"]


def test_two_final_answers_of_one_instant_that_differ_decide_nothing() -> None:
    first, second = copy.deepcopy(answer_of(APPROVED)), copy.deepcopy(answer_of(APPROVED))
    set_code(second, "A3")
    returned = [
        {"name": "return", "resource": {"resourceType": "Bundle", "entry": [{"resource": each}]}}
        for each in (first, second)
    ]
    body = json.dumps({"resourceType": "Parameters", "parameter": returned}).encode()

    for profile in PAS:
        reading = read_inquiry(profile, Use.PREAUTHORIZATION, Reply(200, {}, body))

        assert reading.outcome is OutcomeClass.FOUND
        assert reading.adjudication is None
        assert "several-answers" in codes(reading)


def test_the_later_answer_is_the_later_one_in_whatever_zone_it_was_written() -> None:
    early, late = copy.deepcopy(PAID), copy.deepcopy(PAID)
    early.update(created="2026-04-02T08:00:00+09:00", disposition="early")
    late.update(created="2026-04-02T00:00:00Z", disposition="late")
    entries = [{"resource": each} for each in (early, late)]
    body = {"resourceType": "Bundle", "type": "searchset", "total": 2, "entry": entries}

    reading = read_answer(PLAIN, Use.CLAIM, Reply(200, {}, json.dumps(body).encode()))

    assert reading.adjudication is not None
    assert reading.adjudication.disposition == "late"


def test_a_numbered_refusal_in_plain_fhir_is_no_leave() -> None:
    body = golden("base-r4", "preauthorization-approved")
    body["total"] = [amount("benefit", 0)]
    reply = Reply(200, {}, json.dumps(body).encode())

    reading = read_submit(PLAIN, Use.PREAUTHORIZATION, reply)

    assert reading.adjudication is not None
    assert reading.adjudication.authorization_number is not None
    assert not reading.adjudication.approved
