"""What is known of a member before a question is answered, in one trip to the database: what our
own claims have used, and whether there is a roster that says more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    CompoundSelect,
    bindparam,
    exists,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from payer_gateway.domain.claim import Use
from payer_gateway.domain.submission import State
from payer_gateway.storage.database import Work
from payer_gateway.storage.prepared import Prepared
from payer_gateway.storage.tables import claim, roster_plan, submission


class OpinionsUsed(NamedTuple):
    condition_key: str
    opinion_number: int
    benefit_year: date
    n: int


@dataclass(frozen=True, slots=True)
class Known:
    """``opinions_used``: by our own claims of this member that the insurer has. ``roster_since``:
    since when the tenant has a roster of this insurer's plan; None: it has none."""

    opinions_used: tuple[OpinionsUsed, ...]
    roster_since: datetime | None


def known_of(
    work: Work,
    tenant_id: str,
    insurer: str,
    plan: str,
    member_key: str,
    but_consultation: str | None,
) -> Known:
    """``but_consultation``: the one being judged, which does not count itself; None: it was never
    taken in."""
    rows = _KNOWN.rows(
        work,
        tenant=tenant_id,
        insurer=insurer,
        plan=plan,
        member=member_key,
        but=but_consultation,
    )
    # A member has few: counted here, because SQLite takes longer to make ready for it.
    told = {(key, number, year, of) for key, number, year, of, since in rows if since is None}
    counted = Counter((key, number, year) for key, number, year, _ in told)
    since = next((since for *_, since in rows if since is not None), None)
    return Known(tuple(OpinionsUsed(*found, n=n) for found, n in sorted(counted.items())), since)


def _known() -> CompoundSelect[Any]:
    used = select(
        claim.c.condition_key,
        claim.c.opinion_number,
        claim.c.benefit_year,
        claim.c.consultation_id,
        type_coerce(null(), roster_plan.c.since.type),
    ).where(
        claim.c.tenant_id == bindparam("tenant"),
        claim.c.member_key == bindparam("member"),
        claim.c.use == Use.CLAIM.value,
        # Of one that was never taken in, nothing is left out.
        claim.c.consultation_id.is_distinct_from(bindparam("but")),
        or_(claim.c.relation.is_(None), claim.c.relation != "void"),
        # Asked of the member's few claims; joined, SQLite goes through all submissions instead.
        exists().where(
            submission.c.tenant_id == claim.c.tenant_id,
            submission.c.consultation_id == claim.c.consultation_id,
            submission.c.claim_id == claim.c.id,
            # Written out: with a value bound here SQLite plans anew every time, because the value
            # could make one of the table's partial indexes fit.
            submission.c.state == literal_column(f"'{State.ACCEPTED.value}'"),
        ),
    )
    kept = select(null(), null(), null(), null(), roster_plan.c.since).where(
        roster_plan.c.tenant_id == bindparam("tenant"),
        roster_plan.c.insurer_id == bindparam("insurer"),
        roster_plan.c.plan == bindparam("plan"),
    )
    return union_all(used, kept)


_KNOWN = Prepared(lambda _: _known())
