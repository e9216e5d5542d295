"""A submitted Bundle read and checked: what is asked for, or everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import simplejson

from payer_gateway.sandbox.bundle import Bundle, Resource, bare_identifier, dicts, logical
from payer_gateway.sandbox.bundle import section as part
from payer_gateway.sandbox.bundle import text as read_text
from payer_gateway.sandbox.money import LARGEST, money
from payer_gateway.sandbox.profile import Profile
from payer_gateway.sandbox.refusal import Issue, Refusal

PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a claim."""

    sequence: int
    net: Decimal
    quantity: Decimal
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """A claim or prior authorization that can be booked."""

    claim: Resource
    claim_identifier: str  # system|value
    identifier: Resource
    use: str
    type: Resource
    currency: str
    lines: tuple[Line, ...]
    insurer_name: str  # as the ledger calls it
    insurer: Resource  # references of the answer
    patient: Resource
    requestor: Resource | None
    member_id: str
    pre_auth_ref: str
    serviced: tuple[date, ...]
    # Of a request in the sense of Da Vinci PAS; empty for plain FHIR R4.
    address: str = ""  # the Claim's fullUrl
    echoed: tuple[Resource, ...] = ()  # entries that come back as they were sent
    bundle: Bundle | None = None
    is_pas: bool = False


def read_bundle(body: bytes) -> Resource:
    """The Bundle in a request's body, amounts as Decimal.

    Raises Refusal (400) for anything that is no Bundle with a Claim.
    """
    try:
        raw = simplejson.loads(body.decode("utf-8"), use_decimal=True)
    except (ValueError, RecursionError):
        raise Refusal(400, Issue("structure", "The body is not JSON; send a Bundle.")) from None
    if not isinstance(raw, dict) or raw.get("resourceType") != "Bundle":
        raise Refusal(
            400, Issue("structure", "The body is no Bundle; send resourceType Bundle.", "Bundle")
        )
    if Bundle(raw).first("Claim") is None:
        raise Refusal(
            400, Issue("required", "The Bundle holds no Claim; add one.", "Bundle.entry.resource")
        )
    return raw


def read_submission(raw: Resource, profile: Profile) -> Submission:
    """The submission in a Bundle. Raises Refusal (422) with all faults found."""
    try:
        return _Reader(raw, profile).read()
    except RecursionError:
        raise Refusal(400, Issue("structure", "The Bundle is nested too deeply.")) from None


