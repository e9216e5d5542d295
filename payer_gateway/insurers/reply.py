"""One answer read strictly: within the deadline, its head limited, whole or not at all.

http.client reads the body and its chunks. The head is read here: http.client leaves it to the
e-mail parser, which takes longer than the socket and forgives what RFC 9112 does not.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import zlib
from email.utils import formatdate
from typing import Any

from payer_gateway.domain.exchange import NoReplyKind, Reply
from payer_gateway.insurers.exchange import Exchange, Stopped, told

HEAD_LIMIT = 256 * 1024
_PIECE = 64 * 1024
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_STATUS = re.compile(rb"(HTTP/1\.[0-9]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\n]*?)[ \t]*\r?\n")
_FOLDED = re.compile(rb"[ \t]+([^\r\n]*?)[ \t]*\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Answer(http.client.HTTPResponse):
    """An answer while it is read: hang-ups, odd headers and odd chunks are never a reply.

    ``fields``: its headers, names in lower case, repeated ones joined (RFC 9110, 5.3).
    """

    fields: dict[str, str]

    def __init__(self, exchange: Exchange, sock: socket.socket, method: str) -> None:
        # The only thing HTTPResponse asks of its socket is makefile().
        self._tap = Tap(exchange, sock)
        super().__init__(self._tap, method=method)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Read status and headers. Raises Stopped (UNKNOWN) unless whole and final."""
        version, status = self._final_head()
        self.status = status
        self.version = 10 if version == "HTTP/1.0" else 11
        self.headers = self.fields  # type: ignore[assignment]
        self._tap.head_over()
        self.chunked = self._is_chunked()
        self.chunk_left = None
        self.length = None if self.chunked else self._stated_length()
        if status in (204, 304):
            self.length = 0
        # Without a length it ends with the connection.
        unlimited = self.length is None and not self.chunked
        self.will_close = unlimited or self._check_close()  # type: ignore[attr-defined]

    def _final_head(self) -> tuple[str, int]:
        """The status line of the answer itself; ``fields`` are read. Interim ones are passed over
        (RFC 9110, 15.2)."""
        while True:
            line = self.fp.readline(HEAD_LIMIT)
            if not line:
                raise _unknown("the insurer hung up without an answer")
            read = _STATUS.fullmatch(line)
            if read is None:
                raise _unknown("what came back is no HTTP/1 answer")
            version, status = read[1].decode("ascii"), int(read[2])
            self.fields = self._read_fields()
            if status == 101:
                raise _unknown("the insurer wants to speak another protocol (101)")
            if status >= 200:
                return version, status

    def _read_fields(self) -> dict[str, str]:
        found: dict[str, str] = {}
        name = ""
        while (line := self.fp.readline(HEAD_LIMIT)) not in (b"\r\n", b"\n"):
            if not line.endswith(b"\n"):
                raise _unknown("the insurer hung up within the headers")
            if read := _FIELD.fullmatch(line):
                name, value = read[1].decode("ascii").lower(), _value(read[2])
                found[name] = f"{found[name]}, {value}" if name in found else value
            elif name and (read := _FOLDED.fullmatch(line)):
                found[name] = f"{found[name]} {_value(read[1])}"
            else:
                # The length of the body may stand behind it.
                raise _unknown("malformed header line")
        return found

    def _is_chunked(self) -> bool:
        coding = self.fields.get("transfer-encoding", "identity").lower()
        if coding not in ("identity", "chunked"):
            raise _unknown("the answer's transfer coding was not asked for")
        return coding == "chunked"

    def _stated_length(self) -> int | None:
        stated = self.fields.get("content-length")
        if stated is None:
            return None
        lengths = {each.strip() for each in stated.split(",")}
        if len(lengths) > 1:
            raise _unknown("the answer's lengths contradict each other")
        length = lengths.pop()
        if not _LENGTH.fullmatch(length):
            raise _unknown("the answer's length is no number")
        return int(length)

    def _read_next_chunk_size(self) -> int:
        """http.client's own takes ``-1`` for a size and would then read without any limit."""
        line = self.fp.readline(1024)
        size = line.partition(b";")[0].strip()
        if not line.endswith(b"\n") or not _CHUNK_SIZE.fullmatch(size):
            raise _unknown("the answer breaks off or has bad chunks")
        return int(size, 16)


def _value(said: bytes) -> str:
    """RFC 9110, 5.5: a NUL is a space. No text of PostgreSQL holds one, and all that is recorded
    together with it would be refused."""
    return said.decode("latin-1").replace("\0", " ")


class Tap(io.RawIOBase):
    """The bytes of one answer as they arrive: each read within the deadline, the head limited."""

    def __init__(self, exchange: Exchange, sock: socket.socket) -> None:
        super().__init__()
        self._exchange = exchange
        self._sock = sock
        self._head_left: float = HEAD_LIMIT

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
            self._exchange.limit(self._sock)
            count = self._sock.recv_into(buffer)
        except TimeoutError:
            raise self._exchange.expired() from None
        except OSError as error:
            raise _unknown(f"while waiting for the answer: {told(error)}") from error
        self._head_left -= count
        if self._head_left < 0:
            raise _unknown(f"header larger than {HEAD_LIMIT} bytes")
        return count


def whole_reply(answer: Answer, limit: int) -> Reply:
    """Read all of it. Raises Stopped (UNKNOWN) when it breaks off, is too large or undecodable."""
    headers = answer.fields
    # RFC 9110, 6.6.1: an answer without a Date gets the time at which it came; a Retry-After that
    # is a date is counted from it.
    if "retry-after" in headers:
        headers.setdefault("date", formatdate(usegmt=True))
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        raise _unknown("the answer's content encoding was not asked for")
    zipped = coding.endswith("gzip")
    gunzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    body = bytearray()
    came = 0
    while piece := answer.read(_PIECE):
        came += len(piece)
        # One byte more than allowed is enough to know; a bomb never unfolds further.
        body += gunzip.decompress(piece, limit + 1 - len(body)) if zipped else piece
        if len(body) > limit:
            raise _unknown(f"reply larger than {limit} bytes")
    if answer.length:
        raise _unknown("the answer was cut short")
    if zipped and came:
        if not gunzip.eof or gunzip.unused_data:
            raise _unknown("the answer's gzip is cut short or has a tail")
        # They described the zipped bytes.
        headers.pop("content-encoding")
        headers.pop("content-length", None)
    return Reply(answer.status, headers, bytes(body))


def _unknown(reason: str) -> Stopped:
    return Stopped(NoReplyKind.UNKNOWN, reason)
