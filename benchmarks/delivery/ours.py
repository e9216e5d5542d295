"""Our side of the run: consultations made from a fixture, taken in and delivered by the installed
command, as anybody would run it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "fixtures" / "consultations" / "01-us-oncology-by-video.json"
INSURER = "northwind-ppo"
SHORT_WAITS = "retry_after: [1s, 2s, 2s, 2s, 2s, 2s, 2s, 2s]"


def environment(database_url: str, insurer_url: str, folder: Path) -> dict[str, str]:
    """Settings of this run. The mappings are the shipped ones; only the waits between tries of the
    insurer are shortened, as they are for every contender."""
    mappings = folder / "mappings"
    if not mappings.exists():
        shutil.copytree(ROOT / "mappings", mappings)
        profile = mappings / "insurers" / INSURER / "v1.yaml"
        text, changed = re.subn(r"retry_after: \[.*?\]", SHORT_WAITS, profile.read_text("utf-8"))
        assert changed == 1, f"{profile}: retry_after is not where it was"
        profile.write_text(text, encoding="utf-8")
    return {
        "PAYER_GATEWAY_DATABASE_URL": database_url,
        "PAYER_GATEWAY_MAPPINGS": str(mappings),
        "PAYER_GATEWAY_FIXTURES": str(ROOT / "fixtures"),
        "PAYER_GATEWAY_TODAY": "2026-04-15",
        "PAYER_GATEWAY_LEASE_SECONDS": "5",
        "PAYER_GATEWAY_SETTLE_SECONDS": "1",
        "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": "1",
        "PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL": insurer_url,
    }


def take_in(command: Path, environ: Mapping[str, str], claims: int, folder: Path) -> None:
    """So many consultations, each of another patient, each followed by one claim."""
    consultations = folder / "consultations"
    if not consultations.exists():
        consultations.mkdir()
        text = FIXTURE.read_text("utf-8")
        for n in range(claims):
            document = json.loads(text)
            document["id"], document["episode_id"] = f"SBS-{n:05d}", f"EP-SBS-{n:05d}"
            patient = document["patient"]
            patient["identifiers"][0]["value"] = f"SBS-P-{n:05d}"
            patient["family"] = f"Testperson{n}"
            document["coverages"][0]["member_id"] = f"NWSBS{n:05d}"
            (consultations / f"{n:05d}.json").write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        [command, "submit", consultations, "--json"],
        env=dict(environ),
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    taken = sum(len(line.get("submissions", ())) for line in lines)
    assert taken == claims, f"{taken} claims of {claims} consultations; {done.stderr[-500:]}"


def states(command: Path, environ: Mapping[str, str]) -> str:
    """What our own database holds at the end, beside what the insurer's ledger says."""
    listed = subprocess.run(
        [command, "submissions", "--json"], env=dict(environ), capture_output=True, text=True
    )
    counts = Counter(json.loads(line)["state"] for line in listed.stdout.splitlines())
    return ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
