"""How fast does a consultation become checked bytes?

``python benchmarks/mapping.py [--quick] [--write]``: every golden case of the shipped insurers, in
the standard its insurer speaks, beside ``fhir.resources`` building, validating and dumping the same
Bundle in the same run, in turns. ``benchmarks/README.md`` says how to read it.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from results import put_section

from payer_gateway.domain.claim import Claim
from payer_gateway.mapping import bundle, bundle_check
from payer_gateway.mapping.canonical import encode_checked
from payer_gateway.mapping.facts import facts_of
from payer_gateway.mapping.goldens import Case, load_cases
from payer_gateway.mapping.profile import Profile, Shelf
from payer_gateway.mapping.speech import Speech

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Work:
    """One Bundle to make."""

    profile: Profile
    case: Case
    claim: Claim

    @property
    def speech(self) -> Speech:
        return self.profile.speeches[self.claim.use]

    def facts(self) -> dict[str, Any]:
        c = self.case
        return facts_of(self.profile.teller, c.consultation, c.coverage, self.claim, c.decision)

    def whole(self) -> bytes:
        c = self.case
        made = bundle.build(self.profile, c.consultation, c.coverage, self.claim, c.decision)
        return made.body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds; figures mean little")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    text = table(2 if asked.quick else 5, 5 if asked.quick else 40)
    sys.stdout.write(text)
    if asked.write:
        put_section("mapping", text)


def table(pairs: int, rounds: int) -> str:
    by_standard: dict[str, list[Work]] = {}
    for work in every():
        by_standard.setdefault(work.speech.standard, []).append(work)
    lines = [
        "## Consultation to checked bytes",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, Python"
        f" {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end of it.",
        "Microseconds per Bundle, medians; `x`: how many times as long fhir.resources R4B takes to"
        " build, validate and dump the same Bundle (base R4 alone: it knows no profile).",
        "",
        "| standard | Bundles | kB | facts | fill | check | bytes | whole | fhir.resources | x |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, works in sorted(by_standard.items()):
        lines.append(row(name, works, pairs, rounds))
    return "\n".join(lines) + "\n"


def row(name: str, works: list[Work], pairs: int, rounds: int) -> str:
    theirs = models()
    facts = [work.facts() for work in works]
    filled = [work.speech.filling.fill(each) for work, each in zip(works, facts, strict=True)]
    bodies = [work.whole() for work in works]
    stages: dict[str, Callable[[int], object]] = {
        "facts": lambda n: works[n].facts(),
        "fill": lambda n: works[n].speech.filling.fill(facts[n]),
        "check": lambda n: bundle_check.check(filled[n], name, works[n].speech.known),
        "bytes": lambda n: encode_checked(filled[n]),
    }
    for n in range(len(works)):  # what is compiled or imported at first use
        theirs(filled[n])
        works[n].whole()
    # As the web process does after loading: what stays is not looked through again.
    gc.collect()
    gc.freeze()
    times = {
        stage: median(each(step, len(works), rounds) for _ in range(pairs))
        for stage, step in stages.items()
    }
    ours, other = [], []
    for _ in range(pairs):
        ours.append(each(lambda n: works[n].whole(), len(works), rounds))
        other.append(each(lambda n: theirs(filled[n]), len(works), max(1, rounds // 10)))
    ratio = median(b / a for a, b in zip(ours, other, strict=True))
    size = sum(map(len, bodies)) / len(bodies) / 1000
    shown = " | ".join(f"{times[stage]:.0f}" for stage in stages)
    return (
        f"| {name} | {len(works)} | {size:.1f} | {shown} | {median(ours):.0f} |"
        f" {median(other):.0f} | **{ratio:.0f}** |"
    )


def each(step: Callable[[int], object], count: int, rounds: int) -> float:
    """Microseconds per Bundle, the median of the rounds over all of them."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for n in range(count):
            step(n)
        taken.append((time.perf_counter() - begun) / count * 1e6)
    return median(taken)


def every() -> Iterator[Work]:
    shelf = Shelf(ROOT / "mappings")
    for insurer in shelf.names():
        profile = shelf.profile(insurer)
        for case in load_cases(ROOT / "fixtures" / insurer / f"v{profile.version}"):
            for claim in case.claims.values():
                yield Work(profile, case, claim)


def models() -> Callable[[dict[str, Any]], object]:
    from fhir.resources.R4B.bundle import Bundle

    return lambda document: Bundle.model_validate(document).model_dump_json()


if __name__ == "__main__":
    main()
