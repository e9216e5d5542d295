"""Plan files: what they hold, how they are found, and what is said of wrong ones."""

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from payer_gateway.codes import load_code_sets
from payer_gateway.domain.cost import share_cost
from payer_gateway.domain.eligibility import Decision, Snapshot, decide, question_of
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import Money
from payer_gateway.domain.plan import CostShare, Limit
from payer_gateway.mapping.canonical import canonical_json
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.yamlfile import load_yaml

ROOT = Path(__file__).parents[2]
SHIPPED = PlanShelf(ROOT / "mappings")
SMALL = """
    currency: USD
    timezone: America/New_York
    year: calendar
    benefits:
      oncology: {categories: [oncology], modes: [telemedicine]}
"""


def a_shelf(folder: Path, **plans: str) -> PlanShelf:
    """A shelf with one file per plan: ``name_v1="…"`` is plans/name/v1.yaml."""
    for key, text in plans.items():
        name, _, version = key.rpartition("_")
        path = folder / "plans" / name.replace("_", "-") / f"{version}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return PlanShelf(folder)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(MappingError) as caught:
        a_shelf(folder, some_v1=text).plan("some")
    return str(caught.value)


# -- shipped plans --------------------------------------------------------------------------------


def test_nine_plans_are_shipped_and_all_read() -> None:
    names = (
        "emp-mandatory-2026",
        "in-corp-2026",
        "jp-priv-gan",
        "medicare-b-2025",
        "medicare-b-2026",
        "state-medicaid-2026",
        "us-hdhp-2026",
        "us-ppo-2026",
        "us-ppo-ny-insured-2026",
    )

    assert SHIPPED.names() == names
    assert [SHIPPED.plan(n).name for n in names] == [n.upper() for n in names]


def test_the_us_plan_asks_leave_for_operations_only() -> None:
    plan = SHIPPED.plan("US-PPO-2026")

    assert plan.version == 1
    assert plan.year_starts == (1, 1)
    assert plan.benefit_order == ("complex_surgery", "oncology")
    assert plan.benefits["complex_surgery"].auth == {"in", "out"}
    assert plan.benefits["complex_surgery"].coe_required
    assert not plan.benefits["oncology"].auth
    assert plan.limits == (Limit("opinion", "condition", 1, 1, None),)
    assert plan.cost["in"] == CostShare(Decimal(40), Decimal(0), Decimal(0), False, Decimal(0))
    assert plan.excluded_diagnoses == ("Z41", "L57.0")
    assert plan.cross_border_allowed == ()


def test_a_deductible_given_applies_unless_the_file_says_no() -> None:
    out = SHIPPED.plan("us-ppo-2026").cost["out"]

    cost = share_cost(Money(Decimal(1500), "USD"), out, Money.zero("USD"), Decimal(0), waived=False)

    assert out.deductible_applies
    assert cost.member == Money(Decimal(1200), "USD")  # 1000 and 40 % of 500


def test_medicare_is_the_us_plan_with_keys_of_its_own() -> None:
    medicare, ppo = SHIPPED.plan("medicare-b-2026"), SHIPPED.plan("us-ppo-2026")

    assert medicare.cost["in"].deductible == Decimal(283)
    assert set(medicare.cost) == {"in"}
    assert not medicare.benefits["complex_surgery"].auth
    assert not medicare.benefits["complex_surgery"].coe_required
    assert (medicare.limits, medicare.zone) == (ppo.limits, ppo.zone)
    assert medicare.must_precede_surgery


def test_the_japanese_plan_counts_in_yen_from_april_and_asks_leave_abroad() -> None:
    plan = SHIPPED.plan("JP-PRIV-GAN")

    assert plan.currency == "JPY"
    assert plan.zone.key == "Asia/Tokyo"
    assert plan.benefit_year(date(2026, 3, 31)) == date(2025, 4, 1)
    assert plan.benefits["oncology"].auth == {"cross_border"}
    assert plan.cross_border_allowed == ("US", "SG")
    assert plan.waiting_period_days == 90
    assert plan.limits[1] == Limit("amount", "member", None, None, Decimal(200000))


def test_records_review_and_other_categories_are_off_everywhere() -> None:
    for name in SHIPPED.names():
        for benefit in SHIPPED.plan(name).benefits.values():
            assert set(benefit.modes) == {"telemedicine", "in_person", "hybrid"}
            assert set(benefit.categories) <= {"oncology", "complex_surgery"}


