"""How fast does a consultation become checked bytes?

``python benchmarks/mapping.py [--quick] [--write]``: every golden case of the shipped insurers, in
the standard its insurer speaks, beside ``fhir.resources`` in the same run, in turns.

What each side does:

- **Ours**, from a consultation that was read and decided to the canonical bytes: facts, the Bundle
  filled from the insurer's file, the check (structure, codes, references, sums and, for PAS, the
  rules of its profiles), the bytes. Each round has claims of its own, so that no id was seen
  before; what a running gateway has learnt (forms of objects, codes, addresses) it may know.
- **Theirs**: ``Bundle.model_validate`` builds and validates the models, ``model_dump_json`` writes
  them. It is *given the finished dict*. Whoever reads "building the same Bundle" as beginning at
  the consultation has to add our facts and fill to it, some two percent; we do not. It knows base
  R4 alone, no profile, and its bytes are not canonical (amounts become floats); nothing is
  added for that either.

The stages are taken in one passage, one after the other; ``whole`` is ``bundle.build``, as intake
and ``mapping render`` call it. Garbage is collected as in the web process (``wsgi.py``), for both.
``benchmarks/README.md`` says how to read it.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from results import put_section

from payer_gateway.domain.claim import Claim
from payer_gateway.domain.consultation import Coverage
from payer_gateway.mapping import bundle, bundle_check
from payer_gateway.mapping.canonical import encode_checked
from payer_gateway.mapping.facts import facts_of
from payer_gateway.mapping.goldens import Case, load_cases
from payer_gateway.mapping.profile import Profile, Shelf
from payer_gateway.mapping.speech import Speech

ROOT = Path(__file__).resolve().parent.parent


STAGES = ("facts", "fill", "check", "bytes")


@dataclass(frozen=True)
class Work:
    """One Bundle to make."""

    profile: Profile
    speech: Speech
    case: Case
    coverage: Coverage
    claim: Claim

    def again(self) -> Work:
        """The same for another claim: nothing in it has an id that was seen before."""
        return replace(self, claim=replace(self.claim, id=str(uuid.uuid4())))

    def facts(self) -> dict[str, Any]:
        c = self.case
        return facts_of(self.profile.teller, c.consultation, self.coverage, self.claim, c.decision)

    def filled(self) -> dict[str, Any]:
        return self.speech.filling.fill(self.facts())

    def whole(self) -> bytes:
        c = self.case
        built = bundle.build(self.profile, c.consultation, self.coverage, self.claim, c.decision)
        return built.body

    def staged(self) -> tuple[float, ...]:
        """Seconds of each stage."""
        speech = self.speech
        begun = time.perf_counter()
        facts = self.facts()
        told = time.perf_counter()
        made = speech.filling.fill(facts)
        filled = time.perf_counter()
        problems = bundle_check.check(made, speech.standard, speech.known, speech.diagnosis_told_as)
        checked = time.perf_counter()
        encode_checked(made)
        encoded = time.perf_counter()
        assert not problems
        return told - begun, filled - told, checked - filled, encoded - checked


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
        f"| standard | Bundles | kB | {' | '.join(STAGES)} | whole | fhir.resources | x |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, works in sorted(by_standard.items()):
        lines.append(row(name, works, pairs, rounds))
    return "\n".join(lines) + "\n"


def row(name: str, works: list[Work], pairs: int, rounds: int) -> str:
    theirs = models()
    documents = [work.filled() for work in works]
    for document in documents:  # what is compiled or imported at first use
        theirs(document)
    bodies = [work.whole() for _ in range(40) for work in works]
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    stages: list[tuple[float, ...]] = []
    ours, other = [], []
    for _ in range(pairs):
        for _ in range(rounds):
            taken = [work.again().staged() for work in works]
            stages.append(tuple(sum(each) / len(works) for each in zip(*taken, strict=True)))
        ours.append(
            each(lambda work: work.whole(), [[w.again() for w in works] for _ in range(rounds)])
        )
        other.append(each(theirs, [documents] * max(1, rounds // 10)))
    ratio = median(b / a for a, b in zip(ours, other, strict=True))
    size = sum(map(len, bodies)) / len(bodies) / 1000
    shown = " | ".join(f"{median(seconds) * 1e6:.0f}" for seconds in zip(*stages, strict=True))
    return (
        f"| {name} | {len(works)} | {size:.1f} | {shown} | {median(ours):.0f} |"
        f" {median(other):.0f} | **{ratio:.0f}** |"
    )


def each(step: Callable[[Any], object], rounds: Sequence[Sequence[object]]) -> float:
    """Microseconds per Bundle, the median of the rounds."""
    taken = []
    for works in rounds:
        begun = time.perf_counter()
        for work in works:
            step(work)
        taken.append((time.perf_counter() - begun) / len(works) * 1e6)
    return median(taken)


def every() -> Iterator[Work]:
    shelf = Shelf(ROOT / "mappings")
    for insurer in shelf.names():
        profile = shelf.profile(insurer)
        for case in load_cases(ROOT / "fixtures" / insurer / f"v{profile.version}"):
            for claim in case.claims.values():
                yield Work(profile, profile.speeches[claim.use], case, case.coverage, claim)


def models() -> Callable[[dict[str, Any]], object]:
    from fhir.resources.R4B.bundle import Bundle

    return lambda document: Bundle.model_validate(document).model_dump_json()


if __name__ == "__main__":
    main()
