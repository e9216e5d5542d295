"""The way back from an open breaker: the insurer is asked for its metadata, which books nothing.
Once it answers, one claim at a time tries the way (``domain/flow.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain import flow
from payer_gateway.domain.errors import GatewayError
from payer_gateway.domain.exchange import NoReply
from payer_gateway.insurers import fhir_r4
from payer_gateway.storage import insurers_mode
from payer_gateway.workflow import steering
from payer_gateway.workflow.services import Services

PROBE_S = 10.0


def take_due(s: Services) -> Sequence[Row[Any]]:
    """The insurers to probe now. Should this worker die, another one takes them a while later."""
    with s.database.read() as work:
        insurers = steering.callable_now(s, work.now)
        if not insurers_mode.probes_due(work, insurers, lock=False):
            return []
    with s.database.write() as work:
        due = insurers_mode.probes_due(work, insurers, lock=True)
        for row in due:
            traffic = flow.probing(insurers_mode.flow_of(row), work.now, 2 * PROBE_S)
            insurers_mode.keep(work, row, traffic)
    return due


def keep(s: Services, tenant_id: str, insurer: str, answers: bool, said: str) -> None:
    """Let the breaker learn what a probe brought."""
    with s.database.write() as work:
        row = insurers_mode.lock(work, tenant_id, insurer)
        if row is not None:
            traffic = insurers_mode.flow_of(row)
            after = flow.probed(traffic, work.now, answers=answers, error=said)
            insurers_mode.keep(work, row, after)


def probe(s: Services, insurer: str) -> tuple[bool, str]:
    """Ask an insurer whose breaker is open for its metadata, which books nothing: whether it
    answers at all, and what it said. An insurer without metadata answers too, with a 404."""
    address = s.addresses[insurer]
    try:
        request = fhir_r4.metadata(address.url, deadline_s=PROBE_S, token=address.token)
    except GatewayError as exc:
        return False, str(exc)
    reply = s.client.send(insurer, request)
    if isinstance(reply, NoReply):
        return False, f"probe: {reply.error}"
    return reply.status < 500 and reply.status not in (408, 425, 429), f"probe: HTTP {reply.status}"
