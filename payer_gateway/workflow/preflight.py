"""Pre-flight of an insurer before real claims go there: is it reachable, does it know us, does it
take our claims, can it be asked about them, and what does it do with the same claim twice?

Test claims only: each bears a fresh number that starts with TEST-, and the profile of a test
insurer marks its Bundles as test data (v3-ActReason HTEST). A live insurer is sent none.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from payer_gateway.domain.claim import CLAIM_SYSTEM, Use
from payer_gateway.domain.consultation import SERVICES
from payer_gateway.domain.errors import GatewayError, MappingError, SettingError
from payer_gateway.domain.exchange import NoReply, Reply
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping import replies
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.profile import Profile
from payer_gateway.workflow import rendering
from payer_gateway.workflow.services import Address, Services

Result = Literal["pass", "fail", "note"]
_TAKEN = (OutcomeClass.ACCEPTED, OutcomeClass.ACCEPTED_ASYNC)


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One insurer under test."""

    services: Services
    profile: Profile
    address: Address

    def get(self, template: str, identifier: str) -> Reply | NoReply:
        return self.services.client.send(
            self.profile.name,
            fhir_r4.search(
                self.address.url,
                template,
                identifier,
                deadline_s=self.profile.delivery.timeout_s,
                token=self.address.token,
            ),
        )

    def post(self, body: bytes, key: str) -> Reply | NoReply:
        delivery = self.profile.delivery
        return self.services.client.send(
            self.profile.name,
            fhir_r4.submit(
                self.address.url,
                body,
                deadline_s=delivery.timeout_s,
                path=delivery.submit_path,
                token=self.address.token,
                idempotency_key=key if delivery.idempotency_header else None,
                idempotency_header=delivery.idempotency_header or "Idempotency-Key",
            ),
        )


def run(
    s: Services, principal: Principal, insurer: str, fixtures: Path
) -> tuple[Profile, list[Finding]]:
    """Every check in order; it goes on as far as it makes sense. Nothing is stored."""
    principal.must_be_allowed(Act.STEER_INSURER)
    profile = s.shelf.profile(s.shelf.find(insurer))
    address = s.addresses.get(profile.name)
    if address is None:
        name = profile.name.upper().replace("-", "_")
        raise SettingError(
            f"{profile.name} has no address; set PAYER_GATEWAY_INSURER_{name}_URL to its FHIR base"
        )
    return profile, list(_checks(Probe(s, profile, address), fixtures))


def _checks(probe: Probe, fixtures: Path) -> Iterator[Finding]:
    metadata = probe.services.client.send(
        probe.profile.name,
        fhir_r4.metadata(
            probe.address.url,
            deadline_s=probe.profile.delivery.timeout_s,
            token=probe.address.token,
        ),
    )
    yield _reachable(probe, metadata)
    if isinstance(metadata, NoReply):
        return
    yield _metadata(metadata)
    yield from _unknown_is_not_found(probe)
    if probe.profile.stage != "test":
        yield Finding("test claims", "note", "a live insurer is sent no test claims")
        return
    sent: list[tuple[str, bytes]] = []
    for title, document in _cases(probe, fixtures):
        number = f"TEST-{uuid.uuid4()}"
        finding, body = _send(probe, title, document, number)
        yield finding
        if finding.result == "pass":
            sent.append((number, body))
    for number, _ in sent[:1]:
        yield from _can_be_asked(probe, number)
    for number, body in sent[:1]:
        yield _twice(probe, number, body)


def _reachable(probe: Probe, reply: Reply | NoReply) -> Finding:
    secure = probe.address.url.startswith("https:")
    if isinstance(reply, NoReply):
        return Finding("connection", "fail", reply.error)
    if not secure:
        return Finding("connection", "note", "plain http, on this machine only")
    return Finding("connection", "pass", "TLS, certificate verified")


def _metadata(reply: Reply) -> Finding:
    if reply.status in (401, 403):
        return Finding("sign-in", "fail", f"HTTP {reply.status}: check the token's setting")
    statement = _document(reply)
    version = statement.get("fhirVersion")
    if reply.status != 200 or statement.get("resourceType") != "CapabilityStatement":
        return Finding("metadata", "fail", f"HTTP {reply.status}, no CapabilityStatement")
    if not str(version).startswith("4.0"):
        return Finding("metadata", "fail", f"it speaks FHIR {version}; we send R4 (4.0.1)")
    return Finding("metadata", "pass", f"CapabilityStatement, FHIR {version}")


def _document(reply: Reply) -> dict[str, Any]:
    try:
        document = parse_json(reply.body)
    except GatewayError:
        return {}
    return document if isinstance(document, dict) else {}


