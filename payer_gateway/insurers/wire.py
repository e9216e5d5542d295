"""The sockets: urllib3 connections that keep a deadline, ask the fence and know if a byte left.

``requests`` gives timeouts per read only and does not tell whether the request had begun to leave;
both decide here between "retry" and "ask the insurer" (rules L4 and L6). So each socket operation
gets what is left of the exchange's time, and everything that ends an exchange early is a
:class:`Stopped`, which urllib3 and requests let through untouched (it is no OSError).
"""

from __future__ import annotations

import functools
import http.client
import io
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing
from urllib3.util.ssl_match_hostname import CertificateError

from payer_gateway.domain.exchange import NoReplyKind
from payer_gateway.insurers.addresses import AddressBook, AddressRefused, Endpoint

HEAD_LIMIT = 256 * 1024
_SEND_PIECE = 256 * 1024
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_KEEPALIVE_AFTER_S = 30
_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]
if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; macOS names it otherwise and keeps its two hours
    _SOCKET_OPTIONS.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_AFTER_S))


class Stopped(Exception):
    """The exchange ends without a complete answer: how far it had come, and a short reason."""

    def __init__(self, kind: NoReplyKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


@dataclass(slots=True)
class Exchange:
    """One exchange while it lasts. ``begun`` turns true right before the first byte is written."""

    addresses: AddressBook
    fence: Callable[[], bool] | None
    deadline_s: float
    connect_s: float
    ends_at: float
    begun: bool = False

    def remaining(self) -> float:
        """Seconds left, above zero. Raises Stopped once the time is over."""
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise self.expired()
        return seconds

    def expired(self) -> Stopped:
        """The end by deadline, for the place the exchange has come to."""
        if self.begun:
            return Stopped(NoReplyKind.UNKNOWN, f"no complete answer within {self.deadline_s:g} s")
        reason = f"the {self.deadline_s:g} s were over before the first byte"
        return Stopped(NoReplyKind.NOT_SENT, reason)

    def pass_fence(self) -> None:
        """Ask the fence, once, and from here on count the request as begun. Raises Stopped."""
        if self.begun:
            return
        if self.fence is not None:
            try:
                ours = self.fence()
            except Exception as error:
                reason = f"the fence could not be asked: {type(error).__name__}"
                raise Stopped(NoReplyKind.FENCED, reason) from error
            if not ours:
                raise Stopped(NoReplyKind.FENCED, "the fence stopped it: the lease was lost")
        # A process frozen inside the fence wakes up here, and must not send any more.
        self.remaining()
        self.begun = True

    def endpoints(self, scheme: str, host: str, port: int) -> tuple[Endpoint, ...]:
        """Vetted endpoints of the host. Raises Stopped (NOT_SENT) for every way that fails."""
        answers: queue.SimpleQueue[tuple[Endpoint, ...] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self.addresses.vetted(scheme, host, port))
            except Exception as error:
                answers.put(error)

        # A lookup cannot be interrupted, so it runs beside us and is left behind when it hangs.
        threading.Thread(target=ask, name="insurer-lookup", daemon=True).start()
        try:
            answer = answers.get(timeout=min(self.remaining(), self.connect_s))
        except queue.Empty:
            raise Stopped(NoReplyKind.NOT_SENT, f"name lookup of {host} hangs") from None
        if isinstance(answer, AddressRefused):
            raise Stopped(NoReplyKind.NOT_SENT, str(answer))
        if isinstance(answer, Exception):
            why = told(answer)
            raise Stopped(NoReplyKind.NOT_SENT, f"name lookup of {host} failed: {why}")
        return answer


def told(error: BaseException) -> str:
    """A few words on an error that cannot carry anything of the request or the answer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS broke off").lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


class PlainConnection(HTTPConnection):
    """A connection that serves one exchange at a time; the pool sets ``exchange`` before each."""

    scheme: ClassVar[str] = "http"
    exchange: Exchange
    used_at: float = 0.0
    spoilt: bool = False
    _body_follows: bool = False
    _head: bytes = b""

    def _new_conn(self) -> socket.socket:
        exchange = self.exchange
        self.spoilt = False
        # The port is always set: requests and urllib3 fill in the scheme's own.
        endpoints = exchange.endpoints(self.scheme, self._dns_host, self.port)
        until = time.monotonic() + min(exchange.remaining(), exchange.connect_s)
        failure = "timed out"
        for tried, (family, sockaddr) in enumerate(endpoints):
            # Each address gets its share, so that a dead first one leaves time for the second.
            share = (until - time.monotonic()) / (len(endpoints) - tried)
            if share <= 0:
                break
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                for option in _SOCKET_OPTIONS:
                    sock.setsockopt(*option)
                sock.settimeout(share)
                sock.connect(sockaddr)
                sock.settimeout(exchange.remaining())
            except OSError as error:
                sock.close()
                failure = "timed out" if isinstance(error, TimeoutError) else told(error)
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise Stopped(NoReplyKind.NOT_SENT, f"connecting to {self.host}:{self.port}: {failure}")

    def request(self, method: str, url: str, body: Any = None, *args: Any, **more: Any) -> None:
        """As urllib3 does, but head and body leave in one write: one packet less for each."""
        self._head, self._body_follows = b"", isinstance(body, bytes) and body != b""
        super().request(method, url, body, *args, **more)

    def send(self, data: Any) -> None:
        """Write bytes within the deadline; the first ones of an exchange only past the fence."""
        if self._body_follows:
            self._head, self._body_follows = bytes(data), False
            return
        if self._head:
            data, self._head = self._head + bytes(data), b""
        if self.sock is None:
            self.connect()
        exchange = self.exchange
        exchange.pass_fence()
        self.response_class = functools.partial(Answer, exchange)  # type: ignore[assignment]
        rest = memoryview(data)
        while rest:
            try:
                self.sock.settimeout(exchange.remaining())
                # Setting it lets other threads run, and one of them may freeze us all: the clock
                # is looked at once more, with nothing left in between but the write.
                exchange.remaining()
                rest = rest[self.sock.send(rest[:_SEND_PIECE]) :]
            except TimeoutError:
                raise exchange.expired() from None
            except (BrokenPipeError, ConnectionResetError):
                # The insurer stopped listening, perhaps after answering (413, 401). urllib3
                # swallows this and reads; without a whole answer it ends as UNKNOWN there.
                self.spoilt = True
                raise
            except OSError as error:
                raise Stopped(NoReplyKind.UNKNOWN, f"while sending: {told(error)}") from error


class TLSConnection(PlainConnection, HTTPSConnection):
    """The same over TLS; name and certificate are checked against the host of the URL."""

    scheme: ClassVar[str] = "https"

    def connect(self) -> None:
        """Connect and shake hands. Raises Stopped: NOT_SENT, or TLS for what the insurer did."""
        try:
            super().connect()
        except TimeoutError:
            reason = f"no TLS handshake with {self.host} in time"
            raise Stopped(NoReplyKind.NOT_SENT, reason) from None
        except (OSError, CertificateError) as error:
            reason = f"TLS with {self.host}: {told(error)}"
            raise Stopped(NoReplyKind.TLS, reason) from error
        if isinstance(self.sock, ssl.SSLSocket):
            # An answer without length ends with the connection: only a proper TLS goodbye tells
            # its end from a line cut by somebody else (RFC 9112, 9.8).
            self.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]


class Answer(http.client.HTTPResponse):
    """An answer read strictly: hang-ups, interim answers and odd chunks are never a reply."""

    def __init__(self, exchange: Exchange, sock: socket.socket, method: str | None = None) -> None:
        # The only thing HTTPResponse asks of its socket is makefile().
        self._tap = Tap(exchange, sock)
        super().__init__(self._tap, method=method)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Read status and headers. Raises Stopped (UNKNOWN) unless whole and final."""
        try:
            super().begin()
        except http.client.RemoteDisconnected:
            raise _unknown("the insurer hung up without an answer") from None
        except (http.client.BadStatusLine, http.client.UnknownProtocol):
            raise _unknown("what came back is no HTTP/1 answer") from None
        except (http.client.HTTPException, ValueError) as error:
            raise _unknown(f"unreadable header: {type(error).__name__}") from None
        if self._tap.ended:
            # http.client takes the end of the stream for the end of the headers.
            raise _unknown("the insurer hung up within the headers")
        if self.status < 200:
            raise _unknown(f"only an interim answer ({self.status})")
        try:
            assert_header_parsing(self.msg)
        except HeaderParsingError:
            # Parsing stops at a malformed line: the length of the body may stand behind it.
            raise _unknown("malformed header line") from None
        self._tap.head_over()

    def _read_next_chunk_size(self) -> int:
        """http.client's own takes ``-1`` for a size and would then read without any limit."""
        line = self.fp.readline(1024)
        size = line.partition(b";")[0].strip()
        if not line.endswith(b"\n") or not _CHUNK_SIZE.fullmatch(size):
            raise _unknown("the answer breaks off or has bad chunks")
        return int(size, 16)


class Tap(io.RawIOBase):
    """The bytes of one answer as they arrive: each read within the deadline, the head limited."""

    def __init__(self, exchange: Exchange, sock: socket.socket) -> None:
        super().__init__()
        self._exchange = exchange
        self._sock = sock
        # Holds the socket open until the answer is read, even if the connection is let go of.
        self._raw = sock.makefile("rb", buffering=0)
        self._head_left: float = HEAD_LIMIT
        self.ended = False

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client reads from; ``mode`` is always ``rb``."""
        return io.BufferedReader(self)

    def head_over(self) -> None:
        """From here on the body's reader counts."""
        self._head_left = float("inf")

    def readable(self) -> bool:
        """True: it is read from."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come, at most ``len(buffer)``. Raises Stopped for every failure."""
        try:
            self._sock.settimeout(self._exchange.remaining())
            count = self._raw.readinto(buffer) or 0
        except TimeoutError:
            raise self._exchange.expired() from None
        except OSError as error:
            raise _unknown(f"while waiting for the answer: {told(error)}") from error
        self.ended = count == 0
        self._head_left -= count
        if self._head_left < 0:
            raise _unknown(f"header larger than {HEAD_LIMIT} bytes")
        return count

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


def _unknown(reason: str) -> Stopped:
    return Stopped(NoReplyKind.UNKNOWN, reason)
