"""The quick yes to a Bundle, held against the check that is the definition: whatever the one lets
pass the other finds sound, and what we make passes quickly."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from mapping_cases import INSURERS, a_claim, a_decision, goldens_of, shipped
from test_fast_ways import CONSULTATIONS

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping import bundle, bundle_check
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.fhir.acceptance import MAX_FORMS, same_for_all
from payer_gateway.mapping.fhir.shapes import STANDARDS, Check, standard

NOWHERE = "urn:uuid:00000000-0000-4000-8000-000000000000"
CONCEPT = {"coding": [{"system": "urn:a", "code": "b"}]}
# What is put where something else belongs.
WRONG: tuple[Any, ...] = (
    *(None, "", " ", "x", " a", "a  b", 0, 1, -1, True, 1.5, Decimal("1.005"), Decimal("1E+2")),
    *("2026-02-30", "2026-04", NOWHERE, {}, [], [None], ["x"], {"a": "b"}, {"reference": None}),
    *({"reference": NOWHERE}, {"resourceType": "Claim"}, {"coding": []}, {"system": "urn:a"}),
    *(CONCEPT, {**CONCEPT, "text": " "}, {"coding": [*CONCEPT["coding"], {"code": "c"}]}),
    *({"value": 1}, {"value": Decimal("1.00"), "currency": "USD"}),
    *([{"url": "urn:a", "valueString": "b"}], {"extension": [{"url": "urn:a", "valueCode": "c"}]}),
)
NAMES = (
    *("id", "extension", "modifierExtension", "text", "display", "use", "type", "period", "url"),
    *("identifier", "assigner", "version", "valueString", "valueCode", "_value", "_birthDate", "x"),
)


def rendered() -> Iterator[tuple[str, str, dict[str, Any], frozenset[int]]]:
    """Name, standard, Bundle and constants of everything that the shipped files make."""
    consultations = [(p.stem, read_consultation(p.read_bytes())) for p in CONSULTATIONS]
    for insurer in INSURERS:
        profile = shipped(insurer)
        for use in Use:
            speech = profile.speeches[use]
            asked = [
                (name, (c.consultation, c.consultation.coverages[0], a_claim(use), a_decision()))
                for name, c in consultations
            ]
            asked += [
                (case.folder.name, (case.consultation, case.coverage, claim, case.decision))
                for case in goldens_of(insurer).cases
                for claim in case.claims.values()
                if claim.use is use
            ]
            for name, facts in asked:
                try:
                    made = bundle.render(profile, *facts)
                except MappingError:
                    continue  # a service that the insurer has no code for
                yield f"{insurer} {use} {name}", speech.standard, made, speech.known


EVERY = list(rendered())


def test_all_that_we_make_passes_quickly() -> None:
    slow = [
        name
        for name, written_in, made, known in EVERY
        if not standard(written_in).acceptance.accepts(made, known)
        or not standard(written_in).acceptance.accepts(made)
    ]

    assert {written_in for _, written_in, _, _ in EVERY} == set(STANDARDS)
    assert slow == []


def is_sound(found: Check, made: Any) -> bool:
    """What the slow check says, its references looked up."""
    if found.problems:
        return False
    kinds = {each.get("fullUrl"): each["resource"]["resourceType"] for each in made["entry"]}
    return all(
        kinds.get(reference) in (kinds.values() if targets is None else targets)
        for reference, targets, _ in found.references
    )


@pytest.mark.parametrize("name", STANDARDS)
def test_what_passes_quickly_is_sound(name: str) -> None:
    dice = random.Random(6)  # noqa: S311 - which places are tried, nothing secret
    bundles = dice.sample([made for _, written_in, made, _ in EVERY if written_in == name], 12)
    judged = {True: 0, False: 0}
    for n in range(1500):
        broken = copy.deepcopy(bundles[n % len(bundles)])
        for _ in range(dice.choice((1, 1, 1, 2))):
            spoil(broken, dice)

        quickly = standard(name).acceptance.accepts(broken)

        sound = is_sound(standard(name).check(broken), broken)
        judged[sound] += 1
        assert sound or not quickly, broken

    assert min(judged.values()) > 100


def spoil(made: Any, dice: random.Random) -> None:
    """Change something anywhere in the Bundle."""
    holder, step = dice.choice(list(places(made)))
    wrong = copy.deepcopy(dice.choice(WRONG))
    how = dice.choice(("take", "put", "put", "put", "rename", "double", "add"))
    if how == "take":
        del holder[step]
    elif how == "put":
        holder[step] = wrong
    elif how == "rename" and isinstance(holder, dict):
        holder[dice.choice((f"_{step}", *NAMES))] = holder.pop(step)
    elif how == "double" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[step]))
    elif how == "add" and isinstance(holder[step], dict):
        holder[step][dice.choice(NAMES)] = wrong
    elif how == "add" and isinstance(holder[step], list):
        holder[step].append(wrong)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, step
        if isinstance(inner, dict | list):
            yield from places(inner)


def test_two_addresses_in_one_are_no_address() -> None:
    """Addresses are looked at together, a line each."""
    name, written_in, made, known = EVERY[0]
    twofold = copy.deepcopy(made)
    entry = twofold["entry"][-1]
    entry["resource"]["id"] += "\n" + NOWHERE
    entry["fullUrl"] = f"urn:uuid:{entry['resource']['id']}"

    assert not standard(written_in).acceptance.accepts(twofold, known), name
    assert any("fullUrl" in each for each in bundle_check.check(twofold, written_in, known))


def test_the_order_of_elements_does_not_matter() -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(each) for each in value] if isinstance(value, list) else value

    for name in STANDARDS:
        made = next(made for _, written_in, made, _ in EVERY if written_in == name)

        assert standard(name).acceptance.accepts(turned(made))


def test_a_constant_is_believed_where_it_was_found_good_and_nowhere_else() -> None:
    name, _, made, _ = next(each for each in EVERY if each[1] == "pas-2.2.1")
    made = copy.deepcopy(made)
    claim = made["entry"][0]["resource"]
    known = same_for_all([claim["type"]])
    accepts = standard("pas-2.2.1").acceptance.accepts
    assert accepts(made, known), name
    assert accepts(made, known)

    claim["meta"] = claim["type"]

    assert not accepts(made, known)


def test_what_refers_to_something_is_looked_at_each_time() -> None:
    concept = {"coding": [{"system": "urn:a", "code": "b"}]}
    place = {"url": "urn:c", "valueReference": {"reference": NOWHERE}}

    found = same_for_all([[concept], {"extension": [place]}])

    assert found == {id(concept), id(concept["coding"][0])}


def test_forms_without_end_are_left_to_the_slow_check() -> None:
    forms = standard("r4").acceptance.forms("Period")
    made = copy.deepcopy(next(made for _, written_in, made, _ in EVERY if written_in == "r4"))
    before = len(forms)
    for n in range(MAX_FORMS + 50):
        made["entry"][0]["resource"]["billablePeriod"] = {f"stray{n}": "x"}

        assert not standard("r4").acceptance.accepts(made)

    assert before <= len(forms) == MAX_FORMS
