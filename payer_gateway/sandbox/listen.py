"""Serving the sandbox: one process, a thread per connection."""

from __future__ import annotations

import io
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import simplejson
from werkzeug.serving import (
    BaseWSGIServer,
    WSGIRequestHandler,
    make_server,
    select_address_family,
)
from werkzeug.wrappers import Response

from payer_gateway.sandbox.notifying import Notifier
from payer_gateway.sandbox.server import LARGEST_BODY, create_app

_DRAIN_AT_MOST = 20 * LARGEST_BODY


def serve(
    port: int,
    ledger: Path,
    profile: Path | None,
    host: str = "127.0.0.1",
    *,
    token: str | None = None,
    notify: str | None = None,
    notify_token: str | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> None:
    """Serves until SIGTERM or Ctrl-C; port 0 picks a free one, ``on_ready`` is told which.

    Raises OSError if the port or the ledger cannot be had, ValueError if the ledger or the
    profile cannot be read.
    """
    app = create_app(ledger, _read_profile(profile), token, Notifier(notify, notify_token))
    family = select_address_family(host, port)
    # Bound here and handed over: werkzeug would print and exit if the port is taken.
    with socket.create_server((host, port), family=family) as listener:
        server = make_server(
            host,
            port,
            app,
            threaded=True,
            request_handler=_KeepAliveHandler,
            fd=listener.fileno(),
        )
    restore = _stop_on_sigterm(server)
    try:
        if on_ready is not None:
            on_ready(server.port)
        server.serve_forever(poll_interval=0.05)
    finally:
        server.server_close()
        restore()


def _read_profile(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    try:
        profile = simplejson.loads(path.read_text(encoding="utf-8"), use_decimal=True)
    except ValueError as fault:
        raise ValueError(f"{path} is not JSON: {fault}") from fault
    if not isinstance(profile, dict):
        raise ValueError(f"{path} is no profile; write it with mapping render --resolved")
    return profile


def _stop_on_sigterm(server: BaseWSGIServer) -> Callable[[], None]:
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the loop this very thread runs, so another one has to ask.
        threading.Thread(target=server.shutdown, daemon=True).start()

    before = signal.signal(signal.SIGTERM, stop)

    def restore() -> None:
        signal.signal(signal.SIGTERM, before)

    return restore


class _KeepAliveHandler(WSGIRequestHandler):
    """werkzeug's handler always closes the connection; this one reads bodies and keeps it."""

    protocol_version = "HTTP/1.1"
    # Head and body leave in one write; with Nagle each answer would wait for the last one's ACK.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.environ = self.make_environ()
        unread = self._take_body()
        response = Response.from_app(self.server.app, self.environ, buffered=True)
        body = response.get_data()
        if unread:
            self.close_connection = True
        self.send_response(response.status_code)
        for name, value in response.headers:
            if name.lower() not in ("content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        buffered: list[bytes] = getattr(self, "_headers_buffer", [])
        buffered.append(b"\r\n" + (b"" if self.command == "HEAD" else body))
        self.flush_headers()
        if unread:
            self._drain(unread)

    def _take_body(self) -> int:
        """Puts the body into the environ; returns how many bytes stay on the line at most."""
        if "HTTP_TRANSFER_ENCODING" in self.environ:
            return _DRAIN_AT_MOST
        sent = self.headers.get("Content-Length", "0").strip()
        length = int(sent) if sent.isascii() and sent.isdigit() else 0
        if length > LARGEST_BODY or (sent and not sent.isdigit()):
            return _DRAIN_AT_MOST
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the client went away in the middle of its request")
        self.environ["wsgi.input"] = io.BytesIO(body)
        return 0

    def _drain(self, at_most: int) -> None:
        # A client that is still sending sees our answer only if somebody listens to the rest.
        self.connection.settimeout(0.5)
        try:
            while at_most > 0 and (read := self.rfile.read1(65536)):
                at_most -= len(read)
        except TimeoutError:
            return

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: requests name people."""
