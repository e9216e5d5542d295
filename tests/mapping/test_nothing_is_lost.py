"""In every standard alike: no line, no cent and no diagnosis is lost or made up, and every byte
that is emitted survives a round trip."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapping_cases import FIXTURES, INSURERS, a_claim, a_decision, case_of, goldens_of, shipped
from pas_conversation import SPOKEN_BY, conversation

from payer_gateway.domain.claim import Use
from payer_gateway.domain.consultation import SERVICES, Coding, Consultation, Diagnosis, Service
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import MINOR_DIGITS, Money
from payer_gateway.mapping.bundle import build
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.consultation import read_consultation

EVERY = sorted((*FIXTURES.glob("synthea/*.json"), *FIXTURES.glob("consultations/*.json")))
SPEAKS = {
    "r4": ("northwind-ppo", Use.CLAIM),
    "pas-2.2.1": ("northwind-ppo", Use.PREAUTHORIZATION),
    "pas-2.0.1": ("state-medicaid", Use.PREAUTHORIZATION),
}
ICD_US, ICD_WHO = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"


@cache
def asked() -> Consultation:
    return case_of("northwind-ppo", "oncology-video-with-tumour-board").consultation


def line(currency: str) -> st.SearchStrategy[Service]:
    return st.builds(
        lambda code, modifiers, place, serviced, quantity, minor, case_rate: Service(
            code,
            tuple(modifiers),
            place,
            serviced,
            quantity,
            Money.from_minor(minor, currency),
            case_rate,
        ),
        code=st.sampled_from(sorted(set(SERVICES) - {"translation-page"})),
        modifiers=st.lists(st.sampled_from(["SM", "GT", "95", "FQ"]), unique=True, max_size=4),
        place=st.sampled_from([None, "02", "10", "11"]),
        serviced=st.one_of(
            st.dates(date(2026, 1, 1), date(2026, 12, 31)),
            st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
        ),
        quantity=st.integers(1, 9999),
        minor=st.integers(0, 10**11),
        case_rate=st.sampled_from([None, None, "second-opinion-case"]),
    )


lines_of_one_currency = st.sampled_from(["USD", "JPY", "KWD"]).flatmap(
    lambda currency: st.lists(line(currency), min_size=1, max_size=12)
)
found = st.lists(
    st.tuples(
        st.sampled_from([ICD_US, ICD_WHO]),
        st.from_regex(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?", fullmatch=True),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


def money(amount: Any) -> Money:
    digits = -Decimal(amount["value"]).as_tuple().exponent  # type: ignore[operator]
    assert digits == MINOR_DIGITS[amount["currency"]]
    return Money(Decimal(amount["value"]), amount["currency"])


def diagnoses_told(claim: Any) -> list[tuple[str, str]]:
    """Those of Claim.diagnosis, and those of other code sets beside it."""
    concepts = [each["diagnosisCodeableConcept"] for each in claim.get("diagnosis", ())]
    concepts += [
        info["code"]
        for info in claim.get("supportingInfo", ())
        if info["category"]["coding"][0]["code"] == "diagnosis"
    ]
    return [(c["coding"][0]["system"], c["coding"][0]["code"]) for c in concepts]


@pytest.mark.parametrize("standard", SPEAKS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=lines_of_one_currency, codes=found)
def test_no_line_no_cent_and_no_diagnosis_is_lost_or_made_up(
    standard: str, lines: list[Service], codes: list[tuple[str, str]]
) -> None:
    insurer, use = SPEAKS[standard]
    profile = shipped(insurer)
    consultation = dataclasses.replace(
        asked(),
        services=tuple(lines),
        diagnoses=tuple(
            Diagnosis(Coding(*code), "secondary" if n else "principal")
            for n, code in enumerate(codes)
        ),
    )
    coverage = consultation.coverages[0]

    made = build(profile, consultation, coverage, a_claim(use), a_decision())

    sent: Any = parse_json(made.body)
    assert canonical_json(sent) == made.body
    claim = sent["entry"][0]["resource"]
    # One item for every service; where there are case rates, one for all that one takes in.
    whole = [item for item in claim["item"] if "detail" in item]
    assert len(whole) == (standard == "r4" and any(each.case_rate for each in lines))
    for item in whole:
        assert money(item["net"]).amount == sum(
            money(part["net"]).amount for part in item["detail"]
        )
    charged = [part for item in claim["item"] for part in item.get("detail", [item])]
    expected = [each for each in lines if not (whole and each.case_rate)]
    at = next((n for n, item in enumerate(claim["item"]) if "detail" in item), 0)
    expected[at:at] = [each for each in lines if whole and each.case_rate]
    assert [
        (
            tuple(modifier["coding"][0]["code"] for modifier in item.get("modifier", ())),
            item["quantity"]["value"],
            money(item["unitPrice"]),
            money(item["net"]),
        )
        for item in charged
    ] == [(each.modifiers, each.quantity, each.unit_price, each.net) for each in expected]
    assert money(claim["total"]).amount == sum(each.net.amount for each in lines)
    assert sorted(diagnoses_told(claim)) == sorted(codes)


def emitted() -> list[tuple[str, bytes]]:
    bodies = [
        (f"golden {insurer} {case.folder.name} {use}", body)
        for insurer in INSURERS
        for case in goldens_of(insurer).cases
        for use, body in case.bundles.items()
    ]
    for insurer in SPOKEN_BY.values():
        bodies += [(f"{insurer} {step}", body) for step, body in conversation(insurer).items()]
    return bodies


def test_goldens_updates_and_questions_survive_a_round_trip() -> None:
    bodies = emitted()

    assert len(bodies) > 20
    for name, body in bodies:
        assert canonical_json(parse_json(body)) == body, name


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
@pytest.mark.parametrize("standard", SPEAKS)
def test_every_consultation_survives_a_round_trip(path: Path, standard: str) -> None:
    insurer, use = SPEAKS[standard]
    profile = shipped(insurer)
    consultation = read_consultation(path.read_bytes()).consultation
    try:
        made = build(
            profile, consultation, consultation.coverages[0], a_claim(use), a_decision()
        ).body
    except MappingError as missing:
        pytest.fail(str(missing))

    assert canonical_json(parse_json(made)) == made
