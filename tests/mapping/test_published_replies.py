"""Every published reply comes out as the payer meant it, and none of them breaks a reader."""

from __future__ import annotations

import pytest
from published_replies import (
    EVERY,
    JUDGED,
    PAS,
    PUBLISHED,
    claim_answered,
    meaning,
    read,
    replies_published,
    spoken_by,
)

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.inquiry_replies import read_answer, read_inquiry
from payer_gateway.mapping.insurer_words import words_of
from payer_gateway.mapping.notices import read_notices
from payer_gateway.mapping.replies import read_submit

pytestmark = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="shared/ does not stand beside this checkout"
)


def test_a_person_has_judged_every_published_reply_and_no_others() -> None:
    assert sorted(JUDGED) == sorted(replies_published())


@pytest.mark.parametrize("path", sorted(JUDGED))
def test_it_comes_out_as_the_payer_meant_it(path: str) -> None:
    judged = JUDGED[path]
    body = (PUBLISHED / path).read_bytes()
    sent = claim_answered(parse_json(body))

    for profile in spoken_by(path):
        reading = read(profile, judged, body, sent)

        assert meaning(reading) == judged["means"]
        number = reading.adjudication and reading.adjudication.authorization_number
        assert number == judged.get("number")
        assert set(judged.get("named", ())) <= {issue.code for issue in reading.issues}


@pytest.mark.parametrize("path", sorted(JUDGED))
@pytest.mark.parametrize("use", list(Use))
def test_no_reader_of_any_insurer_breaks_on_it(path: str, use: Use) -> None:
    body = (PUBLISHED / path).read_bytes()

    for profile in EVERY:
        for status in (200, 202, 400, 500):
            for reader in (read_submit, read_inquiry, read_answer):
                reading = reader(profile, use, Reply(status, {}, body))

                # Another status than 2xx is a reason of its own.
                assert meaning(reading) != "nothing" or reading.issues or status >= 400
        words_of(profile, use, body, "s|1")
    try:
        read_notices(parse_json(body))
    except InvalidInput as refused:
        assert all(fault.cure for fault in refused.faults)


def test_a_patient_who_came_back_under_another_number_is_named() -> None:
    kit = PUBLISHED / "pas" / "inferno-pas-fixtures"
    asked_about = (kit / "valid_pa_response_bundle.json").read_bytes()
    reply = Reply(200, {}, (kit / "response_bundle_patient_wrong_fullurl.json").read_bytes())

    for profile in PAS:
        reading = read_submit(profile, Use.PREAUTHORIZATION, reply, sent=asked_about)

        (told,) = [issue for issue in reading.issues if issue.code == "echo-identifier"]
        assert told.text.startswith("Patient came back")


@pytest.mark.parametrize("path", [p for p, judged in JUDGED.items() if judged["comes"] == "submit"])
def test_an_answer_to_another_kind_of_request_is_no_answer(path: str) -> None:
    """A prior authorization pays nothing, and what is paid gives no leave for anything else."""
    other = next(use for use in Use if use.value != JUDGED[path]["use"])
    reply = Reply(200, {}, (PUBLISHED / path).read_bytes())

    for profile in spoken_by(path):
        reading = read_submit(profile, other, reply)

        assert meaning(reading) == "nothing"
        assert [issue.code for issue in reading.issues][-1] == "other-use"
