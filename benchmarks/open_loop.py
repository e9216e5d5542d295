"""An open-loop load generator: requests leave by the clock, whether or not earlier ones came back,
and each is timed from when it should have left, so that a server that stalls cannot hide it.

Run as a process of its own: ``python benchmarks/open_loop.py URL RATE SECONDS BODY HEADERS``; BODY
is a file, or a folder whose files are sent in turn; HEADERS is JSON. Prints one JSON line: {sent,
ok, milliseconds, cpu_ms}: latencies ascending, and what the generator itself took of the processor
per request.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Caller:
    """Keeps its connections open and reuses them, as a client's pool does."""

    def __init__(self, url: str, bodies: Sequence[bytes], headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80

        def request(body: bytes) -> bytes:
            told = {"Host": parts.netloc, "Content-Length": str(len(body)), **headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            return f"POST {parts.path} HTTP/1.1\r\n{lines}\r\n".encode() + body

        self._requests = itertools.cycle([request(body) for body in bodies])
        self._idle: list[Streams] = []

    async def call(self) -> bool:
        """Whether the answer was 200. Raises OSError when there was none."""
        request = next(self._requests)
        while True:
            is_fresh = not self._idle
            streams = (
                await asyncio.open_connection(self._host, self._port)
                if is_fresh
                else self._idle.pop()
            )
            try:
                status, keeps = await self._exchange(streams, request)
            except (OSError, asyncio.IncompleteReadError):
                streams[1].close()
                if is_fresh:
                    raise
                continue  # the server closed it while it lay idle
            if keeps:
                self._idle.append(streams)
            else:
                streams[1].close()
            return status == 200

    async def _exchange(self, streams: Streams, request: bytes) -> tuple[int, bool]:
        reader, writer = streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        await reader.readexactly(length)
        return int(head.split(" ", 2)[1]), "connection: close" not in head


async def load(caller: Caller, rate: float, seconds: float) -> dict[str, object]:
    taken: list[float] = []
    ok = 0

    async def one(due: float) -> None:
        nonlocal ok
        try:
            is_ok = await caller.call()
            ok += is_ok
        except (OSError, asyncio.IncompleteReadError):
            pass
        taken.append((time.perf_counter() - due) * 1000)

    begun_cpu = time.process_time()
    begun = time.perf_counter() + 0.1
    running = []
    for n in range(int(rate * seconds)):
        due = begun + n / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        running.append(asyncio.create_task(one(due)))
    await asyncio.gather(*running)
    return {
        "sent": len(taken),
        "ok": ok,
        "milliseconds": sorted(taken),
        "cpu_ms": round((time.process_time() - begun_cpu) * 1000 / len(taken), 2),
    }


def main() -> None:
    url, rate, seconds, body, headers = sys.argv[1:]
    at = Path(body)
    files = sorted(at.iterdir()) if at.is_dir() else [at]
    caller = Caller(url, [each.read_bytes() for each in files], json.loads(headers))
    print(json.dumps(asyncio.run(load(caller, float(rate), float(seconds)))))


if __name__ == "__main__":
    main()
