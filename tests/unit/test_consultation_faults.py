"""A consultation that is wrong: every fault names its path, the value and what to write."""

from decimal import Decimal

import pytest
from consultation_documents import Change, a_document, drop, faults, put

from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.consultation import read_consultation

A_DAY = 'such as "2026-03-12"'
AN_INSTANT = "an instant with its offset from UTC"
SERVICE = "services.0."
PRICE = "services.0.unit_price."
RATE = {"currency": "EUR", "rate": "0.92", "quoted_on": "2026-03-02"}
WRONG: list[tuple[Change, str, str]] = [
    # presence
    (drop("id"), "id", "add it: your id of this consultation"),
    (drop("patient.sex"), "patient.sex", 'add it: one of "male"'),
    (drop("coverages"), "coverages", "add it: coverages, or [] when the patient pays"),
    (drop("provider"), "provider", "add it: who gives the opinion now"),
    (put("language", None), "language", "leave it out, or write a language tag"),
    (put("documents", None), "documents", "leave it out, or write documents"),
    (put("patient", None), "patient", "write the patient with family"),
    (put("insurance", "x"), "insurance", "remove it; known here: authorization, benefit"),
    (put("patient.middle", "x"), "patient.middle", "known here: address, birth_date, family"),
    (put("services.0.a-b", 1), 'services[0]["a-b"]', "remove it; known here: case_rate, code"),
    (put("_schema", 1), "_schema", "remove it; known here"),
    # kinds
    (put("patient", []), "patient", "write the patient with family"),
    (put("services", {}), "services", "in square brackets"),
    (put("services.0", "x"), "services[0]", "write a service with code"),
    (put("services", []), "services", "it is empty: write services"),
    (put("documents", [{}] * 101), "documents", "write at most 100 here; these are 101"),
    (put("patient.family", 7), "patient.family", "as text in quotes"),
    (put("interpreter", "true"), "interpreter", "true or false, without quotes"),
    # text
    (put("patient.family", "  "), "patient.family", "it is empty: write the family name"),
    (put("patient.family", "a\nb"), "patient.family", "remove line breaks"),
    (put("patient.family", "a\0b"), "patient.family", "remove line breaks"),
    (put("patient.given.1", "a\u202eb"), "patient.given[1]", "characters that cannot be seen"),
    (put("patient.family", "x" * 201), "patient.family", "shorten it to at most 200"),
    (put("coverages.0.member_id", "x" * 81), "coverages[0].member_id", "at most 80 characters"),
    # closed words
    (put("mode", "video"), "mode", 'one of "telemedicine", "in_person", "hybrid"'),
    (put("mode", []), "mode", 'one of "telemedicine"'),
    (put("urgency", "asap"), "urgency", '"elective", "urgent", "emergency"'),
    (put("benefit", "dental"), "benefit", '"oncology", "complex_surgery"'),
    (put("mandated", "yes"), "mandated", '"plan-required"'),
    (put("coverages.0.relationship", "me"), "coverages[0].relationship", '"self", "spouse"'),
    (put("coverages.0.status", "on"), "coverages[0].status", '"active", "cancelled"'),
    (put("team.0.role", "boss"), "team[0].role", '"assist", "supervisor"'),
    (put("diagnoses.0.role", "main"), "diagnoses[0].role", '"principal", "secondary"'),
    (put("outcome.diagnosis", "ok"), "outcome.diagnosis", '"diagnosis-confirmed"'),
    (put("outcome.treatment", "A B"), "outcome.treatment", '"treatment-changed"'),
    (put("provider.organization.network", "x"), "provider.organization.network", '"in", "out"'),
    # numbers
    (put("opinion_number", 1), "opinion_number", "a whole number from 2 to 3"),
    (put("opinion_number", Decimal("2.0")), "opinion_number", "a whole number"),
    (put("opinion_number", True), "opinion_number", "a whole number"),
    (put(SERVICE + "quantity", 0), "services[0].quantity", "from 1 to 9999"),
    (put(SERVICE + "quantity", "1"), "services[0].quantity", "without quotes"),
    (put("documents.0.size", -1), "documents[0].size", "a whole number from 0"),
    # time
    (put("patient.birth_date", "14/05/1979"), "patient.birth_date", A_DAY),
    (put("patient.birth_date", "1979-02-30"), "patient.birth_date", "there is no day 1979-02-30"),
    (put("patient.birth_date", "1779-05-14"), "patient.birth_date", "between 1900 and 2200"),
    (put("patient.birth_date", "19790514"), "patient.birth_date", A_DAY),
    (put("requested_at", "2026-02-16T15:00:00"), "requested_at", AN_INSTANT),
    (put("requested_at", "2026-02-16"), "requested_at", AN_INSTANT),
    (put("requested_at", "2026-02-16T25:00:00Z"), "requested_at", "there is no such time"),
    (put("requested_at", "2026-02-16T15:00:00+23:00"), "requested_at", AN_INSTANT),
    (put("requested_at", "1026-02-16T15:00:00Z"), "requested_at", AN_INSTANT),
    (
        put("coverages.0.period", {"start": "2026-02-01", "end": "2026-01-31"}),
        "coverages[0].period.end",
        "an end that is not before the start",
    ),
    (put("coverages.0.period.start", "2026"), "coverages[0].period.start", A_DAY),
    (put("coverages.0.period.end", "2026-01-31T00:00:00"), "coverages[0].period.end", AN_INSTANT),
    # codes and numbers with a check digit
    (
        put("provider.practitioner.npi", "1555000129"),
        "provider.practitioner.npi",
        "ten digits, of which the last checks the others",
    ),
    (drop("provider.practitioner.npi"), "provider.practitioner.npi", "an entry in identifiers"),
    (drop("provider.organization.npi"), "provider.organization.npi", "an entry in identifiers"),
    (put("provider.practitioner.taxonomy", "x"), "provider.practitioner.taxonomy", "207RX0202X"),
    (
        put("provider.practitioner.licensed_in", ["Ohio"]),
        "provider.practitioner.licensed_in[0]",
        '"US-MA"',
    ),
    (put("provider.organization.country", "USA"), "provider.organization.country", "two letters"),
    (put("patient.address.country", "U1"), "patient.address.country", "two letters of ISO 3166"),
    (drop("patient.address.country"), "patient.address.country", "add it: two letters"),
    (put("patient.identifiers.0.system", "mrn"), "patient.identifiers[0].system", "a URI"),
    (put("language", "english please"), "language", '"en-US" or "ja"'),
    (put("diagnoses.0.system", "icd10"), "diagnoses[0].system", "the URI of the code system"),
    (put("diagnoses.0.code", "C50 411"), "diagnoses[0].code", "without spaces"),
    (put("documents.0.type", "note"), "documents[0].type", '"11488-4"'),
    (put("documents.0.content_type", "pdf"), "documents[0].content_type", '"application/pdf"'),
    (put("documents.0.url", "http://x.example/a"), "documents[0].url", "starts with https://"),
    (put("documents.0.url", "https://a:b@x.example/"), "documents[0].url", "without a user"),
    (put("documents.0.url", "https://[x/"), "documents[0].url", "starts with https://"),
    (put("documents.0.sha256", "abc"), "documents[0].sha256", "64 hex digits"),
    (put("consents", [{"scope": "x"}]), "consents[0].given_on", "add it: a day"),
    # what is told and not reckoned with
    (put("question", "x" * 1001), "question", "shorten it to at most 1000"),
    (put("exchange_rate", {"currency": "EUR", "rate": "1"}), "exchange_rate.quoted_on", "add it"),
    (
        put("exchange_rate", {**RATE, "rate": Decimal("0.92")}),
        "exchange_rate.rate",
        "a rate above 0 as text",
    ),
    (put("exchange_rate", {**RATE, "rate": "0.00"}), "exchange_rate.rate", "a rate above 0"),
    (put("exchange_rate", {**RATE, "rate": "1e3"}), "exchange_rate.rate", "a rate above 0"),
    (
        put("exchange_rate", {**RATE, "currency": "USD"}),
        "exchange_rate.currency",
        "write another currency than USD, which is billed",
    ),
    (put("authorization", {"number": ""}), "authorization.number", "it is empty"),
    (
        put("planned_surgery", {"system": "http://x", "code": "021109W", "planned_on": "soon"}),
        "planned_surgery.planned_on",
        A_DAY,
    ),
    # services
    (put(SERVICE + "code.system", "http://x"), "services[0].code.system", "opinion-service"),
    (put(SERVICE + "code.code", "99245"), "services[0].code.code", '"second-opinion-video"'),
    (put(SERVICE + "modifiers", ["sm"]), "services[0].modifiers[0]", '"SM"'),
    (put(SERVICE + "modifiers", ["SM", "SM"]), "services[0].modifiers[1]", "remove it; SM"),
    (put(SERVICE + "modifiers", list("ABCDE")), "services[0].modifiers", "write at most 4"),
    (put(SERVICE + "place_of_service", "98"), "services[0].place_of_service", "CMS place"),
    (drop(SERVICE + "serviced_on"), "services[0].serviced_on", "or serviced_at, an instant"),
    (
        put(SERVICE + "serviced_at", "2026-02-24T10:00:00Z"),
        "services[0].serviced_at",
        "keep either serviced_on or serviced_at",
    ),
    # money
    (put(PRICE + "value", Decimal("420.00")), "services[0].unit_price.value", 'write "420.00"'),
    (put(PRICE + "value", 420), "services[0].unit_price.value", 'write "420"'),
    (put(PRICE + "value", "-1.00"), "services[0].unit_price.value", "an amount of 0 or more"),
    (put(PRICE + "value", "1e3"), "services[0].unit_price.value", "such as"),
    (put(PRICE + "value", "1,000.00"), "services[0].unit_price.value", "such as"),
    (put(PRICE + "value", "1" * 13), "services[0].unit_price.value", "at most 12 digits"),
    (put(PRICE + "value", "420.001"), "services[0].unit_price.value", "at most 2 digits after"),
    (put(PRICE + "currency", "XAU"), "services[0].unit_price.currency", "ISO 4217"),
    (put(PRICE + "currency", "usd"), "services[0].unit_price.currency", "ISO 4217"),
    (put("services.1.unit_price.currency", "EUR"), "services[1].unit_price.currency", '"USD"'),
    (
        put("services.1", None),
        "services[1]",
        "write a service with code",
    ),
]


