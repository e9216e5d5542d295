"""The insurer of the side-by-side run: a process of its own whose ledger is the judge.

It books claims, forgets to answer some of them after booking, is busy for some at first, ignores
``Idempotency-Key``, and can be asked with ``Claim?identifier=``. Each sender speaks to an address
of its own (``/<sender>``) and so has a ledger of its own; the faults are the same for all: they go
by the order in which claims come in for the first time, drawn from the seed.

Takes ``--claims --dropped --busy --seed --latency-ms``, prints its URL, runs until killed.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Ledger:
    """What one sender has done here."""

    booked: Counter[str] = field(default_factory=Counter)
    seen: dict[str, int] = field(default_factory=dict)  # claim → its place in the order of arrival
    posts: int = 0
    asked: int = 0
    dropped: int = 0
    busy: int = 0
    in_flight: int = 0
    last_heard: float = field(default_factory=time.time)  # seconds since the epoch
    last_new: float = 0.0  # when a claim was last booked for the first time
    lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self) -> dict[str, Any]:
        return {
            "claims": len(self.booked),
            "twice": sum(times > 1 for times in self.booked.values()),
            "most": max(self.booked.values(), default=0),
            "posts": self.posts,
            "asked": self.asked,
            "dropped": self.dropped,
            "busy": self.busy,
            "in_flight": self.in_flight,
            "last_heard": self.last_heard,
            "last_new": self.last_new,
        }


class Insurer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, asked: argparse.Namespace) -> None:
        drawn = random.Random(asked.seed)  # noqa: S311
        places = drawn.sample(range(asked.claims), asked.dropped + asked.busy)
        self.drop_at, self.busy_at = set(places[: asked.dropped]), set(places[asked.dropped :])
        self.half_s = asked.latency_ms / 2000
        self.ledgers: dict[str, Ledger] = {}
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Desk)

    def ledger(self, sender: str) -> Ledger:
        with self.lock:
            return self.ledgers.setdefault(sender, Ledger())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed has hung up: that is what is tested here."""


class Desk(BaseHTTPRequestHandler):
    server: Insurer
    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece, or Nagle and delayed acknowledgement add 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        sender, _, what = address.path.strip("/").partition("/")
        ledger = self.server.ledger(sender)
        if what == "ledger":
            self._answer(200, ledger.told())
            return
        asked = parse_qs(address.query)
        number = (asked.get("identifier") or asked.get("request.identifier") or [""])[0]
        number = number.rpartition("|")[2]
        with ledger.lock:
            ledger.asked += 1
            ledger.last_heard = time.time()
            found = ledger.booked[number] if number in ledger.booked else 0
        kind = what.partition("?")[0]
        entries = [{"resource": _found(kind, number)}] * min(found, 1)
        bundle = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(entries),
            "entry": entries,
        }
        self._answer(200, bundle)

    def do_POST(self) -> None:
        sender = self.path.strip("/").partition("/")[0]
        ledger, faults = self.server.ledger(sender), self.server
        number = _claim_number(self.rfile.read(int(self.headers["Content-Length"])))
        with ledger.lock:
            ledger.posts += 1
            ledger.in_flight += 1
            first = number not in ledger.seen
            place = ledger.seen.setdefault(number, len(ledger.seen))
        try:
            if first and place in faults.busy_at:
                with ledger.lock:
                    ledger.busy += 1
                self._answer(503, None, {"Retry-After": "1"})
                return
            time.sleep(faults.half_s)
            with ledger.lock:
                if number not in ledger.booked:
                    ledger.last_new = time.time()
                ledger.booked[number] += 1
                drop = place in faults.drop_at and ledger.booked[number] == 1
                ledger.dropped += drop
            time.sleep(faults.half_s)
            if drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._answer(200, _decided(number))
        finally:
            with ledger.lock:
                ledger.in_flight -= 1
                ledger.last_heard = time.time()

    def _answer(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Its ledger says it all."""


def _claim_number(body: bytes) -> str:
    """``Claim.identifier`` of a Bundle: by it claims are told apart."""
    entries = json.loads(body, parse_float=Decimal)["entry"]
    (claim,) = (e["resource"] for e in entries if e["resource"]["resourceType"] == "Claim")
    return str(claim["identifier"][0]["value"])


def _found(kind: str, number: str) -> dict[str, Any]:
    if kind == "ClaimResponse":
        return _decided(number)
    identifier = {"system": "https://payer-gateway.example/claim", "value": number}
    return {"resourceType": "Claim", "identifier": [identifier], "status": "active", "use": "claim"}


def _decided(number: str) -> dict[str, Any]:
    """It pays what was billed for, less nothing: amounts are not what this run is about."""
    identifier = {"system": "https://payer-gateway.example/claim", "value": number}
    case = {"system": "https://northwind.example/cases", "value": f"NW-{number}"}
    return {
        "resourceType": "ClaimResponse",
        "status": "active",
        "type": {"coding": [{"code": "professional"}]},
        "use": "claim",
        "identifier": [case],
        "patient": {"reference": "Patient/1"},
        "created": "2026-04-15",
        "insurer": {"display": "Northwind Mutual"},
        "request": {"identifier": identifier},
        "outcome": "complete",
        "disposition": "Settled as agreed.",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("claims", "dropped", "busy", "seed", "latency-ms"):
        parser.add_argument(f"--{name}", type=int, required=True)
    insurer = Insurer(parser.parse_args())
    print(f"http://127.0.0.1:{insurer.server_address[1]}", flush=True)
    insurer.serve_forever()


if __name__ == "__main__":
    main()
