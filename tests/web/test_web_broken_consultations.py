"""What is broken is refused whole: a problem that names the place, and not a row more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from web_surface import PERSONAL, ROOT, V1, Surface, consultation, opened, paths, problem
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

PATH = f"{V1}/consultations"
MIB = 1024 * 1024


def _drop(document: dict[str, Any]) -> None:
    del document["patient"]["birth_date"]


def _add(document: dict[str, Any]) -> None:
    document["services"][1]["discount"] = "1.00"


def _date(document: dict[str, Any]) -> None:
    document["services"][0]["serviced_on"] = "2026-02-30"


def _currency(document: dict[str, Any]) -> None:
    document["services"][0]["unit_price"]["currency"] = "BTC"


def _yen(document: dict[str, Any]) -> None:
    document["services"][0]["unit_price"] = {"value": "63000.50", "currency": "JPY"}


def _number(document: dict[str, Any]) -> None:
    document["services"][0]["unit_price"]["value"] = 420


def _insurer(document: dict[str, Any]) -> None:
    document["coverages"][0]["insurer"] = "NOBODY"


def _plan(document: dict[str, Any]) -> None:
    document["coverages"][0]["plan"] = "NO-PLAN"


def _null(document: dict[str, Any]) -> None:
    document["diagnoses"] = None


def _control_character(document: dict[str, Any]) -> None:
    document["patient"]["family"] = "Villa\x00rreal"


BROKEN: list[tuple[Callable[[dict[str, Any]], None], str, str]] = [
    (_drop, "01", "patient.birth_date"),
    (_add, "01", "services[1].discount"),
    (_date, "01", "services[0].serviced_on"),
    (_currency, "01", "services[0].unit_price.currency"),
    (_yen, "06", "services[0].unit_price.value"),
    (_number, "01", "services[0].unit_price.value"),
    (_insurer, "01", "coverages[0].insurer"),
    (_plan, "01", "coverages[0].plan"),
    (_null, "01", "diagnoses"),
    (_control_character, "01", "patient.family"),
]


@pytest.mark.parametrize(
    ("break_it", "number", "place"), BROKEN, ids=[each[0].__name__.strip("_") for each in BROKEN]
)
def test_an_invalid_consultation_is_refused_naming_the_place(
    surface: Surface, break_it: Callable[[dict[str, Any]], None], number: str, place: str
) -> None:
    document = consultation(number)
    break_it(document)
    surface.key()
    before = surface.counts()

    answer = surface.post(PATH, document)

    told = problem(answer, 422)
    assert paths(told) == [place]
    assert all(error["cure"] for error in told["errors"])
    assert surface.counts() == before
    if break_it is not _control_character:  # which echoes the value it is about
        assert not [word for word in PERSONAL if word in answer.text]


def test_every_fault_is_named_at_once(surface: Surface) -> None:
    document = consultation()
    for break_it in (_drop, _add, _date, _currency):
        break_it(document)

    told = problem(surface.post(PATH, document), 422)

    assert sorted(paths(told)) == [
        "patient.birth_date",
        "services[0].serviced_on",
        "services[0].unit_price.currency",
        "services[1].discount",
    ]


@pytest.mark.parametrize(
    ("body", "place", "cure"),
    [
        (b"", "$", "empty"),
        (b"not json", "$", "line 1, column 1"),
        (b'{"id": "a",}', "$", "line 1, column 12"),
        (b'{"id": "a"} {"id": "b"}', "$", "line 1, column 13"),
        (b'{"id": "a", "id": "b"}', "id", "once"),
        (b'{"id": NaN}', "id", "number"),
        (b'{"id": 1e999999999}', "id", "digits"),
        (b'{"id": "\xff"}', "$", "UTF-8"),
        (b"\xef\xbb\xbf{}", "$", "byte order mark"),
        (b"[" * 100 + b"]" * 100, "[0]", "deep"),
        (b"[" * 200_000, "$", "JSON|deep"),
    ],
)
def test_what_is_no_json_is_refused_naming_the_place(
    surface: Surface, body: bytes, place: str, cure: str
) -> None:
    surface.key()
    before = surface.counts()

    told = problem(surface.post(PATH, body), 400)

    assert told["errors"][0]["path"].startswith(place)
    assert any(word in told["errors"][0]["cure"] for word in cure.split("|"))
    assert surface.counts() == before


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1.5"])
def test_json_that_is_no_object_is_no_consultation(surface: Surface, body: bytes) -> None:
    told = problem(surface.post(PATH, body), 422)

    assert paths(told) == ["$"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": ""},
        {"Content_Type": "text/json+json"},
        {"Content_Encoding": "gzip"},
    ],
)
def test_what_is_not_declared_as_json_is_refused(surface: Surface, headers: dict[str, str]) -> None:
    surface.key()
    before = surface.counts()

    told = problem(surface.post(PATH, consultation(), **headers), 415)

    assert "application/json" in told["detail"]
    assert surface.counts() == before


def _padded(size: int) -> bytes:
    body = json.dumps(consultation()).encode()
    return body + b" " * (size - len(body))


def test_a_body_of_exactly_one_mebibyte_is_taken(surface: Surface) -> None:
    assert surface.post(PATH, _padded(MIB)).status_code == 201


@pytest.mark.parametrize("size", [MIB + 1, 5 * MIB])
def test_a_larger_body_is_refused(surface: Surface, size: int) -> None:
    surface.key()
    before = surface.counts()

    told = problem(surface.post(PATH, _padded(size)), 413)

    assert "1 MiB" in told["detail"]
    assert surface.counts() == before


def _streamed(surface: Surface, body: bytes, **environ: Any) -> Response:
    """Send a body as a server hands it over; a value of None removes the key."""
    made = create_environ(
        PATH,
        method="POST",
        input_stream=BytesIO(body),
        content_type="application/json",
        headers=surface.headers(),
    )
    made |= environ
    # Past the test client, which would put the true length back.
    left = {name: value for name, value in made.items() if value is not None}
    return Response.from_app(surface.app, left, buffered=True)


CHUNKED: dict[str, Any] = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}


@pytest.mark.parametrize("size", [MIB + 1, MIB + 2, 5 * MIB])
def test_a_larger_body_without_a_length_is_refused(surface: Surface, size: int) -> None:
    surface.key()
    before = surface.counts()

    problem(_streamed(surface, _padded(size), **CHUNKED), 413)

    assert surface.counts() == before


@pytest.mark.parametrize("size", [5000, MIB])
def test_a_body_without_a_length_is_taken(surface: Surface, size: int) -> None:
    assert _streamed(surface, _padded(size), **CHUNKED).status_code == 201


def test_a_body_of_which_nobody_says_where_it_ends_is_not_read(surface: Surface) -> None:
    problem(_streamed(surface, _padded(5000), CONTENT_LENGTH=None), 400)


@pytest.mark.parametrize("server_ends_it", [True, False])
def test_a_body_shorter_than_it_claims_to_be_is_refused(
    surface: Surface, server_ends_it: bool
) -> None:
    environ: dict[str, Any] = {"CONTENT_LENGTH": "9000"}
    if server_ends_it:  # as gunicorn says it does; a client that went away looks the same to it
        environ["wsgi.input_terminated"] = True
    surface.key()
    before = surface.counts()

    problem(_streamed(surface, _padded(5000), **environ), 400)

    assert surface.counts() == before


def test_a_body_longer_than_it_claims_to_be_is_not_read_on(surface: Surface) -> None:
    answer = _streamed(surface, _padded(5 * MIB), CONTENT_LENGTH="40")

    problem(answer, 400)


def test_what_an_insurers_file_cannot_say_is_refused_and_nothing_is_stored(
    tmp_path: Path,
) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(ROOT / "mappings", mappings)
    file = mappings / "insurers" / "northwind-ppo" / "v1.yaml"
    file.write_text(file.read_text().replace("      interpreter: SO-INT\n", ""))
    with opened(tmp_path, mappings) as surface:
        surface.key()
        before = surface.counts()

        told = problem(surface.post(PATH, consultation("01"), Idempotency_Key="k-1"), 422)

        after = surface.counts()
    (fault,) = told["errors"]
    assert fault["value"] == "interpreter"
    assert fault["path"].startswith("services[")
    assert "northwind-ppo has no code for it" in fault["cure"]
    # The stored answer under the key is all there is.
    assert after == before | {"body": 1, "inbound_key": 1}
