"""How answers are read. The golden replies hold the plain cases; here stands what bytes may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import edited, shipped

from payer_gateway.domain.answer import Reading
from payer_gateway.domain.claim import Use
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.inquiry_replies import read_answer, read_inquiry
from payer_gateway.mapping.replies import read_submit

PROFILE = shipped("northwind-ppo")
OURS = "https://payer-gateway.example/claim|CLM-1"
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["ClaimResponse", "Bundle", "OperationOutcome", "complete", "USD"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)
KEYS = (
    "resourceType type total entry resource outcome item itemSequence adjudication category coding"
    " code amount value currency reason preAuthRef preAuthPeriod start identifier system request"
    " issue severity details text payment disposition error addItem created"
).split()
answers: st.SearchStrategy[Any] = st.recursive(
    json_values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=40,
)
bodies = st.one_of(
    st.binary(),
    answers.map(lambda v: json.dumps(v).encode()),
    st.builds(
        lambda kind, rest: json.dumps({**rest, "resourceType": kind}).encode(),
        st.sampled_from(["ClaimResponse", "Bundle", "OperationOutcome", "Claim"]),
        st.dictionaries(st.sampled_from(KEYS), answers, max_size=8),
    ),
)
headers = st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text())


@settings(max_examples=400, deadline=None)
@given(
    status=st.integers(100, 999),
    body=bodies,
    head=headers,
    use=st.sampled_from(list(Use)),
    identifier=st.sampled_from([None, OURS]),
)
def test_no_bytes_whatever_raise(
    status: int, body: bytes, head: dict[str, str], use: Use, identifier: str | None
) -> None:
    reply = Reply(status, head, body)

    for read in (read_submit, read_inquiry, read_answer):
        reading = read(PROFILE, use, reply, identifier=identifier)

        assert isinstance(reading, Reading)
        assert all(len(issue.text) <= 300 for issue in reading.issues)
        assert reading.retry_after_s is None or 0 <= reading.retry_after_s <= 86400


def answer(**more: Any) -> dict[str, Any]:
    return {"resourceType": "ClaimResponse", "outcome": "complete", **more}


def submitted(body: object, status: int = 200, **head: str) -> Reading:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_submit(PROFILE, Use.CLAIM, Reply(status, head, sent))


def amount(code: str, value: object, currency: str = "USD") -> dict[str, Any]:
    money = {"value": value, "currency": currency}
    return {"category": {"coding": [{"code": code}]}, "amount": money}


@pytest.mark.parametrize("value", ["12.00", True, None, [], {}, 1e30, 0.001, -1e-20, {"value": 1}])
def test_bad_money_becomes_an_issue_and_no_amount(value: object) -> None:
    reading = submitted(
        answer(item=[{"itemSequence": 1, "adjudication": [amount("benefit", value)]}])
    )

    assert reading.outcome is OutcomeClass.ACCEPTED
    assert reading.adjudication is not None
    assert [line.payable for line in reading.adjudication.lines] == [None, None]
    assert [issue.expression for issue in reading.issues] == ["item[1].benefit"]


def test_an_amount_nobody_states_is_none_and_never_0() -> None:
    reading = submitted(answer(item=[{"itemSequence": 1}]))

    assert reading.adjudication is not None
    assert {line.payable for line in reading.adjudication.lines} == {None}


def test_lines_are_not_added_up_where_the_insurer_added_its_own() -> None:
    line = {"itemSequence": 1, "adjudication": [amount("benefit", 10)]}

    alone = submitted(answer(item=[line]))
    added = submitted(answer(item=[line], addItem=[{"adjudication": [amount("benefit", 5)]}]))

    assert alone.adjudication is not None and str(alone.adjudication.payable) == "10.00 USD"
    assert added.adjudication is not None and added.adjudication.payable is None
    assert [issue.code for issue in added.issues] == ["added-lines"]


def test_text_of_an_insurer_is_cut_and_cleaned() -> None:
    reading = submitted(
        answer(disposition="a\x00b\x1b[31m" + "x" * 900, identifier=[{"value": "N\x001"}])
    )

    assert reading.adjudication is not None
    assert reading.adjudication.disposition is not None
    assert len(reading.adjudication.disposition) == 300
    assert reading.adjudication.disposition.isprintable()
    # A number is kept whole or not at all.
    assert reading.control_number is None
    assert [issue.code for issue in reading.issues] == ["number"]


@pytest.mark.parametrize(
    ("text", "sent", "expected"),
    [
        ("120", "", 120),
        ("0", "", 0),
        ("999999999999999999999", "", 86400),
        ("-5", "", None),
        ("soon", "", None),
        ("Wed, 01 Apr 2026 10:05:00 GMT", "Wed, 01 Apr 2026 10:00:00 GMT", 300),
        ("Wed, 01 Apr 2026 09:00:00 GMT", "Wed, 01 Apr 2026 10:00:00 GMT", 0),
        ("Wed, 08 Apr 2026 10:00:00 GMT", "Wed, 01 Apr 2026 10:00:00 GMT", 86400),
        ("Wed, 01 Apr 2026 10:05:00 GMT", "", None),
    ],
)
def test_retry_after(text: str, sent: str, expected: int | None) -> None:
    reading = read_submit(PROFILE, Use.CLAIM, Reply(503, {"retry-after": text, "date": sent}, b""))

    assert reading.outcome is OutcomeClass.REFUSED_TRANSIENT
    assert reading.retry_after_s == expected


def test_an_insurers_own_status_wins_over_the_gateways() -> None:
    own = edited("northwind-ppo", lambda d: d.update(statuses={"422": "refused_transient"}))
    reply = Reply(422, {}, b"")

    assert read_submit(own, Use.CLAIM, reply).outcome is OutcomeClass.REFUSED_TRANSIENT
    assert read_submit(PROFILE, Use.CLAIM, reply).outcome is OutcomeClass.REJECTED


def test_duplicate_is_heard_behind_any_status() -> None:
    body = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"duplicate"}]}'

    for status in (200, 400, 409, 412, 422, 500):
        assert submitted(body, status).outcome is OutcomeClass.DUPLICATE_REPORTED


def test_an_answer_without_its_claims_number_is_about_ours() -> None:
    reply = Reply(200, {}, json.dumps(answer()).encode())

    reading = read_submit(PROFILE, Use.CLAIM, reply, identifier=OURS)

    assert reading.outcome is OutcomeClass.ACCEPTED


def searchset(*resources: dict[str, Any], total: object = 0) -> Reply:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "entry": [{"resource": each} for each in resources],
    }
    return Reply(200, {}, json.dumps(bundle).encode())


@pytest.mark.parametrize("total", [None, False, "0", 1, -1, [0]])
def test_only_a_total_of_0_is_not_found(total: object) -> None:
    reading = read_inquiry(PROFILE, Use.CLAIM, searchset(total=total))

    assert reading.outcome is OutcomeClass.NO_ANSWER


def test_an_entry_counts_more_than_a_total_of_0() -> None:
    reading = read_inquiry(PROFILE, Use.CLAIM, searchset({"resourceType": "Claim"}))

    assert reading.outcome is OutcomeClass.FOUND


def test_the_latest_final_answer_decides() -> None:
    early = answer(created="2026-01-01", disposition="early")
    late = answer(created="2026-02-01", disposition="late")
    queued = answer(created="2026-03-01", outcome="queued")

    reading = read_answer(PROFILE, Use.CLAIM, searchset(late, queued, early))

    assert reading.adjudication is not None
    assert reading.adjudication.disposition == "late"
