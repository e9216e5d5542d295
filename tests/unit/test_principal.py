"""Who may do what: a table, everything else is denied."""

from __future__ import annotations

import pytest

from payer_gateway.domain.errors import NotAllowed
from payer_gateway.domain.principal import ALLOWED, Act, Principal, Role

MAY = {
    Role.PROVIDER: {
        Act.SUBMIT_CONSULTATION,
        Act.CHECK_ELIGIBILITY,
        Act.ASK_COVERAGE,
        Act.READ_CONSULTATION,
        Act.CORRECT_CLAIM,
        Act.READ_SUBMISSION,
    },
    Role.INSURER: {Act.DECIDE_ROSTER, Act.ASK_COVERAGE, Act.BRING_ANSWERS},
    Role.EMPLOYER: set(),
    Role.OPS: set(Act) - {Act.DELIVER, Act.BRING_ANSWERS},
    Role.WORKER: {Act.DELIVER},
}


def test_every_role_stands_in_the_table() -> None:
    assert set(ALLOWED) == set(Role) == set(MAY)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("act", list(Act))
def test_a_role_may_do_what_its_row_lists_and_nothing_else(role: Role, act: Act) -> None:
    principal = Principal("default", role, "somebody")

    if act in MAY[role]:
        principal.must_be_allowed(act)
    else:
        with pytest.raises(NotAllowed, match=f"role {role} may not {act}"):
            principal.must_be_allowed(act)


def test_an_employer_learns_nothing_of_anybodys_claims() -> None:
    employer = Principal("default", Role.EMPLOYER, "acme")

    for act in (Act.READ_CONSULTATION, Act.READ_SUBMISSION, Act.READ_BYTES):
        with pytest.raises(NotAllowed):
            employer.must_be_allowed(act)
