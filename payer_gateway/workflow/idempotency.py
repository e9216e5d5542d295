"""A request that carries a key is carried out once; the same request again gets the same answer.

Source: IETF draft-ietf-httpapi-idempotency-key-header-07 (409 while it runs, 422 when the key was
used for something else). Answers are kept for a day; a failure of ours frees the key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from payer_gateway.domain.errors import Conflict, GatewayError
from payer_gateway.domain.principal import Principal
from payer_gateway.storage import inbound_keys
from payer_gateway.workflow.services import Services


class KeyReused(GatewayError):
    """The key was used for another request already."""


class StillRunning(Conflict):
    """The first request with this key has no answer yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    is_replayed: bool = False


def answer_once(
    s: Services,
    principal: Principal,
    key: str,
    fingerprint: str,
    make: Callable[[], tuple[int, bytes]],
) -> Answer:
    """The answer that ``make`` gives, or the one that it gave to the first such request.

    ``fingerprint`` says what is asked. Raises KeyReused, StillRunning, and whatever ``make``
    raises: then, and for an answer of 500 or more, the key is free again.
    """
    with s.database.write() as work:
        stored = inbound_keys.begin(work, principal, key, fingerprint)
    if stored is None:
        return _first(s, principal, key, make)
    if not stored.same_request:
        raise KeyReused(
            "this Idempotency-Key was used for another request in the last 24 hours; send a new key"
        )
    if stored.status is None or stored.answer is None:
        raise StillRunning("the first request with this Idempotency-Key still runs; ask again")
    return Answer(stored.status, stored.answer, is_replayed=True)


def _first(
    s: Services, principal: Principal, key: str, make: Callable[[], tuple[int, bytes]]
) -> Answer:
    try:
        status, body = make()
    except BaseException:
        _release(s, principal, key)
        raise
    if status >= 500:
        _release(s, principal, key)
    else:
        with s.database.write() as work:
            inbound_keys.finish(work, principal, key, status, body)
    return Answer(status, body)


def _release(s: Services, principal: Principal, key: str) -> None:
    with s.database.write() as work:
        inbound_keys.release(work, principal, key)
