"""``payer-gateway serve``: the HTTP surface and delivery in one process."""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import Any

import click

from payer_gateway.cli.deliver import stop_on_signals
from payer_gateway.cli.logs import log_to_stderr
from payer_gateway.cli.session import local_operator, opened
from payer_gateway.domain.principal import Role
from payer_gateway.workflow.delivery import Delivery

# Above the application's own limit, which answers with a problem that names the cure; what is
# larger still is cut off without reading it.
LARGEST_REQUEST = 8 * 1024 * 1024
# How long answers that are on their way may take once the process is asked to stop.
GRACE_S = 10.0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="For requests, and as many for delivery.",
)
def serve(host: str, port: int, threads: int) -> None:
    """The HTTP surface and delivery in one process, until SIGTERM or Ctrl-C.

    Both stop in good order: answers on their way are finished, so is what delivery holds.
    """
    from payer_gateway.web.application import create_web_app

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    log_to_stderr()
    with opened() as services, _listening(host, port) as listener:
        stop = stop_on_signals()
        delivery = Delivery(services, local_operator(Role.WORKER), threads=threads)
        broken: list[BaseException] = []
        worker = threading.Thread(target=_deliver, args=(delivery, stop, broken), name="deliver")
        worker.start()
        try:
            _answer(create_web_app(services), listener, threads, stop)
        finally:
            stop.set()
            worker.join()
    if broken:
        raise broken[0]


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        reason = exc.strerror or exc
        raise click.ClickException(f"cannot listen on {host} port {port}: {reason}") from exc


def _deliver(delivery: Delivery, stop: threading.Event, broken: list[BaseException]) -> None:
    try:
        delivery.run(stop)
    except BaseException as exc:
        # Better a process that ends loudly than one that takes in and never sends.
        broken.append(exc)
        stop.set()


def _answer(app: Any, listener: socket.socket, threads: int, stop: threading.Event) -> None:
    """Answer requests until ``stop`` is set, then finish those that are on their way."""
    from waitress import wasyncore
    from waitress.server import create_server

    sockets: dict[int, Any] = {}
    server = create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=threads,
        max_request_body_size=LARGEST_REQUEST,
        max_request_header_size=32 * 1024,
        connection_limit=500,
        channel_timeout=60,
        clear_untrusted_proxy_headers=True,
        ident=None,
    )
    bound = listener.getsockname()
    host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    click.echo(f"payer-gateway on http://{host}:{bound[1]}")

    def turn(seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=sockets, count=1)

    while not stop.is_set():
        turn(0.25)
    wasyncore.dispatcher.close(server)  # the listener alone: nobody new comes in
    ends = time.monotonic() + GRACE_S
    while time.monotonic() < ends and any(map(_is_busy, server.active_channels.values())):
        turn(0.05)
    server.task_dispatcher.shutdown()
    wasyncore.close_all(sockets)


def _is_busy(channel: Any) -> bool:
    """Whether a request is being received, worked on, or its answer not wholly sent."""
    return bool(channel.request or channel.requests or channel.total_outbufs_len)
