"""Reconciliation (rule L10): what we hold as accepted against what the insurer lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from payer_gateway.domain.errors import Conflict, GatewayError
from payer_gateway.domain.exchange import NoReply
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import State
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping.listed import read_page
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import booked, ledger
from payer_gateway.storage.database import Work
from payer_gateway.workflow.services import Services

# Whether one of these is booked is being found out already.
_UNDER_WAY = frozenset({State.SENDING.value, State.IN_DOUBT.value, State.INQUIRING.value})
_MOST_PAGES = 10_000


class CannotList(GatewayError):
    """The insurer's list could not be had, or not whole: comparing with a part would lie."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``side``: ours (we hold it as accepted, the insurer does not list it), theirs (the insurer
    lists it, we do not hold it as accepted), twice (listed more than once)."""

    side: str
    claim_identifier: str
    submission: str | None
    state: str | None
    times: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    insurer: str
    first_day: date
    last_day: date
    listed: int
    foreign: int  # Claims without an identifier of ours
    differences: tuple[Difference, ...]

    def count(self, side: str) -> int:
        return sum(each.side == side for each in self.differences)

    def as_json(self) -> dict[str, Any]:
        return {
            "insurer": self.insurer,
            "from": self.first_day.isoformat(),
            "to": self.last_day.isoformat(),
            "listed": self.listed,
            "foreign": self.foreign,
            "ours_only": self.count("ours"),
            "theirs_only": self.count("theirs"),
            "twice": self.count("twice"),
            "differences": [
                {
                    "side": each.side,
                    "claim_identifier": each.claim_identifier,
                    "submission": each.submission,
                    "state": each.state,
                    "times": each.times,
                }
                for each in self.differences
            ],
        }


def reconcile(s: Services, principal: Principal, insurer: str, days: int) -> Reconciled:
    """Compare the claims of the last ``days`` days and today, by the insurer's calendar.

    Raises Conflict for an insurer that has no address or lists nothing, CannotList.
    """
    principal.must_be_allowed(Act.WATCH)
    name = s.shelf.find(insurer)
    profile = s.shelf.profile(name)
    if profile.delivery.listing is None:
        raise Conflict(f"{name} lists no claims (delivery.list: none); compare by hand")
    if name not in s.addresses:
        raise Conflict(f"{name} has no address; set PAYER_GATEWAY_INSURER_<NAME>_URL")
    with s.database.read() as work:
        now = work.now
    today = s.business_day(now, profile.zone)
    first = today - timedelta(days=days)
    # Its clock and ours may disagree on the day: a day more on both sides is asked for.
    day = timedelta(days=1)
    theirs, foreign = _listed(s, name, profile, first - day, today + day)
    with s.database.read() as work:
        since = now - timedelta(days=days + 1)
        differences = tuple(_compare(work, principal.tenant_id, name, since, now, theirs))
    return Reconciled(name, first, today, theirs.total(), foreign, differences)


def _listed(
    s: Services, name: str, profile: Profile, first: date, last: date
) -> tuple[Counter[str], int]:
    address = s.addresses[name]
    found: Counter[str] = Counter()
    foreign = 0
    for base in dict.fromkeys((address.url, address.preauth_url)):
        request = fhir_r4.listing(
            base,
            profile.delivery.listing or "",
            first,
            last,
            deadline_s=s.send_deadline_s(profile),
            token=address.token,
        )
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            seen.add(request.url)
            reply = s.client.send(name, request)
            if isinstance(reply, NoReply):
                raise CannotList(f"{name} did not answer: {reply.error}")
            page = read_page(reply)
            if page is None:
                raise CannotList(f"{name} answered with HTTP {reply.status} and no list of claims")
            found.update(page.claims)
            foreign += page.foreign
            if page.next is None:
                break
            request = fhir_r4.next_page(
                base, page.next, deadline_s=s.send_deadline_s(profile), token=address.token
            )
            if request.url in seen:
                raise CannotList(f"{name} lists in a circle: a page names an earlier one as next")
        else:
            raise CannotList(f"{name} lists more than {_MOST_PAGES} pages; ask for fewer days")
    return found, foreign


def _compare(
    work: Work,
    tenant_id: str,
    insurer: str,
    since: datetime,
    until: datetime,
    theirs: Counter[str],
) -> Iterator[Difference]:
    for row in booked.booked(work, tenant_id, insurer, since, until):
        if row.claim_identifier not in theirs and _was_booked(work, row):
            yield Difference("ours", row.claim_identifier, row.id, row.state, 0)
    known = booked.known(work, sorted(theirs))
    for identifier, times in sorted(theirs.items()):
        found = known.get(identifier)
        if found is not None and (found.tenant_id, found.insurer_id) != (tenant_id, insurer):
            continue  # another tenant's, or another insurer's at the same address
        submission, state = (None, None) if found is None else (found.id, found.state)
        if times > 1:
            yield Difference("twice", identifier, submission, state, times)
        if found is None or not (state in _UNDER_WAY or _was_booked(work, found)):
            yield Difference("theirs", identifier, submission, state, times)


def _was_booked(work: Work, row: Row[Any]) -> bool:
    """An edited claim is superseded too, and never was accepted."""
    if row.state == State.SUPERSEDED.value:
        facts = ledger.of_submission(work, row.tenant_id, row.id)
        return any(fact.kind == "acknowledged" for fact in facts)
    return bool(row.state == State.ACCEPTED.value)
