"""An insurer that costs nothing: it answers every request at once, from one asyncio process.

``hang`` and ``busy`` in the path make it an insurer that never answers, or answers 503.
"""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"""{"resourceType":"ClaimResponse","status":"active","outcome":"complete","use":"claim",
"identifier":[{"system":"https://sink.example","value":"SINK-1"}],"total":[{"category":
{"coding":[{"code":"submitted"}]},"amount":{"value":675.00,"currency":"USD"}},{"category":
{"coding":[{"code":"benefit"}]},"amount":{"value":540.00,"currency":"USD"}}]}"""


def _head(status: str, length: int) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\n"
        f"Date: Thu, 26 Nov 2026 04:00:00 GMT\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


TAKEN = _head("200 OK", len(ANSWER)) + ANSWER
BUSY = _head("503 Service Unavailable", 2) + b"{}"


class Sink(asyncio.Protocol):
    """Reads whole requests, counts the bytes, answers."""

    def __init__(self) -> None:
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while True:
            head, mark, rest = self._held.partition(b"\r\n\r\n")
            if not mark:
                return
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(rest) < length:
                return
            self._held = rest[length:]
            path = head.split(b" ", 2)[1]
            if b"/hang" in path:
                continue
            self._transport.write(BUSY if b"/busy" in path else TAKEN)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
