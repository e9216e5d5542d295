"""Is it paid, and why: a CoverageEligibilityRequest is answered, and nothing of it is kept.

Read first, outside of any transaction; then one transaction that only reads; the decisions are
those of ``decide``, as for a consultation.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from payer_gateway.domain.eligibility import Question, Snapshot, decide
from payer_gateway.domain.eligibility_case import case_of
from payer_gateway.domain.eligibility_roster import by_roster
from payer_gateway.domain.eligibility_standing import allowances, standing
from payer_gateway.domain.errors import Fault, InvalidInput, MappingError, NotAllowed
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.principal import Act, Principal, Role
from payer_gateway.domain.reasons import Code
from payer_gateway.mapping.eligibility_asked import Cover, opinion_question, plan_question
from payer_gateway.mapping.eligibility_item import ItemAnswer
from payer_gateway.mapping.eligibility_people import Policy
from payer_gateway.mapping.eligibility_request import Ask, read_request
from payer_gateway.mapping.eligibility_response import CoverAnswer, response_of
from payer_gateway.mapping.profile import Profile
from payer_gateway.storage import roster
from payer_gateway.storage.database import Work
from payer_gateway.storage.known import known_of
from payer_gateway.workflow import enrolment
from payer_gateway.workflow.judging import keys_of, opinions_used
from payer_gateway.workflow.services import Services

_NETWORKS = ("in", "out")
_NUMBER = "add the member number as the card has it: an identifier of type MB, or subscriberId"
_CHECK = "write the member number as the card has it; nobody is on the plan's roster under this one"


class MemberUnknown(InvalidInput):
    """The insurer's roster for the plan has nobody under that number."""

    reason = Code.MEMBER_NOT_FOUND


def submit(s: Services, principal: Principal, document: object) -> dict[str, Any]:
    """The CoverageEligibilityResponse (JSON values, amounts as Decimal).

    Raises InvalidInput with every fault, MemberUnknown, NotAllowed.
    """
    principal.must_be_allowed(Act.ASK_COVERAGE)
    ask = read_request(document)
    with s.database.read() as work:
        covers = _covers(s, work, principal.tenant_id, ask)
        _only_its_own(principal, covers)
        answers = [_answer(s, work, principal.tenant_id, ask, cover) for cover in covers]
        now = work.now
    not_ours = [
        line
        for line in ask.lines
        if not (line.is_opinion or line.is_operation or line.is_general)
        and ask.asks_for("benefits", "auth-requirements")
    ]
    return response_of(ask, answers, not_ours, now)


def _only_its_own(principal: Principal, covers: Iterable[Cover]) -> None:
    """An insurer's key is bound to one insurer, and asks about its coverages alone."""
    if principal.role is not Role.INSURER:
        return
    if principal.insurer is None:
        raise NotAllowed(
            "this key belongs to no insurer that is known here; ask the operator for one that is"
            " added under the insurer's name"
        )
    if any(cover.profile.name != principal.insurer for cover in covers):
        raise NotAllowed("an insurer may ask about its own coverages only")


# -- which coverages ------------------------------------------------------------------------------


def _covers(s: Services, work: Work, tenant_id: str, ask: Ask) -> tuple[Cover, ...]:
    """The coverages to be answered: the focal ones, where the request marks any. Raises
    InvalidInput naming every insurer and plan that no file describes; MemberUnknown."""
    if not ask.policies:
        cure = "add the Coverage to be asked about: a reference, and the resource along with it"
        raise InvalidInput((Fault(f"{ask.request.path}.insurance", None, cure),))
    faults: list[Fault] = []
    focal = [each for each in ask.policies if each.is_focal]
    covers = []
    for policy in focal or ask.policies:
        profile = _profile(s, ask, policy, faults)
        plan = _on_roster(s, work, tenant_id, policy, profile) or _plan(s, policy, faults)
        if profile is not None and plan is not None:
            covers.append(Cover(policy, profile, plan))
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(sorted(covers, key=lambda each: each.policy.order))


def _profile(s: Services, ask: Ask, policy: Policy, faults: list[Fault]) -> Profile | None:
    created = ask.created
    day = created.date() if isinstance(created, datetime) else created
    for name in policy.insurers:
        try:
            return s.shelf.profile(s.shelf.find(name), day)
        except MappingError:
            continue
    place = f"{ask.request.path}.insurer"
    said = ", ".join(policy.insurers) or None
    known = ", ".join(s.shelf.names())
    cure = f"name an insurer that is known here on {day} by identifier or name: {known}"
    if not any(fault.path == place for fault in faults):
        faults.append(Fault(place, said, cure))
    return None


