"""Whatever befalls any place of any reply: no reader breaks, and nothing becomes leave."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import FIXTURES
from published_replies import EVERY, JUDGED, PAS, PUBLISHED, claim_answered, meaning

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.exchange import Reply
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.inquiry_replies import read_answer, read_inquiry
from payer_gateway.mapping.insurer_words import words_of
from payer_gateway.mapping.notices import read_notices
from payer_gateway.mapping.replies import read_submit

OURS = "https://payer-gateway.example/claim|GOLDEN-1"


def bodies() -> Iterator[Any]:
    for path in sorted((FIXTURES / "replies").glob("*/*.json")):
        body = json.loads(path.read_text("utf-8"))["body"]
        if isinstance(body, dict):
            yield body


BASES: list[Any] = list(bodies())
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 1, 10**30, 0.1, [], {}, [[]], [None], {"": None}]),
    st.sampled_from(
        ["", "x" * 400, "A1", "complete", "\x00\u202e", "2026-13-45", ["ClaimResponse"]]
    ),
    st.sampled_from([{"reference": 7}, {"coding": {}}, {"coding": [{"code": []}]}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in inside:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


@st.composite
def broken(draw: st.DrawFn) -> Any:
    base = draw(st.sampled_from(BASES))
    document = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, 4))):
        every = list(places(document))
        if not every:
            break
        *way, last = draw(st.sampled_from(every))
        holder = document
        for step in way:
            holder = holder[step]
        how = draw(st.sampled_from(["junk", "drop", "wrap", "double", "as text"]))
        if how == "drop":
            del holder[last]
        elif how == "wrap":
            holder[last] = [holder[last]]
        elif how == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        elif how == "as text":
            holder[last] = json.dumps(holder[last])
        else:
            holder[last] = copy.deepcopy(draw(JUNK))
    return document


@settings(max_examples=300, deadline=None)
@given(
    document=broken(), status=st.sampled_from([200, 202, 400, 500]), use=st.sampled_from(list(Use))
)
def test_whatever_befalls_a_reply_no_reader_breaks(document: Any, status: int, use: Use) -> None:
    body = json.dumps(document).encode()

    for profile in EVERY:
        reply = Reply(status, {}, body)
        for reader in (read_submit, read_inquiry, read_answer):
            reading = reader(profile, use, reply, identifier=OURS)

            sure = reading.outcome is OutcomeClass.NOT_FOUND or status >= 400
            assert meaning(reading) != "nothing" or reading.issues or sure
        read_submit(profile, use, reply, sent=body)
        words_of(profile, use, body, OURS)
    try:
        read_notices(parse_json(body))
    except InvalidInput as refused:
        assert all(fault.cure for fault in refused.faults)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="shared/ does not stand beside this checkout")
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nothing_taken_away_from_a_reply_turns_it_into_leave(data: st.DataObject) -> None:
    given_no_leave = [
        path
        for path, judged in sorted(JUDGED.items())
        if path.startswith("pas/") and judged["means"] in ("denied", "pended", "unclear", "error")
        if judged["comes"] == "submit"
    ]
    body = (PUBLISHED / data.draw(st.sampled_from(given_no_leave))).read_bytes()
    document: Any = json.loads(body)
    sent = claim_answered(document)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(list(places(document))))
        holder = document
        for step in way:
            holder = holder[step]
        if data.draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = None

    for profile in PAS:
        reply = Reply(200, {}, json.dumps(document).encode())
        reading = read_submit(profile, Use.PREAUTHORIZATION, reply, sent=sent)

        assert meaning(reading) not in ("approved", "modified")
