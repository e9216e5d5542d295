"""``mapping render``: the Bundles of any consultation for any insurer, whatever was decided."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import yaml
from builders import BY_VIDEO, CONSULTATIONS, INSURERS, MAPPINGS, ROOT, another
from gateway_process import Gateway, at_once, booked, sandbox
from walked import Walk

from payer_gateway.cli.session import opened
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.settings import Settings
from payer_gateway.workflow import rendering

EVERY = [*CONSULTATIONS, *sorted((ROOT / "fixtures" / "synthea").glob("*.json"))]
RECORDS_REVIEW = next(path for path in CONSULTATIONS if path.name.startswith("07"))


def claim_of(line: str | bytes) -> dict:
    bundle = json.loads(line)
    assert bundle["resourceType"] == "Bundle"
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Claim")


def test_one_json_line_whatever_the_decision_was(gateway: Gateway) -> None:
    asked = {"claim": ["--use", "claim"], "preauthorization": ["--use", "preauthorization"]}
    render = partial(gateway, "mapping", "render", "medicare-b", RECORDS_REVIEW)

    plain, *runs = at_once(render, *(partial(render, *options) for options in asked.values()))

    for use, ran in zip(asked, runs, strict=True):
        assert (ran.code, ran.said, ran.text.count("\n")) == (0, "", 1)
        assert claim_of(ran.text)["use"] == use
    assert plain.stdout == runs[0].stdout
    assert not (gateway.folder / "gateway.db").exists()


def test_rendering_the_same_twice_gives_the_same_bytes(gateway: Gateway) -> None:
    one, two = at_once(*[partial(gateway, "mapping", "render", "NWM", CONSULTATIONS[0])] * 2)

    assert one.stdout == two.stdout != b""


def test_an_insurer_that_there_is_not_is_said_before_its_case(gateway: Gateway) -> None:
    nobody, no_case = at_once(
        partial(gateway, "mapping", "render", "nobody-mutual", "no-case"),
        partial(gateway, "mapping", "render", "medicare-b", "no-case"),
    )

    assert (nobody.code, no_case.code) == (1, 1)
    assert "no insurer is called 'nobody-mutual' (known: medicare-b," in nobody.said
    assert "no file and no golden case of medicare-b is called 'no-case'" in no_case.said


def test_a_consultation_taken_in_is_rendered_by_its_id(walk: Walk) -> None:
    taken = walk.of(BY_VIDEO)

    by_id = walk.gateway("mapping", "render", "northwind-ppo", taken["consultation"])
    by_file = walk.gateway("mapping", "render", "northwind-ppo", taken["file"])

    assert by_id.stdout == by_file.stdout != b""


def takes(insurer: str, document: dict) -> bool:
    """Whether the insurer's file has a code for every service, by the YAML alone."""
    file = yaml.safe_load((MAPPINGS / "insurers" / insurer / "v1.yaml").read_text("utf-8"))
    theirs = file["codes"]["service"]["values"]
    return all(theirs[s["code"]["code"]] != "unsupported" for s in document["services"])


def test_every_consultation_can_be_rendered_for_every_insurer_and_both_uses(
    gateway: Gateway,
) -> None:
    # In this process: what the command calls, without starting it four hundred times.
    refused = []
    with opened(Settings.from_env(gateway.environment()), store=False) as services:
        for path in EVERY:
            document = path.read_bytes()
            for insurer in INSURERS:
                if not takes(insurer, json.loads(document)):
                    refused.append((path, insurer))
                    continue
                lines = rendering.render(services, insurer, document, (Use.CLAIM,))
                lines += rendering.render(services, insurer, document, (Use.PREAUTHORIZATION,))
                assert len(lines) == 2
                assert all(b"\n" not in line for line in lines)
                assert [claim_of(line)["use"] for line in lines] == ["claim", "preauthorization"]
        for path, insurer in refused:
            with pytest.raises(MappingError, match=f"{insurer}/v1.yaml: .* codes.service"):
                rendering.render(services, insurer, path.read_bytes(), (Use.CLAIM,))
    assert len(refused) == 1


def test_the_command_prints_the_very_bytes_that_rendering_makes(gateway: Gateway) -> None:
    path = EVERY[-1]
    with opened(Settings.from_env(gateway.environment()), store=False) as services:
        (expected,) = rendering.render(services, "sakura-life", path.read_bytes(), (Use.CLAIM,))

    ran = gateway("mapping", "render", "sakura-life", path)

    assert ran.stdout == expected + b"\n"


def test_what_the_insurer_has_no_code_for_is_exit_1_and_named_with_its_cure(
    gateway: Gateway,
) -> None:
    cross_border = next(path for path in CONSULTATIONS if path.name.startswith("16"))

    ran = gateway("mapping", "render", "medicare-b", cross_border)

    assert (ran.code, ran.stdout) == (1, b"")
    assert "takes no 'translation-page'; agree on a code" in ran.said


def test_the_resolved_profile_feeds_a_sandbox_that_then_checks_and_pays_by_it(
    tmp_path: Path,
) -> None:
    gateway = Gateway(tmp_path)
    resolved = gateway("mapping", "render", "--resolved", "state-medicaid")
    profile = tmp_path / "profile.json"
    profile.write_bytes(resolved.stdout)
    with sandbox(tmp_path, profile=profile) as url:
        gateway.settings["PAYER_GATEWAY_INSURER_STATE_MEDICAID_URL"] = url
        gateway.holds(another("11", mood="APPROVE"))  # one visit for 510.00; the fee is 310.00

        delivered = gateway.deliver()

        (entry,) = booked(url).values()
    assert (resolved.code, resolved.text.count("\n")) == (0, 1)
    assert delivered.code == 0
    assert (entry["insurer"], entry["billed"], entry["payable"]) == (
        "state-medicaid",
        "510.00",
        "279.00",
    )
