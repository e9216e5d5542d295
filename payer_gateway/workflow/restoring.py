"""After a restore the database has forgotten what was sent since the backup. Nothing may leave
before the insurer was asked: see docs/decisions/017."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from payer_gateway.domain.errors import Fault, InvalidInput, MappingError
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import retry_budget
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import doubts, restores
from payer_gateway.workflow.doubting import CANNOT_BE_ASKED
from payer_gateway.workflow.services import Services

# How long senders may take to hand in again what the restored database does not know.
ASK_FIRST_DAYS = 7


def after_restore(s: Services, principal: Principal, ask_first_days: int) -> dict[str, Any]:
    """Put everything open, of every tenant, in doubt; new claims are asked about first for
    ``ask_first_days``. Returns counts: in_doubt (to be asked about), needs_human (nobody can be
    asked), unknown (rejected or with a person: not replayed before somebody finds out),
    attempts_closed, and ask_first_until."""
    principal.must_be_allowed(Act.REPAIR_SUBMISSION)
    if not 0 <= ask_first_days <= 365:
        raise InvalidInput((Fault("ask_first_days", ask_first_days, "write 0 to 365"),))
    by = principal.subject
    with s.database.write() as work:
        closed = doubts.close_open_attempts(work)
        doubts.free_polls(work)
        in_doubt = given = 0
        # Before what cannot be asked about joins them: those tell why they wait by themselves.
        unknown = doubts.forget_what_is_known(work)
        for made_with in doubts.profiles_in_use(work):
            profile = _profile(s, *made_with)
            settle = s.settle(profile) if profile else timedelta(0)
            budget = retry_budget(profile.delivery.retry_after_s if profile else ())
            count = doubts.doubt(
                work,
                made_with,
                by,
                ask_from=work.now + settle,
                budget_until=work.now + budget,
            )
            if profile is None or profile.delivery.inquire is None:
                given += doubts.give_to_person(work, made_with, by, CANNOT_BE_ASKED)
            else:
                in_doubt += count
        until = work.now + timedelta(days=ask_first_days)
        restores.add(work, by, until, in_doubt + given)
    return {
        "in_doubt": in_doubt,
        "needs_human": given,
        "unknown": unknown,
        "attempts_closed": closed,
        "ask_first_until": until.isoformat(),
    }


def lift(s: Services, principal: Principal) -> int:
    """New claims are sent at once again; how many restores were in force."""
    principal.must_be_allowed(Act.REPAIR_SUBMISSION)
    with s.database.write() as work:
        return restores.lift(work)


def _profile(s: Services, name: str, version: int) -> Profile | None:
    try:
        return s.shelf.version(name, version)
    except MappingError:
        return None
