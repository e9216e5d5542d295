"""The sockets: urllib3 connections that keep a deadline and ask the fence before the first byte.

What urllib3 does well is left to it: pools, connecting, TLS, names and certificates. A request is
put together and written here, because rule L4 hangs on what happens between fence and write.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from payer_gateway.domain.exchange import NoReplyKind
from payer_gateway.insurers.exchange import Exchange, Stopped, told
from payer_gateway.insurers.reply import Answer

_SEND_PIECE = 256 * 1024
# Lines that nobody can read otherwise than they are meant (RFC 9112, 3 and 5).
_FIRST_LINE = re.compile(r"[A-Z]+ /[!-\"$-~]* HTTP/1\.1")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [!-~](?:[ -~]*[!-~])?")
_KEEPALIVE_AFTER_S = 30
_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]
if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; macOS names it otherwise and keeps its two hours
    _SOCKET_OPTIONS.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_AFTER_S))


class PlainConnection(HTTPConnection):
    """A connection that serves one exchange at a time; the pool sets ``exchange`` before each."""

    scheme: ClassVar[str] = "http"
    exchange: Exchange
    used_at: float = 0.0
    spoilt: bool = False

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

    @cached_property
    def _host(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == self.default_port else f"{host}:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """One request, and the head of what comes back. Raises Stopped, and ValueError for a head
        that would not be read as it is meant (before a byte has left).

        Head and body leave in one write, a packet less for each; urllib3 and http.client, which
        look at every header several times, take longer to put a head together than it is under way.
        """
        first = f"{method} {path} HTTP/1.1"
        fields = [f"{name}: {value}" for name, value in headers.items()]
        if not _FIRST_LINE.fullmatch(first) or not all(map(_FIELD.fullmatch, fields)):
            raise ValueError("this head cannot be sent")
        head = "\r\n".join((first, f"Host: {self._host}", *fields, "\r\n"))
        self.send(head.encode("ascii") + (body or b""))
        answer = Answer(self.exchange, self.sock, method)
        try:
            answer.begin()
        except BaseException:
            answer.close()
            raise
        return answer

    def send(self, data: Any) -> None:
        """Write bytes within the deadline; the first ones of an exchange only past the fence."""
        if self.sock is None:
            self.connect()
        exchange = self.exchange
        exchange.pass_fence()
        rest = memoryview(data)
        while rest:
            try:
                exchange.limit(self.sock)
                rest = rest[self.write(rest[:_SEND_PIECE]) :]
            except TimeoutError:
                raise exchange.expired() from None
            except (BrokenPipeError, ConnectionResetError):
                # The insurer stopped listening, perhaps after answering (413, 401): what it said
                # is read; without a whole answer it ends as UNKNOWN there.
                self.spoilt = True
                return
            except OSError as error:
                raise Stopped(NoReplyKind.UNKNOWN, f"while sending: {told(error)}") from error

    def write(self, piece: memoryview) -> int:
        """How many of the bytes were taken. Nothing stands between the clock's last word and the
        system call: ``send`` waits until the socket can be written to and then for Python's lock,
        which a thread may have that freezes us all; then what is frozen is sent when it thaws."""
        try:
            return os.write(self.sock.fileno(), piece)
        except BlockingIOError:
            return self.sock.send(piece)


class TLSConnection(PlainConnection, HTTPSConnection):
    """The same over TLS; name and certificate are checked against the host of the URL."""

    scheme: ClassVar[str] = "https"

    def write(self, piece: memoryview) -> int:
        """Through TLS."""
        return self.sock.send(piece)

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
