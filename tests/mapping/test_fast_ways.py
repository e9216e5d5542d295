"""What every claim goes through is made fast by second ways of doing a thing. Each is held here
against the plain way."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_cases import FIXTURES, INSURERS, a_claim, a_decision, goldens_of, shipped

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping import answer_shape, bundle, bundle_check
from payer_gateway.mapping.canonical import canonical_json, encode_checked, parse_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.facts import facts_of
from payer_gateway.mapping.facts_people import Names

CONSULTATIONS = sorted((FIXTURES / "synthea").glob("*.json")) + sorted(
    (FIXTURES / "consultations").glob("*.json")
)


@pytest.mark.parametrize("insurer", INSURERS)
def test_golden_cases_are_filled_as_the_grammar_defines_it(insurer: str) -> None:
    profile = shipped(insurer)
    for case in goldens_of(insurer).cases:
        for use, claim in case.claims.items():
            speech = profile.speeches[use]
            facts = facts_of(profile.teller, case.consultation, case.coverage, claim, case.decision)

            # Often enough for the function to be written anew with what it has learnt.
            fast = [speech.filling.fill(facts) for _ in range(20)]

            plain = bundle.filled(speech, facts, profile.file)
            assert all(each == plain and list(each) == list(plain) for each in fast)


@pytest.mark.parametrize("path", CONSULTATIONS, ids=lambda path: path.stem)
def test_consultations_are_filled_as_the_grammar_defines_it(path: Path) -> None:
    asked = read_consultation(path.read_bytes()).consultation
    compared = 0
    for insurer in INSURERS:
        profile = shipped(insurer)
        for use in Use:
            speech = profile.speeches[use]
            facts = facts_of(profile.teller, asked, asked.coverages[0], a_claim(use), a_decision())
            try:
                plain = bundle.filled(speech, facts, profile.file)
            except MappingError:
                continue  # a service that the insurer has no code for

            fast = speech.filling.fill(facts)

            compared += 1
            assert fast == plain

    assert compared >= len(INSURERS)


def test_what_the_fast_way_cannot_fill_is_told_by_the_plain_one() -> None:
    profile = shipped("medicare-b")
    asked = read_consultation(CONSULTATIONS[0].read_bytes()).consultation
    facts = facts_of(profile.teller, asked, asked.coverages[0], a_claim(), a_decision())
    facts["consultation"] = {**facts["consultation"], "urgency": "asap"}  # type: ignore[dict-item]

    with pytest.raises(KeyError):
        profile.speeches[Use.CLAIM].filling.fill(facts)
    with pytest.raises(MappingError, match="claim_priority has no entry for 'asap'"):
        bundle.filled(profile.speeches[Use.CLAIM], facts, profile.file)


def test_what_stands_in_every_bundle_is_the_same_after_many() -> None:
    profile = shipped("northwind-ppo")
    constants = copy.deepcopy(profile.speeches[Use.CLAIM].filling.constants)
    case = goldens_of("northwind-ppo").cases[0]

    bodies = {
        bundle.build(
            profile,
            case.consultation,
            case.coverage,
            next(iter(case.claims.values())),
            case.decision,
        ).body
        for _ in range(20)
    }

    assert len(bodies) == 1
    assert profile.speeches[Use.CLAIM].filling.constants == constants


LEAVES = (
    st.text()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
    ).filter(lambda number: bool(number) or not number.is_signed())
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=25,
)


@given(DOCUMENTS)
def test_checked_values_are_encoded_to_the_canonical_bytes(document: Any) -> None:
    try:
        plain = canonical_json(document)
    except ValueError:
        with pytest.raises(ValueError, match=r"surrog|utf-8|UTF-8"):
            encode_checked(document)
        return

    assert encode_checked(document) == plain


@pytest.mark.parametrize("number", ["1E+2", "1E-7", "-0", "-0.00", "NaN", "Infinity"])
def test_a_number_that_is_not_in_plain_digits_does_not_pass_the_check(number: str) -> None:
    sent: Any = json.loads(
        next(iter(goldens_of("northwind-ppo").cases[0].bundles.values())), parse_float=Decimal
    )
    sent["entry"][0]["resource"]["total"]["value"] = Decimal(number)

    found = bundle_check.check(sent)

    assert any("total.value: is no decimal of FHIR" in problem for problem in found)


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_ids_are_uuids_of_version_5(claim_id: str, part: str) -> None:
    made = Names(claim_id)

    own = uuid.UUID(str(made.named(part)["id"]))

    assert own.version == 5
    assert own.variant == uuid.RFC_4122
    assert made.url(part) == own.urn
    assert made.named(part) == {"id": str(own), "url": own.urn}
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "https://payer-gateway.example/claim")
    assert own == uuid.uuid5(uuid.uuid5(namespace, claim_id), part)


def _spoiled(value: Any) -> Iterator[Any]:
    """The same with one thing in it of another kind, for each thing and each kind."""
    kinds = (None, True, 1, 2**70, Decimal("1.5"), "x", [], [None], [{}], {}, {"start": "2026-13"})
    yield from kinds
    if isinstance(value, dict):
        for name, inner in value.items():
            for each in _spoiled(inner):
                yield {**value, name: each}
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            for each in _spoiled(inner):
                yield [*value[:n], each, *value[n + 1 :]]


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("base-r4", "submit-complete"), ("pas-2.2.1", "kit-approval-of-everything-that-may-be-said")],
)
def test_an_answer_is_sound_at_a_glance_where_a_walk_through_it_finds_nothing(
    dialect: str, name: str
) -> None:
    file: Any = parse_json((FIXTURES / "replies" / dialect / f"{name}.json").read_bytes())
    body = file["body"]
    answer = body["entry"][0]["resource"] if body["resourceType"] == "Bundle" else body
    seen = set()
    for each in [answer, *filter(lambda spoiled: isinstance(spoiled, dict), _spoiled(answer))]:
        walked = list(answer_shape._wrong(each, answer_shape._SHAPE, "ClaimResponse"))

        assert answer_shape._is_sound(each) == (not walked)
        seen.add(not walked)
    assert seen == {True, False}


FIRST_ANSWERS = """
import os, sys, threading
from payer_gateway.mapping.answer_shape import shape_issues

sys.setswitchinterval(1e-6)
answer = {"item": [{"adjudication": [{"category": {"coding": [{"code": "submitted"}]}}]}]}
ends = []
for _ in range(60):
    child = os.fork()
    if child == 0:
        together = threading.Barrier(16)
        threads = [
            threading.Thread(target=lambda: (together.wait(), shape_issues(answer)))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)
    ends.append(os.waitpid(child, 0)[1])
print(sum(end != 0 for end in ends))
"""


def test_a_workers_first_answers_may_all_come_at_once() -> None:
    """What is made ready at first use is made by every thread: two of three such workers ended
    with a segmentation fault."""
    done = subprocess.run([sys.executable, "-c", FIRST_ANSWERS], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("0\n", "")