@pytest.mark.parametrize(("change", "path", "cure"), WRONG, ids=[f"{p} {c}" for _, p, c in WRONG])
def test_one_thing_wrong_is_one_fault_with_its_path_and_cure(
    change: Change, path: str, cure: str
) -> None:
    document = a_document()
    change(document)

    (fault,) = faults(document)

    assert fault.path == path
    assert cure in fault.cure
    assert len(str(fault.value)) <= 80


def test_yen_have_no_decimals() -> None:
    document = a_document()
    for service in document["services"]:
        service["unit_price"] = {"value": "44000.50", "currency": "JPY"}

    found = faults(document)

    assert [f.path for f in found] == [f"services[{n}].unit_price.value" for n in range(3)]
    assert found[0].cure == "write no digits after the point: JPY has none"
    assert found[0].value == "44000.50"


def test_a_line_that_no_ledger_could_hold_is_refused() -> None:
    document = a_document()
    document["services"][0] |= {
        "quantity": 9999,
        "unit_price": {"value": "999999999999", "currency": "USD"},
    }

    (fault,) = faults(document)

    assert fault.path == "services[0].unit_price.value"
    assert "quantity times price" in fault.cure


def test_exactly_one_diagnosis_is_principal_and_none_repeats() -> None:
    document = a_document()
    first = document["diagnoses"][0]

    document["diagnoses"] = [{**first, "role": "secondary"}]
    (none,) = faults(document)
    document["diagnoses"] = [first, {**first, "code": "C61"}]
    (two,) = faults(document)
    document["diagnoses"] = [first, {**first, "code": "c50411", "role": "secondary"}]
    (again,) = faults(document)

    assert (none.path, none.cure) == ("diagnoses", 'give one of them the role "principal"')
    assert (two.path, two.value) == ("diagnoses[1].role", "principal")
    assert 'write "secondary"' in two.cure
    assert again.path == "diagnoses[1].code"
    assert "stands here already" in again.cure


