"""HL7's validator over a folder of files, one call per standard; and whether it can run here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders import ROOT

VALIDATOR = Path(__file__).parent / "fhir_validate" / "fhir-validate"
SETTING = "PAYER_GATEWAY_FHIR_PACKAGES"
PACKAGES = Path(os.environ.get(SETTING) or ROOT.parent / "shared" / "data" / "igs")
# What a standard needs, and first whose published examples are read.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "r4": ("hl7.fhir.r4.core-4.0.1.tgz",),
    "pas-2.2.1": ("davinci_pas_2.2.1.tgz", "davinci-crd-2.0.1.tgz", "us_core_700.tgz"),
    "pas-2.0.1": ("davinci_pas_2.0.1.tgz", "davinci-crd-2.0.1.tgz", "us_core_311.tgz"),
}
# The packages' folder stands beside folders of more that is published: the examples of the R4
# specification, whose package brings none, and the payloads recorded by the test kit of PAS.
BESIDE: Mapping[str, str] = {
    "r4": "fhir-r4-core-examples/*.json",
    "pas-2.2.1": "pas/inferno-pas-presets/pas_server_v221_*.json",
    "pas-2.0.1": "pas/inferno-pas-presets/pas_server_v201_*.json",
}


@dataclass(frozen=True)
class Finding:
    """One line of the validator about one file; ``file`` is its name without its ending."""

    file: str
    severity: str
    id: str
    location: str
    message: str

    @property
    def is_error(self) -> bool:
        return self.severity in ("error", "fatal")

    @property
    def kind(self) -> str:
        """What is counted together: the message's id, of an invariant its key alone."""
        return self.id.rpartition("#")[2] or "-"

    def __str__(self) -> str:
        return f"{self.file}: {self.severity} {self.id} at {self.location}: {self.message}"


@dataclass(frozen=True)
class Findings:
    files: int
    said: tuple[Finding, ...]


def must_be_able_to_run(standard: str) -> None:
    """Skip, naming the reason, where a tool or a package is missing; with CI=true that fails."""
    missing = [tool for tool in ("javac", "mvn") if shutil.which(tool) is None]
    missing += [
        f"{name} in {SETTING} (now {PACKAGES})"
        for name in NEEDED[standard]
        if not (PACKAGES / name).is_file()
    ]
    if missing:
        reason = f"HL7's validator for {standard} needs {', '.join(missing)}: docs/conformance.md"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def validate(standard: str, files: Mapping[str, bytes], folder: Path) -> Findings:
    """Everything at once: starting the validator takes longer than a hundred files. What it said
    stays in the folder, as ``said.jsonl``."""
    for name, body in files.items():
        (folder / f"{name}.json").write_bytes(body)
    ran = subprocess.run(
        ["bash", VALIDATOR, "--ig", standard, "--closed", folder],
        capture_output=True,
        text=True,
        timeout=3000,
        env={**os.environ, SETTING: str(PACKAGES)},
    )
    assert ran.returncode in (0, 1), ran.stderr
    (folder / "said.jsonl").write_text(ran.stdout, "utf-8")
    *lines, last = [json.loads(line) for line in ran.stdout.splitlines()]
    return Findings(
        last["files"],
        tuple(
            Finding(
                Path(line["file"]).stem,
                line["severity"],
                str(line["id"]),
                str(line["location"]),
                line["message"],
            )
            for line in lines
            if "severity" in line
        ),
    )


def published(standard: str) -> Iterator[tuple[str, bytes]]:
    """The examples of the standard's own package, then what stands beside the packages.
    The package of PAS 2.0.1 brings none."""
    with tarfile.open(PACKAGES / NEEDED[standard][0]) as package:
        for member in package.getmembers():
            path = Path(member.name)
            if path.parent.name == "example" and path.suffix == ".json":
                held = package.extractfile(member)
                assert held is not None
                yield path.stem, held.read()
    for path in sorted(PACKAGES.parent.glob(BESIDE[standard])):
        yield path.stem, path.read_bytes()
