"""How traffic to one insurer flows: token bucket, circuit breaker with its ramp, Retry-After.

Pure arithmetic over one frozen value, which is stored in the insurer's row: every worker on every
machine reckons with the same one, under that row's lock. Nothing here drops a claim; what may not
begin now is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import floor


class Breaker(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"  # a question was answered: one claim at a time tries the way


class Came(StrEnum):
    """What one exchange says about the insurer, whatever it says about the claim."""

    ANSWERED = "answered"  # about the claim: taken, refused, duplicate
    BUSY = "busy"  # 408, 425, 429, 503
    SILENT = "silent"  # in doubt: bytes left, no readable answer; 5xx
    UNREACHED = "unreached"  # certainly not sent: lookup, connect
    FAULT = "fault"  # the endpoint refuses us: 401, 403, 404, TLS, redirects


# Probes of an open breaker: soon at first, then every half minute.
PROBE_AFTER_S = (1, 2, 4, 8, 15, 30)
OPENS_AFTER = 10  # that many failures in a row
WINDOW_S = 300
WINDOW_LEAST = 20  # fewer exchanges say nothing about a share
WINDOW_SHARE = 0.7
# After it closed: 1 in the first second, 2 in the second, 4 in the third …
RAMP_S = 8
UNLIMITED = 1000
# Our own network is at fault when this many insurers were out of reach within that time and none
# answered.
NETWORK_INSURERS = 3
NETWORK_S = 60
# An answer is noted at most this often: it would write the insurer's row at every claim.
NOTED_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class Flow:
    """The columns of an insurer's row that steer its traffic, under the same names."""

    rate_per_s: float | None = None
    tokens: float | None = None  # None: a full bucket
    tokens_at: datetime | None = None
    not_before: datetime | None = None  # the insurer's Retry-After
    breaker: str = Breaker.CLOSED
    breaker_failures: int = 0  # the failure that opened it, and each probe since
    breaker_until: datetime | None = None
    breaker_error: str | None = None
    failing_run: int = 0
    window_from: datetime | None = None
    window_n: int = 0
    window_bad: int = 0
    ramp_from: datetime | None = None
    ramp_sent: int = 0
    unreached_at: datetime | None = None
    answered_at: datetime | None = None


def burst(rate_per_s: float) -> float:
    """What a full bucket holds: one second's worth, one exchange at least."""
    return max(1.0, rate_per_s)


def tokens_now(flow: Flow, now: datetime) -> float:
    """What the bucket holds at this moment, refilled since it was last looked at."""
    assert flow.rate_per_s is not None  # noqa: S101 - asked only where there is a rate
    full = burst(flow.rate_per_s)
    if flow.tokens is None or flow.tokens_at is None:
        return full
    since = max(0.0, (now - flow.tokens_at).total_seconds())
    return min(full, flow.tokens + since * flow.rate_per_s)


def allowance(flow: Flow, now: datetime) -> int:
    """How many exchanges may begin now. Slots in flight are counted elsewhere; in a half-open
    breaker the one that is allowed must be the only one."""
    if flow.breaker == Breaker.OPEN or (flow.not_before is not None and flow.not_before > now):
        return 0
    allowed = UNLIMITED
    if flow.breaker == Breaker.HALF_OPEN:
        allowed = 1
    elif flow.ramp_from is not None:
        seconds = (now - flow.ramp_from).total_seconds()
        if seconds < RAMP_S:
            allowed = max(0, 2 ** (floor(max(0.0, seconds)) + 1) - 1 - flow.ramp_sent)
    if flow.rate_per_s is not None:
        # A hair more than it holds, so that a refill of 0.9999999 counts as the one it stands for.
        allowed = min(allowed, floor(tokens_now(flow, now) + 1e-6))
    return allowed


def began(flow: Flow, n: int, now: datetime) -> Flow:
    """``n`` exchanges begin: their tokens are taken, the ramp counts them."""
    if flow.rate_per_s is not None:
        flow = replace(flow, tokens=max(0.0, tokens_now(flow, now) - n), tokens_at=now)
    if flow.ramp_from is not None:
        over = (now - flow.ramp_from).total_seconds() >= RAMP_S
        flow = replace(
            flow,
            ramp_from=None if over else flow.ramp_from,
            ramp_sent=0 if over else flow.ramp_sent + n,
        )
    return flow


