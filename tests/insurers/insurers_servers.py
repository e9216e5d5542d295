"""Insurers made of raw sockets, so that they can misbehave in ways no HTTP library allows."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from payer_gateway.domain.exchange import Request
from payer_gateway.insurers.addresses import AddressBook
from payer_gateway.insurers.client import HttpClient

LIMIT_S = 10.0
"""A generous upper bound: what is cut ends far below it, what is not would take 60 s."""


class Insurer:
    """Listens on a loopback port; ``behave(line, number)`` serves each accepted connection."""

    def __init__(
        self, behave: Callable[[Line, int], None], tls: ssl.SSLContext | None = None
    ) -> None:
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self.requests: list[bytes] = []
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT_S)
        self._listener.close()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(sock, self.accepted), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(LIMIT_S)
        # The client hanging up is what many of these tests are about.
        with contextlib.suppress(OSError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._behave(Line(self, sock), number)
        sock.close()


class Line:
    """One accepted connection, seen from the insurer."""

    def __init__(self, insurer: Insurer, sock: socket.socket) -> None:
        self._insurer = insurer
        self.sock = sock

    def hear(self) -> bytes:
        """One whole request; b"" when the client hung up first."""
        heard = bytearray()
        whole = None
        while whole is None or len(heard) < whole:
            piece = self._receive()
            if not piece:
                return b""
            heard += piece
            if whole is None and b"\r\n\r\n" in heard:
                head = bytes(heard).partition(b"\r\n\r\n")[0].lower()
                length = re.search(rb"\ncontent-length: (\d+)", head)
                whole = len(head) + 4 + (int(length[1]) if length else 0)
        self._insurer.requests.append(bytes(heard))
        return self._insurer.requests[-1]

    def _receive(self) -> bytes:
        self.sock.settimeout(0.1)
        while not self._insurer.over.is_set():
            with contextlib.suppress(TimeoutError):
                return self.sock.recv(65536)
        return b""

    def say(self, *pieces: bytes) -> None:
        self.sock.settimeout(LIMIT_S)
        for piece in pieces:
            self.sock.sendall(piece)

    def drip(self, pieces: bytes, every_s: float = 0.2) -> None:
        """One byte at a time, for a minute or until the client has had enough."""
        for place in range(round(60 / every_s)):
            self.say(pieces[place % len(pieces) :][:1])
            if self._insurer.over.wait(every_s):
                return

    def wait(self) -> None:
        """Say nothing until the test is over."""
        self._insurer.over.wait(60)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@contextlib.contextmanager
def insurer(
    behave: Callable[[Line, int], None], tls: ssl.SSLContext | None = None
) -> Iterator[Insurer]:
    server = Insurer(behave, tls)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(*replies: bytes) -> Callable[[Line, int], None]:
    """Each accepted connection answers these, request by request, and then waits."""

    def behave(line: Line, number: int) -> None:
        for reply in replies:
            if not line.hear():
                return
            line.say(reply)
        line.wait()

    return behave


def a_request(url: str, **changes: object) -> Request:
    fields: dict[str, object] = {
        "method": "POST",
        "url": url,
        "headers": {"Authorization": "Bearer SECRET-TOKEN"},
        "body": b'{"patient":"SECRET-PATIENT"}',
        "deadline_s": 5.0,
    }
    return Request(**(fields | changes))  # type: ignore[arg-type]


def by_name(certificate: Path) -> HttpClient:
    book = AddressBook(
        allow_loopback_http=True,
        resolve=lambda host, port: [(socket.AF_INET, ("127.0.0.1", port))],
    )
    return HttpClient(book, ca_file=certificate)