def _unknown_is_not_found(probe: Probe) -> Iterator[Finding]:
    template = probe.profile.delivery.inquire
    if template is None:
        yield Finding(
            "inquiry", "note", "this insurer cannot be asked: lost answers will wait for a person"
        )
        return
    identifier = f"{CLAIM_SYSTEM}|TEST-{uuid.uuid4()}"
    reply = probe.get(template, identifier)
    outcome = _read(probe, replies.read_inquiry, reply, identifier)
    if outcome is OutcomeClass.NOT_FOUND:
        yield Finding("inquiry about an unknown claim", "pass", "answered: not found (total 0)")
    else:
        yield Finding(
            "inquiry about an unknown claim",
            "fail",
            f"{_said(reply)}, read as {outcome}; it must answer a searchset with total 0",
        )


def _cases(probe: Probe, fixtures: Path) -> Iterator[tuple[str, bytes]]:
    """The insurer's golden consultations; a new insurer without any gets one that ships."""
    profile = probe.profile
    folder = fixtures / profile.name / f"v{profile.version}"
    golden = sorted(folder.glob("*/consultation.json"))
    for path in golden:
        yield path.parent.name, path.read_bytes()
    if not golden:
        yield "shipped test case", _shipped_case(probe)


def _shipped_case(probe: Probe) -> bytes:
    template = Path(__file__).with_name("preflight_case.json").read_bytes()
    document: Any = json.loads(template)
    plans = probe.services.plans.names()
    if not plans:
        raise MappingError("there is no plan among the mappings; add mappings/plans/<name>/v1.yaml")
    document["coverages"][0] |= {"insurer": probe.profile.name, "plan": plans[0]}
    offered = [
        ours
        for ours in SERVICES
        if probe.profile.codes["service"].values.get(ours, "unsupported") != "unsupported"
    ]
    document["services"][0]["code"]["code"] = offered[0]
    return canonical_json(document)


def _send(probe: Probe, title: str, document: bytes, number: str) -> tuple[Finding, bytes]:
    check = f"test claim: {title}"
    try:
        (body, *_) = rendering.render(
            probe.services, probe.profile.name, document, (Use.CLAIM,), number=number
        )
    except GatewayError as exc:
        return Finding(check, "fail", f"cannot be rendered: {exc}"), b""
    reply = probe.post(body, number)
    if isinstance(reply, NoReply):
        return Finding(check, "fail", reply.error), body
    reading = replies.read_submit(probe.profile, Use.CLAIM, reply)
    if reading.outcome in _TAKEN:
        decided = "adjudicated" if reading.adjudication else "received, decision to follow"
        return Finding(check, "pass", f"HTTP {reply.status}, {decided}"), body
    said = "; ".join(f"{i.code} at {i.expression or '?'}: {i.text}" for i in reading.issues)
    return Finding(check, "fail", f"{_said(reply)}, read as {reading.outcome}. {said}"), body


def _can_be_asked(probe: Probe, number: str) -> Iterator[Finding]:
    delivery = probe.profile.delivery
    identifier = f"{CLAIM_SYSTEM}|{number}"
    for check, template, read in (
        ("inquiry finds the test claim", delivery.inquire, replies.read_inquiry),
        ("its answer can be fetched", delivery.answer, replies.read_answer),
    ):
        if template is None:
            continue
        reply = probe.get(template, identifier)
        outcome = _read(probe, read, reply, identifier)
        found = outcome is OutcomeClass.FOUND
        yield Finding(check, "pass" if found else "fail", f"{_said(reply)}, read as {outcome}")


def _twice(probe: Probe, number: str, body: bytes) -> Finding:
    """The same claim again, same number, same key: what does the insurer make of it?"""
    check = "the same test claim twice"
    reply = probe.post(body, number)
    if isinstance(reply, NoReply):
        return Finding(check, "fail", reply.error)
    outcome = replies.read_submit(probe.profile, Use.CLAIM, reply).outcome
    if outcome is OutcomeClass.DUPLICATE_REPORTED:
        return Finding(check, "pass", "reported as a duplicate")
    template = probe.profile.delivery.inquire
    if outcome in _TAKEN and template is not None:
        found = probe.get(template, f"{CLAIM_SYSTEM}|{number}")
        total = _document(found).get("total") if isinstance(found, Reply) else None
        if total == 1:
            return Finding(check, "pass", "answered again, booked once")
        return Finding(
            check,
            "note",
            f"the insurer lists it {total} times: it does not deduplicate, so a lost answer is"
            " asked about and never simply sent again",
        )
    return Finding(check, "note", f"{_said(reply)}, read as {outcome}")


def _read(
    probe: Probe, read: Callable[..., Any], reply: Reply | NoReply, identifier: str
) -> OutcomeClass:
    if isinstance(reply, NoReply):
        return OutcomeClass.NO_ANSWER
    outcome: OutcomeClass = read(probe.profile, Use.CLAIM, reply, identifier=identifier).outcome
    return outcome


def _said(reply: Reply | NoReply) -> str:
    return f"HTTP {reply.status}" if isinstance(reply, Reply) else reply.error
