"""Every table of codes that a mapping may hold, with our side of it: the codes that an insurer's
file must cover, each mapped or named as unsupported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from payer_gateway.domain.claim import Relation, Use
from payer_gateway.domain.consultation import (
    CASE_RATES,
    SERVICES,
    CoverageStatus,
    Mandate,
    Mode,
    Relationship,
    Urgency,
)

# Patient.sex and TeamMember.role are Literals written in place; named here once more on purpose,
# a test holds them equal.
SEXES = ("male", "female", "other", "unknown")
CARE_ROLES = ("responsible", "earlier_opinion", "assist", "supervisor", "other")

OUR_CODES: Mapping[str, tuple[str, ...]] = {
    # how urgent, as Claim.priority and as ServiceRequest.priority
    "claim_priority": get_args(Urgency),
    "request_priority": get_args(Urgency),
    "level_of_service": get_args(Urgency),
    "relationship": get_args(Relationship),
    "coverage_status": get_args(CoverageStatus),
    "service": tuple(SERVICES),
    # what a prior authorization asks leave for, and what its quantity counts
    "case_rate": tuple(CASE_RATES),
    "requested_service": tuple(SERVICES),
    "unit": tuple(SERVICES),
    "mode": get_args(Mode),
    "sex": SEXES,
    "use": tuple(Use),
    # what was asked for: the number of this opinion
    "opinion": ("second", "third"),
    "care_role": CARE_ROLES,
    "organization_role": ("insurer", "provider"),
    "organization_profile": ("insurer", "provider"),
    "relation": tuple(Relation),
    # whether the first opinion's diagnosis still stands
    "standing": ("held", "overturned"),
    "claim_standing": ("current", "withdrawn"),
    "request_standing": ("asked", "done"),
    # what an insurer has words of its own for, where no dialect has; see OPEN for the last two
    "service_type": ("3", "20", "21"),
    "mandate": get_args(Mandate),
    "modifier": (),
    "place": (),
}
# Sets that have no end of ours: an insurer's table lists what it takes, and any other code is an
# error when it comes.
OPEN = frozenset({"modifier", "place"})
