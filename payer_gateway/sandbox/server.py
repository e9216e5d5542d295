"""The HTTP surface of the sandbox insurer."""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import simplejson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from payer_gateway.sandbox import fhir
from payer_gateway.sandbox.desk import Answered, Desk, LineDropped, Unreadable
from payer_gateway.sandbox.intake import read_bundle, read_submission
from payer_gateway.sandbox.ledger import Ledger
from payer_gateway.sandbox.moods import Mood, mood_of
from payer_gateway.sandbox.notifying import Notifier
from payer_gateway.sandbox.profile import Profile
from payer_gateway.sandbox.refusal import Issue, Refusal

FHIR_JSON = "application/fhir+json"
LARGEST_BODY = 10 * 1024 * 1024
_ISSUE_OF_STATUS = {404: "not-found", 405: "not-supported", 413: "too-long", 500: "exception"}
_CURE_OF_STATUS = {
    404: "There is nothing at this address; metadata lists what is.",
    405: "This address does not take this method; metadata lists what it takes.",
    413: "The body is larger than 10 MB; send one claim per Bundle and documents by link.",
    500: "The sandbox failed; the claim may be booked or not: ask by Claim?identifier=",
}


def create_app(
    ledger_path: Path,
    profile: dict[str, Any] | None,
    token: str | None = None,
    notifier: Notifier | None = None,
) -> Flask:
    """The sandbox as a WSGI application. ``notifier`` brings late answers to whoever subscribed.

    With a token, Claim and ClaimResponse want it as ``Authorization: Bearer``; metadata and the
    ledger stay open. Raises ValueError if the ledger or the profile cannot be read.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    known = Profile.read(profile)
    ledger = Ledger(ledger_path)
    desk = Desk(ledger, known, notifier or Notifier(None, None))
    mended: dict[str, Mood] = {}

    def mend(prefix: str = "") -> Response:
        """What a clerk does after a call: ``{"member_id": …, "mood": "approve"}``."""
        asked: Any = request.get_json(silent=True)
        try:
            mended[str(asked["member_id"]).upper()] = Mood(str(asked["mood"]).upper())
        except (KeyError, TypeError, ValueError):
            cure = f"Send {{member_id, mood}}; mood is one of {_moods()}."
            raise Refusal(400, Issue("value", cure)) from None
        return Response(status=204)

    def submit(prefix: str = "") -> Response:
        _check_token(token)
        if request.mimetype not in (FHIR_JSON, "application/json"):
            raise Refusal(415, Issue("not-supported", f"Send Content-Type: {FHIR_JSON}."))
        raw = read_bundle(request.get_data(cache=False))
        submission = read_submission(raw, known)
        match desk.take(submission, _mood(submission.member_id, mended)):
            case LineDropped():
                return _drop_the_line()
            case Unreadable(body):
                return Response(body, 200, content_type="text/html")
            case Answered(status, resource):
                return _fhir(resource, status)

    def inquire(prefix: str = "") -> Response:
        _check_token(token)
        return _fhir(desk.inquire(read_bundle(request.get_data(cache=False))))

    def claims(prefix: str = "") -> Response:
        _check_token(token)
        if "created" not in request.args:
            asked = _asked_for("identifier", *known.claim_searches.values())
            return _fhir(fhir.searchset(request.url, desk.claims(asked)))
        since, until = _days(request.args.getlist("created"))
        start, count = _number("_offset", 0), max(1, min(200, _number("_count", 100)))
        page, total = desk.listed(since, until, prefix, start, count)
        following = None
        if start + count < total:
            more = [(n, v) for n, v in request.args.items(multi=True) if n != "_offset"]
            query = urlencode([*more, ("_offset", str(start + count))])
            following = f"{request.base_url}?{query}"
        return _fhir(fhir.searchset(request.url, page, total=total, next_url=following))

    def responses(prefix: str = "") -> Response:
        _check_token(token)
        usual = ("request.identifier", "request:Claim.identifier")
        found = desk.responses(_asked_for(*usual, *known.answer_searches.values()))
        return _fhir(fhir.searchset(request.url, found))

    def metadata(prefix: str = "") -> Response:
        return _fhir(fhir.capability_statement(request.url.removesuffix("/metadata")))

    def show_ledger(prefix: str = "") -> Response:
        rows = ledger.rows(request.args.get("insurer"))
        return Response(simplejson.dumps(rows), content_type="application/json")

    for path in sorted({"Claim/$submit", *known.submit_paths}):
        _route(app, path, submit, "POST")
    for path in sorted({"Claim/$inquire", *known.inquire_paths}):
        _route(app, path, inquire, "POST")
    for path in sorted({"Claim", *known.claim_searches}):
        _route(app, path, claims, "GET")
    for path in sorted({"ClaimResponse", *known.answer_searches} - known.claim_searches.keys()):
        _route(app, path, responses, "GET")
    _route(app, "metadata", metadata, "GET")
    _route(app, "ledger", show_ledger, "GET")
    _route(app, "moods", mend, "POST")
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _failed)
    return app


def _route(app: Flask, path: str, view: Callable[..., Response], method: str) -> None:
    for rule in (f"/{path}", f"/<prefix>/{path}"):
        app.add_url_rule(rule, view_func=view, methods=[method])


def _check_token(token: str | None) -> None:
    if token is None:
        return
    sent = request.headers.get("Authorization", "")
    if not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        raise Refusal(
            401,
            Issue("login", "Send the insurer's token as Authorization: Bearer TOKEN."),
            headers={"WWW-Authenticate": "Bearer"},
        )


def _mood(member_id: str, mended: Mapping[str, Mood]) -> Mood:
    header = request.headers.get("X-Sandbox-Mood")
    try:
        mood = mood_of(member_id, header)
    except ValueError:
        raise Refusal(
            400, Issue("value", f"X-Sandbox-Mood '{header}' is no mood; send one of {_moods()}.")
        ) from None
    return mood if header else mended.get(member_id.strip().upper(), mood)


def _moods() -> str:
    return ", ".join(mood.lower() for mood in Mood)


def _days(asked: list[str]) -> tuple[str, str]:
    """``ge2026-01-01`` and ``le2026-01-31``, either or both; a bare day is that day."""
    since, until = "0000", "9999"
    for text in asked:
        sign, day = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
        if sign not in ("ge", "le", "eq") or not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            cure = f"created '{text}' is not served; send ge, le or eq and a day (YYYY-MM-DD)."
            raise Refusal(400, Issue("value", cure))
        since = day if sign in ("ge", "eq") else since
        until = day if sign in ("le", "eq") else until
    return since, until


def _number(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Refusal(400, Issue("value", f"{name} '{text}' is no number; send digits."))
    return int(text)


def _asked_for(*names: str) -> str:
    asked = next((value for name in names if (value := request.args.get(name, "").strip())), "")
    if not asked.strip("|"):
        raise Refusal(
            400, Issue("required", f"Ask with {names[0]}=system|value; it is missing or blank.")
        )
    return asked


def _fhir(resource: dict[str, Any], status: int = 200) -> Response:
    body = simplejson.dumps(resource, use_decimal=True)
    return Response(body, status, content_type=FHIR_JSON)


def _refused(refusal: Refusal) -> Response:
    response = _fhir(fhir.operation_outcome(refusal.issues), refusal.status)
    response.headers.extend(refusal.headers)
    return response


def _failed(fault: HTTPException) -> Response:
    status = fault.code or 500
    code = _ISSUE_OF_STATUS.get(status, "processing")
    cure = _CURE_OF_STATUS.get(status, fault.description or fault.name)
    return _fhir(fhir.operation_outcome([Issue(code, cure)]), status)


def _drop_the_line() -> Response:
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        line.shutdown(socket.SHUT_RDWR)
    # Goes nowhere: the line is down. Any other server shows this as a failure of its own.
    return Response(status=500)
