"""The facts of one claim: our own stable words for everything a mapping may send.

A plain tree of dicts, lists and domain values. Every key is always there, None when the fact is
absent, so that a mapping file's misspelled path is told from a missing fact. The tree is
documented in ``mappings/README.md``; a test holds the two equal.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, time
from functools import lru_cache
from urllib.parse import quote

from payer_gateway.domain.claim import CLAIM_SYSTEM, Claim, PriorResult, Related, Relation, Use
from payer_gateway.domain.consultation import (
    Coding,
    Consultation,
    Coverage,
    Document,
    Identifier,
    Opinion,
    Procedure,
    Service,
    local_day,
)
from payer_gateway.domain.eligibility import Decision
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping.facts_charges import charges_of
from payer_gateway.mapping.facts_people import (
    OUR_SYSTEM,
    Facts,
    Names,
    Teller,
    coverage_facts,
    insurer_facts,
    organization_facts,
    patient_facts,
    person_facts,
    provider_facts,
)

HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CPT = "http://www.ama-assn.org/go/cpt"
US_DIAGNOSES = frozenset(
    {"http://hl7.org/fhir/sid/icd-10-cm", "http://terminology.hl7.org/CodeSystem/icd9cm"}
)
TUMOUR_BOARD = "tumour-board"
DIAGNOSIS_CHANGED = "diagnosis-changed"
_OPINIONS = {2: "second", 3: "third"}


def facts_of(
    teller: Teller, c: Consultation, coverage: Coverage, claim: Claim, decision: Decision
) -> Facts:
    """All facts of one claim. Same arguments, same facts: ids come from the claim's id."""
    names = Names(claim.id)
    days = [local_day(s.serviced, teller.zone) for s in c.services]
    opinions = _opinions(c)
    primary = _primary_coverage(c, coverage, claim.prior_result)
    team = [person_facts(names, f"team/{n}", m.practitioner) for n, m in enumerate(c.team, start=1)]
    responsible = person_facts(names, "responsible", c.provider.practitioner)
    earlier = [
        person_facts(names, f"opinion/{n}", o.practitioner) for n, o in enumerate(opinions, 1)
    ]
    coverages = [coverage_facts(names, "focal", coverage, "insurer")]
    insurers = [insurer_facts(names, teller)]
    if primary is not None and claim.prior_result is not None:
        coverages.append(coverage_facts(names, "primary", primary, "primary-insurer"))
        insurers.append(
            organization_facts(names, "primary-insurer", "insurer", claim.prior_result.insurer, ())
        )
    prior_result = _prior_result(names, claim, coverages)
    provider = provider_facts(names, c.provider.organization)
    first = _opinion(names, opinions[0], earlier[0]["url"])
    roles = _roles(names, [responsible, *earlier, *team], provider)
    diagnoses: list[Facts] = [
        {"number": n, "code": d.coding, "is_principal": d.role == "principal"}
        for n, d in enumerate(c.diagnoses, start=1)
    ]
    lines = [
        _line(n, s, day, c, claim, len(earlier))
        for n, (s, day) in enumerate(zip(c.services, days, strict=True), start=1)
    ]
    return {
        "is_test": teller.is_test,
        "bundle": _bundle(names, claim, teller),
        "claim": _claim(names, c, claim, decision, days),
        "consultation": _consultation(c, claim),
        "patient": patient_facts(names, c.patient, c.language),
        "coverages": coverages,
        "coverage": coverages[0],
        "insurances": _insurances(coverages, claim, prior_result),
        "prior_result": prior_result,
        "organizations": [*insurers, provider],
        "insurer": insurers[0],
        "provider": provider,
        "subscriber": coverages[0]["subscriber"],
        "practitioners": [responsible, *earlier, *team],
        "responsible": responsible,
        "responsible_role": roles[0],
        "practitioner_roles": roles,
        "care_team": _care_team(c, responsible, earlier, team, roles),
        "first_opinion": first,
        "second_opinion": (
            _opinion(names, opinions[1], earlier[1]["url"]) if len(opinions) > 1 else None
        ),
        "first_diagnosis": _first_diagnosis(names, c, claim),
        "request": names.named("request"),
        "diagnoses": diagnoses,
        # A US standard takes US code sets as a diagnosis and nothing else.
        "diagnoses_us": [d for d in diagnoses if _system_of(d) in US_DIAGNOSES],
        "diagnoses_elsewhere": [d for d in diagnoses if _system_of(d) not in US_DIAGNOSES],
        "documents": [_document(names, n, d) for n, d in enumerate(c.documents, start=1)],
        "lines": lines,
        "charges": charges_of(lines, c.services),
    }


