"""Plans that contradict themselves, told in words; the shipped ones do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from builders import MAPPINGS
from click.testing import CliRunner, Result
from eligibility_cases import SHELF

from payer_gateway.cli.plan import plan
from payer_gateway.mapping.plan_check import contradictions
from payer_gateway.mapping.plans import PlanShelf

SMALL = """
currency: USD
timezone: America/New_York
year: calendar
benefits:
  oncology: {categories: [oncology], modes: [in_person]}
"""


def checked(folder: Path, *names: str) -> Result:
    return CliRunner().invoke(plan, ["check", *names], env={"PAYER_GATEWAY_MAPPINGS": str(folder)})


def found(folder: Path, lines: str) -> str:
    path = folder / "plans" / "some" / "v1.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SMALL + lines, encoding="utf-8")
    shelf = PlanShelf(folder)
    return "\n".join(contradictions(shelf.plan("some"), shelf.keys("some")))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", ""),
        (
            "  more: {categories: [oncology], modes: [in_person]}\n",
            "benefits.more: it is reached only when asked for by name: oncology comes first",
        ),
        ("telehealth_requires_license_where_patient_is: true\n", "no benefit allows telemedicine"),
        ("hybrid_window_days: 30\n", "hybrid_window_days: no benefit allows hybrid"),
        ("cost: {in: {telemedicine_copay: '1.00'}}\n", "cost.in.telemedicine_copay: no benefit"),
        ("cost: {in: {deductible: '1', deductible_applies: false}}\n", "cost.in.deductible: "),
        ("cost: {in: {deductible_applies: true}}\n", "there is no deductible"),
        ("cross_border: {allowed: [], languages_supported: [ja]}\n", "languages_supported: "),
        ("limits: [{unit: opinion, per: member, max_second: 0}]\n", "limits.0.max_second: 0"),
        ("limits: [{unit: amount, per: member, max: '0'}]\n", "limits.0.max: 0 refuses"),
        (
            "third_opinion: requires_disagreement\n"
            "limits: [{unit: opinion, per: member, max_third: 0}]\n",
            "third_opinion: limits allow no third opinion",
        ),
        ("waiting_period_days: 30\ninitial_waiting_days: 20\n", "the longer counts"),
        (
            "waiting_period_days: 90\ncondition_waiting: [{prefix: [M17], months: 2}]\n",
            "condition_waiting.0: 90 days are waited for everything",
        ),
        (
            "excluded_diagnoses: [M1]\ncondition_waiting: [{prefix: [M17], months: 2}]\n",
            "condition_waiting.0: M17 is excluded altogether",
        ),
        ("excluded_diagnoses: [Z41, Z41.1]\n", "Z41.1 is part of Z41"),
        (
            "condition_waiting: [{prefix: [C50], months: 0}]\n",
            "condition_waiting.0.months: 0 is no",
        ),
        (
            "condition_waiting: [{prefix: [C50.4], months: 6}, {prefix: [C34, C50], months: 6}]\n",
            "condition_waiting.0: C50.4 waits 6 months anyway, by condition_waiting.1",
        ),
        ("condition_waiting: [{prefix: [C50.4], months: 9}, {prefix: [C50], months: 6}]\n", ""),
        ("dependents: {age_limit: 0, ends: birthday}\n", "age_limit: 0 covers no child"),
        ("cost: {out: {coinsurance_pct: 100}}\n", "cost.out.coinsurance_pct: at 100 the plan pays"),
        (
            "cancer_mandate_oon_in_network_cost: true\n",
            "cancer_mandate_oon_in_network_cost: there is no cost.in",
        ),
        (
            "cancer_mandate_oon_in_network_cost: true\n"
            "cost: {in: {copay: '5'}, out: {copay: '5'}}\n",
            "both networks cost the same",
        ),
        (
            "limits: [{unit: opinion, per: condition, max_second: 3},"
            " {unit: opinion, per: member, max_second: 2}]\n",
            "limits.0: it is never reached, limits.1 always ends before it",
        ),
        (
            "limits: [{unit: amount, per: member, term: annual, max: '5'},"
            " {unit: amount, per: member, term: lifetime, max: '5'}]\n",
            "limits.0: it is never reached, limits.1",
        ),
        (
            "limits: [{unit: opinion, per: member, max_second: 1},"
            " {unit: opinion, per: member, max_second: 1}]\n",
            "limits.1: it is never reached, limits.0",
        ),
        (
            "limits: [{unit: opinion, per: condition, max_second: 1, max_third: 1},"
            " {unit: opinion, per: member, max_second: 2}]\n",
            "",
        ),
        (
            "third_opinion: always\nlimits: [{unit: opinion, per: member, max_third: 0}]\n",
            "third_opinion: limits allow no third opinion",
        ),
        (
            "mandatory_second_opinion: {procedure_groups: [disc], penalty_pct: 5}\n",
            "it asks for an opinion on operations that no benefit pays",
        ),
        (
            "mandatory_second_opinion: {procedure_groups: [disc], penalty_pct: 0}\n",
            "the penalty is nothing",
        ),
        (
            "mandatory_second_opinion: {procedure_groups: [disc], penalty_pct: 5,"
            " exempt_urgency: [elective, urgent, emergency]}\n",
            "every urgency is exempt",
        ),
    ],
)
def test_what_contradicts_itself_is_said_in_a_sentence(
    tmp_path: Path, lines: str, told: str
) -> None:
    said = found(tmp_path, lines)

    assert told in said
    assert bool(said) is bool(told)


def test_suspicion_and_mandate_need_oncology(tmp_path: Path) -> None:
    lines = (
        "suspected_cancer: true\ncancer_mandate_oon_in_network_cost: true\n"
        "cost: {in: {copay: '5'}}\n"
    )
    path = tmp_path / "plans" / "some" / "v1.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(SMALL.replace("[oncology]", "[complex_surgery]") + lines, encoding="utf-8")
    shelf = PlanShelf(tmp_path)

    assert len(contradictions(shelf.plan("some"), shelf.keys("some"))) == 2


def test_a_key_that_says_what_is_inherited_anyway_is_told(tmp_path: Path) -> None:
    for name, text in (("some", SMALL), ("heir", "inherit: some/v1\nyear: calendar\n")):
        path = tmp_path / "plans" / name / "v1.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")

    heir, some = checked(tmp_path, "heir"), checked(tmp_path, "some")

    assert (heir.exit_code, some.exit_code) == (1, 0)
    assert heir.output == "heir: year: it says what the plan inherits anyway; take it out\n"


def test_plans_that_inherit_in_a_circle_are_told(tmp_path: Path) -> None:
    for name, parent in (("one", "other"), ("other", "one")):
        path = tmp_path / "plans" / name / "v1.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"inherit: {parent}/v1\n", encoding="utf-8")

    result = checked(tmp_path)

    assert result.exit_code == 1
    assert result.output.count("plans inherit in a circle") == 2


def test_every_shipped_plan_is_sound_and_its_own_cases_pass() -> None:
    result = checked(MAPPINGS)

    assert result.exit_code == 0
    said = result.output.splitlines()
    assert len(said) == len(SHELF.names())
    assert all(": nothing wrong" in line for line in said)


def test_a_case_beside_the_plan_that_differs_is_told(tmp_path: Path) -> None:
    shutil.copytree(MAPPINGS / "plans", tmp_path / "plans")
    file = tmp_path / "plans" / "us-ppo-2026" / "scenarios.yaml"
    file.write_text(file.read_text().replace("units: 2", "units: 1"), encoding="utf-8")

    result = checked(tmp_path, "US-PPO-2026")

    assert result.exit_code == 1
    assert "  expected  units: 1\n  got       units: 2\n" in result.output


def test_a_plan_that_is_not_there_or_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plans" / "some" / "v1.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(SMALL + "colour: red\n", encoding="utf-8")

    wrong, none = checked(tmp_path), checked(tmp_path, "none")

    assert (wrong.exit_code, none.exit_code) == (1, 1)
    assert "remove colour" in wrong.output
    assert "no plan is named 'none'" in none.output
