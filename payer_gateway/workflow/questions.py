"""Questions to an insurer: did it arrive, what was decided?"""

from __future__ import annotations

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import GatewayError, MappingError, NotFound
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply, Request
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping.inquiry import inquiry_bundle
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage.picking import Leased
from payer_gateway.workflow.services import Services


def put_question(
    s: Services, leased: Leased, profile: Profile, template: str, sent: bytes | None
) -> Reply | NoReply:
    """Ask the insurer about a submission, as its profile says; NoReply when it cannot be asked.
    ``sent``: what it was sent as; None when that is no longer kept."""
    row = leased.row
    try:
        request = _question(s, leased, profile, template, sent)
    except GatewayError as exc:
        return NoReply(NoReplyKind.NOT_SENT, str(exc))
    return s.client.send(row.insurer_id, request)


def _question(
    s: Services, leased: Leased, profile: Profile, template: str, sent: bytes | None
) -> Request:
    """A search for our number, or an operation with what was sent, cut down to a question."""
    row, address = leased.row, s.addresses[leased.row.insurer_id]
    operation = template.removeprefix("POST ")
    if operation == template:
        return fhir_r4.search(
            address.base(row.use),
            template,
            row.claim_identifier,
            deadline_s=s.send_deadline_s(profile),
            token=address.token,
        )
    words = profile.speeches[Use(row.use)].ask
    if words is None:
        raise MappingError(f"{profile.file}: its dialect does not say how {template} is asked")
    if sent is None:
        raise NotFound("what was sent is no longer kept, and the question is made of it")
    return fhir_r4.submit(
        address.base(row.use),
        inquiry_bundle(sent, words),
        deadline_s=s.send_deadline_s(profile),
        path=operation,
        token=address.token,
    )
