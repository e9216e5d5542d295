"""Decided cases from a file: the published ones pass, wrong ones are told, strange keys refused."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest
from builders import MAPPINGS
from click.testing import CliRunner, Result
from eligibility_cases import CODES, FILE, SHELF, shipped

from payer_gateway.cli.eligibility import eligibility
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.mapping.scenario_file import Scenario, read_scenarios
from payer_gateway.mapping.scenarios import run

HEAD = """
version: 2
defaults:
  as_of: '2026-03-05T12:00:00Z'
  member: {birth_date: '1979-05-14', relationship: self, residence: US-NY}
  coverage: {status: active, period: {start: '2026-01-01', end: '2026-12-31'}, order: 1}
  provider: {npi: '1555000128', network: in, coe: true, country: US, licensed_in: [US-NY]}
  request:
    opinion_number: 2
    mode: telemedicine
    service: '2026-03-12'
    patient_location: US-NY
    diagnosis: {system: icd-10-cm, code: C50.411}
    first_opinion: {npi: '1555000110', date: '2026-02-20', recommends_surgery: true}
scenarios:
"""


def a_file(folder: Path, *scenarios: str, head: str = HEAD) -> Path:
    path = folder / "cases.yaml"
    cases = "".join(indent(dedent(each).strip(), "  ") + "\n" for each in scenarios)
    path.write_text(head.lstrip() + cases, encoding="utf-8")
    return path


def ran(path: Path) -> Result:
    environment = {"PAYER_GATEWAY_MAPPINGS": str(MAPPINGS)}
    return CliRunner().invoke(eligibility, ["scenarios", str(path)], env=environment)


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        for scenario in read_scenarios(path, SHELF):
            run(scenario, CODES)
    return str(caught.value)


@pytest.mark.parametrize("scenario", shipped(), ids=lambda each: each.id)
def test_every_published_case_is_decided_as_it_says(scenario: Scenario) -> None:
    assert run(scenario, CODES).differences == ()


def test_the_published_file_is_run_by_the_command_and_counted() -> None:
    result = ran(FILE)

    assert (result.exit_code, result.output) == (0, "45 passed, 0 failed\n")


def test_a_difference_is_told_as_given_expected_got_with_what_each_rule_found(
    tmp_path: Path,
) -> None:
    path = a_file(
        tmp_path,
        "- {id: A, plan: US-PPO-2026, expect: {decision: ELIGIBLE}}",
        """
        - id: B
          title: Ended the day before
          plan: US-PPO-2026
          plan_overrides: {hybrid_window_days: 10}
          given: {coverage: {period: {end: '2026-03-11'}}}
          price: {allowed: '420.00'}
          expect: {decision: ELIGIBLE, cost: {member: '0.00'}, carc: '26'}
        """,
    )

    result = ran(path)

    assert result.exit_code == 1
    for line in (
        "B  Ended the day before",
        "  given     coverage.period.end: 2026-03-11",
        "  given     plan_overrides.hybrid_window_days: 10",
        "  given     price.allowed: 420.00",
        "  expected  decision: ELIGIBLE",
        "  got       decision: NOT_ELIGIBLE",
        "  expected  cost.member: 0.00",
        "  got       cost.member: nothing",
        "  expected  carc: 26",
        "  got       carc: 27",
        "  rule  2   member-found: pass",
    ):
        assert line in result.output.splitlines()
    assert "  rule  3   coverage-in-force: COVERAGE_TERMINATED" in result.output
    assert result.output.splitlines()[-1] == "1 passed, 1 failed"


WRONG = {
    "decision": "PENDED",
    "reasons": "[OUT_OF_NETWORK]",
    "benefit": "complex_surgery",
    "auth_required": "true",
    "cost": "{allowed: '420.00', member: '1.00', plan: '419.00', currency: USD}",
    "remaining": "{second: 0, third: 1}",
    "penalty": "'1.00'",
    "units": "2",
    "carc": "'27'",
    "eb01": "I",
    "aaa": "'75'",
    "eligible_from": "'2026-03-12'",
    "bill_first": "Z",
    "supersedes": "ELG-1",
    "notes": "[RESCISSION_REVIEW]",
    "normalized": "C50.412",
    "suggestion_prefix": "C50.",
    "modifier_hint": "SN",
    "service_type": "'21'",
    "per_leg_network": "[in]",
}


@pytest.mark.parametrize("key", WRONG)
def test_every_key_that_a_case_expects_is_checked(tmp_path: Path, key: str) -> None:
    expect = f"{{{key}: {WRONG[key]}}}"
    case = f"- {{id: A, plan: US-PPO-2026, price: {{allowed: '420.00'}}, expect: {expect}}}"

    (scenario,) = read_scenarios(a_file(tmp_path, case), SHELF)

    differing = {each.key.partition(".")[0] for each in run(scenario, CODES).differences}
    assert differing == {key}


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("- {id: A, plan: US-PPO-2026, colour: red, expect: {}}", "scenarios[0].colour: 'colour'"),
        (
            "- {id: A, plan: US-PPO-2026, given: {member: {age: 3}}, expect: {}}",
            "scenarios[0].given.member.age: 'age' is no key here",
        ),
        (
            "- {id: A, plan: US-PPO-2026, given: {request: {legs: [{day: x}]}}, expect: {}}",
            "scenarios[0].given.request.legs[0].day: 'day' is no key here",
        ),
        (
            "- {id: A, plan: US-PPO-2026, expect: {},"
            " given: {accumulators: {opinions_used: {C50: {fourth: 1}}}}}",
            "opinions_used.C50.fourth: 'fourth' is no key",
        ),
        (
            "- {id: A, plan: US-PPO-2026, given: {member: x}, expect: {decision: PENDED}}",
            "scenarios[0].given.member: write 'key: value' lines",
        ),
        ("- {id: A, plan: US-PPO-2026, expect: {verdict: x}}", "A.expect.verdict: 'verdict' is no"),
        (
            "- {id: A, plan: US-PPO-2026, expect: {visible_fields: []}}",
            "A.expect.visible_fields: 'visible_fields' is no key",
        ),
        (
            "- {id: A, plan: US-PPO-2026, caller: employer, expect: {reasons: []}}",
            "A.expect.reasons: 'reasons' is no key",
        ),
        ("- {id: A, plan: US-PPO-2026, caller: me, expect: {decision: x}}", "A.caller: write"),
        ("- {id: A, plan: NONE, expect: {decision: x}}", "A.plan: no plan is named 'NONE'"),
        (
            "- {id: A, plan: US-PPO-2026, plan_overrides: {colour: red}, expect: {decision: x}}",
            "remove colour; known here",
        ),
        ("- {plan: US-PPO-2026, expect: {decision: x}}", "scenarios[0].id: add it"),
        (
            "- {id: A, plan: US-PPO-2026, given: {request: {service: soon}}, expect: {units: 1}}",
            "A.given.request.service: 'soon': write a day",
        ),
        (
            "- {id: A, plan: US-PPO-2026, given: {request: {mode: fax}}, expect: {units: 1}}",
            "A.given.request.mode: 'fax': write telemedicine or",
        ),
        (
            "- {id: A, plan: US-PPO-2026, given: {provider: {coe: maybe}}, expect: {units: 1}}",
            "A.given.provider.coe: 'maybe': write true or false",
        ),
        (
            "- {id: A, plan: US-PPO-2026, price: {allowed: dear}, expect: {units: 1}}",
            "A.given.price.allowed: 'dear': write a decimal",
        ),
        ("- {id: A, plan: US-PPO-2026, expect: {}}", "A.expect: it expects nothing, so it cannot"),
    ],
)
def test_what_is_not_of_the_format_is_refused_by_name(tmp_path: Path, case: str, told: str) -> None:
    assert told in refusal(a_file(tmp_path, case))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("member: {relationship: kid}", "member.relationship: 'kid': write self or spouse"),
        ("member: {sex: f}", "member.sex: 'f': write male or female"),
        ("member: {residence: New York}", "member.residence: 'New York': write a country such as"),
        ("provider: {country: USA}", "provider.country: 'USA': write a country such as JP"),
        (
            "request: {patient_location: us-ny}",
            "request.patient_location: 'us-ny': write a country",
        ),
        ("request: {opinion_number: 1}", "request.opinion_number: '1': write 2 or 3"),
        ("request: {opinion_number: 4}", "request.opinion_number: '4': write 2 or 3"),
        ("coverage: {order: 0}", "coverage.order: '0': write a whole number, at least 1"),
        ("other_coverage: {order: 0}", "other_coverage.order: '0': write a whole number, at least"),
        ("subscriber_birthday: 13-40", "subscriber_birthday: '13-40': write a month and day"),
        ("subscriber_birthday: 02-30", "subscriber_birthday: '02-30': write a month and day"),
        ("accumulators: {deductible_met: -1}", "deductible_met: '-1': write an amount in USD"),
        ("accumulators: {amount_used: -0.01}", "amount_used: '-0.01': write an amount in USD"),
        (
            "accumulators: {opinions_used: {C50: {second: -1}}}",
            "opinions_used.C50.second: '-1': write a whole number, at least 0",
        ),
        (
            "prior_answer: {decision: YES, evaluated_at: '2026-03-01'}",
            "prior_answer.decision: 'YES': write INVALID or",
        ),
        ("prior_answer: {decision: ELIGIBLE, id: E}", "prior_answer.evaluated_at"),
        ("prior_answer: {evaluated_at: '2026-03-01', id: E}", "prior_answer.decision"),
    ],
)
def test_a_value_that_no_rule_would_know_is_refused(tmp_path: Path, given: str, told: str) -> None:
    case = f"- {{id: A, plan: US-PPO-2026, given: {{{given}}}, expect: {{units: 1}}}}"

    assert told in refusal(a_file(tmp_path, case))


def test_a_birthday_on_a_leap_day_is_one(tmp_path: Path) -> None:
    case = """
        - id: A
          plan: US-PPO-2026
          given:
            member: {birth_date: '2015-06-01', relationship: child}
            other_coverage: {payer: Insurer Z, subscriber_birthday: '02-29'}
            subscriber_birthday: '03-01'
          expect: {reasons: [SECONDARY_PAYER], bill_first: Insurer Z}
        """

    assert ran(a_file(tmp_path, case)).output == "1 passed, 0 failed\n"


def test_a_file_without_cases_is_no_success(tmp_path: Path) -> None:
    assert "scenarios: write at least one case" in refusal(a_file(tmp_path))


def test_one_leg_may_be_written_without_a_list(tmp_path: Path) -> None:
    case = (
        "- {id: A, plan: US-PPO-2026, price: {allowed: '420.00'},"
        " given: {request: {legs: {mode: in_person, service: '2026-03-13'}}},"
        " expect: {decision: ELIGIBLE, cost: {member: '40.00'}}}"
    )

    assert ran(a_file(tmp_path, case)).output == "1 passed, 0 failed\n"


def test_an_id_stands_once(tmp_path: Path) -> None:
    case = "- {id: A, plan: US-PPO-2026, expect: {units: 1}}"

    assert "scenarios[1].id: give it another id" in refusal(a_file(tmp_path, case, case))


def test_plans_of_the_file_inherit_whole_keys_and_never_in_a_circle(tmp_path: Path) -> None:
    plans = (
        "plans:\n  OWN: {inherit: US-PPO-2026, hybrid_window_days: 5}\n  A: {inherit: B}\n"
        "  B: {inherit: A}\n"
    )
    head = HEAD.replace("scenarios:\n", plans + "scenarios:\n")
    own = "- {id: O, plan: OWN, plan_overrides: {cost: {in: {copay: '9.00'}}}, expect: {units: 1}}"

    (scenario,) = read_scenarios(a_file(tmp_path, own, head=head), SHELF)
    circle = refusal(a_file(tmp_path, "- {id: C, plan: A, expect: {units: 1}}", head=head))

    assert scenario.plan.hybrid_window_days == 5
    assert set(scenario.plan.cost) == {"in"}
    assert "plans inherit in a circle" in circle


def test_a_case_without_coverage_is_paid_by_the_patient(tmp_path: Path) -> None:
    case = (
        "- {id: A, plan: US-PPO-2026, given: {coverage: null},"
        " expect: {decision: NOT_ELIGIBLE, reasons: [NO_COVERAGE]}}"
    )

    assert ran(a_file(tmp_path, case)).output == "1 passed, 0 failed\n"


@pytest.mark.parametrize(
    ("given", "expect", "passes"),
    [
        ("{}", "{decision: ENROLLED, http: 200}", True),
        ("{}", "{forbidden_fields: [enrolled]}", False),
        ("{}", "{visible_fields: [enrolled]}", False),
        ("{}", "{timing_class: same}", False),
        ("{member_found: false}", "{http: 404, body_equals: unknown_member}", True),
        ("{member: {employer: OTHER}}", "{http: 404, timing_class: same}", True),
        ("{coverage: {period: {end: '2026-03-04'}}}", "{http: 404, timing_class: same}", True),
        ("{coverage: {period: {end: '2026-03-05'}}}", "{http: 200}", True),
        ("{coverage: {status: cancelled}}", "{http: 404}", True),
        ("{coverage: null}", "{body_equals: unknown_member}", True),
        ("{coverage: null}", "{decision: ENROLLED}", False),
    ],
)
def test_an_employer_gets_the_employers_view(
    tmp_path: Path, given: str, expect: str, passes: bool
) -> None:
    case = f"- {{id: A, plan: US-PPO-2026, caller: employer, given: {given}, expect: {expect}}}"

    (scenario,) = read_scenarios(a_file(tmp_path, case), SHELF)

    assert run(scenario, CODES).passed is passes
