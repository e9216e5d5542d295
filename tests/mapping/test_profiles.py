"""Insurer files: what they mean, how they are found, and what is said of wrong ones."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from mapping_cases import (
    FIXTURES,
    INSURERS,
    MAPPINGS,
    ROOT,
    EditedShelf,
    case_of,
    document_of,
    edited,
    file_of,
    goldens_of,
    shipped,
)

from payer_gateway.domain.consultation import Patient, TeamMember
from payer_gateway.domain.errors import MappingError
from payer_gateway.mapping import kinds, our_codes
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.facts import facts_of
from payer_gateway.mapping.grammar import WORDS
from payer_gateway.mapping.profile import Shelf
from payer_gateway.mapping.profile_check import Findings, check, check_profile, idle

SHELF = Shelf(MAPPINGS)
README = (MAPPINGS / "README.md").read_text("utf-8")
Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("insurer", INSURERS)
def test_every_shipped_file_is_right(insurer: str) -> None:
    assert check(SHELF, insurer, FIXTURES) == Findings()


@pytest.mark.parametrize("insurer", INSURERS)
def test_shipped_insurers_are_for_tests_and_named_by_their_file(insurer: str) -> None:
    profile = SHELF.profile(insurer)

    assert profile.stage == "test"
    assert profile.payer_identifier.value == insurer
    assert profile.payer_identifier.system == "https://payers.example/id"


def test_an_insurer_is_found_by_name_or_alias_case_apart() -> None:
    for name in ("NORTHWIND-PPO", "nwm", " Northwind "):
        assert SHELF.find(name) == "northwind-ppo"
    assert SHELF.find("さくら生命") == "sakura-life"


def test_an_unknown_insurer_is_named_with_the_cure() -> None:
    with pytest.raises(MappingError) as unknown:
        SHELF.find("Nobody")

    assert "northwind-ppo" in str(unknown.value)
    assert "add mappings/insurers/<name>/v1.yaml or an alias" in str(unknown.value)


def test_the_version_in_use_on_a_day_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "insurers" / "northwind-ppo"
    folder.mkdir(parents=True)
    (tmp_path / "dialects").symlink_to(MAPPINGS / "dialects")
    first = file_of("northwind-ppo").read_text("utf-8")
    (folder / "v1.yaml").write_text(first, "utf-8")
    second = first.replace("version: 1", "version: 2").replace(
        "use_from: 2024-01-01", "use_from: 2026-04-01"
    )
    (folder / "v2.yaml").write_text(second, "utf-8")
    shelf = Shelf(tmp_path)

    assert shelf.profile("northwind-ppo").version == 2
    assert shelf.profile("northwind-ppo", date(2026, 3, 31)).version == 1
    assert shelf.profile("northwind-ppo", date(2026, 4, 1)).version == 2
    with pytest.raises(MappingError, match="no version is in use on 2023-01-01"):
        shelf.profile("northwind-ppo", date(2023, 1, 1))


def test_the_digest_covers_the_dialect() -> None:
    path = MAPPINGS / "dialects" / "base-r4.yaml"
    dialect = document_of(path)
    dialect["resources"]["ServiceRequest"]["intent"] = {"const": "plan"}

    changed = EditedShelf({path: dialect}).version("northwind-ppo", 1)

    assert changed.digest != shipped("northwind-ppo").digest
    assert re.fullmatch("[0-9a-f]{64}", changed.digest)


def test_resolved_is_json_and_tells_everything() -> None:
    resolved = shipped("state-medicaid").resolved()

    canonical_json(resolved)
    assert resolved["codes"]["service"]["values"]["interpreter"] == "MCD-INT"
    assert resolved["fees"]["MCD-INT"] == Decimal("18.50")
    assert resolved["delivery"]["rate_per_s"] == 50
    assert resolved["uses"]["claim"]["resources"]["Claim"]["total"]
    assert resolved["digest"] == EditedShelf({}).version("state-medicaid", 1).digest


def test_an_agreed_fee_needs_a_fee_for_every_line_in_its_currency() -> None:
    profile = shipped("state-medicaid")
    services = case_of("state-medicaid", "after-the-primary").consultation.services
    unpriced = dataclasses.replace(services[0], code="tumour-board")

    assert str(profile.agreed_fee(services)) == "315.50 USD"
    assert profile.agreed_fee((*services, unpriced)) is None
    assert profile.agreed_fee(()) is None


WRONG: dict[str, tuple[str, Edit]] = {
    "address": (
        "PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL",
        lambda d: d["delivery"].update(url="https://insurer.example"),
    ),
    "secret": ("_TOKEN", lambda d: d.update(token="abc")),
    "unknown key": ("colour", lambda d: d.update(colour="blue")),
    "no timeout": ("delivery: add timeout", lambda d: d["delivery"].pop("timeout")),
    "settle": ("settle", lambda d: d["delivery"].update(settle="20s")),
    "header": (
        "delivery.idempotency_header: Authorization is set by the gateway",
        lambda d: d["delivery"].update(idempotency_header="Authorization"),
    ),
    "zone": ("zone", lambda d: d.update(zone="Mars/Olympus")),
    "day": ("use_from", lambda d: d.update(use_from="2026-02-30")),
    "inquire": ("identifier", lambda d: d["delivery"].update(inquire="Claim")),
    "elsewhere": ("inquire", lambda d: d["delivery"].update(inquire="https://x/?a={identifier}")),
    "name": ("profile: write northwind-ppo", lambda d: d.update(profile="other")),
    "dialect": ("there is no dialect", lambda d: d["extends"].update(claim="no-such")),
    "fee": ("fees.interpreter", lambda d: d.update(fees={"interpreter": "1.001 USD"})),
    "table": ("codes", lambda d: d["codes"].update(colours={"values": {"a": "b"}})),
    "fact": (
        "there is no fact 'claim.colour'",
        lambda d: d.update(resources={"Claim": {"subType": {"from": "claim.colour"}}}),
    ),
    "word": (
        "Claim.subType",
        lambda d: d.update(resources={"Claim": {"subType": {"from": "claim.use", "if": "x"}}}),
    ),
    "kind": (
        "is no kind",
        lambda d: d.update(resources={"Claim": {"subType": {"from": "claim.use", "as": "x"}}}),
    ),
    "wrong kind": (
        "change 'as'",
        lambda d: d.update(resources={"Claim": {"subType": {"from": "claim.use", "as": "date"}}}),
    ),
    "omit": ("nothing to omit", lambda d: d.update(resources={"Claim": {"payer": "omit"}})),
    "resource": ("no such resource", lambda d: d.update(resources={"Basic": {}})),
    "our code": ("is no code of ours", lambda d: d["codes"]["service"]["values"].update(x="1")),
    "their code": (
        "add 'interpreter'",
        lambda d: d["codes"]["service"]["values"].pop("interpreter"),
    ),
    "alias": ("aliases", lambda d: d["aliases"].append("Nowhere")),
    "blank alias": ("aliases.1: write a further name", lambda d: d.update(aliases=["NWM", " "])),
    "a status that is read by rules": (
        "statuses: '200' cannot stand here",
        lambda d: d.update(statuses={"200": "rejected"}),
    ),
    "no hours": (
        "delivery.calling_hours: 06:00-06:00 is no time at all",
        lambda d: d["delivery"].update(calling_hours="06:00-06:00"),
    ),
    "claims as PAS": (
        "extends.claim: pas-2.2.1 is for preauthorization only",
        lambda d: d["extends"].update(claim="pas-2.2.1"),
    ),
    "an operation that has no words": (
        "delivery.inquire: base-r4 asks by no operation",
        lambda d: d["delivery"].update(inquire="POST Claim/$inquire"),
    ),
    "an idle table": (
        "codes.sex: no template translates by this table",
        lambda d: d["codes"].update(sex={"values": dict.fromkeys(our_codes.SEXES, "x")}),
    ),
    "an idle table of one use": (
        "claim.codes.unit: no template translates by this table",
        lambda d: d.update(claim={"codes": {"unit": {"values": {"interpreter": "hour"}}}}),
    ),
    "a misspelled word": (
        "resources.Claim.priority.form: is no word of the grammar here",
        lambda d: d.update(resources={"Claim": {"priority": {"form": "consultation.urgency"}}}),
    ),
    "a plain value": (
        "a plain value is {const: …}",
        lambda d: d.update(resources={"Claim": {"language": "ja"}}),
    ),
    "status": ("statuses.423", lambda d: d.update(statuses={"423": "in_doubt"})),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_with_its_key_and_the_cure(name: str) -> None:
    words, edit = WRONG[name]

    try:
        profile, goldens = edited("northwind-ppo", edit), goldens_of("northwind-ppo")
        said = "\n".join((*check_profile(profile, goldens), *idle(profile, goldens)))
    except MappingError as error:
        said = str(error)

    assert words in said
    assert "northwind-ppo" in said


def test_a_difference_is_told_by_path_expected_and_got() -> None:
    def edit(document: dict[str, Any]) -> None:
        document["codes"]["service"]["values"]["second-opinion-visit"] = "SO-X"

    problems = check_profile(edited("northwind-ppo", edit), goldens_of("northwind-ppo"))

    assert any(
        'item[0].productOrService.coding[0].code: expected "SO-P", got "SO-X"' in problem
        for problem in problems
    )


def test_an_alias_of_two_insurers_is_refused_and_holds_up_nobody_else() -> None:
    document = document_of(file_of("northwind-ppo"))
    document["aliases"].append("medicare-part-b")

    shelf = EditedShelf({file_of("northwind-ppo"): document})

    with pytest.raises(MappingError, match="already means medicare-b"):
        shelf.find("MEDICARE-PART-B")
    assert shelf.find("northwind-ppo") == "northwind-ppo"
    assert shelf.find("medicare-b") == "medicare-b"
    for insurer in ("medicare-b", "northwind-ppo"):
        assert "already means" in "\n".join(check(shelf, insurer, FIXTURES).problems)
    assert check(shelf, "sakura-life", FIXTURES).problems == ()


def test_a_name_wins_over_another_insurers_alias() -> None:
    document = document_of(file_of("medicare-b"))
    document["aliases"].append("Northwind-PPO")

    shelf = EditedShelf({file_of("medicare-b"): document})

    assert shelf.find("northwind-ppo") == "northwind-ppo"
    assert "'Northwind-PPO' already means northwind-ppo" in "\n".join(shelf.clashes("medicare-b"))
    assert shelf.clashes("northwind-ppo") == []


def test_our_code_lists_follow_the_domain() -> None:
    assert get_args(get_type_hints(Patient)["sex"]) == our_codes.SEXES
    assert set(get_args(get_type_hints(TeamMember)["role"])) < set(our_codes.CARE_ROLES)


def test_no_insurer_is_named_in_python() -> None:
    words = re.compile("|".join((*INSURERS, "northwind", "sakura")), re.I)
    files = [*(ROOT / "payer_gateway").rglob("*.py")]

    assert [path.name for path in files if words.search(path.read_text("utf-8"))] == []


def test_the_readme_names_every_word_kind_table_and_fact() -> None:
    missing = [
        name
        for name in (*WORDS, "omit", *kinds.KINDS, *our_codes.OUR_CODES, *sorted(_fact_paths()))
        if f"`{name}`" not in README
    ]

    assert missing == []


def _fact_paths() -> set[str]:
    """Every path a mapping may name, as README lists them (``[]``: inside an ``each``). Said once
    for all: ``id`` and ``url``, and what is one of a list under a name of its own."""
    found: set[str] = set()
    for insurer in INSURERS:
        for case in goldens_of(insurer).cases:
            for claim in case.claims.values():
                facts = facts_of(
                    shipped(insurer).teller,
                    case.consultation,
                    case.coverage,
                    claim,
                    case.decision,
                )
                _walk(facts, "", found)
    one_of = {"coverage": "coverages", "insurer": "organizations", "provider": "organizations"}
    one_of |= {"responsible": "practitioners", "responsible_role": "practitioner_roles"}
    one_of |= {"diagnoses_us[]": "diagnoses", "diagnoses_elsewhere[]": "diagnoses"}
    found = {re.sub(r"^subscriber\.", "coverages[].subscriber.", path) for path in found}
    return {
        re.sub(r"^([\w[\]]+)\.", lambda m: f"{one_of[m[1]]}[]." if m[1] in one_of else m[0], path)
        for path in found
        if not path.endswith((".id", ".url"))
    }


def _walk(value: object, path: str, found: set[str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        found.add(path)
        for inner in value:
            if isinstance(inner, dict):
                _walk(inner, f"{path}[]", found)
    else:
        found.add(path)


OVER_BASE: dict[str, tuple[str, dict[str, Any]]] = {
    "itself": ("mine extends another dialect itself", {"extends": "mine"}),
    "a list": ("extends: write the name of one dialect", {"extends": ["base-r4"]}),
    "a path": ("there is no dialect '../insurers/x'", {"extends": "../insurers/x"}),
    "no codes": ("codes: write the tables of codes; not 'x'", {"codes": "x"}),
    "no table": ("codes.mode: ", {"codes": {"mode": "x"}}),
    "a table without values": ("codes.mode: add values", {"codes": {"mode": {"system": "urn:x"}}}),
    "no template": ("resources.Claim: write a mapping", {"resources": {"Claim": "x"}}),
    "no hints": ("hints.a: write CODE: what to do", {"hints": {"a": "x"}}),
    "no adjudication": ("adjudication: write how", {"adjudication": "x"}),
    "an unknown key": ("remove colour", {"colour": "red"}),
    "an empty condition": (
        "responses.0.when: write what the answer must have",
        {"responses": [{"when": {}, "then": "accepted"}]},
    ),
}


@pytest.mark.parametrize("name", OVER_BASE)
def test_a_dialect_that_is_laid_wrongly_over_another_is_told_with_its_key(name: str) -> None:
    words, said = OVER_BASE[name]
    document = document_of(file_of("medicare-b"))
    document["extends"]["claim"] = "mine"
    own = {"dialect": "mine", "standard": "r4", "extends": "base-r4", **said}

    with pytest.raises(MappingError) as refused:
        MineShelf(document, own).version("medicare-b", 1)

    assert words in str(refused.value)
    assert "mine.yaml" in str(refused.value)


class MineShelf(EditedShelf):
    """The shipped files and one more dialect, ``mine``, by which medicare-b takes claims."""

    def __init__(self, insurer: dict[str, Any], own: dict[str, Any]) -> None:
        super().__init__({file_of("medicare-b"): insurer})
        self._own = own

    def _dialect_file(self, name: str, said_in: str) -> dict[str, Any]:
        return self._own if name == "mine" else super()._dialect_file(name, said_in)


def test_a_dialect_extends_one_that_is_whole() -> None:
    shelf = EditedShelf(
        {
            MAPPINGS / "dialects" / "pas-2.2.1.yaml": {
                "dialect": "pas-2.2.1",
                "extends": "pas-2.0.1",
            },
            file_of("medicare-b"): document_of(file_of("medicare-b"))
            | {"extends": {"claim": "base-r4", "preauthorization": "pas-2.0.1"}},
        }
    )

    with pytest.raises(MappingError, match="extends another dialect itself"):
        shelf.version("medicare-b", 1)
