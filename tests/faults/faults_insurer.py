"""The laboratory's insurer: a process of its own, whose ledger is the judge.

It knows nothing of the gateway and imports nothing of it. Each case of the laboratory has its own
books below ``/{case}/``, and its own conduct, set by ``PUT /lab/{case}`` and read, with every POST,
booking and question, by ``GET /lab/{case}``. Claims are served by ``/{case}/{insurer}/…`` in plain
FHIR R4: ``Claim/$submit``, ``Claim?identifier=``, ``ClaimResponse?request.identifier=``.

A conduct (JSON): ``claims`` is a list of scripts; the n-th new claim of an insurer follows script
n (the list begins again at its end), the k-th POST of that claim does what the k-th word of its
script says (the last word stays). ``insurers`` gives scripts for one insurer by name. The words:

  accept        book, answer a decision
  queued        book, answer 202; the decision is ready when it is asked for
  busy          book nothing, answer 503
  reject        book nothing, answer 422
  lose          book nothing, hang up
  hang          book nothing, say nothing for ``stall_s``, hang up
  drop, reset   book, then close the line (FIN, RST) without a word
  half_head     book, then close within the head of the answer
  half_chunk    book, then close within a chunk of the answer
  short_body    book, then close before the announced end of the answer
  stall         book, then say nothing for ``stall_s``
  gateway_502, gateway_504   book, then answer as a proxy in between would
  garbage       book, then answer something that is no HTTP
  not_json      book, then answer 200 with a page of HTML
  not_utf8, recursive, bomb, huge_head   book, then answer what hurts a careless reader
  slow          wait ``slow_s``, book, answer
  late          wait ``lag_s`` (the sender has given up by then), book, answer nobody

``knows``: what a repeated claim meets. ``nothing``: it is booked again. ``key``: the stored answer
to that Idempotency-Key. ``claim``: 409, "duplicate". ``askable``: false answers 404 to "have you
got it?", not to "what did you decide?".
``blind_for_s``: how long after it was booked a claim does not show in searches.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from faults_fhir import claim_of, decision_on, issue, token_of

FHIR = "application/fhir+json"


@dataclass
class Book:
    """One case: how to behave, and all that happened."""

    conduct: dict[str, Any]
    posts: list[dict[str, Any]] = field(default_factory=list)
    bookings: list[dict[str, Any]] = field(default_factory=list)
    asks: list[dict[str, Any]] = field(default_factory=list)
    scripts: dict[str, list[str]] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    busy: int = 0

    def word_for(self, insurer: str, claim: str) -> str:
        """What to do with this POST of the claim."""
        if claim not in self.scripts:
            scripts = self.conduct.get("insurers", {}).get(insurer) or self.conduct["claims"]
            self.scripts[claim] = scripts[self.given[insurer] % len(scripts)]
            self.given[insurer] += 1
        script = self.scripts[claim]
        earlier = sum(1 for post in self.posts if post["claim"] == claim)
        return script[min(earlier, len(script) - 1)]

    def has(self, claim: str) -> dict[str, Any] | None:
        return next((b for b in self.bookings if b["claim"] == claim), None)


class Books:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cases: dict[str, Book] = {}
        self.number = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    books: Books

    def log_message(self, *_: Any) -> None:
        """Nothing: the ledger tells."""

    # The laboratory's own doors.

    def do_PUT(self) -> None:
        _, lab, case = self.path.split("/")
        assert lab == "lab"
        with self.books.lock:
            self.books.cases[case] = Book(self._json())
        self._answer(201, {})

    def do_DELETE(self) -> None:
        with self.books.lock:
            self.books.cases.pop(self.path.split("/")[2], None)
        self._answer(200, {})

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        parts = place.path.strip("/").split("/")
        if parts[0] == "lab":
            with self.books.lock:
                book = self.books.cases[parts[1]]
                told = {name: getattr(book, name) for name in ("posts", "bookings", "asks", "busy")}
                data = json.dumps(told).encode()
            self._raw(200, data)
            return
        self._search(parts[0], parts[1], parts[2], parse_qs(place.query))

    # What an insurer has.

    def _search(self, case: str, insurer: str, what: str, query: dict[str, list[str]]) -> None:
        wanted = (query.get("identifier") or query.get("request.identifier") or [""])[0]
        with self.books.lock:
            book = self.books.cases[case]
            askable = book.conduct.get("askable", True)
            booking = book.has(wanted)
            blind = book.conduct.get("blind_for_s", 0.0)
            if booking is not None and time.time() < booking["at"] + blind:
                booking = None
            book.asks.append(
                {
                    "at": time.time(),
                    "insurer": insurer,
                    "what": what,
                    "claim": wanted,
                    "found": booking is not None,
                }
            )
        if not askable and what == "Claim":
            self._answer(404, issue("not-found"))
            return
        found = []
        if booking is not None:
            system, _, value = wanted.partition("|")
            answer = decision_on(booking)
            claim = {
                "resourceType": "Claim",
                "id": f"c{booking['n']}",
                "identifier": [{"system": system, "value": value}],
                "status": "active",
            }
            found = [claim, answer] if what == "Claim" else [answer]
        bundle = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "entry": [
                {"fullUrl": f"urn:lab:{r['id']}", "resource": r, "search": {"mode": "match"}}
                for r in found
            ],
        }
        self._answer(200, bundle)

    def do_POST(self) -> None:
        case, insurer, *_ = urlsplit(self.path).path.strip("/").split("/")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            claim = claim_of(json.loads(body))
        except ValueError:
            # Half a body: nothing an insurer could book.
            self.close_connection = True
            return
        name = token_of(claim["identifier"][0])
        key = self.headers.get("Idempotency-Key")
        with self.books.lock:
            book = self.books.cases[case]
            book.busy += 1
            word = book.word_for(insurer, name)
            self.books.number += 1
            post = {
                "n": self.books.number,
                "at": time.time(),
                "insurer": insurer,
                "claim": name,
                "key": key,
                "sha": hashlib.sha256(body).hexdigest(),
                "word": word,
                "booked": False,
            }
            book.posts.append(post)
        try:
            self._do(book, word, post, claim)
        finally:
            with self.books.lock:
                book.busy -= 1

    def _do(self, book: Book, word: str, post: dict[str, Any], claim: dict[str, Any]) -> None:
        conduct = book.conduct
        if word == "busy":
            self._answer(503, issue("transient"), {"Retry-After": "0"})
            return
        if word == "reject":
            self._answer(422, issue("invalid"))
            return
        if word in ("lose", "hang"):
            time.sleep(conduct.get("stall_s", 2.0) if word == "hang" else 0)
            self._hang_up()
            return
        if word == "slow":
            time.sleep(conduct.get("slow_s", 0.2))
        if word == "late":
            time.sleep(conduct["lag_s"])
        booking, is_new = self._book(book, post, claim)
        if not is_new and conduct.get("knows") == "claim":
            self._answer(409, issue("duplicate"))
            return
        if not is_new and conduct.get("knows") == "key" and word not in LOSES_ANSWER:
            word = "accept"
        data = json.dumps(decision_on(booking)).encode()
        if word in ("accept", "slow"):
            self._raw(200, data)
        elif word == "queued":
            self._answer(202, decision_on(booking, "queued"))
        elif word == "stall":
            time.sleep(conduct.get("stall_s", 2.0))
            self._hang_up()
        elif word in ("gateway_502", "gateway_504"):
            self._raw(int(word[-3:]), b"<html>bad gateway</html>", "text/html")
        elif word == "not_json":
            self._raw(200, b"<html>thank you</html>", "text/html")
        elif word == "not_utf8":
            self._raw(200, b'{"resourceType":"ClaimResponse\xff\xfe')
        elif word == "recursive":
            self._raw(200, b'{"a":' * 100_000)
        elif word == "bomb":
            self._raw(200, gzip.compress(b" " * 50_000_000), FHIR, {"Content-Encoding": "gzip"})
        else:
            self._cut(word, data)

    def _book(
        self, book: Book, post: dict[str, Any], claim: dict[str, Any]
    ) -> tuple[dict[str, Any], bool]:
        """The booking, and whether it is new."""
        knows = book.conduct.get("knows", "nothing")
        with self.books.lock:
            earlier = None
            if knows == "claim":
                earlier = book.has(post["claim"])
            elif knows == "key" and post["key"] is not None:
                earlier = book.by_key.get(post["key"])
            if earlier is not None:
                return earlier, False
            self.books.number += 1
            booking = {
                "n": self.books.number,
                "at": time.time(),
                "insurer": post["insurer"],
                "claim": post["claim"],
                "use": claim["use"],
                "related": [
                    token_of(r["claim"]["identifier"])
                    for r in claim.get("related", ())
                    if "identifier" in r.get("claim", {})
                ],
                "total": claim["total"],
            }
            book.bookings.append(booking)
            post["booked"] = True
            if post["key"] is not None:
                book.by_key.setdefault(post["key"], booking)
            return booking, True

    # Ways to answer, and not to.

    def _json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return value

    def _answer(
        self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self._raw(status, json.dumps(document).encode(), FHIR, headers)

    def _raw(
        self,
        status: int,
        data: bytes,
        media_type: str = FHIR,
        headers: dict[str, str] | None = None,
    ) -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    def _cut(self, word: str, data: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {FHIR}\r\n".encode()
        pieces = {
            "drop": b"",
            "reset": b"",
            "garbage": b"\x16\x03\x01 this is not the protocol you know\r\n\r\n",
            "half_head": head[:-5],
            "short_body": head + f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:-40],
            "half_chunk": head
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + f"{len(data):x}\r\n".encode()
            + data[: len(data) // 2],
            "huge_head": head + b"X-Long: " + b"x" * 5_000_000,
        }
        with suppress(OSError):
            self.wfile.write(pieces[word])
            self.wfile.flush()
        self._hang_up(reset=word == "reset")

    def _hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        with suppress(OSError):
            if reset:
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
            else:
                self.connection.shutdown(socket.SHUT_RDWR)


LOSES_ANSWER = frozenset(
    "drop reset half_head half_chunk short_body stall gateway_502 gateway_504 garbage not_json"
    " not_utf8 recursive bomb huge_head late".split()
)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_: Any) -> None:
        """Senders that die in the middle of a line are what this insurer is here for."""


def main() -> None:
    """Serve on a free port, whose address is the first line printed; end when stdin closes."""
    Handler.books = Books()
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201
        # Whoever started this holds the other end: when it is gone, so is the laboratory.
        sys.stdin.read()


if __name__ == "__main__":
    main()