def came(
    flow: Flow,
    what: Came,
    now: datetime,
    *,
    is_send: bool = True,
    retry_after_s: int | None = None,
    error: str = "",
) -> Flow:
    """What an exchange came to: the breaker opens, tries or closes; Retry-After is kept in full.

    While the breaker is open, a failure of what was under way when it opened says nothing new.
    """
    if what is Came.BUSY and retry_after_s:
        flow = pushed(flow, now + timedelta(seconds=retry_after_s))
    flow = _reached(flow, what, now)
    if what is Came.ANSWERED:
        return _answered(flow, now, is_send=is_send)
    if flow.breaker == Breaker.HALF_OPEN:
        return _opened(flow, now, error)
    if flow.breaker == Breaker.OPEN:
        return flow
    if what is Came.FAULT:
        return _opened(flow, now, error)
    flow = replace(_counted(flow, now, bad=True), failing_run=flow.failing_run + 1)
    share = flow.window_bad / flow.window_n
    if flow.failing_run >= OPENS_AFTER:
        return _opened(flow, now, f"{flow.failing_run} failures in a row, last {error}")
    if flow.window_n >= WINDOW_LEAST and share >= WINDOW_SHARE:
        return _opened(flow, now, f"{share:.0%} failed within 5 minutes, last {error}")
    return flow


def probed(flow: Flow, now: datetime, *, answers: bool, error: str = "") -> Flow:
    """A probe that books nothing (metadata) came back: half open when the insurer answers at
    all, else open and tried again later."""
    if flow.breaker != Breaker.OPEN:
        return flow
    if not answers:
        return _opened(flow, now, error or flow.breaker_error or "")
    return replace(_reached(flow, Came.ANSWERED, now), breaker=Breaker.HALF_OPEN)


def probing(flow: Flow, now: datetime, gives_up_s: float) -> Flow:
    """A worker takes the probe; should it die, another one takes it after that time."""
    return replace(flow, breaker_until=now + timedelta(seconds=gives_up_s))


def pushed(flow: Flow, until: datetime) -> Flow:
    """Nothing begins before ``until``, and then with an empty bucket."""
    if flow.not_before is not None and flow.not_before >= until:
        return flow
    if flow.rate_per_s is not None:
        flow = replace(flow, tokens=0.0, tokens_at=until)
    return replace(flow, not_before=until)


def released(flow: Flow) -> Flow:
    """A person lets traffic flow again: what the insurer asked us to wait is forgotten, and an
    open breaker is tried at once (it closes by an answer only)."""
    return replace(flow, not_before=None, tokens=None, tokens_at=None, breaker_until=None)


def our_network_is_down(flows: Iterable[Flow], now: datetime) -> bool:
    """Whether so many insurers are out of reach together that the fault is on our side."""
    since = now - timedelta(seconds=NETWORK_S)
    flows = list(flows)
    lost = sum(
        f.unreached_at is not None
        and f.unreached_at > since
        and (f.answered_at is None or f.answered_at < f.unreached_at)
        for f in flows
    )
    heard = any(f.answered_at is not None and f.answered_at > since for f in flows)
    return lost >= NETWORK_INSURERS and not heard


def _answered(flow: Flow, now: datetime, *, is_send: bool) -> Flow:
    if flow.breaker == Breaker.CLOSED:
        return replace(_counted(flow, now, bad=False), failing_run=0)
    if flow.breaker == Breaker.OPEN or not is_send:
        # It answers; whether it takes claims, only a claim of our choosing shows.
        return replace(flow, breaker=Breaker.HALF_OPEN)
    return replace(
        flow,
        breaker=Breaker.CLOSED,
        breaker_failures=0,
        breaker_until=None,
        breaker_error=None,
        failing_run=0,
        window_from=now,
        window_n=0,
        window_bad=0,
        ramp_from=now,
        ramp_sent=0,
    )


def _opened(flow: Flow, now: datetime, error: str) -> Flow:
    wait = PROBE_AFTER_S[min(flow.breaker_failures, len(PROBE_AFTER_S) - 1)]
    return replace(
        flow,
        breaker=Breaker.OPEN,
        breaker_failures=flow.breaker_failures + 1,
        breaker_until=now + timedelta(seconds=wait),
        breaker_error=error[:300],
        failing_run=0,
        ramp_from=None,
        ramp_sent=0,
    )


def _counted(flow: Flow, now: datetime, *, bad: bool) -> Flow:
    """The window of five minutes. A good answer is only counted beside bad ones: a healthy
    insurer's row is not written at every claim."""
    if flow.window_from is None or now - flow.window_from >= timedelta(seconds=WINDOW_S):
        if not bad:
            # An old window is let stand; it is thrown away when the next failure comes.
            return flow
        flow = replace(flow, window_from=now, window_n=0, window_bad=0)
    return replace(flow, window_n=flow.window_n + 1, window_bad=flow.window_bad + bad)


def _reached(flow: Flow, what: Came, now: datetime) -> Flow:
    if what is Came.UNREACHED:
        return replace(flow, unreached_at=now)
    noted = flow.answered_at
    if (
        noted is None
        or now - noted >= timedelta(seconds=NOTED_EVERY_S)
        or (flow.unreached_at is not None and noted <= flow.unreached_at)
    ):
        return replace(flow, answered_at=now)
    return flow
