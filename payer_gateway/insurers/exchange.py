"""One exchange while it lasts: its deadline, its fence, and whether a byte has left.

``requests`` gives timeouts per read only and does not tell whether the request had begun to leave;
both decide between "retry" and "ask the insurer" (rules L4 and L6). So each socket operation gets
what is left of the exchange's time, and everything that ends an exchange early is a
:class:`Stopped`, which urllib3 and requests let through untouched (it is no OSError).
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from payer_gateway.domain.exchange import NoReplyKind
from payer_gateway.insurers.addresses import AddressBook, AddressRefused, Endpoint

_NO_ACCOUNT_S = 0.05


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

    def limit(self, sock: socket.socket) -> None:
        """Give a socket what is left. Raises Stopped once the time is over.

        To set it is a system call, within which other threads run and perhaps keep us waiting, so
        a difference of no account stays; and one of them may freeze us all: the clock is looked at
        once more, so that nothing stands between it and what the socket does next.
        """
        left = self.remaining()
        if abs((sock.gettimeout() or 0.0) - left) > min(_NO_ACCOUNT_S, self.deadline_s / 100):
            sock.settimeout(left)
            self.remaining()

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
