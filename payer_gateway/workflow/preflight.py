"""Pre-flight of an insurer before real claims go there: is it reachable, does it know us, does it
take our claims, can it be asked about them, and what does it do with the same claim twice? And the
same of prior authorizations, where they go another way: dialect, delivery or address of their own.

Test claims only: each bears a fresh number that starts with TEST-, and the profile of a test
insurer marks its Bundles as test data (v3-ActReason HTEST). A live insurer is sent none.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from payer_gateway.domain.claim import CLAIM_SYSTEM, Use
from payer_gateway.domain.consultation import SERVICES
from payer_gateway.domain.errors import GatewayError, MappingError, SettingError
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply, Request
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.insurers import fhir_r4
from payer_gateway.mapping import inquiry_replies, replies
from payer_gateway.mapping.answers import answers_in, resources_in
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.grammar import UNSUPPORTED
from payer_gateway.mapping.inquiry import inquiry_bundle
from payer_gateway.mapping.profile import Profile
from payer_gateway.workflow import rendering
from payer_gateway.workflow.services import Address, Services

Result = Literal["pass", "fail", "note"]
_FETCHED: Mapping[Use, str] = {
    Use.CLAIM: "its answer can be fetched",
    Use.PREAUTHORIZATION: "its decision can be fetched",
}
_TAKEN = (OutcomeClass.ACCEPTED, OutcomeClass.ACCEPTED_ASYNC)


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One insurer under test, for one use; ``profile`` is as it holds for that use."""

    services: Services
    profile: Profile
    address: Address
    use: Use

    @property
    def base(self) -> str:
        return self.address.base(self.use)

    @property
    def asks_by_search(self) -> bool:
        return not (self.profile.delivery.inquire or "").startswith("POST ")

    @property
    def noun(self) -> str:
        return "test claim" if self.use is Use.CLAIM else "test prior authorization"

    def metadata(self) -> Reply | NoReply:
        return self._send(
            fhir_r4.metadata(
                self.base,
                deadline_s=self.profile.delivery.timeout_s,
                token=self.address.token,
            )
        )

    def ask(self, template: str, number: str, body: bytes) -> Reply | NoReply:
        """Ask about the claim of that number, by a search or, as the insurer's file says, by an
        operation with what was sent cut down to a question."""
        operation = template.removeprefix("POST ")
        if operation == template:
            return self._send(
                fhir_r4.search(
                    self.base,
                    template,
                    f"{CLAIM_SYSTEM}|{number}",
                    deadline_s=self.profile.delivery.timeout_s,
                    token=self.address.token,
                )
            )
        words = self.profile.speeches[self.use].ask
        if words is None:
            return NoReply(
                NoReplyKind.NOT_SENT, f"its dialect does not say how {template} is asked"
            )
        return self._send(
            fhir_r4.submit(
                self.base,
                inquiry_bundle(body, words),
                deadline_s=self.profile.delivery.timeout_s,
                path=operation,
                token=self.address.token,
            )
        )

    def post(self, body: bytes, key: str) -> Reply | NoReply:
        delivery = self.profile.delivery
        return self._send(
            fhir_r4.submit(
                self.base,
                body,
                deadline_s=delivery.timeout_s,
                path=delivery.submit_path,
                token=self.address.token,
                idempotency_key=key if delivery.idempotency_header else None,
                idempotency_header=delivery.idempotency_header or "Idempotency-Key",
            )
        )

    def rendered(self, document: bytes, number: str) -> bytes:
        """Raises GatewayError for a consultation that cannot be mapped."""
        (body, *_) = rendering.render(
            self.services, self.profile.name, document, (self.use,), number=number
        )
        return body

    def _send(self, request: Request) -> Reply | NoReply:
        return self.services.client.send(self.profile.name, request)


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
    probes = [Probe(s, profile.for_use(use), address, use) for use in _uses(profile, address)]
    return profile, [finding for probe in probes for finding in _checks(probe, fixtures)]


def _uses(profile: Profile, address: Address) -> list[Use]:
    """Claims, and prior authorizations unless they go exactly the way that claims go."""
    claim, asked = Use.CLAIM, Use.PREAUTHORIZATION
    same = (
        profile.speeches[claim] is profile.speeches[asked]
        and profile.deliveries[claim] == profile.deliveries[asked]
        and address.base(claim) == address.base(asked)
    )
    return [claim] if same else [claim, asked]


def _checks(probe: Probe, fixtures: Path) -> Iterator[Finding]:
    # At an address that was looked at already there is nothing new to be found out.
    if probe.use is Use.CLAIM or probe.base != probe.address.base(Use.CLAIM):
        metadata = probe.metadata()
        yield _reachable(probe, metadata)
        if isinstance(metadata, NoReply):
            return
        yield _metadata(metadata)
    cases = list(_cases(probe, fixtures))
    yield from _unknown_is_not_found(probe, cases)
    if probe.profile.stage != "test":
        yield Finding(f"{probe.noun}s", "note", f"a live insurer is sent no {probe.noun}s")
        return
    sent: list[tuple[str, bytes]] = []
    for title, document in cases:
        number = f"TEST-{uuid.uuid4()}"
        finding, body = _send(probe, title, document, number)
        yield finding
        if finding.result == "pass":
            sent.append((number, body))
    for number, body in sent[:1]:
        yield from _can_be_asked(probe, number, body)
        yield _twice(probe, number, body)