def test_each_coverage_has_its_own_order() -> None:
    document = a_document()
    document["coverages"] *= 2

    (fault,) = faults(document)

    assert (fault.path, fault.value) == ("coverages[1].order", 1)
    assert "write another number" in fault.cure


def test_all_faults_come_at_once_and_always_in_the_same_order() -> None:
    document = a_document()
    for change in (
        put("mode", "video"),
        put("zzz", 1),
        put("patient.sex", "f"),
        put("services.2.quantity", 0),
        put("services.0.unit_price.value", 420),
        put("services.0.modifiers", ["SM", "SM"]),
        put("coverages.0.period", {"start": "2027-01-01", "end": "2026-01-01"}),
        drop("diagnoses"),
    ):
        change(document)

    found = faults(document)

    assert [f.path for f in found] == [
        "coverages[0].period.end",
        "diagnoses",
        "mode",
        "patient.sex",
        "services[0].modifiers[1]",
        "services[0].unit_price.value",
        "services[2].quantity",
        "zzz",
    ]


def test_a_long_value_is_shown_short() -> None:
    document = a_document()
    document["mode"] = "x" * 500
    document["urgency"] = {"a": ["y" * 500]}

    mode, urgency = faults(document)

    assert mode.value == "x" * 79 + "…"
    assert str(urgency.value).startswith('{"a":["yyy')
    assert len(str(urgency.value)) == 80


@pytest.mark.parametrize(
    ("body", "cure"),
    [
        (b"", "the body is empty"),
        (b"[]", "send one consultation as a JSON object"),
        (b"7", "send one consultation as a JSON object"),
        (b'"x"', "send one consultation as a JSON object"),
        (b"null", "send one consultation as a JSON object"),
        (b"\xff", "send UTF-8"),
        (b"{", "correct the JSON"),
    ],
)
def test_what_is_no_json_object_is_told_so(body: bytes, cure: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_consultation(body)

    (fault,) = caught.value.faults
    assert fault.path == "$"
    assert cure in fault.cure


def test_no_message_of_the_library_reaches_the_sender() -> None:
    leaked = ("Missing data", "Not a valid", "Unknown field", "Invalid", "null.", "Must be")

    for change, _, _ in WRONG:
        document = a_document()
        change(document)
        assert not any(words in f.cure for f in faults(document) for words in leaked)
