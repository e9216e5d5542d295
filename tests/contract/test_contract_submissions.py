"""``submissions --json`` and its filters; the exact bytes of ``submission show``."""

from __future__ import annotations

import json
import re
from functools import partial

from builders import ANSWER_LOST, BY_VIDEO, INSURERS, REJECTED, another
from gateway_process import Gateway, at_once
from walked import SUBMISSION, Walk


def test_every_submission_is_a_line_with_exactly_the_keys_of_the_contract(walk: Walk) -> None:
    for row in walk.listed.rows:
        assert tuple(row) == SUBMISSION
        assert row["insurer"] in INSURERS
        assert re.fullmatch(r"https?://[^|]+\|[^|]+", row["claim_identifier"])
        assert row["use"] in ("claim", "preauthorization")
        assert type(row["attempts"]) is int
        assert isinstance(row["amount"], str)
        assert re.fullmatch(r"\d+" if row["currency"] == "JPY" else r"\d+\.\d\d", row["amount"])
        assert isinstance(row["last_class"], str)
        assert row["cause"] is None or isinstance(row["cause"], str)


def test_before_any_attempt_a_submission_is_ready_and_nothing_has_been_heard(walk: Walk) -> None:
    assert tuple(walk.waiting) == SUBMISSION
    assert (walk.waiting["state"], walk.waiting["attempts"]) == ("ready", 0)
    assert (walk.waiting["last_class"], walk.waiting["cause"]) == (None, None)


def test_attempts_count_sends_and_not_what_was_asked(walk: Walk) -> None:
    (lost,) = walk.rows_of(ANSWER_LOST)

    kinds = [a["kind"] for a in walk.gateway.show(lost["id"])["attempt_list"]]

    assert lost["attempts"] == kinds.count("send") == 1
    assert "inquire" in kinds


def test_what_failed_names_its_cause(walk: Walk) -> None:
    (rejected,) = walk.rows_of(REJECTED)

    assert (rejected["state"], rejected["last_class"]) == ("rejected", "rejected")
    assert "422" in rejected["cause"]


def test_the_listing_takes_filters_one_by_one_and_together(walk: Walk) -> None:
    everything = walk.gateway.submissions()
    consultation = walk.of("03")["consultation"]
    filters = [
        {"state": "rejected"},
        {"insurer": "medicare-b"},
        {"use": "preauthorization"},
        {"consultation": consultation, "use": "claim"},
        {"insurer": "nobody"},
    ]

    runs = at_once(
        *(
            partial(walk.gateway, "submissions", "--json", *(f"--{k}={v}" for k, v in each.items()))
            for each in filters
        )
    )

    for each, ran in zip(filters, runs, strict=True):
        matching = [row for row in everything if each.items() <= row.items()]
        assert (ran.code, ran.rows) == (0, matching), each
    assert [len(ran.rows) > 0 for ran in runs] == [True, True, True, True, False]


def test_a_single_submission_adds_its_attempts_and_why_it_is_not_sent(walk: Walk) -> None:
    (rejected,) = walk.rows_of(REJECTED)

    (shown,) = walk.gateway("submission", "show", rejected["id"]).rows

    assert {k: shown[k] for k in SUBMISSION} == rejected
    assert shown["why_not_sent"].startswith("The insurer rejected it")
    (attempt,) = shown["attempt_list"]
    assert (attempt["n"], attempt["kind"], attempt["http_status"]) == (1, "send", 422)


def test_before_any_attempt_the_bytes_shown_are_those_that_go_later(walk: Walk) -> None:
    (sent,) = walk.line.about(walk.waiting["claim_identifier"])

    assert walk.would_go == sent.request


def test_the_request_and_reply_shown_are_byte_for_byte_what_went_over_the_line(walk: Walk) -> None:
    for row in (*walk.rows_of(REJECTED), *walk.rows_of("BUSY")):
        last = walk.line.about(row["claim_identifier"])[-1]

        request = walk.gateway("submission", "show", row["id"], "--request")
        reply = walk.gateway("submission", "show", row["id"], "--reply")

        assert (request.code, request.stdout) == (0, last.request)
        assert (reply.code, reply.stdout) == (0, last.reply)


def test_every_send_of_a_submission_carries_the_same_bytes(walk: Walk) -> None:
    busy = walk.line.about(walk.rows_of("BUSY")[0]["claim_identifier"])

    assert [each.status for each in busy] == [503, 200]
    assert len({each.request for each in busy}) == 1


def test_where_an_answer_was_lost_the_reply_is_what_the_inquiry_brought(walk: Walk) -> None:
    (lost,) = walk.rows_of(ANSWER_LOST)

    reply = walk.gateway("submission", "show", lost["id"], "--reply")

    assert json.loads(reply.stdout)["type"] == "searchset"
    assert reply.stdout in [each.reply for each in walk.line.exchanges]


def test_the_identifier_of_the_listing_is_the_one_in_the_bytes(walk: Walk) -> None:
    (row,) = walk.rows_of(BY_VIDEO)
    bundle = json.loads(walk.line.about(row["claim_identifier"])[0].request)

    (claim,) = (e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Claim")

    assert [f"{i['system']}|{i['value']}" for i in claim["identifier"]] == [row["claim_identifier"]]


def test_a_submission_that_has_no_reply_yet_says_so_with_exit_1(gateway: Gateway) -> None:
    ((submission,),) = [line["submissions"] for line in gateway.holds(another())]

    quiet = gateway("submission", "show", submission["id"], "--reply")

    assert (quiet.code, quiet.stdout) == (1, b"")
    assert "has no reply" in quiet.said