def _system_of(diagnosis: Facts) -> str:
    code = diagnosis["code"]
    return code.system if isinstance(code, Coding) else ""


def _bundle(names: Names, claim: Claim, teller: Teller) -> Facts:
    made = names.named(
        "bundle",
        # A claim knows its day, not its minute: the same claim is the same bytes, always.
        timestamp=datetime.combine(claim.created_on, time(), teller.zone),
    )
    made["identifier"] = Identifier(f"{OUR_SYSTEM}/bundle", str(made["id"]))
    return made


def _roles(names: Names, people: list[Facts], provider: Facts) -> list[Facts]:
    """Everybody as somebody who works somewhere, in the order of ``practitioners``. Only of who
    answers for the opinion is it known where: at the organization that bills."""
    return [
        names.named(
            f"role/{n}" if n else "responsible-role",
            practitioner_url=person["url"],
            organization_url=provider["url"] if n == 0 else None,
            specialty=person["specialty"],
        )
        for n, person in enumerate(people)
    ]


def _opinions(c: Consultation) -> list[Opinion]:
    return [c.first_opinion, *([c.second_opinion] if c.second_opinion else [])]


def _primary_coverage(
    c: Consultation, focal: Coverage, prior: PriorResult | None
) -> Coverage | None:
    """The coverage that was billed first, when its result is carried."""
    if prior is None:
        return None
    earlier = [each for each in c.coverages if each.order < focal.order]
    if not earlier:
        raise MappingError(
            f"the claim carries the result of {prior.insurer}, but the consultation has no coverage"
            f" before order {focal.order}; send the coverage that was billed first"
        )
    return min(earlier, key=lambda each: each.order)


def _claim(
    names: Names, c: Consultation, claim: Claim, decision: Decision, days: list[date]
) -> Facts:
    related = claim.related
    is_void = related is not None and related.relation is Relation.VOID
    return names.named(
        "claim",
        identifier=Identifier(CLAIM_SYSTEM, claim.number),
        use=str(claim.use),
        standing="withdrawn" if is_void else "current",
        created_on=claim.created_on,
        opinion=_OPINIONS.get(c.opinion_number),
        service_type=decision.service_type,
        total=c.billed,
        first_day=min(days),
        last_day=max(days),
        related=[_related(related)] if related else [],
    )


def _related(related: Related) -> Facts:
    return {
        "identifier": _our_claim(related.identifier),
        "relation": str(related.relation),
        "control_number": related.control_number,
    }


def _our_claim(identifier: str) -> Identifier:
    """``system|value``, or the bare value in our own system."""
    system, bar, value = identifier.rpartition("|")
    return Identifier(system, value) if bar else Identifier(CLAIM_SYSTEM, identifier)


def _consultation(c: Consultation, claim: Claim) -> Facts:
    # What the opinion came to is known, and told, only once it has been given.
    outcome = c.outcome if claim.use is Use.CLAIM else None
    abroad = _is_abroad(c)
    return {
        "identifier": Identifier(_source_system(c.source), c.source_id),
        "episode": Identifier(f"{OUR_SYSTEM}/episode", c.episode_id),
        "mode": c.mode,
        "urgency": c.urgency,
        "standing": "done" if claim.use is Use.CLAIM else "asked",
        "interpreter_language": c.language if c.interpreter else None,
        "requested_at": c.requested_at,
        "mandated": c.mandated,
        "question": c.question,
        "exchange_rate": _exchange_rate(c),
        "has_team": bool(c.team),
        "country_abroad": c.provider.organization.country if abroad else None,
        "outcomes": [o for o in (outcome.diagnosis, outcome.treatment) if o] if outcome else [],
        "proposed_procedure": _procedure(c.proposed_procedure),
        "consents": [
            {"scope": each.scope, "given_on": each.given_on, "country": each.country}
            for each in c.consents
        ],
    }


@lru_cache(maxsize=256)
def _source_system(source: str) -> str:
    return f"{OUR_SYSTEM}/source/{quote(source, safe='')}"


def _exchange_rate(c: Consultation) -> Facts | None:
    told = c.exchange_rate
    if told is None:
        return None
    return {"text": f"1 {c.currency} = {told.rate:f} {told.currency}", "quoted_on": told.quoted_on}


def _is_abroad(c: Consultation) -> bool:
    here = c.patient.address.country if c.patient.address else None
    there = c.provider.organization.country
    return bool(here and there and here != there)


