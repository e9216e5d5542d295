"""JSON bytes in and out: exact decimals, one spelling per document.

Canonical means UTF-8, keys sorted by code point, no space between tokens, non-ASCII kept and
every decimal with exactly its digits. Two documents are the same content when these bytes are.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any

import msgspec

from payer_gateway.domain.errors import Fault, InvalidInput

# No amount, size or id needs more; written out in full, 1e999999999 would fill the memory.
MAX_DIGITS = 400
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
# FHIR text has no characters below the space but tab and line breaks; they come as escapes only.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPED_CONTROL = re.compile(rb"\\(?:[bf]|u00(?:0[0-8bcefBCEF]|1))")
_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\n\r"
_LONG = b"0" * (MAX_DIGITS + 1)
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def canonical_json(value: object) -> bytes:
    """The canonical bytes of a value made of dict, list, tuple, str, int, bool, None, Decimal.

    Raises TypeError for anything else (float above all) and ValueError for a decimal that is no
    number or text that has no UTF-8 form.
    """
    out: list[str] = []
    _write(value, out.append)
    try:
        return "".join(out).encode()
    except UnicodeEncodeError as error:
        raise ValueError("text holds half a surrogate pair, which has no UTF-8 form") from error


def encode_checked(value: object) -> bytes:
    """The same bytes as ``canonical_json``, twenty times as fast, of a value in which every leaf is
    known to be text, truth, a whole number or a Decimal in plain digits; nothing is checked here.

    Raises ValueError for text that has no UTF-8 form.
    """
    return _ENCODER.encode(value)


def _write(value: object, put: Callable[[str], None]) -> None:
    if isinstance(value, str):
        put(encode_basestring(value))
    elif value is None:
        put("null")
    elif isinstance(value, bool):
        put("true" if value else "false")
    elif isinstance(value, int):
        put(int.__repr__(value))
    elif isinstance(value, Decimal):
        put(_plain(value))
    elif isinstance(value, Mapping):
        put("{")
        _refuse_odd_keys(value)
        for n, key in enumerate(sorted(value)):
            put("," if n else "")
            put(encode_basestring(key))
            put(":")
            _write(value[key], put)
        put("}")
    elif isinstance(value, list | tuple):
        put("[")
        for n, item in enumerate(value):
            put("," if n else "")
            _write(item, put)
        put("]")
    else:
        raise TypeError(f"{type(value).__name__} has no canonical JSON form; amounts are Decimal")


def _refuse_odd_keys(value: Mapping[object, object]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a JSON key is text, not {type(key).__name__}")


def _plain(number: Decimal) -> str:
    """All digits and no exponent: 420.00 stays 420.00, 1E+2 becomes 100."""
    if not number.is_finite():
        raise ValueError(f"{number} is no number that JSON can hold")
    text = format(number, "f")
    # Read back, -0 is the integer 0: written as 0 the bytes stay what they are.
    return "0" if text == "-0" else text


class _Refused:
    """Stands in the parsed tree where a number cannot be taken; reported with its path."""

    def __init__(self, text: str, cure: str) -> None:
        self.text, self.cure = text, cure


class _Doubled(dict[str, object]):
    """An object that names one of its keys twice."""

    def __init__(self, pairs: Sequence[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.keys_twice = sorted(key for key, n in counts.items() if n > 1)


class _Reading:
    """What the parser meets. ``is_odd``: something stands there that has to be looked for."""

    __slots__ = ("is_odd",)

    def __init__(self) -> None:
        self.is_odd = False

    def refused(self, text: str, cure: str) -> _Refused:
        self.is_odd = True
        return _Refused(text, cure)

    def members(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        self.is_odd = True
        return _Doubled(pairs)

    def integer(self, text: str) -> object:
        if len(text) > MAX_DIGITS:
            return self.refused(text, f"write a number of at most {MAX_DIGITS} digits")
        return int(text)

    def decimal(self, text: str) -> object:
        cure = f"write a number of at most {MAX_DIGITS} digits, without an exponent"
        if len(text) > MAX_DIGITS:
            return self.refused(text, cure)
        try:
            number = Decimal(text)
        except InvalidOperation:
            return self.refused(text, cure)
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS:
            return self.refused(text, cure)
        return number

    def constant(self, text: str) -> object:
        return self.refused(text, f"write a number; {text} is not one in JSON")


_READING = _Reading()


def _keys_within(value: object, depth: int) -> int | None:
    """How many keys the objects hold in all; None: something lies deeper than ``depth``. Level by
    level, which is far faster than branch by branch. JSON is made of these very types."""
    keys = 0
    level: list[Any] = [value]
    for _ in range(depth):
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                keys += len(each)
                below += each.values()
            elif kind is list:
                below += each
        if not below:
            return keys
        level = below
    return None if any(type(each) in (dict, list) for each in level) else keys


def _plainly_read(body: bytes, max_depth: int) -> tuple[bool, object]:
    """Whether the body is plain, and the document then. Plain: without anything that has to be
    refused or looked into. What is not is read again, slowly, by ``parse_json``.

    A key given twice shows by more keys in the text than in the document. Text such as
    ``"say \\":"`` counts as a key too many, so that a doubled key is never missed.
    """
    try:
        value = _DECODER.decode(body)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors, our hook's too
        return False, None
    keys = _keys_within(value, max_depth)
    # Without the space between tokens (and within text, where it does not matter) a key is what
    # stands before ``":``, and a number is too long where it has more digits than we count.
    outline = body.translate(_AS_ZEROS, _SPACE)
    if keys is None or keys != outline.count(b'":'):
        return False, None
    return _LONG not in outline, value


def _plain_decimal(text: str) -> Decimal:
    """Raises ValueError where ``_Reading.decimal`` refuses."""
    if len(text) <= MAX_DIGITS and "e" not in text and "E" not in text:
        return Decimal(text)  # without an exponent it is all digits, and not too many
    number = _READING.decimal(text)
    if isinstance(number, Decimal):
        return number
    raise ValueError(text)


_DECODER = msgspec.json.Decoder(float_hook=_plain_decimal)


def parse_json(body: bytes, *, max_depth: int = 50) -> object:
    """The document in ``body``: integers as int, every other number as Decimal.

    Raises InvalidInput for anything that is not one JSON document in UTF-8 that every reader
    reads alike: a byte order mark, NaN or Infinity, a key given twice, half a surrogate pair,
    nesting deeper than ``max_depth``, anything after the end.
    """
    is_plain, value = _plainly_read(body, max_depth)
    return value if is_plain else _carefully_read(body, max_depth)


def _carefully_read(body: bytes, max_depth: int) -> object:
    if not body.strip():
        raise _invalid("$", "", "send a JSON document; the body is empty")
    if body.startswith(_BOM):
        raise _invalid("$", "byte order mark", "send UTF-8 without a byte order mark")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        cure = f"send UTF-8; the byte at offset {error.start} is not"
        raise _invalid("$", f"0x{body[error.start]:02x}", cure) from None
    too_deep = f"nest objects and lists at most {max_depth} deep"
    reading = _Reading()
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=reading.members,
            parse_int=reading.integer,
            parse_float=reading.decimal,
            parse_constant=reading.constant,
        )
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        where = f"line {error.lineno}, column {error.colno}"
        raise _invalid("$", near, f"correct the JSON at {where}: {_plainly(error.msg)}") from None
    except RecursionError:
        raise _invalid("$", shorten(text), too_deep) from None
    # Half a surrogate pair can only come from an escape; UTF-8 has none.
    is_deep = _keys_within(value, max_depth) is None
    if not (reading.is_odd or _ESCAPED_HALF.search(text) or is_deep):
        return value
    faults: list[Fault] = []
    _inspect(value, (), max_depth, too_deep, faults)
    if faults:
        raise InvalidInput(tuple(faults))
    return value


def _plainly(message: str) -> str:
    """json's own words, as something to do."""
    if message.startswith("Extra data"):
        return "remove what follows the document"
    if message.startswith("Invalid control character"):
        return "write control characters in text as escapes (\\n, \\t)"
    return message[0].lower() + message[1:]


