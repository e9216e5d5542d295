"""The JSON shape of the people, organizations and policies that a consultation names."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from marshmallow import validates_schema

from payer_gateway.codes import npi_is_valid
from payer_gateway.domain import consultation as c
from payer_gateway.mapping.consultation_fields import (
    Choice,
    Day,
    DayOrInstant,
    Flag,
    Many,
    Part,
    Shape,
    Text,
    Whole,
    at,
)

_SYSTEM = r"(https?://|urn:)\S+"


def system_field(optional: bool = False) -> Text:
    what = 'the URI of the code system, such as "http://hl7.org/fhir/sid/icd-10-cm"'
    return Text(what, shape=_SYSTEM, optional=optional)


def code_field() -> Text:
    return Text("a code of that system, without spaces", longest=40, shape=r"\S+")


def country_field(optional: bool = False) -> Text:
    what = 'two letters of ISO 3166-1, such as "US" or "JP"'
    return Text(what, shape="[A-Za-z]{2}", spell=str.upper, optional=optional)


def _npi() -> Text:
    what = "a provider number (NPI): ten digits, of which the last checks the others"
    return Text(what, accept=npi_is_valid, optional=True)


def _given() -> Many:
    return Many(Text("a given name"), "given names, or [] for somebody with one name")


class IdentifierShape(Shape):
    what = "an identifier with system and value"
    makes = c.Identifier
    system = Text('a URI, such as "http://hl7.org/fhir/sid/us-npi" or "urn:oid:1.2"', shape=_SYSTEM)
    value = Text("the identifier's value")


def _identifiers() -> Many:
    return Many(IdentifierShape, "identifiers with system and value", optional=True)


class CodingShape(Shape):
    what = "a code with its system"
    makes = c.Coding
    system = system_field()
    code = code_field()


class ProcedureShape(Shape):
    what = "a procedure with system, code and, if known, planned_on"
    system = system_field()
    code = code_field()
    planned_on = Day(optional=True)

    def build(self, data: dict[str, Any]) -> c.Procedure:
        return c.Procedure(c.Coding(data["system"], data["code"]), data["planned_on"])


class PeriodShape(Shape):
    what = "a period with start and end"
    makes = c.Period
    start = DayOrInstant(optional=True)
    end = DayOrInstant(optional=True)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data.get("start"), data.get("end")
        if start is None or end is None:
            return
        if isinstance(start, datetime) and isinstance(end, datetime):
            is_ordered = start <= end
        else:
            is_ordered = _day_of(start) <= _day_of(end)
        if not is_ordered:
            raise at(("end",), "write an end that is not before the start")


def _day_of(when: date | datetime) -> date:
    return when.date() if isinstance(when, datetime) else when


class NameShape(Shape):
    what = "a name with family and given"
    makes = c.Name
    family = Text("the family name")
    given = _given()


class AddressShape(Shape):
    what = "an address with at least the country"
    makes = c.Address
    line = Many(Text("a line of the address"), "address lines", most=10, optional=True)
    city = Text("the city", optional=True)
    state = Text("the state, prefecture or province", optional=True)
    postal_code = Text("the postal code", longest=20, optional=True)
    country = country_field()


class PatientShape(Shape):
    what = "the patient with family, given, sex and birth_date"
    identifiers = _identifiers()
    family = Text("the family name")
    given = _given()
    phonetic = Part(NameShape, optional=True)
    sex = Choice(("male", "female", "other", "unknown"))
    birth_date = Day()
    address = Part(AddressShape, optional=True)

    def build(self, data: dict[str, Any]) -> c.Patient:
        return c.Patient(name=c.Name(data.pop("family"), data.pop("given")), **data)


class CoverageShape(Shape):
    what = "a coverage with order, insurer, plan, member_id, relationship and period"
    makes = c.Coverage
    order = Whole(1, 99)
    insurer = Text("the insurer's name or an alias of it, as its mapping file has them")
    plan = Text("the plan's name, as its folder under mappings/plans spells it")
    member_id = Text("the member's number with the insurer", longest=80)
    relationship = Choice(("self", "spouse", "child", "parent", "common", "other", "injured"))
    period = Part(PeriodShape)
    status = Choice(
        ("active", "cancelled", "draft", "entered-in-error"), optional=True, default="active"
    )
    subscriber = Part(NameShape, optional=True)
    network = Text("the network's name", optional=True)


class PractitionerShape(Shape):
    what = "a practitioner with family, given and, if there is one, npi"
    npi = _npi()
    identifiers = _identifiers()
    family = Text("the family name")
    given = _given()
    taxonomy = Text(
        'a NUCC taxonomy code, such as "207RX0202X"', shape="[0-9A-Z]{9}X", optional=True
    )
    licensed_in = Many(
        Text('a place of ISO 3166, such as "US-MA" or "JP"', shape="[A-Z]{2}(-[A-Z0-9]{1,3})?"),
        "places of ISO 3166",
        optional=True,
    )

    def build(self, data: dict[str, Any]) -> c.Practitioner:
        return c.Practitioner(name=c.Name(data.pop("family"), data.pop("given")), **data)


class OrganizationShape(Shape):
    what = "an organization with at least its name"
    makes = c.Organization
    npi = _npi()
    identifiers = _identifiers()
    name = Text("the organization's name")
    tin = Text("the tax number", longest=40, optional=True)
    country = country_field(optional=True)
    network = Choice(("in", "out"), optional=True)
    center_of_excellence = Flag(optional=True)


def _known_by_number(data: dict[str, Any], original: object) -> None:
    """Whoever gives the opinion must be known to an insurer by a number."""
    if isinstance(original, dict) and not original.get("npi") and not original.get("identifiers"):
        raise at(("npi",), "add the npi, or, where there is none, an entry in identifiers")


class ResponsibleShape(PractitionerShape):
    what = "the practitioner who gives the opinion, with family, given and npi or identifiers"

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _numbered(self, data: dict[str, Any], original: object, **_: Any) -> None:
        _known_by_number(data, original)


class BillingShape(OrganizationShape):
    what = "the organization that bills, with name and npi or identifiers"

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _numbered(self, data: dict[str, Any], original: object, **_: Any) -> None:
        _known_by_number(data, original)


class FirstOpinionShape(Shape):
    what = "an opinion with given_on and practitioner"
    given_on = Day()
    practitioner = Part(PractitionerShape)
    organization = Part(OrganizationShape, optional=True)
    diagnosis = Part(CodingShape, optional=True)
    proposed_procedure = Part(ProcedureShape, optional=True)
    recommends_surgery = Flag(optional=True)

    def build(self, data: dict[str, Any]) -> c.Opinion:
        return c.Opinion(**{"agrees": None, **data})


class SecondOpinionShape(FirstOpinionShape):
    agrees = Flag(optional=True)


class ProviderShape(Shape):
    what = "who gives the opinion now: practitioner and organization"
    makes = c.Provider
    practitioner = Part(ResponsibleShape)
    organization = Part(BillingShape)


class TeamMemberShape(Shape):
    what = "a team member with practitioner and role"
    makes = c.TeamMember
    practitioner = Part(PractitionerShape)
    role = Choice(("assist", "supervisor", "other"))