def _on_roster(
    s: Services, work: Work, tenant_id: str, policy: Policy, profile: Profile | None
) -> Plan | None:
    """Of a Coverage that is named by an identifier alone: the plan on whose roster that member is.
    None where the insurer has no roster here. Raises MemberUnknown where it has, and the member is
    on none of its plans, or on several."""
    if profile is None or policy.coverage is not None or not policy.members:
        return None
    plans = roster.plans_of(work, tenant_id, profile.name)
    if not plans:
        return None
    number = policy.members[0]
    found = [
        plan
        for plan in plans
        if (kept := enrolment.standing(work, tenant_id, profile.name, plan, number)) and kept.entry
    ]
    if len(found) != 1:
        raise _unknown(policy, "send the Coverage along, with its plan" if found else _CHECK)
    return s.plans.plan(found[0])


def _unknown(policy: Policy, cure: str) -> MemberUnknown:
    holder = policy.coverage or policy.element
    place = "$" if holder is None else f"{holder.path}.identifier"
    return MemberUnknown((Fault(place, None, cure),))


def _plan(s: Services, policy: Policy, faults: list[Fault]) -> Plan | None:
    coverage = policy.coverage
    if coverage is None:
        place = policy.element.path if policy.element is not None else "$"
        said = policy.element.text("reference") if policy.element is not None else None
        cure = "send the Coverage along: contained, or in a Bundle of type collection"
        faults.append(Fault(place, said, cure))
        return None
    if not policy.members:
        # Its allowance would be counted together with that of everybody else without a number.
        faults.append(Fault(f"{coverage.path}.identifier", None, _NUMBER))
    if policy.plan is None:
        known = ", ".join(s.plans.names())
        cure = f"add the plan: a class of type plan with one of these values: {known}"
        faults.append(Fault(f"{coverage.path}.class", None, cure))
        return None
    try:
        return s.plans.plan(policy.plan)
    except MappingError:
        known = ", ".join(s.plans.names())
        cure = f"name a plan that is known here as the class of type plan: {known}"
        faults.append(Fault(f"{coverage.path}.class", policy.plan[:80], cure))
        return None


def _billed_first(ask: Ask, policy: Policy) -> str | None:
    """The insurer of a coverage that comes before this one, by the order that each names."""
    primary = min(ask.policies, key=lambda each: each.order)
    if primary.order >= policy.order:
        return None
    return next(iter(primary.insurers), "another insurer")


# -- what is answered -----------------------------------------------------------------------------


def _answer(s: Services, work: Work, tenant_id: str, ask: Ask, cover: Cover) -> CoverAnswer:
    insurer, name, episode = cover.profile.name, cover.plan.name, ask.orders.episode
    keys = keys_of(work, tenant_id, insurer, name, cover.member_id, episode or "")
    of_member = known_of(work, tenant_id, insurer, name, keys.member, None)
    # The clock is the day on which it was asked, so that the answer does not depend on when we come
    # to it.
    known = Snapshot(
        opinions_used=opinions_used(of_member, keys, episode),
        deductible_met=None,
        as_of=_instant(ask.created, cover),
    )
    kept = enrolment.on_roster(work, tenant_id, keys.member, of_member)
    if kept is not None and kept.entry is None:
        raise _unknown(cover.policy, _CHECK)

    def told(question: Question) -> tuple[Question, Snapshot]:
        """Where the plan has a roster, the roster wins over what is asserted."""
        if kept is None:
            return question, known
        return by_roster(question, known, kept.entry, cover.plan)

    plan, first = cover.plan, _billed_first(ask, cover.policy)
    said = ask.provider.network
    networks = (said,) if said else tuple(n for n in _NETWORKS if n in plan.cost) or ("out",)
    of_plan, known_of_plan = told(plan_question(ask, cover, first, networks[0]))
    case = case_of(of_plan, plan, known_of_plan, s.codes)
    items: list[ItemAnswer] = []
    if ask.asks_for("benefits", "auth-requirements", "discovery"):
        for matter in ask.matters:
            for network in networks:
                asked, facts = told(opinion_question(ask, cover, first, network, matter))
                counted = allowances(case_of(asked, plan, facts, s.codes), (matter.opinion_number,))
                decision = decide(asked, plan, facts, s.codes)
                items.append(
                    ItemAnswer(network, tuple(counted), facts.deductible_met, matter, decision)
                )
        if any(line.is_general for line in ask.lines) or not ask.lines:
            counted_all = tuple(allowances(case, (2, 3)))
            items += [
                ItemAnswer(network, counted_all, known_of_plan.deductible_met, benefit=benefit)
                for benefit in plan.benefits.values()
                for network in networks
            ]
    source = "asserted" if kept is None else "roster"
    return CoverAnswer(cover, source, standing(case), tuple(items))


def _instant(when: date | datetime, cover: Cover) -> datetime:
    return when if isinstance(when, datetime) else datetime.combine(when, time(), cover.plan.zone)