def decisions(number: int) -> list[Decision]:
    (path,) = (ROOT / "fixtures" / "consultations").glob(f"{number:02}-*.json")
    consultation = read_consultation(path.read_bytes()).consultation
    found = []
    for coverage in consultation.coverages:
        plan = SHIPPED.plan(coverage.plan)
        question = question_of(consultation, coverage, plan, None)
        found.append(decide(question, plan, Snapshot({}, None), load_code_sets()))
    return found


REASONS = {
    **{n: ["COVERED_BENEFIT"] for n in (1, 2, 4, 5, 6, 8, 9, 10, 11, 14)},
    **{n: ["AUTH_REQUIRED"] for n in (3, 12)},
    7: ["MODE_NOT_COVERED"],
    13: ["COVERED_BENEFIT", "SECONDARY_PAYER"],
    15: ["COVERAGE_TERMINATED"],
    16: ["CROSS_BORDER_AUTH_REQUIRED"],
}


@pytest.mark.parametrize("number", range(1, 17))
def test_each_fixture_is_decided_as_its_name_says(number: int) -> None:
    assert [str(r.code) for d in decisions(number) for r in d.reasons] == REASONS[number]


# -- finding a plan -------------------------------------------------------------------------------


def test_the_highest_version_counts_and_case_does_not(tmp_path: Path) -> None:
    shelf = a_shelf(tmp_path, some_v2=SMALL, some_v10=SMALL + "    waiting_period_days: 5\n")

    plan = shelf.plan(" SoMe ")

    assert (plan.name, plan.version, plan.waiting_period_days) == ("SOME", 10, 5)


def test_a_new_version_is_seen_by_a_shelf_in_use(tmp_path: Path) -> None:
    shelf = a_shelf(tmp_path, some_v1=SMALL)
    assert shelf.plan("some").version == 1

    a_shelf(tmp_path, some_v2=SMALL)

    assert shelf.plan("some").version == 2


@pytest.mark.parametrize("name", ["other", "", "../some", "some/v1", "/etc", "so\0me", "\ud800"])
def test_an_unknown_plan_names_the_known_ones_and_the_way_on(tmp_path: Path, name: str) -> None:
    shelf = a_shelf(tmp_path, some_v1=SMALL, more_v1=SMALL)

    with pytest.raises(MappingError, match=r"one of more, some, or add .*<name>/v1\.yaml"):
        shelf.plan(name)


def test_a_folder_without_plans_has_none(tmp_path: Path) -> None:
    (tmp_path / "plans" / "empty").mkdir(parents=True)

    assert PlanShelf(tmp_path).names() == PlanShelf(tmp_path / "none").names() == ()


# -- inherit and digest ---------------------------------------------------------------------------


def test_a_key_of_its_own_replaces_the_whole_key_inherited(tmp_path: Path) -> None:
    child = """
        inherit: some/v1
        benefits:
          surgery: {categories: [complex_surgery], modes: [in_person]}
    """

    plan = a_shelf(tmp_path, some_v1=SMALL, child_v1=child).plan("child")

    assert set(plan.benefits) == {"surgery"}
    assert plan.currency == "USD"


def test_the_digest_is_that_of_the_resolved_plan(tmp_path: Path) -> None:
    shelf = a_shelf(tmp_path, some_v1=SMALL, child_v1="inherit: some/v1\n")
    resolved = load_yaml(tmp_path / "plans" / "some" / "v1.yaml")

    digest = hashlib.sha256(canonical_json(resolved)).hexdigest()

    assert shelf.plan("some").digest == shelf.plan("child").digest == digest


def test_an_inherited_version_stays_the_one_named(tmp_path: Path) -> None:
    shelf = a_shelf(tmp_path, some_v1=SMALL, some_v2=SMALL.replace("USD", "EUR"))

    assert a_shelf(tmp_path, child_v1="inherit: some/v1\n").plan("child").currency == "USD"
    assert shelf.plan("some").currency == "EUR"


