"""Canonical JSON and the strict reader of it; YAML files without cleverness."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from payer_gateway.domain.errors import Fault, InvalidInput, MappingError
from payer_gateway.mapping import canonical
from payer_gateway.mapping.canonical import canonical_json, parse_json, path_text
from payer_gateway.mapping.yamlfile import load_yaml


def fault(body: bytes, **options: int) -> Fault:
    with pytest.raises(InvalidInput) as caught:
        parse_json(body, **options)
    (one,) = caught.value.faults
    return one


# -- writing --------------------------------------------------------------------------------------


def test_keys_are_sorted_and_nothing_stands_between_tokens() -> None:
    assert canonical_json({"b": [1, None, True], "a": {"z": "é", "y": ()}}) == (
        '{"a":{"y":[],"z":"é"},"b":[1,null,true]}'.encode()
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("420.00", "420.00"),
        ("1E+2", "100"),
        ("0E+3", "0"),
        ("1E-7", "0.0000001"),
        ("-0", "0"),
        ("-0.50", "-0.50"),
        ("1234567890123456.78", "1234567890123456.78"),
    ],
)
def test_a_decimal_keeps_exactly_its_digits_and_has_no_exponent(number: str, text: str) -> None:
    assert canonical_json([Decimal(number)]) == f"[{text}]".encode()


@pytest.mark.parametrize("value", [1.5, {"a": [0.1]}, {1: "a"}, {1, 2}, b"x", object()])
def test_floats_and_whatever_json_does_not_have_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), "\ud800", {"\udfff": 1}])
def test_what_has_no_spelling_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_a_line_break_in_text_is_escaped() -> None:
    assert canonical_json({"a": "x\ny"}) == b'{"a":"x\\ny"}'


# -- reading --------------------------------------------------------------------------------------


def test_whole_numbers_stay_whole_and_all_others_are_decimals() -> None:
    read = parse_json(b'{"n": 7, "x": 420.00, "e": 1e2, "big": 123456789012345678901234567890}')

    assert read == {
        "n": 7,
        "x": Decimal("420.00"),
        "e": Decimal("1E+2"),
        "big": 123456789012345678901234567890,
    }
    assert isinstance(read, dict)
    assert str(read["x"]) == "420.00"
    assert type(read["n"]) is int


@pytest.mark.parametrize(
    ("body", "path", "cure"),
    [
        (b"", "$", "the body is empty"),
        (b"  \n", "$", "the body is empty"),
        (b"\xef\xbb\xbf{}", "$", "without a byte order mark"),
        (b'{"a": "\xff"}', "$", "send UTF-8; the byte at offset 7"),
        (b"\x00", "$", "correct the JSON at line 1, column 1"),
        (b'{"a": 1,}', "$", "correct the JSON at line 1, column 9"),
        (b"{} {}", "$", "remove what follows the document"),
        (b'{"a": "x\ty"}', "$", "write control characters in text as escapes"),
        (b'{"a": [1, NaN]}', "a[1]", "NaN is not one in JSON"),
        (b'{"a": -Infinity}', "a", "-Infinity is not one in JSON"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "a.b", "write the key 'b' once"),
        (b'[{"x y": 1, "x y": 2}]', '[0]["x y"]', "write the key 'x y' once"),
        (b'{"a": "\\ud800"}', "a", "half a surrogate pair"),
        (b'{"\\udfff": 1}', "$", "this key holds half a surrogate pair"),
        (b'{"a": 1e999999999}', "a", "without an exponent"),
        (b'{"a": 1e99999999999999999999}', "a", "without an exponent"),
        (b'{"a": 1e-500}', "a", "without an exponent"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a", "at most 400 digits"),
        (b'{"a": 0.' + b"9" * 5000 + b"}", "a", "at most 400 digits"),
        (b"[" * 100_000, "$", "at most 50 deep"),
    ],
)
def test_what_readers_could_read_differently_is_refused(body: bytes, path: str, cure: str) -> None:
    found = fault(body)

    assert found.path == path
    assert cure in found.cure
    assert len(str(found.value)) <= 80


def test_nesting_is_taken_to_the_limit_and_not_beyond() -> None:
    assert parse_json(b"[" * 50 + b"]" * 50) is not None
    assert "at most 50 deep" in fault(b"[" * 51 + b"]" * 51).cure
    assert fault(b'{"a": {"b": {}}}', max_depth=2).path == "a.b"


def test_every_fault_is_told_not_only_the_first() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(b'{"a": NaN, "b": [1, 1e9999], "c": 1, "c": 2}')

    assert [f.path for f in caught.value.faults] == ["c", "a", "b[1]"]


def test_paths_read_as_in_code() -> None:
    assert path_text(("services", 0, "unit_price", "value")) == "services[0].unit_price.value"
    assert path_text(()) == "$"


texts = st.text('aZ0 é長\u2028\x00\x7f\n\\"\U0001f600', max_size=8)
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | texts
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(documents)
def test_canonical_bytes_read_back_to_themselves(document: object) -> None:
    once = canonical_json(document)

    assert canonical_json(parse_json(once)) == once
    assert b"\n" not in once


@given(
    st.binary(max_size=60) | st.text('{}[]":,.0123456789eE+-tfn \\u', max_size=40).map(str.encode)
)
def test_the_reader_answers_any_bytes_with_a_value_or_faults(body: bytes) -> None:
    try:
        once = canonical_json(parse_json(body))
    except InvalidInput as refused:
        assert all(f.path and f.cure for f in refused.faults)
    else:
        assert canonical_json(parse_json(once)) == once


def spelled(value: object) -> object:
    """With types, because 1 == True and the two zeros of a Decimal are equal."""
    if isinstance(value, dict):
        return {key: spelled(each) for key, each in value.items()}
    return [spelled(each) for each in value] if isinstance(value, list) else repr(value)


jsonish = st.lists(
    st.sampled_from(
        [
            '{"a":',
            '{"b" :',
            ',"a"\t:',
            "}",
            "[",
            "]",
            ",",
            "1",
            "-0",
            "0.10",
            "1e5",
            "1e999",
            "9" * 401,
            '"',
            '"x"',
            '"\\\\":"',
            '"\\":"',
            '":"',
            '"\\ud83d"',
            '"\\ud83d\\ude00"',
            "null",
            " ",
            "NaN",
        ]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=400)
@given(jsonish.map(str.encode) | documents.map(canonical_json) | st.binary(max_size=30))
@example(b'{"a":1,"a":2}')
@example(b'{"a\\\\":1,"b":2,"b":3}')
@example(b'{"a":"\\":","b":2,"b":3}')
def test_what_is_read_fast_is_read_alike_with_care(body: bytes) -> None:
    is_plain, value = canonical._plainly_read(body, 50)

    if is_plain:
        assert spelled(value) == spelled(canonical._carefully_read(body, 50))


def test_an_ordinary_document_is_read_fast() -> None:
    body = b'{"text": "\\u00e9, \\"so\\"", "n": [1, 2.50, {"deep": null}], "url": "urn:oid:1.2"}'

    assert canonical._plainly_read(body, 50)[0]


# -- YAML -----------------------------------------------------------------------------------------


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "some.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_every_yaml_scalar_is_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a: no\nb: 1.10\nc: [08, ~, 2026-01-01]\nd: {e: 'x', f: }\n? g\n: h\n")

    assert load_yaml(path) == {
        "a": "no",
        "b": "1.10",
        "c": ["08", "~", "2026-01-01"],
        "d": {"e": "x", "f": ""},
        "g": "h",
    }


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("a: 1\nb: {c: 1}\na: 2\n", "line 3: key a stands twice"),
        ("a:\n  - {b: 1}\n  - {c: 1, c: 2}\n", "line 3: key a[1].c stands twice"),
        ("a: &x 1\n", "line 1: anchor &x"),
        ("a: 1\nb: *x\n", "alias *x"),
        ("a: !!int 1\n", "tag tag:yaml.org,2002:int"),
        ("a: !secret x\n", "tag !secret"),
        ("a: !!python/object:os.system x\n", "remove it, every value is text"),
        ("- a\n", "a list stands on top"),
        ("just words\n", "one value stands alone"),
        ("", "it is empty"),
        ("# nothing\n", "it is empty"),
        ("a: 1\n---\nb: 2\n", "a second document starts"),
        ("? [a, b]\n: c\n", "a key must be plain text"),
        ("a: [1\nb: 2\n", "correct the YAML"),
        ("a:\n\t- b\n", "correct the YAML"),
        (b"a: \xff\n", "not UTF-8"),
        (b"a: \x00\n", "correct the YAML"),
        ("a: " + "[" * 60 + "]" * 60, "nest at most 50 levels deep"),
        (b"a: " + b"x" * 1_000_001, "keep it under 1000000"),
    ],
)
def test_clever_or_broken_yaml_is_refused_by_file_and_cure(
    tmp_path: Path, text: str | bytes, cure: str
) -> None:
    path = write(tmp_path, text)

    with pytest.raises(MappingError) as caught:
        load_yaml(path)

    assert str(path) in str(caught.value)
    assert cure in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"none\.yaml: cannot be read"):
        load_yaml(tmp_path / "none.yaml")
