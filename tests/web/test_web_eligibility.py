"""Eligibility checks over HTTP and on the command line: decided, explained, and nothing kept."""

from __future__ import annotations

import json

import pytest
from web_surface import CONSULTATIONS, V1, Surface, consultation, problem


@pytest.mark.parametrize("file", sorted(CONSULTATIONS.glob("*.json")), ids=lambda f: f.stem)
def test_a_check_says_what_taking_it_in_would_say_and_keeps_nothing(surface: Surface, file) -> None:  # type: ignore[no-untyped-def]
    surface.headers("provider")  # makes the client
    before = surface.counts()

    checked = surface.post(f"{V1}/eligibility-checks", file.read_bytes())
    after = surface.counts()
    taken = surface.post(f"{V1}/consultations", file.read_bytes())

    assert checked.status_code == 200
    assert after == before
    assert (checked.json["decision"], checked.json["reasons"]) == (
        taken.json["decision"],
        taken.json["reasons"],
    )
    for each in checked.json["decisions"]:
        assert all(reason["sentence"] and reason["patient_sentence"] for reason in each["reasons"])


def test_a_second_check_of_what_was_taken_does_not_count_itself(surface: Surface) -> None:
    surface.take("01")

    answer = surface.post(f"{V1}/eligibility-checks", consultation("01"))

    assert answer.json["decision"] == "ELIGIBLE"
    assert answer.json["decisions"][0]["remaining"] == {"second": 1, "third": 1}
    assert answer.json["disclaimer"].endswith("not a guarantee of payment.")


def test_a_consultation_without_coverage_is_the_patients_to_pay(surface: Surface) -> None:
    document = {**consultation("01"), "coverages": []}

    answer = surface.post(f"{V1}/eligibility-checks", document).json

    assert (answer["decision"], answer["reasons"]) == ("NOT_ELIGIBLE", ["NO_COVERAGE"])
    assert answer["decisions"][0]["plan"] is None


def test_what_cannot_be_read_is_told_with_path_and_cure(surface: Surface) -> None:
    document = consultation("01")
    document["mode"] = "fax"

    told = problem(surface.post(f"{V1}/eligibility-checks", json.dumps(document).encode()), 422)

    assert told["errors"][0]["path"] == "mode"
