"""The 34 consultations of a public synthetic population: each decided, each refusal explained in a
sentence that stands for itself."""

from __future__ import annotations

import pytest
from builders import ROOT
from eligibility_cases import CODES, SHELF

from payer_gateway.domain.eligibility import Decision, Snapshot, decide, question_of
from payer_gateway.mapping.consultation import read_consultation

FILES = sorted((ROOT / "fixtures" / "synthea").glob("*.json"))
REASONS = {
    "AUTH_REQUIRED": """
        alejandro_riojas chet_thompson granville_crooks jonathan_hermiston lavern_kassulke
        librada_tromp mitch_leannon stewart_stanton tony_beer whitney_ortiz
    """,
    "BENEFIT_CATEGORY_MISMATCH": """
        gilbert_wunsch
    """,
    "COVERED_BENEFIT": """
        adn_pulido andrea_dach andy_schaden barrett_douglas christopher_abshire darin_skiles
        donnell_torphy eddie_lakin fletcher_hyatt florentino_mertz julio_ulibarri lamont_emard
        loyd_connelly murray_hane shane_jast sherman_mcglynn tarsha_stokes thanh_mosciski
    """,
    "MODE_NOT_COVERED": """
        bambi_murray darron_feeney korey_toy luis_miguel_delarosa wendell_lesch
    """,
}
EXPECTED = {name: reason for reason, names in REASONS.items() for name in names.split()}
SENTENCES = {
    "AUTH_REQUIRED": "The complex surgery benefit needs the insurer's prior authorization.",
    "BENEFIT_CATEGORY_MISMATCH": "Neither the diagnosis R91.8 nor a planned operation falls under a"
    " second-opinion benefit of the plan (oncology, complex surgery).",
    "MODE_NOT_COVERED": "The complex surgery benefit does not cover the mode records review"
    " (covered: telemedicine, in person, hybrid).",
}


def decision_on(name: str) -> Decision:
    document = (ROOT / "fixtures" / "synthea" / f"{name}.json").read_bytes()
    consultation = read_consultation(document).consultation
    (coverage,) = consultation.coverages
    plan = SHELF.plan(coverage.plan)
    known = Snapshot({}, None, as_of=consultation.requested_at)
    return decide(question_of(consultation, coverage, plan, None), plan, known, CODES)


def test_there_are_34() -> None:
    assert {file.stem for file in FILES} == set(EXPECTED)
    assert len(FILES) == 34


@pytest.mark.parametrize("name", EXPECTED)
def test_each_is_decided_and_explained(name: str) -> None:
    (reason,) = decision_on(name).reasons

    assert reason.code.value == EXPECTED[name]
    if reason.code.value in SENTENCES:
        assert reason.sentence == SENTENCES[reason.code.value]