@pytest.mark.parametrize(
    ("asked", "cure"),
    [
        ("some", "write a plan and its version"),
        ("[a]", "write a plan and its version"),
        ("none/v1", "no such file; plans known here: child, some"),
        ("some/v9", "no such file"),
        ("../some/v1", "no such file"),
        ("child/v1", "plans inherit in a circle"),
    ],
)
def test_what_cannot_be_inherited_is_said(tmp_path: Path, asked: str, cure: str) -> None:
    shelf = a_shelf(tmp_path, some_v1=SMALL, child_v1=f"inherit: {asked}\n")

    with pytest.raises(MappingError) as caught:
        shelf.plan("child")

    assert "child/v1.yaml: inherit: " in str(caught.value)
    assert cure in str(caught.value)


# -- wrong files: file, key and cure --------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key", "cure"),
    [
        ("colour: red", "(top)", "remove colour; known here: inherit, benefit_order"),
        ("currency: usd", "currency", "write text of the form"),
        ("currency: XAU", "currency", "write a currency of ISO 4217"),
        ("currency: [USD]", "currency", "write one value"),
        ("timezone: Mars/Base", "timezone", "America/New_York"),
        ("timezone: ../../etc/passwd", "timezone", "a zone of the IANA database"),
        ("timezone: America", "timezone", "a zone of the IANA database"),
        ("year: fiscal", "year", "write calendar, or {starts"),
        ("year: {starts: '02-29'}", "year.starts", "that every year has"),
        ("year: {starts: '13-01'}", "year.starts", "that every year has"),
        ("benefits: {}", "benefits", "keep to minProperties: 1"),
        ("benefits: [a]", "benefits", "write 'key: value' lines"),
        ("benefits: {a: {modes: [hybrid]}}", "benefits.a", "add categories"),
        (
            "benefits: {a: {categories: [dental], modes: [hybrid]}}",
            "benefits.a.categories.0",
            "write oncology or complex_surgery",
        ),
        (
            "benefits: {a: {categories: [oncology], modes: [fax]}}",
            "benefits.a.modes.0",
            "write telemedicine or in_person or hybrid or records_review",
        ),
        (
            "benefits: {a: {categories: [oncology], modes: [hybrid], auth: {in: yes}}}",
            "benefits.a.auth.in",
            "write required",
        ),
        (
            "benefits: {A b: {categories: [oncology], modes: [hybrid]}}",
            "benefits",
            "name a benefit in the form",
        ),
        ("benefit_order: [dental]", "benefit_order", "name benefits of this plan: oncology"),
        ("limits: [{unit: opinion, per: member}]", "limits.0", "write max_second"),
        ("limits: [{unit: amount, per: member}]", "limits.0", "write max, and no other"),
        ("limits: [{unit: opinion, per: family}]", "limits.0.per", "write condition or member"),
        (
            "limits: [{unit: amount, per: member, max: '0.001'}]",
            "limits.0.max",
            "at most 2 digits after the point",
        ),
        ("cost: {in: {copay: forty}}", "cost.in.copay", "write text of the form"),
        ("cost: {in: {copay: '40.001'}}", "cost.in.copay", "USD has no more"),
        ("cost: {in: {coinsurance_pct: 101}}", "cost.in.coinsurance_pct", "from 0 to 100"),
        ("cost: {near: {}}", "cost", "remove near; known here: in, out"),
        ("independence: {same_npi: no}", "independence.same_npi", "write deny or allow"),
        ("must_precede_surgery: yes", "must_precede_surgery", "write true or false"),
        ("excluded_diagnoses: [z41]", "excluded_diagnoses.0", "write text of the form"),
        ("cross_border: {}", "cross_border", "add allowed"),
        ("cross_border: {allowed: [US, US]}", "cross_border.allowed", "write each entry once"),
        ("waiting_period_days: -1", "waiting_period_days", "write text of the form"),
    ],
)
def test_a_wrong_key_is_refused_by_file_key_and_cure(
    tmp_path: Path, line: str, key: str, cure: str
) -> None:
    replaced = line.partition(":")[0]
    kept = dedent(SMALL).strip().splitlines()
    if replaced == "benefits":
        kept = kept[:3]
    text = "\n".join([*(each for each in kept if not each.startswith(replaced)), line])

    message = refusal(tmp_path, text)

    assert message.startswith(f"{tmp_path / 'plans' / 'some' / 'v1.yaml'}: {key}: ")
    assert cure in message


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert "(top): " in refusal(tmp_path, "currency: USD\n")
    assert "add timezone, year, benefits" in refusal(tmp_path, "currency: USD\n")
