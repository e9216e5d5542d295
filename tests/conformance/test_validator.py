"""HL7's own validator over all that we emit, in each standard; its limits are known from what the
standards' own authors published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from conformance_report import report
from corpus import broken, corpus
from emitted import EVERY, Emitted
from hl7_validator import NEEDED, Finding, Findings, must_be_able_to_run, published, validate
from known import Limit, beyond, by_kind, expected_warnings, limits

pytestmark = [pytest.mark.java, pytest.mark.slow]
PUBLISHED, BROKEN = "published-", "broken-"
# No consultation of the fixtures asks the insurer that speaks PAS 2.0.1 for leave: nothing is sent.
KINDS = {
    "r4": ("sent-", "golden-", "reply-"),
    "pas-2.2.1": ("sent-", "golden-", "reply-", "update-", "inquiry-"),
    "pas-2.0.1": ("golden-", "update-", "inquiry-"),
}


@dataclass(frozen=True)
class Judged:
    """What the validator said of one standard's files, in one run over all of them."""

    ours: dict[str, bytes]
    broken: frozenset[str]
    found: Findings

    def of(self, prefix: str) -> list[Finding]:
        return [each for each in self.found.said if each.file.startswith(prefix)]

    @property
    def ours_said(self) -> list[Finding]:
        """An answer may point outside itself; only what we send must be closed."""
        return [
            each
            for each in self.found.said
            if each.file in self.ours
            and not (each.id == "dangling-reference" and each.file.startswith("reply-"))
        ]

    @property
    def ours_errors(self) -> list[Finding]:
        return [each for each in self.ours_said if each.is_error]


Judge = Callable[[str], Judged]


@pytest.fixture(scope="module")
def judge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    judged: dict[str, Judged] = {}

    def run(standard: str) -> Judged:
        must_be_able_to_run(standard)
        if standard not in judged:
            emitted: Emitted = request.getfixturevalue("emitted")
            ours = corpus(standard, emitted)
            spoilt = broken(next(body for name, body in ours.items() if name.startswith("rend")))
            theirs = {f"{PUBLISHED}{name}": body for name, body in published(standard)}
            files = {**ours, **spoilt, **theirs}
            found = validate(standard, files, tmp_path_factory.mktemp("validated"))
            assert found.files == len(files)
            judged[standard] = Judged(ours, frozenset(spoilt), found)
            told(standard, judged[standard], len(theirs))
        return judged[standard]

    return run


def told(standard: str, judged: Judged, examples: int) -> None:
    """What ``make conformance`` prints in the end, and docs/conformance.md keeps."""
    errors = judged.ours_errors
    warnings = by_kind(each for each in judged.ours_said if not each.is_error)
    known = len(errors) - len(beyond(standard, errors))
    report(
        f"{standard}: {len(judged.ours)} files of ours: {len(errors)} errors, {known} of them known"
        f" limits; {sum(warnings.values())} warnings; {examples} published examples:"
        f" {sum(each.is_error for each in judged.of(PUBLISHED))} errors"
    )
    for kind, count in warnings.most_common():
        report(f"  {count:6} warnings {kind}")


@pytest.mark.parametrize("standard", NEEDED)
def test_nothing_we_emit_has_an_error_beyond_the_known_limits(judge: Judge, standard: str) -> None:
    errors = judge(standard).ours_errors

    assert [str(each) for each in beyond(standard, errors)] == []


@pytest.mark.parametrize("standard", NEEDED)
def test_every_consultation_and_every_kind_of_document_was_looked_at(
    judge: Judge, standard: str
) -> None:
    names = judge(standard).ours

    use = "claim" if standard == "r4" else "preauthorization"
    rendered = [name for name in names if name.startswith("rendered-") and f"-{use}-" in name]
    for path in EVERY:
        assert any(name.startswith(f"rendered-{path.stem}-") for name in rendered), path.stem
    for kind in KINDS[standard]:
        assert any(name.startswith(kind) for name in names), kind


@pytest.mark.parametrize("standard", NEEDED)
def test_the_validator_bites(judge: Judge, standard: str) -> None:
    judged = judge(standard)

    bitten = {each.file for each in judged.of(BROKEN) if each.is_error}

    assert bitten == judged.broken


@pytest.mark.parametrize("standard", NEEDED)
def test_a_known_limit_occurs_in_published_examples_and_in_what_we_emit(
    judge: Judge, standard: str
) -> None:
    judged = judge(standard)

    def used(limit: Limit, found: list[Finding]) -> bool:
        return any(map(limit.matches, found))

    unpublished = [
        each.id
        for each in limits(standard)
        if not used(each, judge(each.published_in or standard).of(PUBLISHED))
    ]
    unneeded = [e.id for e in limits(standard) if not used(e, judged.ours_errors)]
    assert (unpublished, unneeded) == ([], [])


@pytest.mark.parametrize("standard", NEEDED)
def test_every_kind_of_warning_is_explained_and_every_explained_kind_occurs(
    judge: Judge, standard: str
) -> None:
    said = by_kind(each for each in judge(standard).ours_said if not each.is_error)

    assert set(said) == set(expected_warnings(standard))