class _Reader:
    def __init__(self, raw: Resource, profile: Profile) -> None:
        self.raw, self.profile = raw, profile
        self.bundle = Bundle(raw)
        self.claim = self.bundle.first("Claim") or {}
        self.faults: list[Issue] = []

    def read(self) -> Submission:
        if self.raw.get("type") != "collection":
            self.fault("value", "Send a Bundle of type collection.", "Bundle.type")
        self.faults += self.bundle.dangling()
        identifier = next(iter(dicts(self.claim.get("identifier"))), {})
        value = read_text(identifier.get("value"))
        if not value:
            self.fault(
                "required", "Give the claim an identifier with system and value.", "identifier"
            )
        use = read_text(self.claim.get("use"))
        if use not in ("claim", "preauthorization"):
            self.fault("value", f"use '{use}' is not served; send claim or preauthorization", "use")
        claim_type = part(self.claim, "type")
        if not claim_type:
            self.fault("required", "Give the claim a type.", "type")
        currency, lines = self.lines()
        self.total(currency, lines)
        focal, member_id = self.insurance()
        insurer_name, insurer = self.insurer(focal)
        patient = self.patient(member_id)
        if self.faults:
            raise Refusal(422, *self.faults)
        return Submission(
            address=self.address(),
            echoed=self.echoed(),
            bundle=self.bundle,
            is_pas=use == "preauthorization" and speaks_pas(self.raw, self.claim),
            claim=self.claim,
            claim_identifier=f"{read_text(identifier.get('system'))}|{value}",
            identifier=bare_identifier(identifier),
            use=use,
            type=claim_type,
            currency=currency,
            lines=tuple(lines),
            insurer_name=insurer_name,
            insurer=insurer,
            patient=patient,
            requestor=self.requestor(),
            member_id=member_id,
            pre_auth_ref=self.pre_auth_ref(focal),
            serviced=self.serviced(),
        )

    def address(self) -> str:
        entries = dicts(self.raw.get("entry"))
        return next(
            (read_text(e.get("fullUrl")) for e in entries if e.get("resource") is self.claim), ""
        )

    def echoed(self) -> tuple[Resource, ...]:
        """The patient, the insurer and who asks, as they were sent."""
        named = [part(self.claim, key) for key in ("patient", "insurer", "provider")]
        found = [self.bundle.follow(reference, self.claim) for reference in named]
        return tuple(
            {"fullUrl": entry["fullUrl"], "resource": entry["resource"]}
            for entry in dicts(self.raw.get("entry"))
            if entry.get("fullUrl") and any(entry.get("resource") is each for each in found)
        )

    def fault(self, code: str, cure: str, path: str) -> None:
        where = path if path.startswith("Bundle") else f"Claim.{path}"
        self.faults.append(Issue(code, cure, where))

    def number(self, value: Any, path: str) -> Decimal | None:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.fault("required", "Give the amount as a JSON number.", path)
            return None
        amount = Decimal(value)
        if not amount.is_finite() or amount < 0 or amount >= LARGEST:
            self.fault("value", f"{value} is out of bounds; send 0 or more.", path)
            return None
        return amount

    def amount(self, raw: Resource, currency: str, path: str) -> Decimal | None:
        amount = self.number(raw.get("value"), f"{path}.value")
        if raw.get("currency") != currency:
            self.fault(
                "value",
                f"currency '{raw.get('currency')}' differs from '{currency}'; one claim has one.",
                f"{path}.currency",
            )
            return None
        try:
            return None if amount is None else money(amount, currency)
        except ValueError as fault:
            self.fault("value", f"{fault}; round it before you send it", f"{path}.value")
            return None

    def lines(self) -> tuple[str, list[Line]]:
        items = dicts(self.claim.get("item"))
        if not items:
            self.fault("required", "Add at least one item.", "item")
            return "", []
        named = (part(self.claim, "total"), *(part(item, "net") for item in items))
        currency = next((c for raw in named if (c := read_text(raw.get("currency")))), "")
        if not currency:
            self.fault("required", "Name the currency.", "total.currency")
            return "", []
        lines = []
        for index, item in enumerate(items):
            path = f"item[{index}]"
            net = self.amount(part(item, "net"), currency, f"{path}.net")
            raw_quantity = part(item, "quantity").get("value", 1)
            quantity = self.number(raw_quantity, f"{path}.quantity.value")
            sequence = item.get("sequence")
            if isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 1:
                self.fault("required", "Number the items from 1.", f"{path}.sequence")
                continue
            codes = self.codes(item, path)
            if net is not None and quantity is not None:
                lines.append(Line(sequence, net, quantity, codes))
        return currency, lines if len(lines) == len(items) else []

    def codes(self, item: Resource, path: str) -> tuple[str, ...]:
        product = f"{path}.productOrService"
        codings = dicts(part(item, "productOrService").get("coding"))
        known, system = self.profile.codes_for(read_text(self.claim.get("use")))
        if item.get("detail") and self.profile.case_rate_codes:
            # What its parts are billed as in one.
            known, system = self.profile.case_rate_codes, self.profile.case_rate_system
        codes = tuple(
            code
            for coding in codings
            if (code := read_text(coding.get("code")))
            and (system is None or coding.get("system") == system)
        )
        if known and not known.intersection(codes):
            sent = ", ".join(f"{c.get('system')}|{c.get('code')}" for c in codings) or "no code"
            self.fault(
                "code-invalid",
                f"{sent} is no service of ours; send one of {', '.join(sorted(known))}"
                f" in {system or 'any system'}",
                product,
            )
        return codes

    def total(self, currency: str, lines: list[Line]) -> None:
        if not lines or self.claim.get("total") is None:
            return
        total = self.amount(part(self.claim, "total"), currency, "total")
        items = dicts(self.claim.get("item"))
        if all(map(_is_cancelled, items)):
            return  # a withdrawal: nothing is asked for
        kept = [n for n, item in zip(lines, items, strict=False) if not _is_cancelled(item)]
        added = sum((line.net for line in kept), money(Decimal(0), currency))
        if total is not None and total != added:
            self.fault(
                "business-rule",
                f"The total {total} is not the sum of the items' nets, {added}; send {added}.",
                "total.value",
            )

    def insurance(self) -> tuple[Resource, str]:
        insurances = dicts(self.claim.get("insurance"))
        focal = next((i for i in insurances if i.get("focal") is True), None)
        focal = focal or next(iter(insurances), {})
        coverage = self.bundle.follow(part(focal, "coverage"), self.claim)
        values = [read_text(i.get("value")) for i in dicts(coverage.get("identifier"))]
        member_id = read_text(coverage.get("subscriberId")) or next(filter(None, values), "")
        if not focal:
            self.fault("required", "Name the coverage the claim is made under.", "insurance")
        elif not member_id:
            self.fault(
                "required",
                "Send the Coverage in the Bundle, with the member id as subscriberId.",
                "insurance.coverage",
            )
        return focal, member_id

    def insurer(self, focal: Resource) -> tuple[str, Resource]:
        reference = part(self.claim, "insurer")
        if not reference:
            coverage = self.bundle.follow(part(focal, "coverage"), self.claim)
            reference = next(iter(dicts(coverage.get("payor"))), {})
        organization = self.bundle.follow(reference, self.claim)
        if not organization and part(reference, "identifier"):
            organization = {"identifier": [part(reference, "identifier")]}
        identifiers = dicts(organization.get("identifier"))
        value = read_text(next(iter(identifiers), {}).get("value"))
        system, expected = self.profile.payer_system, self.profile.payer_value
        if not value:
            self.fault("required", "Name the insurer, with its identifier.", "insurer")
        elif expected and not any(
            i.get("value") == expected and system in (None, i.get("system")) for i in identifiers
        ):
            self.fault(
                "value",
                f"Insurer '{value}' is not us; our identifier is {system or ''}|{expected}.",
                "insurer",
            )
        return self.profile.name or value, logical("Organization", organization, value)

    def patient(self, member_id: str) -> Resource:
        reference = part(self.claim, "patient")
        if not reference:
            self.fault("required", "Name the patient.", "patient")
        patient = self.bundle.follow(reference, self.claim)
        return logical("Patient", patient, f"Member {member_id}")

    def requestor(self) -> Resource | None:
        reference = part(self.claim, "provider")
        provider = self.bundle.follow(reference, self.claim)
        if not provider:
            return None
        return logical("Organization", provider, "The provider of the claim")

    def pre_auth_ref(self, focal: Resource) -> str:
        numbers = focal.get("preAuthRef")
        return next((read_text(n) for n in numbers if n), "") if isinstance(numbers, list) else ""

    def serviced(self) -> tuple[date, ...]:
        days = []
        for item in dicts(self.claim.get("item")):
            period = part(item, "servicedPeriod")
            for raw in (item.get("servicedDate"), period.get("start"), period.get("end")):
                try:
                    day = date.fromisoformat(read_text(raw)[:10])
                except ValueError:
                    continue  # absent, or only a month or year
                if 1900 <= day.year <= 2200:
                    days.append(day)
        return tuple(sorted(days))


def speaks_pas(raw: Resource, claim: Resource) -> bool:
    """Whether a Bundle is a request in the sense of Da Vinci PAS: it says so by its profiles."""
    named = [part(each, "meta").get("profile") for each in (raw, claim)]
    declared = [profile for each in named if isinstance(each, list) for profile in each]
    return any(read_text(profile).startswith(f"{PAS}/") for profile in declared)


def _is_cancelled(item: Resource) -> bool:
    """What an update of a prior authorization has taken back."""
    return any(each.get("valueBoolean") is True for each in dicts(item.get("modifierExtension")))
