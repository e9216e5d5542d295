"""What a request carries: its body as JSON, its query, each read by a shape that names the cure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import request
from marshmallow import ValidationError, validates_schema
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import Fault, InvalidInput
from payer_gateway.domain.submission import State
from payer_gateway.mapping.canonical import canonical_json, parse_json, path_text, shorten
from payer_gateway.mapping.consultation_fields import Choice, Flag, Shape, Text, Told, at, flat
from payer_gateway.web.problems import NotJson, Unreadable

T = TypeVar("T")

LARGEST_BODY = 1024 * 1024
LARGEST_PAGE = 200
_UTF_8 = ("utf-8", "utf8", "us-ascii")  # a part of UTF-8 is UTF-8


def raw_body() -> bytes:
    """The bytes of a body declared as JSON. Raises what becomes 400, 413 or 415."""
    declared = request.mimetype
    is_json = declared == "application/json" or (
        declared.startswith("application/") and declared.endswith("+json")
    )
    if not is_json:
        cure = "send application/json (to /fhir: application/fhir+json)"
        raise NotJson((Fault("header.Content-Type", shorten(declared) or None, cure),))
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in _UTF_8:
        cure = "send UTF-8, as JSON is; leave the charset out"
        raise NotJson((Fault("header.Content-Type", shorten(charset), cure),))
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        cure = "send the body as it is, not compressed; leave the header out"
        raise NotJson((Fault("header.Content-Encoding", shorten(encoding), cure),))
    body = request.get_data(cache=False)
    if len(body) > LARGEST_BODY:
        raise RequestEntityTooLarge
    if request.content_length is not None and len(body) != request.content_length:
        raise BadRequest("The body is not as long as its Content-Length says; send it again.")
    return body


def json_of(body: bytes) -> object:
    """Raises Unreadable naming the line and column."""
    try:
        return parse_json(body)
    except InvalidInput as exc:
        raise Unreadable(exc.faults) from None


def read(shape: type[Shape], document: object) -> Any:
    """The value that the document stands for. Raises InvalidInput with every fault."""
    if not isinstance(document, dict):
        raise InvalidInput((Fault("$", None, f"send {shape.what}"),))
    try:
        return shape().load(document)
    except ValidationError as exc:
        found = sorted((path_text(path), path, cure) for path, cure in flat(exc.messages))
        raise InvalidInput(
            tuple(Fault(text, _shown(document, path), cure) for text, path, cure in found)
        ) from None


def read_body(shape: type[Shape]) -> Any:
    return read(shape, json_of(raw_body()))


def no_query() -> None:
    """Raises Unreadable: an address without parameters ignores none."""
    names = tuple(request.args)
    if names:
        cure = "leave it out; nothing is asked by query here"
        raise Unreadable(tuple(Fault(_in_query(name), None, cure) for name in names))


def read_query(shape: type[Shape]) -> Any:
    """Raises Unreadable: an unknown parameter is an error, never ignored."""
    given = dict(request.args.lists())
    twice = [name for name, values in given.items() if len(values) > 1]
    if twice:
        raise Unreadable(tuple(Fault(_in_query(n), None, "give it once") for n in twice))
    try:
        return read(shape, {name: values[0] for name, values in given.items()})
    except InvalidInput as exc:
        raise Unreadable(
            tuple(Fault(_in_query(f.path), f.value, f.cure) for f in exc.faults)
        ) from None


def _in_query(path: str) -> str:
    return f"query.{shorten(path)}"


def _shown(document: Mapping[str, object], path: tuple[str | int, ...]) -> object:
    value = document.get(str(path[0])) if path else None
    if value is None or isinstance(value, bool):
        return value
    return shorten(value if isinstance(value, str) else canonical_json(value).decode())


class AnId(Told[str]):
    """An id of ours, in its standard spelling."""

    def read(self, value: object) -> str:
        try:
            return str(uuid.UUID(value if isinstance(value, str) else ""))
        except ValueError:
            raise self.wrong() from None


class Document(Told[dict[str, Any]]):
    """An object that is read later, by a shape of its own."""

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong()
        return value


class Count(Told[int]):
    """A whole number written as text, as a query has it."""

    def __init__(self, least: int, most: int, **more: Any) -> None:
        super().__init__(f"a whole number from {least} to {most}", **more)
        self._least, self._most = least, most

    def read(self, value: object) -> int:
        text = value if isinstance(value, str) else ""
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise self.wrong()
        if not self._least <= int(text) <= self._most:
            raise self.wrong()
        return int(text)


def _why(what: str = "why, in a few words", *, optional: bool = False) -> Text:
    return Text(what, longest=500, optional=optional)


@dataclass(frozen=True, slots=True)
class Correction:
    kind: str
    submission: str
    reason: str
    consultation: dict[str, Any] | None


class CorrectionShape(Shape):
    what = "a correction with kind, submission, reason and, to replace, consultation"
    makes = Correction
    kind = Choice(("replace", "void"))
    submission = AnId("the id of the submission to correct")
    reason = _why()
    consultation = Document("the whole corrected consultation, as an object", optional=True)

    @validates_schema
    def _whole(self, data: dict[str, Any], **_: Any) -> None:
        has_document = data.get("consultation") is not None
        if data["kind"] == "replace" and not has_document:
            raise at(("consultation",), "add it: the whole corrected consultation")
        if data["kind"] == "void" and has_document:
            raise at(("consultation",), "remove it: a void needs no consultation")


@dataclass(frozen=True, slots=True)
class PersonsDecision:
    eligible: bool
    reason: str


class PersonsDecisionShape(Shape):
    what = "a decision with eligible and reason"
    makes = PersonsDecision
    eligible = Flag()
    reason = _why()


@dataclass(frozen=True, slots=True)
class Resolution:
    booked: bool
    evidence: str
    control_number: str | None


class ResolutionShape(Shape):
    what = "a resolution with booked and evidence"
    makes = Resolution
    booked = Flag()
    evidence = _why("how you know: who said so, which number")
    control_number = Text("the insurer's number of it, if it is booked", longest=100, optional=True)


@dataclass(frozen=True, slots=True)
class Cancellation:
    reason: str
    not_booked: str | None


class CancellationShape(Shape):
    what = "an object with reason and, where nobody knows, not_booked"
    makes = Cancellation
    reason = _why()
    not_booked = _why("how you know that the insurer has not got it", optional=True)


@dataclass(frozen=True, slots=True)
class Reason:
    reason: str | None


class ReasonShape(Shape):
    what = "an object with reason"
    makes = Reason
    reason = _why()


class OptionalReasonShape(Shape):
    what = "an object with, if you like, reason"
    makes = Reason
    reason = _why(optional=True)


class ListingShape(Shape):
    what = "query parameters"
    makes = dict
    state = Choice(tuple(s.value for s in State), optional=True)
    insurer = Text("the insurer's name, as its mapping file has it", optional=True)
    consultation = AnId("the id of a consultation", optional=True)
    use = Choice(tuple(u.value for u in Use), optional=True)
    unanswered = Count(0, 36500, optional=True)
    after = AnId("the id that the page before gave as next", optional=True)
    limit = Count(1, LARGEST_PAGE, optional=True, default=50)
