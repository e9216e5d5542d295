"""A line to an insurer that passes every exchange on unchanged and keeps its exact bytes."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_OF_ONE_HOP = {"connection", "host", "transfer-encoding", "keep-alive"}


@dataclass(frozen=True)
class Exchange:
    method: str
    path: str
    headers: Mapping[str, str]
    request: bytes
    status: int | None  # None: the insurer hung up without an answer
    reply: bytes


@dataclass
class RecordingLine:
    url: str
    exchanges: list[Exchange] = field(default_factory=list)

    def sent(self) -> list[Exchange]:
        return [each for each in self.exchanges if each.method == "POST"]

    def asked(self, resource: str) -> list[Exchange]:
        return [
            each
            for each in self.exchanges
            if each.method == "GET" and urlsplit(each.path).path.endswith(f"/{resource}")
        ]

    def about(self, claim_identifier: str) -> list[Exchange]:
        """Every POST of the claim with this identifier (``system|value``)."""
        value = claim_identifier.partition("|")[2].encode()
        return [each for each in self.sent() if value in each.request]


class _Listener(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them, so no line is left open

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no fault of the line."""


@contextmanager
def recording(insurer: str) -> Iterator[RecordingLine]:
    target = urlsplit(insurer).netloc
    record = RecordingLine("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_ONE_HOP}
            far = http.client.HTTPConnection(target, timeout=30)
            try:
                far.request(self.command, self.path, body or None, headers)
                answer = far.getresponse()
                reply, status = answer.read(), answer.status
            except (http.client.HTTPException, OSError):
                answer, reply, status = None, b"", None
            finally:
                far.close()
            with lock:
                record.exchanges.append(
                    Exchange(self.command, self.path, headers, body, status, reply)
                )
            if answer is None or status is None:
                self.close_connection = True
                return
            self.send_response_only(status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_ONE_HOP:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests read the record."""

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        serving = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        record.url = f"http://127.0.0.1:{listener.server_address[1]}"
        try:
            yield record
        finally:
            listener.shutdown()
            serving.join()
