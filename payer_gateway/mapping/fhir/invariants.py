"""Invariants of FHIR R4, PAS and US Core, each under the FHIRPath text its standard has for it.

``scripts/build_fhir_shapes.py`` looks an invariant up by key and text: a standard that changes its
words is noticed when the shapes are built anew. What is not here stands in the shapes, under
``left_out``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from payer_gateway.codes.checkdigits import luhn_is_valid

Value = Any
_LEVEL = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-levelOfServiceCode"
_CERTIFICATION = (
    "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-certificationType"
)
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def _codes(concept: Value) -> Iterator[str]:
    for coding in concept.get("coding", ()) if isinstance(concept, dict) else ():
        if isinstance(coding, dict) and isinstance(coding.get("code"), str):
            yield coding["code"]


def _has_extension(value: Value, url: str) -> bool:
    return any(each.get("url") == url for each in value.get("extension", ()))


def _full_date(value: Value) -> bool:
    return isinstance(value, str) and len(value) == 10


def _in_order(period: Value) -> bool:
    start, end = str(period.get("start", "")), str(period.get("end", ""))
    # By days: two instants of one day may have different offsets. Cut to what both of them say.
    length = 10 if len(start) >= 10 <= len(end) else min(len(start), len(end))
    return start[:length] <= end[:length]


def _is_named(name: Value) -> bool:
    return ("family" in name or "given" in name) is not _has_extension(name, _ABSENT)


def _has_level(item: Value) -> bool:
    is_immediate = any(
        each.get("url") == _CERTIFICATION and "1" in _codes(each.get("valueCodeableConcept"))
        for each in item.get("extension", ())
    )
    return not is_immediate or _has_extension(item, _LEVEL)


def _member_is_numbered(coverage: Value) -> bool:
    types = (each.get("type") for each in coverage.get("identifier", ()))
    return "subscriberId" in coverage or any("MB" in _codes(each) for each in types)


def _first_is(kind: str) -> Callable[[Value], bool]:
    def rule(bundle: Value) -> bool:
        entries = bundle.get("entry")
        return bool(entries) and entries[0].get("resource", {}).get("resourceType") == kind

    return rule


def _entries_without(part: str, types: str) -> Callable[[Value], bool]:
    all_types = frozenset(types.split())

    def rule(bundle: Value) -> bool:
        wanted = bundle.get("type") in all_types
        return [part in entry for entry in bundle.get("entry", ())].count(not wanted) == 0

    return rule


def _distinct_urls(bundle: Value) -> bool:
    urls = [entry.get("fullUrl") for entry in bundle.get("entry", ()) if "fullUrl" in entry]
    return bundle.get("type") == "history" or len(set(urls)) == len(urls)


def _ended(condition: Value) -> bool:
    over = {"resolved", "remission", "inactive"}
    return not any(key.startswith("abatement") for key in condition) or bool(
        over & set(_codes(condition.get("clinicalStatus")))
    )


def _value(value: Value) -> Value:
    return value.get("value")


# name → (what is broken when it does not hold, the rule)
RULES: Mapping[str, tuple[str, Callable[[Value], bool]]] = {
    "full-date": ("write the whole day, YYYY-MM-DD", _full_date),
    "per-1": ("it ends before it starts", _in_order),
    "us-core-name": ("write a family or given name", _is_named),
    "pas-immediate": (
        "an immediate certification names its level of service",
        _has_level,
    ),
    "us-core-15": ("write the member's number", _member_is_numbered),
    "pas-self": (
        "write the subscriber, who is not the beneficiary",
        lambda v: "18" in _codes(v.get("relationship")) or "subscriber" in v,
    ),
    "us-core-16": (
        "an NPI has ten digits",
        lambda v: bool(re.fullmatch("[0-9]{10}", str(_value(v)))),
    ),
    "us-core-17": ("the NPI's check digit is wrong", lambda v: luhn_is_valid(f"80840{_value(v)}")),
    "us-core-18": (
        "a CLIA number is NNDNNNNNNN",
        lambda v: bool(re.fullmatch("[0-9]{2}D[0-9]{7}", str(_value(v)))),
    ),
    "us-core-19": (
        "a NAIC number has five digits",
        lambda v: bool(re.fullmatch("[0-9]{5}", str(_value(v)))),
    ),
    "us-core-attachment": (
        "write url or data",
        lambda v: bool(v.keys() & {"url", "data", "_url", "_data"}),
    ),
    "us-core-13": (
        "write practitioner, organization, healthcareService or location",
        lambda v: bool(
            {"practitioner", "organization", "healthcareService", "location"} & v.keys()
        ),
    ),
    "pd-1": ("write telecom or endpoint", lambda v: "telecom" in v or "endpoint" in v),
    "claim-first": ("the first entry is the Claim", _first_is("Claim")),
    "org-1": ("write an identifier or a name", lambda v: "identifier" in v or "name" in v),
    "org-home": ("an organization has no home", lambda v: v.get("use") != "home"),
    "qty-3": ("a code of a unit needs its system", lambda v: "code" not in v or "system" in v),
    "att-1": ("data needs its contentType", lambda v: "data" not in v or "contentType" in v),
    "cpt-2": ("a value needs its system", lambda v: "value" not in v or "system" in v),
    "ext-1": (
        "write extensions or a value, one of both",
        lambda v: ("extension" in v) is not any(key.startswith("value") for key in v),
    ),
    "prr-1": ("orderDetail needs a code", lambda v: "orderDetail" not in v or "code" in v),
    "con-4": ("what has abated is resolved, inactive or in remission", _ended),
    "con-5": (
        "what was entered in error has no clinicalStatus",
        lambda v: (
            "entered-in-error" not in _codes(v.get("verificationStatus"))
            or "clinicalStatus" not in v
        ),
    ),
    "bdl-2": (
        "only a searchset's entries tell of a search",
        lambda v: (
            v.get("type") == "searchset"
            or not ["" for entry in v.get("entry", ()) if "search" in entry]
        ),
    ),
    "bdl-3": (
        "a request stands in entries of batch, transaction and history alone",
        _entries_without("request", "batch transaction history"),
    ),
    "bdl-4": (
        "a response stands in entries of responses and history alone",
        _entries_without("response", "batch-response transaction-response history"),
    ),
    "bdl-5": (
        "an entry has a resource, a request or a response",
        lambda v: bool({"resource", "request", "response"} & v.keys()),
    ),
    "bdl-7": ("each fullUrl stands once", _distinct_urls),
    "bdl-8": ("a fullUrl names no version", lambda v: "/_history/" not in v.get("fullUrl", "")),
}

# Those that depend on nothing but which elements there are.
OF_ELEMENTS = frozenset(
    "us-core-attachment us-core-13 pd-1 org-1 qty-3 att-1 cpt-2 ext-1 prr-1 bdl-5".split()
)

_NPI_17 = (
    "(((select(value.substring(0,1).toInteger()).select(iif($this<5, $this*2, (($this*2)-9))))"
    "+(value.substring(1,1).toInteger())+(select(value.substring(2,1).toInteger()).select(iif("
    "$this<5, $this*2, (($this*2)-9))))+(value.substring(3,1).toInteger())+(select(value.substring("
    "4,1).toInteger()).select(iif($this<5, $this*2, (($this*2)-9))))+(value.substring(5,1)"
    ".toInteger())+(select(value.substring(6,1).toInteger()).select(iif($this<5, $this*2, "
    "(($this*2)-9))))+(value.substring(7,1).toInteger())+(select(value.substring(8,1).toInteger())"
    ".select(iif($this<5, $this*2, (($this*2)-9))))+(value.substring(9,1).toInteger()) + 24)mod "
    "10=0)"
)
_NAMED = (
    "(family.exists() or given.exists()) xor extension.where(url='http://hl7.org/fhir/"
    "StructureDefinition/data-absent-reason').exists()"
)
# Nothing is contained in what we send; the structure refuses it.
_CONTAINED = {
    2: "contained.contained.empty()",
    3: (
        "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants()"
        ".as(canonical) | %resource.descendants().as(uri) | %resource.descendants().as(url))) or"
        " descendants().where(reference = '#').exists() or descendants().where(as(canonical) = '#')"
        ".exists() or descendants().where(as(canonical) = '#').exists()).not()).trace('unmatched',"
        " id).empty()"
    ),
    4: "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()",
    5: "contained.meta.security.empty()",
}
# (the standard's key, its FHIRPath) → our name; "": the structure's own check sees to it.
NAMES: Mapping[tuple[str, str], str] = {
    ("FullDateRule", "$this.toString().length() = 10"): "full-date",
    ("per-1", "start.hasValue().not() or end.hasValue().not() or (start <= end)"): "per-1",
    ("us-core-6", _NAMED): "us-core-name",
    ("us-core-8", _NAMED): "us-core-name",
    (
        "ImmediateLevelOfCare",
        f"extension.where(url='{_CERTIFICATION}' and value.code='1').exists() implies"
        f" extension.where(url='{_LEVEL}').exists()",
    ): "pas-immediate",
    (
        "us-core-15",
        "identifier.type.coding.where(system='http://terminology.hl7.org/CodeSystem/v2-0203' and"
        " code='MB').exists() or subscriberId.exists()",
    ): "us-core-15",
    (
        "self-beneficiary",
        "$this.relationship.coding.where(code='18').count() = 0 implies $this.subscriber.exists()",
    ): "pas-self",
    ("us-core-16", "value.matches('^[0-9]{10}$')"): "us-core-16",
    ("us-core-17", _NPI_17): "us-core-17",
    ("us-core-18", "value.matches('^[0-9]{2}D[0-9]{7}$')"): "us-core-18",
    ("us-core-19", "value.matches('^[0-9]{5}$')"): "us-core-19",
    ("us-core-6", "url.exists() or data.exists()"): "us-core-attachment",
    (
        "us-core-13",
        "practitioner.exists() or organization.exists() or healthcareService.exists() or"
        " location.exists()",
    ): "us-core-13",
    ("pd-1", "telecom.exists() or endpoint.exists()"): "pd-1",
    ("ClaimFirst", "entry.first().resource is Claim"): "claim-first",
    ("org-1", "(identifier.count() + name.count()) > 0"): "org-1",
    ("org-2", "where(use = 'home').empty()"): "org-home",
    ("org-3", "where(use = 'home').empty()"): "org-home",
    ("qty-3", "code.empty() or system.exists()"): "qty-3",
    ("att-1", "data.empty() or contentType.exists()"): "att-1",
    ("cpt-2", "value.empty() or system.exists()"): "cpt-2",
    ("ext-1", "extension.exists() != value.exists()"): "ext-1",
    ("prr-1", "orderDetail.empty() or code.exists()"): "prr-1",
    (
        "con-4",
        "abatement.empty() or clinicalStatus.coding.where(system='http://terminology.hl7.org/"
        "CodeSystem/condition-clinical' and (code='resolved' or code='remission' or code='inactive'"
        ")).exists()",
    ): "con-4",
    (
        "con-5",
        "verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/"
        "condition-ver-status' and code='entered-in-error').empty() or clinicalStatus.empty()",
    ): "con-5",
    ("bdl-2", "entry.search.empty() or (type = 'searchset')"): "bdl-2",
    (
        "bdl-3",
        "entry.all(request.exists() = (%resource.type = 'batch' or %resource.type = 'transaction'"
        " or %resource.type = 'history'))",
    ): "bdl-3",
    (
        "bdl-4",
        "entry.all(response.exists() = (%resource.type = 'batch-response' or %resource.type ="
        " 'transaction-response' or %resource.type = 'history'))",
    ): "bdl-4",
    ("bdl-5", "resource.exists() or request.exists() or response.exists()"): "bdl-5",
    (
        "bdl-7",
        "(type = 'history') or entry.where(fullUrl.exists()).select(fullUrl&resource.meta."
        "versionId).isDistinct()",
    ): "bdl-7",
    ("bdl-8", "fullUrl.contains('/_history/').not()"): "bdl-8",
    ("ele-1", "hasValue() or (children().count() > id.count())"): "",
    **{(f"dom-{n}", text): "" for n, text in _CONTAINED.items()},
}