def _procedure(procedure: Procedure | None) -> Facts | None:
    if procedure is None:
        return None
    return {"code": procedure.coding, "planned_on": procedure.planned_on}


def _insurances(coverages: list[Facts], claim: Claim, result: Facts | None) -> list[Facts]:
    """One per coverage carried, in the order in which they are billed: the focal one last."""
    return [
        {
            "is_focal": each["is_focal"],
            "coverage_url": each["url"],
            "authorization_number": claim.authorization_number if each["is_focal"] else None,
            "result_url": result["url"] if result is not None and not each["is_focal"] else None,
        }
        for each in reversed(coverages)
    ]


def _prior_result(names: Names, claim: Claim, coverages: list[Facts]) -> Facts | None:
    prior = claim.prior_result
    if prior is None or len(coverages) < 2:
        return None
    return names.named(
        "prior-result",
        outcome=prior.outcome,
        paid=prior.paid,
        control_number=prior.control_number,
        claim_identifier=_our_claim(prior.claim_identifier),
        insurer_url=coverages[1]["insurer_url"],
    )


def _care_team(
    c: Consultation,
    responsible: Facts,
    earlier: list[Facts],
    team: list[Facts],
    people_roles: list[Facts],
) -> list[Facts]:
    """Responsible first, then who gave the earlier opinions, then the team: ``lines`` count so."""
    roles = ["responsible", *("earlier_opinion" for _ in earlier), *(m.role for m in c.team)]
    return [
        {
            "url": person["url"],
            "role_url": people_roles[n]["url"],
            "role": role,
            "is_responsible": role == "responsible",
            # The team takes part in lines; the others stand for the whole claim.
            "is_overall": n <= len(earlier),
            "is_referring": n == 1,
            "specialty": person["specialty"],
        }
        for n, (person, role) in enumerate(
            zip((responsible, *earlier, *team), roles, strict=True), start=0
        )
    ]


def _opinion(names: Names, opinion: Opinion, practitioner_url: object) -> Facts:
    return {
        "given_on": opinion.given_on,
        "practitioner_url": practitioner_url,
        "diagnosis": opinion.diagnosis,
    }


def _first_diagnosis(names: Names, c: Consultation, claim: Claim) -> Facts | None:
    """The diagnosis of the first opinion, and whether it still stands now."""
    diagnosis = c.first_opinion.diagnosis
    if diagnosis is None:
        return None
    is_known = claim.use is Use.CLAIM and c.outcome is not None
    changed = is_known and c.outcome is not None and c.outcome.diagnosis == DIAGNOSIS_CHANGED
    return names.named(
        "first-diagnosis", code=diagnosis, standing="overturned" if changed else "held"
    )


def _document(names: Names, n: int, d: Document) -> Facts:
    digest = base64.urlsafe_b64encode(bytes.fromhex(d.sha256)).rstrip(b"=").decode()
    return names.named(
        f"document/{n}",
        type=d.type,
        title=d.title,
        content_type=d.content_type,
        address=d.url,
        # FHIR R4 counts bytes in 31 bits; of a larger file the size is left unsaid.
        size=d.size if d.size < 2**31 else None,
        # A document named by its address alone, where the address may not stand in its own element.
        address_identifier=Identifier("urn:ietf:rfc:3986", d.url),
        # FHIR R4's own hash is SHA-1; RFC 6920 names content by its SHA-256.
        content_name=f"ni:///sha-256;{digest}",
    )


def _line(n: int, s: Service, day: date, c: Consultation, claim: Claim, earlier: int) -> Facts:
    # With a tumour board its line names the team; without one, every line does.
    is_named = s.code == TUMOUR_BOARD or all(each.code != TUMOUR_BOARD for each in c.services)
    team = c.team if c.team and is_named else ()
    return {
        "number": n,
        "trace": Identifier(f"{CLAIM_SYSTEM}-line", f"{claim.number}.{n}"),
        "service": s.code,
        "modifiers": [Coding(_modifier_system(m), m) for m in s.modifiers],
        "place": s.place_of_service,
        "day": day,
        "quantity": s.quantity,
        "unit_price": s.unit_price,
        "net": s.net,
        "care_team": [1, *(1 + earlier + k for k in range(1, len(team) + 1))],
    }


def _modifier_system(modifier: str) -> str:
    """CPT modifiers start with a digit, those of HCPCS Level II with a letter."""
    return HCPCS if modifier[:1].isalpha() else CPT
