"""What a CoverageEligibilityRequest may hold, checked before it is read.

A name that R4 does not know is a mistake or another version of FHIR, and what it meant would go
unheard: it is refused. The same goes for what must be understood (``modifierExtension``,
``implicitRules``). Source: HL7 FHIR R4, StructureDefinition CoverageEligibilityRequest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from payer_gateway.mapping.eligibility_orders import EARLIER, MODE
from payer_gateway.mapping.eligibility_people import EXTENSION
from payer_gateway.mapping.fhir_element import Element

_BACKBONE = "id extension modifierExtension"
_ELEMENTS: dict[str, frozenset[str]] = {
    path: frozenset(f"{more} {_BACKBONE}".split())
    for path, more in {
        "": "resourceType meta implicitRules language text contained identifier status priority"
        " purpose patient servicedDate servicedPeriod created enterer provider insurer facility"
        " supportingInfo insurance item",
        "supportingInfo": "sequence information appliesToAll",
        "insurance": "focal coverage businessArrangement",
        "item": "supportingInfoSequence category productOrService modifier provider quantity"
        " unitPrice facility diagnosis detail",
        "item.diagnosis": "diagnosisCodeableConcept diagnosisReference",
    }.items()
}
_REQUIRED = ("status", "purpose", "patient", "created", "insurer")
_TYPES = {
    type_: frozenset(f"{members} id extension".split())
    for type_, members in {
        "Reference": "reference type identifier display",
        "CodeableConcept": "coding text",
        "Period": "start end",
        "Money": "value currency",
        "Quantity": "value unit system code",  # a SimpleQuantity: no comparator
    }.items()
}
# What is an object, and of which type where its members are looked at.
_OBJECTS = {
    **dict.fromkeys(("meta", "text"), None),
    **dict.fromkeys(
        "patient enterer provider insurer facility information coverage diagnosisReference".split(),
        "Reference",
    ),
    **dict.fromkeys(
        ("priority", "category", "productOrService", "diagnosisCodeableConcept"), "CodeableConcept"
    ),
    "servicedPeriod": "Period",
    "unitPrice": "Money",
    "quantity": "Quantity",
}
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MOST = {"insurance": 10, "item": 50, "supportingInfo": 100}
PURPOSES = ("auth-requirements", "benefits", "discovery", "validation")
_OTHER_VERSION = re.compile(r"/(1\.0|3\.0|4\.3|5\.0|DSTU2|STU3|R4B|R5|R6)/", re.IGNORECASE)
_BASE = "http://hl7.org/fhir/StructureDefinition/"


def check(request: Element, kind: str = "CoverageEligibilityRequest") -> None:
    """Note every fault of form; of content as far as the lists of codes are closed."""
    _profile(request, kind)
    _names(request, "")
    for name in ("insurance", "item", "supportingInfo"):
        for each in request.children(name):
            _names(each, name)
            for below in each.children("diagnosis") if name == "item" else ():
                _names(below, "item.diagnosis")
    for name, most in _MOST.items():
        if len(request.children(name)) > most:
            request.wrong(name, f"send at most {most} at a time")
    for name in _REQUIRED:
        if request.value.get(name) in (None, "", [], {}):
            request.wrong(name, f"add it: a {kind} of FHIR R4 must have {name}")
    own_id = request.text("id")
    if own_id is not None and not _ID.fullmatch(own_id):
        request.wrong("id", "write an id of at most 64 letters, digits, - and ., or leave it out")
    status = request.text("status")
    if status is not None and status != "active":
        request.wrong("status", "send an active request; no other is answered")
    for n, purpose in enumerate(request.texts("purpose")):
        if purpose not in PURPOSES:
            cure = f"write one of {', '.join(PURPOSES)}"
            request.faults.add(f"{request.path}.purpose[{n}]", purpose, cure)
    _extensions(request, (EARLIER, MODE))
    for item in request.children("item"):
        _extensions(item, (MODE,))
    if request.has("implicitRules"):
        request.wrong("implicitRules", "remove it; we know no such rules")
    if request.has("servicedDate") and request.has("servicedPeriod"):
        request.wrong("servicedPeriod", "send servicedDate or servicedPeriod, not both")


def _names(element: Element, kind: str) -> None:
    known = _ELEMENTS[kind]
    for name, value in element.value.items():
        plain = name[1:] if name.startswith("_") else name
        if plain not in known:
            _unknown(element, name, value)
        elif name in _OBJECTS and value is not None:
            if not isinstance(value, Mapping):
                element.wrong(name, "write an object")
                continue
            type_ = _OBJECTS[name]
            if type_ is not None and not value.keys() <= _TYPES[type_]:
                _members(Element(value, f"{element.path}.{name}", element.faults), _TYPES[type_])
    if element.has("modifierExtension"):
        element.wrong("modifierExtension", "remove it; what it changes is unknown here")


def _extensions(element: Element, known: tuple[str, ...]) -> None:
    """What is written in our own name and not known is a slip of the pen."""
    for each in element.children("extension") if "extension" in element.value else ():
        url = each.text("url")
        if url is None:
            if not each.has("url"):
                each.wrong("url", "add it: an extension says what it is")
        elif url.startswith(EXTENSION) and url not in known:
            each.wrong("url", f"write {' or '.join(known)}")


def _members(element: Element, known: frozenset[str]) -> None:
    for name, value in element.value.items():
        if name.removeprefix("_") not in known:
            _unknown(element, name, value)


def _unknown(element: Element, name: str, value: object) -> None:
    place = f"{element.path}.{name}" if name.isidentifier() else element.path
    element.faults.add(place, value, f"remove {name[:60]!r}; FHIR R4 has no such element here")


def _profile(request: Element, kind: str) -> None:
    """A profile is a promise about form that we need not check, if it is one of this resource."""
    meta = request.child("meta")
    if meta is None:
        return
    for n, profile in enumerate(meta.texts("profile")):
        url, _, version = profile.partition("|")
        last = re.sub(r"[^a-z]", "", re.split(r"[/#:]", url)[-1].lower())
        is_other = _OTHER_VERSION.search(url) or (
            url.startswith(_BASE) and version and not version.startswith("4.0")
        )
        if is_other or kind.lower() not in last:
            cure = f"declare a profile of {kind} in FHIR R4 (such as {_BASE}{kind}), or none"
            meta.faults.add(f"{meta.path}.profile[{n}]", profile, cure)
