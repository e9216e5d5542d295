"""The JSON shape of a consultation: one class per object, each making a value of the domain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args
from urllib.parse import urlsplit

from marshmallow import ValidationError, validates_schema

from payer_gateway.codes import modifier_has_shape, place_of_service_is_known
from payer_gateway.domain import consultation as c
from payer_gateway.domain.money import MINOR_DIGITS, Money
from payer_gateway.mapping.consultation_fields import (
    Choice,
    Day,
    Flag,
    Instant,
    Many,
    Part,
    Shape,
    Text,
    Told,
    Whole,
    at,
    refuse_all,
)
from payer_gateway.mapping.consultation_people import (
    CoverageShape,
    FirstOpinionShape,
    PatientShape,
    PeriodShape,
    ProcedureShape,
    ProviderShape,
    SecondOpinionShape,
    TeamMemberShape,
    code_field,
    country_field,
    system_field,
)

_HIGHEST_LINE = Decimal(10) ** 12


class DiagnosisShape(Shape):
    what = "a diagnosis with system, code and role"
    system = system_field()
    code = code_field()
    role = Choice(("principal", "secondary"))

    def build(self, data: dict[str, Any]) -> c.Diagnosis:
        return c.Diagnosis(c.Coding(data["system"], data["code"]), data["role"])


class OutcomeShape(Shape):
    what = "the outcome with diagnosis and treatment"
    makes = c.Outcome
    diagnosis = Choice(
        ("diagnosis-confirmed", "diagnosis-refined", "diagnosis-changed"), optional=True
    )
    treatment = Text(
        'a word for it, such as "treatment-changed" or "surgery-avoided"',
        shape="[a-z]+(-[a-z]+)*",
        optional=True,
    )


class AuthorizationShape(Shape):
    what = "the authorization with its number and, if known, period"
    makes = c.Authorization
    number = Text("the number the insurer gave it", longest=80)
    period = Part(PeriodShape, optional=True)


class ServiceCodeShape(Shape):
    what = "a service code with system and code"
    system = Choice((c.OPINION_SERVICE,))
    code = Choice(c.SERVICES)

    def build(self, data: dict[str, Any]) -> str:
        return str(data["code"])


class _Amount(Told[Decimal]):
    def __init__(self) -> None:
        self._shape = Text(
            'an amount of 0 or more with at most 12 digits before the point, such as "420.00"',
            shape=r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,20})?",
        )
        super().__init__(self._shape.what)

    def read(self, value: object) -> Decimal:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            text = str(value)
            example = text if len(text) <= 20 and text[0] != "-" and "E" not in text else "420.00"
            raise self.wrong(f'write "{example}": an amount is text in quotes, never a JSON number')
        return Decimal(self._shape.read(value))


class _Rate(Told[Decimal]):
    def __init__(self) -> None:
        self._shape = Text(
            "a rate above 0 as text with at most 12 digits before and after the point, such as"
            ' "0.0067"',
            shape=r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?",
            accept=lambda text: Decimal(text) > 0,
        )
        super().__init__(self._shape.what)

    def read(self, value: object) -> Decimal:
        return Decimal(self._shape.read(value))


class PriceShape(Shape):
    what = 'a price: {"value": "420.00", "currency": "USD"}'
    value = _Amount()
    currency = Text(
        'a currency of ISO 4217, such as "USD" or "JPY"', accept=MINOR_DIGITS.__contains__
    )

    @validates_schema
    def _to_the_minor_unit(self, data: dict[str, Any], **_: Any) -> None:
        digits, value = MINOR_DIGITS[data["currency"]], data["value"]
        if -value.as_tuple().exponent > digits:
            count = f"at most {digits}" if digits else "no"
            raise at(
                ("value",),
                f"write {count} digits after the point: {data['currency']} has "
                + ("no more" if digits else "none"),
            )

    def build(self, data: dict[str, Any]) -> Money:
        return Money(data["value"], data["currency"])


class ServiceShape(Shape):
    what = "a service with code, serviced_on or serviced_at, quantity and unit_price"
    code = Part(ServiceCodeShape)
    modifiers = Many(
        Text('two capital letters or digits, such as "SM"', accept=modifier_has_shape),
        "modifiers",
        most=4,
        check=lambda items: _different(items),
        optional=True,
    )
    place_of_service = Text(
        'a CMS place of service code, such as "10" (telehealth at home) or "11" (office)',
        accept=place_of_service_is_known,
        optional=True,
    )
    serviced_on = Day(optional=True)
    serviced_at = Instant(optional=True)
    quantity = Whole(1, 9999)
    unit_price = Part(PriceShape)
    case_rate = Choice(c.CASE_RATES, optional=True)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_time(self, data: dict[str, Any], original: object, **_: Any) -> None:
        if not isinstance(original, dict):
            return
        if "serviced_on" in original and "serviced_at" in original:
            raise at(("serviced_at",), "keep either serviced_on or serviced_at; remove the other")
        if "serviced_on" not in original and "serviced_at" not in original:
            raise at(("serviced_on",), "add it: the day of the service; or serviced_at, an instant")

    def build(self, data: dict[str, Any]) -> c.Service:
        on, instant = data.pop("serviced_on"), data.pop("serviced_at")
        return c.Service(serviced=instant or on, **data)


def _different(items: tuple[str, ...]) -> None:
    refuse_all(
        {n: [f"remove it; {item} stands here already"]}
        for n, item in enumerate(items)
        if item in items[:n]
    )


def _one_currency(services: tuple[c.Service, ...]) -> None:
    first = services[0].unit_price.currency
    faults: list[dict[int, Any]] = []
    for n, service in enumerate(services):
        if service.unit_price.currency != first:
            cure = f'write "{first}": all services of a consultation have one currency'
            faults.append({n: {"unit_price": {"currency": [cure]}}})
        if service.unit_price.amount * service.quantity >= _HIGHEST_LINE:
            cure = "write less: quantity times price must stay below 1000000000000"
            faults.append({n: {"unit_price": {"value": [cure]}}})
    refuse_all(faults)


def _one_principal(diagnoses: tuple[c.Diagnosis, ...]) -> None:
    seen: set[tuple[str, str]] = set()
    principal = False
    faults: list[dict[int, Any]] = []
    for n, diagnosis in enumerate(diagnoses):
        key = (diagnosis.coding.system, diagnosis.coding.code.upper().replace(".", ""))
        if key in seen:
            faults.append({n: {"code": ["remove this diagnosis; it stands here already"]}})
        elif principal and diagnosis.role == "principal":
            cure = 'write "secondary": another diagnosis is principal already'
            faults.append({n: {"role": [cure]}})
        seen.add(key)
        principal = principal or diagnosis.role == "principal"
    refuse_all(faults)
    if not principal:
        raise ValidationError('give one of them the role "principal"')


def _own_order(coverages: tuple[c.Coverage, ...]) -> None:
    orders = [coverage.order for coverage in coverages]
    refuse_all(
        {n: {"order": [f"write another number: a coverage has order {order} already"]}}
        for n, order in enumerate(orders)
        if order in orders[:n]
    )


def _https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    return url.startswith("https://") and bool(host) and "@" not in parts.netloc


class DocumentShape(Shape):
    what = "a document with type, title, content_type, url, sha256 and size"
    makes = c.Document
    type = Text('a LOINC code, such as "11488-4"', shape="[0-9]{1,7}-[0-9]")
    title = Text("the document's title")
    content_type = Text(
        'a media type, such as "application/pdf"',
        shape=r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*",
    )
    url = Text(
        "an address that starts with https://, without a user or password in it",
        longest=2000,
        shape=r"\S+",
        accept=_https,
    )
    sha256 = Text(
        "the SHA-256 of the file: 64 hex digits", shape="[0-9a-fA-F]{64}", spell=str.lower
    )
    size = Whole(0, 10**12)


class ConsentShape(Shape):
    what = "a consent with scope and given_on"
    makes = c.Consent
    scope = Text("what it allows, in a word or two")
    given_on = Day()
    country = country_field(optional=True)


class ExchangeRateShape(Shape):
    what = "what the billed currency was worth in another: currency, rate and quoted_on"
    makes = c.ExchangeRate
    currency = Text(
        'the other currency, of ISO 4217, such as "USD" or "JPY"', accept=MINOR_DIGITS.__contains__
    )
    rate = _Rate()
    quoted_on = Day()


class ConsultationShape(Shape):
    what = "one consultation as a JSON object"
    makes = c.Consultation
    source_id = Text("your id of this consultation, unique for its source", data_key="id")
    source = Text("the name of the system it comes from", longest=80)
    episode_id = Text("the id of the illness that all opinions about it share")
    opinion_number = Whole(2, 3)
    mode = Choice(("telemedicine", "in_person", "hybrid", "records_review"))
    urgency = Choice(("elective", "urgent", "emergency"))
    language = Text(
        'a language tag, such as "en-US" or "ja"',
        longest=35,
        shape="[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*",
        optional=True,
    )
    interpreter = Flag(optional=True, default=False)
    requested_at = Instant()
    benefit = Choice(("oncology", "complex_surgery"), optional=True)
    mandated = Choice(get_args(c.Mandate), optional=True)
    patient = Part(PatientShape)
    coverages = Many(
        CoverageShape, "coverages, or [] when the patient pays", most=10, check=_own_order
    )
    first_opinion = Part(FirstOpinionShape)
    second_opinion = Part(SecondOpinionShape, optional=True)
    provider = Part(ProviderShape)
    team = Many(TeamMemberShape, "team members with practitioner and role", optional=True)
    diagnoses = Many(
        DiagnosisShape, "diagnoses with system, code and role", least=1, check=_one_principal
    )
    outcome = Part(OutcomeShape, optional=True)
    planned_surgery = Part(ProcedureShape, optional=True)
    authorization = Part(AuthorizationShape, optional=True)
    services = Many(
        ServiceShape,
        "services with code, serviced_on, quantity and unit_price",
        least=1,
        check=_one_currency,
    )
    documents = Many(DocumentShape, "documents", optional=True)
    consents = Many(ConsentShape, "consents with scope and given_on", optional=True)
    question = Text("what the second doctor is asked, in plain words", longest=1000, optional=True)
    exchange_rate = Part(ExchangeRateShape, optional=True)

    @validates_schema
    def _another_currency(self, data: dict[str, Any], **_: Any) -> None:
        rate, services = data.get("exchange_rate"), data.get("services")
        if rate and services and rate.currency == services[0].unit_price.currency:
            raise at(
                ("exchange_rate", "currency"),
                f"write another currency than {rate.currency}, which is billed; or leave it out",
            )
