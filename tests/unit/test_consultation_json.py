"""A consultation as JSON: what reads, and that nothing but a value or faults ever comes of it."""

import copy
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from consultation_documents import FIXTURES, ROOT, a_document, read
from hypothesis import given
from hypothesis import strategies as st

from payer_gateway.domain.consultation import Identifier, Name
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.money import Money
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.consultation import read_consultation

SHARED = ROOT.parent / "shared" / "data" / "synthea" / "consultations"


# -- what reads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_every_fixture_reads(path: Path) -> None:
    body = path.read_bytes()

    received = read_consultation(body)

    assert received.document == parse_json(body)
    assert received.canonical == canonical_json(parse_json(body))
    assert received.consultation.source == "fixtures"


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/ does not stand beside this checkout")
def test_all_shared_consultations_read() -> None:
    bodies = [path.read_bytes() for path in sorted(SHARED.glob("*.json"))]

    ids = {read_consultation(body).consultation.source_id for body in bodies}

    assert len(ids) == len(bodies) == 34


def test_the_fixtures_are_sixteen_and_none_repeats_an_id() -> None:
    read_all = [read_consultation(path.read_bytes()).consultation for path in FIXTURES]

    assert len({c.source_id for c in read_all}) == len({c.episode_id for c in read_all}) == 16


def test_the_values_arrive_where_they_belong() -> None:
    c = read(a_document()).consultation

    assert c.source_id == "FX-2026-0001"
    assert c.patient.name == Name("Villarreal", ("Inés", "Marisol"))
    assert c.patient.birth_date == date(1979, 5, 14)
    assert c.requested_at == datetime(2026, 2, 16, 15, tzinfo=UTC)
    assert c.coverages[0].status == "active"
    assert c.principal_diagnosis.coding.code == "C50.411"
    assert [s.code for s in c.services] == ["second-opinion-video", "tumour-board", "interpreter"]
    assert c.billed == Money(Decimal("675.00"), "USD")
    assert c.interpreter is True
    assert c.team[0].role == "assist"
    assert c.second_opinion is None


def test_yen_kanji_and_kana_and_instants_with_offset_read() -> None:
    c = read_consultation(FIXTURES[-1].read_bytes()).consultation

    assert c.patient.name == Name("長谷川", ("拓海",))
    assert c.patient.phonetic == Name("ハセガワ", ("タクミ",))
    assert c.billed == Money(Decimal(183000), "JPY")
    first = c.services[0].serviced
    assert isinstance(first, datetime)
    assert first.utcoffset() == timedelta(hours=9)
    assert c.first_opinion.practitioner.npi is None
    assert c.first_opinion.practitioner.identifiers == (
        Identifier("https://hospital.example.jp/staff", "D-2210"),
    )


def test_only_what_is_needed_is_needed() -> None:
    document = a_document()
    for key in ("language", "interpreter", "team", "outcome", "documents"):
        del document[key]
    document["coverages"] = []
    document["first_opinion"] = {
        "given_on": "2026-02-11",
        "practitioner": {"family": "Weimann", "given": []},
    }
    del document["patient"]["address"], document["patient"]["identifiers"]

    c = read(document).consultation

    assert (c.language, c.interpreter, c.team, c.outcome, c.documents) == (
        None,
        False,
        (),
        None,
        (),
    )
    assert c.coverages == ()
    assert c.first_opinion.organization is None
    assert c.patient.address is None


def test_a_third_opinion_carries_the_second() -> None:
    document = a_document()
    document["opinion_number"] = 3
    document["second_opinion"] = {**document["first_opinion"], "agrees": False}

    second = read(document).consultation.second_opinion

    assert second is not None
    assert second.agrees is False


def test_spaces_and_case_are_mended_in_the_value_and_kept_in_the_bytes() -> None:
    document = a_document()
    document["coverages"][0]["member_id"] = " NW4410021 "
    document["patient"]["address"]["country"] = "us"

    received = read(document)

    assert received.consultation.coverages[0].member_id == "NW4410021"
    assert received.consultation.patient.address is not None
    assert received.consultation.patient.address.country == "US"
    assert b'"member_id":" NW4410021 "' in received.canonical


def test_order_of_keys_and_spaces_do_not_change_the_content() -> None:
    document = a_document()

    turned = json.dumps(dict(reversed(document.items())), indent=4).encode()

    assert read_consultation(turned).canonical == read(document).canonical


def test_a_day_and_an_instant_may_bound_one_period() -> None:
    document = a_document()
    document["coverages"][0]["period"] = {"start": "2026-04-01T00:00:00+09:00", "end": "2026-04-01"}

    period = read(document).consultation.coverages[0].period

    assert isinstance(period.start, datetime)
    assert period.end == date(2026, 4, 1)


# -- any input at all -----------------------------------------------------------------------------

words = st.text('aZ0 -.é長\u2028\x00\n\\"\U0001f600', max_size=8)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
    | words
    | st.sampled_from(["2026-02-30", "2026-02-01", "9999-12-31T23:59:59-14:00", "0", "JPY", "1e5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def paths(value: object, so_far: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [so_far, *(p for step, item in inside for p in paths(item, (*so_far, step)))]


BASES = [parse_json(FIXTURES[n].read_bytes()) for n in (0, 12, 15)]


@st.composite
def mutated(draw: st.DrawFn) -> object:
    """A real consultation in which some values, anywhere, have become something else."""
    document = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(document)))
        if not path:
            continue
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        if draw(st.booleans()):
            inner[path[-1]] = draw(anything)
        else:
            del inner[path[-1]]
    return document


def survives(body: bytes) -> None:
    try:
        received = read_consultation(body)
    except InvalidInput as refused:
        assert refused.faults
        for fault in refused.faults:
            assert fault.path
            assert len(fault.cure) > 10
            assert len(str(fault.value)) <= 80
    else:
        assert read_consultation(received.canonical).canonical == received.canonical
        assert received.consultation.billed.minor >= 0


@given(mutated())
def test_any_change_to_a_consultation_reads_or_is_refused_with_faults(document: object) -> None:
    survives(canonical_json(document))


@given(st.data())
def test_any_damage_to_the_bytes_reads_or_is_refused_with_faults(data: st.DataObject) -> None:
    body = bytearray(FIXTURES[0].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    survives(bytes(body))
