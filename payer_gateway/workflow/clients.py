"""API clients: added by operations staff, known by their key."""

from __future__ import annotations

from payer_gateway.domain.errors import Fault, InvalidInput, MappingError
from payer_gateway.domain.principal import Act, Principal, Role
from payer_gateway.storage import tenants
from payer_gateway.workflow.services import Services


def add(
    s: Services,
    principal: Principal,
    tenant_id: str,
    name: str,
    role: Role,
    insurer: str | None = None,
) -> dict[str, str]:
    """A new client of a tenant (made if it is new): {client, tenant, role, key}.

    A client of role insurer is bound to ``insurer``, else to the insurer that bears its name; one
    that is bound to none may bring nobody's answers. Raises InvalidInput, MappingError.
    """
    principal.must_be_allowed(Act.MANAGE_CLIENTS)
    for field, value in (("name", name), ("tenant", tenant_id)):
        if not value.strip() or len(value) > 100:
            raise InvalidInput((Fault(field, value[:80], "write 1 to 100 characters"),))
    if insurer is not None and role is not Role.INSURER:
        cure = "leave it out: only a client of role insurer is bound to one"
        raise InvalidInput((Fault("insurer", insurer[:80], cure),))
    bound = _insurer_of(s, name, insurer) if role is Role.INSURER else None
    with s.database.write() as work:
        tenants.ensure(work, tenant_id)
        key = tenants.add_client(work, tenant_id, name, role, principal.subject, bound)
    return {"client": name, "tenant": tenant_id, "role": role.value, "key": key}


def _insurer_of(s: Services, name: str, insurer: str | None) -> str | None:
    if insurer is not None:
        return s.shelf.find(insurer)
    try:
        return s.shelf.find(name)
    except MappingError:
        return None


def principal_of(s: Services, key: str) -> Principal | None:
    """Who holds this key; None when nobody does."""
    with s.database.read() as work:
        return tenants.principal_of_key(work, key)
