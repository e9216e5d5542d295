"""HL7's own validator, with the packages of Da Vinci PAS, over every request for prior
authorization: rendered, updated, withdrawn, asked about; and over the sandbox's answers."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from emitted import Emitted

sys.path.append(str(Path(__file__).parents[1] / "mapping"))

from mapping_cases import INSURERS, a_claim, a_decision, goldens_of, shipped

from payer_gateway.domain.claim import CLAIM_SYSTEM, Related, Relation, Use
from payer_gateway.mapping.bundle import build
from payer_gateway.mapping.consultation import read_consultation
from payer_gateway.mapping.inquiry import inquiry_bundle

VALIDATOR = Path(__file__).parent / "fhir_validate" / "fhir-validate"
PACKAGES = Path(os.environ.get("FHIR_PACKAGES", ROOT.parent / "shared" / "data" / "igs"))
SPEAKS = {"northwind-ppo": "pas-2.2.1", "state-medicaid": "pas-2.0.1"}
PAS = b"us/davinci-pas/StructureDefinition/profile-"
# Known limits of the packages, not of what is sent. PAS 2.2.1 lets profile-claim-update mark
# supportingInfo as changed (and spec-71 demands it), but its extension infoChanged says that it
# stands in Claim.item alone; whatever else is said of such a Claim follows from that.
INFO_CHANGED = "extension-infoChanged is not allowed to be used at this point"
FOLLOWS = ("BUNDLE_BUNDLE_ENTRY_MULTIPLE_PROFILES_NO_MATCH", "Validation_VAL_Profile_NoMatch")
pytestmark = pytest.mark.java


def needs_what_it_needs() -> None:
    missing = [tool for tool in ("javac", "mvn") if shutil.which(tool) is None]
    if not (PACKAGES / "davinci_pas_2.2.1.tgz").exists():
        missing.append(f"the packages of Da Vinci PAS (FHIR_PACKAGES, now {PACKAGES})")
    if missing:
        reason = f"HL7's validator needs {' and '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def validated(folder: Path, dialect: str) -> tuple[dict[str, list[str]], int]:
    ran = subprocess.run(
        ["bash", VALIDATOR, "--ig", dialect, "--closed", folder],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "FHIR_PACKAGES": str(PACKAGES)},
    )
    assert ran.returncode in (0, 1), ran.stderr
    errors: dict[str, list[str]] = defaultdict(list)
    *lines, last = [json.loads(line) for line in ran.stdout.splitlines()]
    for line in lines:
        if line.get("severity") in ("error", "fatal"):
            errors[Path(line["file"]).stem].append(f"{line['id']}: {line['message']}")
    return dict(errors), last["files"]


def conversation(insurer: str) -> dict[str, bytes]:
    """A request, lines added to it, one changed and one cancelled, all withdrawn; and the question
    about each."""
    profile = shipped(insurer)
    path = ROOT / "fixtures" / "consultations" / "05-us-oncology-hybrid.json"
    first = read_consultation(path.read_bytes()).consultation
    call, visit = first.services
    interpreter = dataclasses.replace(visit, code="interpreter", modifiers=())
    added = dataclasses.replace(first, services=(call, visit, interpreter))
    fewer = dataclasses.replace(
        first, services=(dataclasses.replace(call, quantity=2), interpreter)
    )
    found: dict[str, bytes] = {}
    sent: bytes | None = None
    for n, (name, consultation, relation) in enumerate(
        (
            ("initial", first, None),
            ("added", added, Relation.REPLACE),
            ("modified", fewer, Relation.REPLACE),
            ("withdrawn", fewer, Relation.VOID),
        )
    ):
        claim = dataclasses.replace(
            a_claim(Use.PREAUTHORIZATION),
            id=f"00000000-0000-4000-8000-00000000010{n}",
            number=f"UPDATE-{n}",
            related=relation and Related(f"{CLAIM_SYSTEM}|UPDATE-{n - 1}", relation, None),
        )
        coverage = consultation.coverages[0]
        sent = build(profile, consultation, coverage, claim, a_decision(), sent).body
        found[f"update-{name}"] = sent
        words = profile.speeches[Use.PREAUTHORIZATION].ask
        assert words is not None
        found[f"inquiry-{name}"] = inquiry_bundle(sent, words)
    return found


@pytest.mark.parametrize("insurer", SPEAKS)
def test_every_request_holds_against_its_profiles(
    emitted: Emitted, insurer: str, tmp_path: Path
) -> None:
    needs_what_it_needs()
    files = {
        name: body
        for name, body in emitted.rendered.items()
        if f"-{insurer}-preauthorization-" in name
    }
    for place in INSURERS:
        files |= {f"golden-{place}-{n}": body for n, body in enumerate(goldens(insurer, place))}
    files |= conversation(insurer)
    files["broken-category"] = without(next(iter(files.values())), "category")
    for name, body in files.items():
        (tmp_path / f"{name}.json").write_bytes(body)

    errors, count = validated(tmp_path, SPEAKS[insurer])

    assert count == len(files) >= 60
    assert errors.pop("broken-category")
    limited = {name: said for name, said in errors.items() if is_known_limit(said)}
    assert {name: said for name, said in errors.items() if name not in limited} == {}
    assert set(limited) <= {"update-modified"}


def goldens(insurer: str, place: str) -> list[bytes]:
    """The golden consultations of any insurer, as this one would be asked for leave."""
    profile = shipped(insurer)
    return [
        build(
            profile,
            case.consultation,
            case.coverage,
            dataclasses.replace(a_claim(Use.PREAUTHORIZATION), id=f"{n:08}-0000-4000-8000-{0:012}"),
            case.decision,
        ).body
        for n, case in enumerate(goldens_of(place).cases)
    ]


def without(body: bytes, element: str) -> bytes:
    bundle: Any = json.loads(body)
    del bundle["entry"][0]["resource"]["item"][0][element]
    return json.dumps(bundle).encode()


def is_known_limit(said: list[str]) -> bool:
    """Only what the package's own contradiction explains, and that at least once."""
    rest = [
        each
        for each in said
        if INFO_CHANGED not in each
        and not each.startswith(FOLLOWS)
        and "Claim.related: max allowed = 0" not in each
    ]
    return not rest and any(INFO_CHANGED in each for each in said)


def test_the_answers_of_the_sandbox_hold_against_their_profiles(
    emitted: Emitted, tmp_path: Path
) -> None:
    needs_what_it_needs()
    answers = {name: body for name, body in emitted.replies.items() if PAS in body}
    for name, body in answers.items():
        (tmp_path / f"{name}.json").write_bytes(body)

    errors, count = validated(tmp_path, "pas-2.2.1")

    assert count == len(answers) >= 2
    # The doctor or the request that an answer names may stay outside it.
    real = {
        name: kept
        for name, said in errors.items()
        if (kept := [each for each in said if "dangling-reference" not in each])
    }
    assert real == {}
