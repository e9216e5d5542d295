"""HL7's own validator over every Bundle we emit and every answer of the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from emitted import Emitted, pretty

VALIDATOR = Path(__file__).parent / "fhir_validate" / "fhir-validate"
pytestmark = pytest.mark.java


@dataclass(frozen=True)
class Findings:
    errors: dict[str, list[str]]  # file, without its ending → what is wrong with it
    files: int


@pytest.fixture(scope="module")
def found(emitted: Emitted, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """One run over everything: starting the validator takes longer than a hundred files."""
    missing = [tool for tool in ("javac", "mvn") if shutil.which(tool) is None]
    if missing:
        reason = f"HL7's validator needs javac and mvn; not on the PATH: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("validated")
    for name, body in everything(emitted).items():
        (folder / f"{name}.json").write_bytes(body)
    ran = subprocess.run(
        ["bash", VALIDATOR, "--ig", "r4", "--closed", folder],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 1, ran.stderr  # the broken ones must be noticed
    errors: dict[str, list[str]] = defaultdict(list)
    *lines, last = [json.loads(line) for line in ran.stdout.splitlines()]
    for line in lines:
        if line.get("severity") in ("error", "fatal"):
            name = Path(line["file"]).stem
            # An answer may point outside itself; only what we send must be closed.
            if not (name.startswith("reply-") and line["id"] == "dangling-reference"):
                errors[name].append(f"{line['id']} at {line['location']}: {line['message']}")
    return Findings(dict(errors), last["files"])


def everything(emitted: Emitted) -> dict[str, bytes]:
    """All but what says that it is PAS: that is held against the profiles of PAS (test_pas.py)."""
    said = emitted.bundles | emitted.replies | broken(emitted)
    return {name: body for name, body in said.items() if b"us/davinci-pas/" not in body}


def broken(emitted: Emitted) -> dict[str, bytes]:
    """Bundles spoilt on purpose, each in one way."""
    good = next(body for body in emitted.sent.values() if b"us/davinci-pas/" not in body)

    def spoilt(spoil: Any) -> bytes:
        bundle = json.loads(good)
        spoil(next(e["resource"] for e in bundle["entry"] if "use" in e["resource"]))
        return pretty(bundle).encode()

    return {
        "broken-use": spoilt(lambda claim: claim.update(use="wish")),
        "broken-provider": spoilt(lambda claim: claim.pop("provider")),
        "broken-reference": spoilt(
            lambda claim: claim["provider"].update(
                reference="urn:uuid:00000000-0000-4000-8000-000000000000"
            )
        ),
        "broken-element": spoilt(lambda claim: claim.update(insurerName="Acme")),
    }


def of(found: Findings, kind: str) -> dict[str, list[str]]:
    return {name: said for name, said in found.errors.items() if name.startswith(kind)}


def test_every_file_was_validated(found: Findings, emitted: Emitted) -> None:
    assert found.files == len(everything(emitted)) > 300


def test_the_validator_bites(found: Findings) -> None:
    assert set(of(found, "broken-")) == {
        "broken-use",
        "broken-provider",
        "broken-reference",
        "broken-element",
    }


def test_every_bundle_that_was_sent_has_no_error(found: Findings) -> None:
    assert of(found, "sent-") == {}


def test_every_bundle_rendered_for_any_insurer_and_use_has_no_error(found: Findings) -> None:
    assert of(found, "rendered-") == {}


def test_every_answer_of_the_sandbox_has_no_error(found: Findings) -> None:
    assert of(found, "reply-") == {}