def _reachable(probe: Probe, reply: Reply | NoReply) -> Finding:
    secure = probe.base.startswith("https:")
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


def _unknown_is_not_found(probe: Probe, cases: list[tuple[str, bytes]]) -> Iterator[Finding]:
    template = probe.profile.delivery.inquire
    check = f"inquiry about an unknown {probe.noun.removeprefix('test ')}"
    if template is None:
        yield Finding(
            "inquiry", "note", "this insurer cannot be asked: lost answers will wait for a person"
        )
        return
    number = f"TEST-{uuid.uuid4()}"
    try:
        # An operation asks about a request; this one is never sent.
        body = b"" if probe.asks_by_search else probe.rendered(cases[0][1], number)
    except GatewayError as exc:
        yield Finding(check, "fail", f"no question can be rendered: {exc}")
        return
    reply = probe.ask(template, number, body)
    outcome = _read(probe, inquiry_replies.read_inquiry, reply, number)
    if outcome is OutcomeClass.NOT_FOUND:
        found_none = "total 0" if probe.asks_by_search else "no answer to it"
        yield Finding(check, "pass", f"answered: not found ({found_none})")
        return
    must = "a searchset with total 0" if probe.asks_by_search else "without any answer to it"
    yield Finding(check, "fail", f"{_said(reply)}, read as {outcome}; it must answer {must}")


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
    codes = probe.profile.speeches[probe.use].codes
    tables = [codes[name].values for name in ("service", "requested_service") if name in codes]
    offered = [
        ours
        for ours in SERVICES
        if all(table.get(ours, UNSUPPORTED) != UNSUPPORTED for table in tables)
    ]
    if not offered:
        raise MappingError(f"{probe.profile.file}: codes.service: every service is unsupported")
    document["services"][0]["code"]["code"] = offered[0]
    return canonical_json(document)


def _send(probe: Probe, title: str, document: bytes, number: str) -> tuple[Finding, bytes]:
    check = f"{probe.noun}: {title}"
    try:
        body = probe.rendered(document, number)
    except GatewayError as exc:
        return Finding(check, "fail", f"cannot be rendered: {exc}"), b""
    reply = probe.post(body, number)
    if isinstance(reply, NoReply):
        return Finding(check, "fail", reply.error), body
    reading = replies.read_submit(probe.profile, probe.use, reply)
    if reading.outcome in _TAKEN:
        decided = "adjudicated" if reading.adjudication else "received, decision to follow"
        return Finding(check, "pass", f"HTTP {reply.status}, {decided}"), body
    said = "; ".join(f"{i.code} at {i.expression or '?'}: {i.text}" for i in reading.issues)
    return Finding(check, "fail", f"{_said(reply)}, read as {reading.outcome}. {said}"), body


def _can_be_asked(probe: Probe, number: str, body: bytes) -> Iterator[Finding]:
    delivery = probe.profile.delivery
    for check, template, read in (
        (f"inquiry finds the {probe.noun}", delivery.inquire, inquiry_replies.read_inquiry),
        (_FETCHED[probe.use], delivery.answer, inquiry_replies.read_answer),
    ):
        if template is None:
            continue
        reply = probe.ask(template, number, body)
        outcome = _read(probe, read, reply, number)
        found = outcome is OutcomeClass.FOUND
        yield Finding(check, "pass" if found else "fail", f"{_said(reply)}, read as {outcome}")


def _twice(probe: Probe, number: str, body: bytes) -> Finding:
    """The same claim again, same number, same key: what does the insurer make of it?"""
    check = f"the same {probe.noun} twice"
    reply = probe.post(body, number)
    if isinstance(reply, NoReply):
        return Finding(check, "fail", reply.error)
    outcome = replies.read_submit(probe.profile, probe.use, reply).outcome
    if outcome is OutcomeClass.DUPLICATE_REPORTED:
        return Finding(check, "pass", "reported as a duplicate")
    template = probe.profile.delivery.inquire
    if outcome in _TAKEN and template is not None:
        found = probe.ask(template, number, body)
        document = _document(found) if isinstance(found, Reply) else {}
        speech = probe.profile.speeches[probe.use]
        answers = answers_in(resources_in(document), speech)
        times = document.get("total") if probe.asks_by_search else len(answers)
        if times == 1 and probe.asks_by_search:
            return Finding(check, "pass", "answered again, booked once")
        if times == 1:  # an operation tells what stands now, not how often it was booked
            return Finding(check, "note", "answered again; asked, it gives one answer")
        return Finding(
            check,
            "note",
            f"the insurer lists it {times} times: it does not deduplicate, so a lost answer is"
            " asked about and never simply sent again",
        )
    return Finding(check, "note", f"{_said(reply)}, read as {outcome}")


def _read(
    probe: Probe, read: Callable[..., Any], reply: Reply | NoReply, number: str
) -> OutcomeClass:
    if isinstance(reply, NoReply):
        return OutcomeClass.NO_ANSWER
    about = f"{CLAIM_SYSTEM}|{number}"
    outcome: OutcomeClass = read(probe.profile, probe.use, reply, identifier=about).outcome
    return outcome


def _said(reply: Reply | NoReply) -> str:
    return f"HTTP {reply.status}" if isinstance(reply, Reply) else reply.error
