"""``payer-gateway eligibility``: decided cases decided again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from payer_gateway.cli.batch import batch
from payer_gateway.settings import Settings

if TYPE_CHECKING:
    from payer_gateway.mapping.scenarios import Outcome


@click.group()
def eligibility() -> None:
    """Ask whether an opinion is paid, and test the plans that say so."""


@eligibility.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The object of the API, on one line.")
def check(file: Path, as_json: bool) -> None:
    """Is the consultation in FILE paid, and why? One answer per coverage; nothing is kept. Exit 0
    whatever the answer is."""
    from payer_gateway.cli.output import json_line
    from payer_gateway.cli.session import local_operator, opened
    from payer_gateway.workflow.checking import check as checked

    with opened() as services:
        answer = checked(services, local_operator(), file.read_bytes())
    if as_json:
        json_line(answer)
        return
    for each in answer["decisions"]:
        click.echo(in_words(each))
    click.echo(answer["disclaimer"])


def in_words(answer: dict[str, Any]) -> str:
    """One coverage's answer for people."""
    from payer_gateway.domain.notes import in_words as sentence_of

    plan = f"{answer['plan']} ({answer['insurer']})" if answer["plan"] else "no coverage"
    lines = [f"{plan}: {answer['decision']}"]
    lines += [f"  {each['code']}: {each['sentence']}" for each in answer["reasons"]]
    lines.append(f"  For the patient: {answer['reasons'][0]['patient_sentence']}")
    if cost := answer["cost"]:
        money = f"{cost['member']} of {cost['allowed']} {cost['currency']}"
        lines.append(f"  The member pays {money} (estimate), the plan {cost['plan']}.")
    if answer["eligible_from"]:
        lines.append(f"  Covered from {answer['eligible_from']}.")
    lines += [f"  {note}: {sentence_of(note)}" for note in answer["notes"]]
    return "\n".join(lines)


@eligibility.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def scenarios(file: Path) -> None:
    """Run the decided cases of FILE and print every difference: given, expected, got, and what
    each rule found. The last line counts; exit 1 if any case differs."""
    outcomes = run_file(file)
    for outcome in outcomes:
        if not outcome.passed:
            click.echo(told(outcome))
    failed = sum(not outcome.passed for outcome in outcomes)
    click.echo(f"{len(outcomes) - failed} passed, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)


def run_file(file: Path) -> list[Outcome]:
    """Raises InvalidInput for a file that does not keep to the format."""
    from payer_gateway.codes import load_code_sets
    from payer_gateway.mapping.plans import PlanShelf
    from payer_gateway.mapping.scenario_file import read_scenarios
    from payer_gateway.mapping.scenarios import run

    shelf = PlanShelf(Settings.from_env(os.environ).mappings)
    codes = load_code_sets()
    return [run(scenario, codes) for scenario in read_scenarios(file, shelf)]


def told(outcome: Outcome) -> str:
    """One case that differs, for the analyst who wrote it."""
    scenario = outcome.scenario
    lines = [f"{scenario.id}  {scenario.title}".rstrip(), f"  plan      {scenario.plan.name}"]
    given = dict(_flat(scenario.given, ""))
    given |= {f"plan_overrides.{k}": v for k, v in _flat(scenario.plan_overrides, "")}
    if scenario.price is not None:
        given["price.allowed"] = scenario.price
    lines += [f"  given     {key}: {value}" for key, value in given.items()] or ["  given     -"]
    for each in outcome.differences:
        lines.append(f"  expected  {each.key}: {each.expected}")
        lines.append(f"  got       {each.key}: {each.got}")
    for number, trace in enumerate(outcome.trace, start=1):
        found = "" if trace.outcome in ("pass", "not asked") else f"  ({_inputs(trace.inputs)})"
        lines.append(f"  rule {number:>2}   {trace.rule}: {trace.outcome}{found}")
    return "\n".join([*lines, ""])


def _flat(value: object, path: str) -> list[tuple[str, object]]:
    if isinstance(value, dict) and value:
        return [
            pair
            for key, below in value.items()
            for pair in _flat(below, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(value, list):
        return [(path, "[" + ", ".join(map(str, value)) + "]")]
    return [(path, value)] if path else []


def _inputs(inputs: object) -> str:
    from payer_gateway.mapping.canonical import canonical_json
    from payer_gateway.mapping.decision_json import plain

    return canonical_json(plain(inputs)).decode()


eligibility.add_command(batch)
