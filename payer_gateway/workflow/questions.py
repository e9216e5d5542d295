"""Questions to an insurer: did it arrive, what was decided?"""

from __future__ import annotations

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import GatewayError, MappingError
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply, Request
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping.inquiry import inquiry_bundle
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import bodies
from payer_gateway.storage.picking import Leased
from payer_gateway.workflow.services import Services


def put_question(s: Services, leased: Leased, profile: Profile, template: str) -> Reply | NoReply:
    """Ask the insurer about a submission, as its profile says; NoReply when it cannot be asked."""
    row = leased.row
    try:
        request = _question(s, leased, profile, template)
    except GatewayError as exc:
        return NoReply(NoReplyKind.NOT_SENT, str(exc))
    return s.client.send(row.insurer_id, request)


def _question(s: Services, leased: Leased, profile: Profile, template: str) -> Request:
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
    with s.database.read() as work:
        sent = bodies.get(work, row.tenant_id, row.body_id)
    return fhir_r4.submit(
        address.base(row.use),
        inquiry_bundle(sent, words),
        deadline_s=s.send_deadline_s(profile),
        path=operation,
        token=address.token,
    )
