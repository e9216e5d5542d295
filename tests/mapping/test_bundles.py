"""What is sent: nothing lost, nothing made up, sound by the FHIR library and by our own checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import (
    FIXTURES,
    INSURERS,
    EditedShelf,
    a_claim,
    a_decision,
    case_of,
    edited,
    goldens_of,
    shipped,
)

from payer_gateway.domain.claim import Use
from payer_gateway.domain.consultation import (
    SERVICES,
    Coding,
    Consultation,
    Diagnosis,
    Document,
    Service,
)
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import Money
from payer_gateway.mapping.bundle import Built, build, render
from payer_gateway.mapping.bundle_check import check
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.consultation import read_consultation


def consultation() -> Consultation:
    return case_of("northwind-ppo", "oncology-video-with-tumour-board").consultation


def built(consultation: Consultation, use: Use = Use.CLAIM, **facts: Any) -> Built:
    claim = a_claim(use, **facts)
    coverage = consultation.coverages[0]
    return build(shipped("northwind-ppo"), consultation, coverage, claim, a_decision())


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


services = st.builds(
    lambda code, modifiers, place, serviced, quantity, cents: Service(
        code, tuple(modifiers), place, serviced, quantity, Money.from_minor(cents, "USD")
    ),
    code=st.sampled_from(sorted(SERVICES)),
    modifiers=st.lists(st.sampled_from(["SM", "GT", "95", "FQ"]), unique=True, max_size=4),
    place=st.sampled_from([None, "02", "10", "11"]),
    serviced=st.one_of(
        st.dates(date(2026, 1, 1), date(2026, 12, 31)),
        st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    quantity=st.integers(1, 9999),
    cents=st.integers(0, 10**11),
)
diagnosis_codes = st.lists(
    st.from_regex(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?", fullmatch=True),
    min_size=1,
    max_size=12,
    unique=True,
)


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(services, min_size=1, max_size=20), codes=diagnosis_codes)
def test_no_line_no_cent_and_no_diagnosis_is_lost_or_made_up(
    lines: list[Service], codes: list[str]
) -> None:
    system = "http://hl7.org/fhir/sid/icd-10-cm"
    asked = dataclasses.replace(
        consultation(),
        services=tuple(lines),
        diagnoses=tuple(
            Diagnosis(Coding(system, code), "secondary" if n else "principal")
            for n, code in enumerate(codes)
        ),
    )
    profile = shipped("northwind-ppo")

    claim_made = a_claim()
    bundle = render(profile, asked, asked.coverages[0], claim_made, a_decision())

    assert list(check(bundle)) == []
    sent: Any = parse_json(canonical_json(bundle))
    claim = sent["entry"][0]["resource"]
    theirs = profile.codes["service"].values
    assert [
        (
            item["productOrService"]["coding"][0]["code"],
            tuple(m["coding"][0]["code"] for m in item.get("modifier", ())),
            item["quantity"]["value"],
            Decimal(item["unitPrice"]["value"]),
            Decimal(item["net"]["value"]),
        )
        for item in claim["item"]
    ] == [
        (theirs[s.code], s.modifiers, s.quantity, s.unit_price.amount, s.net.amount) for s in lines
    ]
    assert Decimal(claim["total"]["value"]) == sum(s.net.amount for s in lines)
    assert [
        (d["diagnosisCodeableConcept"]["coding"][0]["code"], "type" in d)
        for d in claim["diagnosis"]
    ] == [(code, n == 0) for n, code in enumerate(codes)]


def test_the_first_opinions_diagnosis_never_stands_in_claim_diagnosis() -> None:
    changed = case_of("sakura-life", "cross-border-hybrid")
    bundle: Any = parse_json(changed.bundles[Use.CLAIM])

    claim, condition = resources(bundle, "Claim")[0], resources(bundle, "Condition")[0]

    found = [d["diagnosisCodeableConcept"]["coding"][0]["code"] for d in claim["diagnosis"]]
    assert found == ["C25.4"]
    assert condition["code"]["coding"][0]["code"] == "C25.0"
    assert condition["verificationStatus"]["coding"][0]["code"] == "refuted"


def test_the_question_and_the_exchange_rate_stand_where_each_standard_has_a_place_for_them() -> (
    None
):
    case = case_of("northwind-ppo", "oncology-video-with-tumour-board")
    question, rate = case.consultation.question, case.consultation.exchange_rate
    assert question is not None and rate is not None
    billed: Any = parse_json(built(case.consultation).body)
    asked: Any = parse_json(built(case.consultation, Use.PREAUTHORIZATION).body)

    told: dict[str, dict[str, Any]] = {"billed": {}, "asked": {}}
    for use, bundle in (("billed", billed), ("asked", asked)):
        for info in resources(bundle, "Claim")[0]["supportingInfo"]:
            told[use][info["category"]["coding"][0]["code"]] = info

    assert resources(billed, "ServiceRequest")[0]["note"] == [{"text": question}]
    assert "note" not in resources(asked, "ServiceRequest")[0]
    assert told["asked"]["freeFormMessage"]["valueString"] == question
    for infos in told.values():
        assert infos["fx-rate"]["valueString"] == f"1 USD = {rate.rate} {rate.currency}"
        assert infos["fx-rate"]["timingDate"] == str(rate.quoted_on)


def test_a_prior_authorization_tells_no_outcome() -> None:
    asked = built(consultation(), Use.PREAUTHORIZATION).body.decode()

    assert "opinion-outcome" not in asked
    assert "opinion-outcome" in built(consultation()).body.decode()


def test_same_arguments_same_bytes_and_another_claim_other_ids() -> None:
    first, again = built(consultation()), built(consultation())
    other = built(consultation(), id="00000000-0000-4000-8000-0000000000fe")

    assert first.body == again.body
    ids = [{e["resource"]["id"] for e in b.bundle["entry"]} for b in (first, other)]
    assert not ids[0] & ids[1]


def test_amounts_keep_their_digits() -> None:
    assert b'"value":420.00}' in built(consultation()).body
    yen = case_of("sakura-life", "in-person-in-yen").bundles[Use.CLAIM]
    assert b'"currency":"JPY","value":44000}' in yen


def test_an_instant_becomes_the_day_in_the_insurers_zone() -> None:
    # 20:00 on 31 July in New York is 1 August in Tokyo.
    bundle: Any = parse_json(case_of("sakura-life", "cross-border-hybrid").bundles[Use.CLAIM])

    assert resources(bundle, "Claim")[0]["item"][0]["servicedDate"] == "2026-08-01"


def test_a_test_insurer_is_told_that_it_is_a_test_and_a_live_one_is_not() -> None:
    live = edited("northwind-ppo", lambda d: d.update(stage="live"))
    asked = consultation()
    arguments = (asked, asked.coverages[0], a_claim(), a_decision())

    assert b"HTEST" in canonical_json(render(shipped("northwind-ppo"), *arguments))
    assert b"HTEST" not in canonical_json(render(live, *arguments))


def test_a_document_is_named_by_its_sha256() -> None:
    bundle = built(consultation()).bundle

    document = resources(bundle, "DocumentReference")[0]

    assert document["identifier"] == [
        {
            "system": "urn:ietf:rfc:3986",
            "value": "ni:///sha-256;qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo",
        }
    ]
    assert "hash" not in document["content"][0]["attachment"]


def test_a_document_too_large_for_fhir_is_sent_without_its_size() -> None:
    large = Document("11526-1", "Slide", "image/tiff", "https://r.example/1", "0" * 64, 2**31)
    asked = dataclasses.replace(consultation(), documents=(large,))

    attachment = resources(built(asked).bundle, "DocumentReference")[0]["content"][0]

    assert "size" not in attachment["attachment"]


def test_a_code_the_insurer_does_not_take_is_refused_before_anything_is_made() -> None:
    asked = case_of("medicare-b", "records-review").consultation
    line = dataclasses.replace(asked.services[0], code="translation-page")
    asked = dataclasses.replace(asked, services=(line,))

    with pytest.raises(MappingError) as refused:
        build(shipped("medicare-b"), asked, asked.coverages[0], a_claim(), a_decision())

    for part in ("medicare-b/v1.yaml", "Claim.item.productOrService", "'translation-page'"):
        assert part in str(refused.value)


def test_a_prior_result_without_a_coverage_before_it_is_refused() -> None:
    case = case_of("state-medicaid", "after-the-primary")
    alone = dataclasses.replace(case.consultation, coverages=(case.coverage,))

    with pytest.raises(MappingError, match="no coverage"):
        build(
            shipped("state-medicaid"), alone, case.coverage, case.claims[Use.CLAIM], case.decision
        )


@pytest.mark.parametrize("insurer", INSURERS)
def test_every_golden_bundle_is_sound_and_loads_in_r4b(insurer: str) -> None:
    for case in goldens_of(insurer).cases:
        for body in case.bundles.values():
            bundle: Any = parse_json(body)
            assert check(bundle) == [], case.folder
            Bundle.model_validate(bundle)


SHARED = sorted((FIXTURES / "consultations").glob("*.json"))


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_every_shared_consultation_becomes_a_sound_bundle(path: Path) -> None:
    asked = read_consultation(path.read_bytes()).consultation
    shelf = EditedShelf({})
    for coverage in asked.coverages:
        profile = shelf.profile(shelf.find(coverage.insurer))
        for use in Use:
            claim = a_claim(use, coverage_order=coverage.order)

            made = build(profile, asked, coverage, claim, a_decision())

            assert made.total == asked.billed
            assert canonical_json(parse_json(made.body)) == made.body


Break = Callable[[dict[str, Any]], object]
BREAKS: dict[str, tuple[str, Break]] = {
    "use": ("Claim.use", lambda c: c.update(use="banana")),
    "status": ("Claim.status", lambda c: c.update(status="done")),
    "no identifier": ("Claim.identifier", lambda c: c.pop("identifier")),
    "no created": ("created", lambda c: c.pop("created")),
    "no priority": ("priority", lambda c: c.pop("priority")),
    "a date": ("created", lambda c: c.update(created="2026-13-01")),
    "two focal": ("focal", lambda c: c["insurance"].append(dict(c["insurance"][0], sequence=2))),
    "no focal": ("focal", lambda c: c["insurance"][0].update(focal=False)),
    "sequence twice": ("Claim.item.sequence", lambda c: c["item"][1].update(sequence=1)),
    "a pointer": ("careTeamSequence", lambda c: c["item"][0].update(careTeamSequence=[9])),
    "net": ("net", lambda c: c["item"][0]["net"].update(value=Decimal("420.01"))),
    "total": ("total", lambda c: c["total"].update(value=Decimal("1.00"))),
    "currency": ("currency", lambda c: c["item"][0]["net"].update(currency="EUR")),
    "digits": ("amount", lambda c: c["total"].update(value=Decimal("675.001"))),
    "dangling": ("leads to no entry", lambda c: c["patient"].update(reference="Patient/1")),
    "outside": ("billablePeriod", lambda c: c["item"][0].update(servicedDate="2025-01-01")),
    "unknown element": ("colour", lambda c: c.update(colour="blue")),
    "backwards": (
        "billablePeriod",
        lambda c: c.update(billablePeriod={"start": "2026-05-01", "end": "2026-04-01"}),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_bundle_is_found(name: str) -> None:
    words, break_it = BREAKS[name]
    bundle: Any = parse_json(built(consultation()).body)

    break_it(bundle["entry"][0]["resource"])

    assert any(words in problem for problem in check(bundle)), check(bundle)