def _inspect(
    value: object, path: tuple[str | int, ...], depth: int, too_deep: str, faults: list[Fault]
) -> None:
    if isinstance(value, str):
        if not _has_utf8(value):
            cure = "write whole characters; this text holds half a surrogate pair"
            faults.append(Fault(path_text(path), shorten(value), cure))
    elif isinstance(value, _Refused):
        faults.append(Fault(path_text(path), shorten(value.text), value.cure))
    elif isinstance(value, dict | list):
        if depth == 0:
            faults.append(Fault(path_text(path), None, too_deep))
            return
        if isinstance(value, _Doubled):
            for key in value.keys_twice:
                cure = f"write the key {shorten(key)!r} once; it stands here more than once"
                faults.append(Fault(path_text((*path, key)), shorten(key), cure))
        inside: Iterable[tuple[str | int, object]]
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for step, item in inside:
            if isinstance(step, str) and not _has_utf8(step):
                cure = "write whole characters; this key holds half a surrogate pair"
                faults.append(Fault(path_text(path), shorten(step), cure))
            _inspect(item, (*path, step), depth - 1, too_deep, faults)


def refuse_control_characters(body: bytes, document: object) -> None:
    """``document`` was read from ``body``. Raises InvalidInput naming each text and key that holds
    a character below the space, other than tab and line breaks."""
    if not _ESCAPED_CONTROL.search(body):
        return
    faults: list[Fault] = []
    _find_control(document, (), faults)
    if faults:
        raise InvalidInput(tuple(faults))


def _find_control(value: object, path: tuple[str | int, ...], faults: list[Fault]) -> None:
    if isinstance(value, str) and _CONTROL.search(value):
        cure = "remove the characters that cannot be seen (such as \\u0000) from this text"
        faults.append(Fault(path_text(path), _visible(value), cure))
    elif isinstance(value, dict):
        for key, below in value.items():
            if _CONTROL.search(key):
                cure = "remove the characters that cannot be seen (such as \\u0000) from this key"
                faults.append(Fault(path_text(path), _visible(key), cure))
            _find_control(below, (*path, key), faults)
    elif isinstance(value, list):
        for n, below in enumerate(value):
            _find_control(below, (*path, n), faults)


def _visible(text: str) -> str:
    """Shortened, each control character as JSON escapes it."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", shorten(text))


def _has_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _invalid(path: str, value: object, cure: str) -> InvalidInput:
    return InvalidInput((Fault(path, value, cure),))


def path_text(path: Sequence[str | int]) -> str:
    """``("services", 0, "unit_price")`` as ``services[0].unit_price``; the whole document is $."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() and step.isascii():
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(shorten(step))}]"
    return text or "$"


def shorten(text: str, length: int = 80) -> str:
    """At most ``length`` characters, with half surrogate pairs made visible."""
    if len(text) > length:
        text = text[: length - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()
