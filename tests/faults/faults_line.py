"""A line to an insurer that breaks, on order: a TCP proxy that injects faults.

Each request (not each connection) meets the next fault of the line's script; when the script is
over, requests pass unharmed. Faults are counted as they happen. The words:

  pass            nothing happens to it
  refuse          the line closes when the head of the request has come
  before          the request is read and thrown away, the line closes: nothing was booked
  half_request    the insurer gets half of the request's bytes, then both lines close
  after           the insurer gets it all; its answer is thrown away, the line closes
  reset           the same, with a RST
  half_head       the line closes (FIN) within the head of the answer
  half_head_reset the same, with a RST
  half_body       the line closes within the body of the answer
  half_chunk      the answer comes chunked, and the line closes within a chunk
  stall           the insurer gets it all; nothing comes back for ``stall_s``, then the line closes
  drip            the answer comes in small pieces, and comes whole
  garbage         the insurer gets it all; what comes back is no HTTP
  gateway_502     the insurer gets it all; a gateway's own error page comes back
  gateway_504     the same with 504
  late            the sender's line closes; ``lag_s`` later the insurer gets the request
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """A loopback port in front of the insurer at ``target``; faults are for ``method`` only."""

    def __init__(
        self,
        target: str,
        script: Sequence[str],
        *,
        method: str = "POST",
        stall_s: float = 3.0,
        lag_s: float = 1.0,
    ) -> None:
        place = urlsplit(target)
        self._target = place.hostname or "", place.port or 0
        self._script = list(script)
        self._planned = len(self._script)
        self._method = method.encode()
        self._stall_s, self._lag_s = stall_s, lag_s
        self.happened: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._under_way: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512), self._loop
        )
        self._server = starting.result(30)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Close the port once every request that was held back has arrived."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    @property
    def has_happened(self) -> bool:
        """Whether every fault of the script did."""
        return self.happened.total() == self._planned

    async def _end(self) -> None:
        self._server.close()
        late = [task for task in self._under_way if task.get_name() == "late"]
        await asyncio.gather(*late, return_exceptions=True)
        others = self._under_way - set(late)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        far: Streams | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fault = self._next(head)
                if fault == "refuse":
                    break
                body = await reader.readexactly(_length(head))
                if fault == "before":
                    break
                if fault == "late":
                    self._later(head + body)
                    break
                far = far or await asyncio.open_connection(*self._target)
                if not await self._exchange(fault, head + body, far, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            self._under_way.discard(task)
            for each in (writer, far[1] if far else None):
                if each is not None:
                    each.close()

    def _next(self, head: bytes) -> str:
        if not head.startswith(self._method) or not self._script:
            return "pass"
        fault = self._script.pop(0)
        self.happened[fault] += 1
        return fault

    async def _exchange(
        self, fault: str, request: bytes, far: Streams, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its answer; False when the line is to close."""
        far_reader, far_writer = far
        if fault == "half_request":
            far_writer.write(request[: len(request) // 2])
            await far_writer.drain()
            return False
        far_writer.write(request)
        await far_writer.drain()
        head = await far_reader.readuntil(b"\r\n\r\n")
        body = await far_reader.readexactly(_length(head))
        if fault == "pass":
            writer.write(head + body)
            await writer.drain()
            return True
        if fault == "drip":
            for start in range(0, len(head + body), 64):
                writer.write((head + body)[start : start + 64])
                await writer.drain()
                await asyncio.sleep(0.002)
            return True
        if fault == "stall":
            await asyncio.sleep(self._stall_s)
            return False
        writer.write(_broken(fault, head, body))
        with suppress(OSError):
            await writer.drain()
        if fault in ("reset", "half_head_reset"):
            line: socket.socket = writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _later(self, request: bytes) -> None:
        async def arrive() -> None:
            await asyncio.sleep(self._lag_s)
            reader, writer = await asyncio.open_connection(*self._target)
            writer.write(request)
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        task = self._loop.create_task(arrive(), name="late")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _broken(fault: str, head: bytes, body: bytes) -> bytes:
    """What the sender gets to see of an answer."""
    start = head.split(b"\r\n")[0] + b"\r\nContent-Type: application/fhir+json\r\n"
    page = b"<html>bad gateway</html>"
    answers = {
        "after": b"",
        "reset": b"",
        "half_head": head[: len(head) // 2],
        "half_head_reset": head[: len(head) // 2],
        "half_body": head + body[: len(body) // 2],
        "half_chunk": start
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + f"{len(body):x}\r\n".encode()
        + body[: len(body) // 2],
        "garbage": b"\x16\x03\x01\x00 this is not the protocol you know\r\n\r\n",
    }
    if fault.startswith("gateway_"):
        return (
            f"HTTP/1.1 {fault[-3:]} Gateway\r\nContent-Type: text/html\r\n"
            f"Content-Length: {len(page)}\r\n\r\n"
        ).encode() + page
    return answers[fault]


FAULTS = (
    "refuse before half_request after reset half_head half_head_reset half_body half_chunk stall"
    " drip garbage gateway_502 gateway_504 late"
).split()
"""Every fault there is."""
