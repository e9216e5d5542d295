"""The trace of a decision: what every rule looked at and found, for whoever wants to see why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from payer_gateway.domain.eligibility_case import Case
from payer_gateway.domain.eligibility_rules import RULES, Rule, kind_of
from payer_gateway.domain.reasons import Reason

_NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Trace:
    """What one rule looked at and found."""

    rule: str
    outcome: str  # pass, not asked, or the codes of its reasons
    inputs: Mapping[str, object]


class Trail(Sequence[Trace]):
    """A trace per rule, in the order of the rules. Written out when it is first read: it costs as
    much as the judging, and few decisions are looked into. Equal to what says the same."""

    __slots__ = ("_case", "_found", "_written")

    def __init__(self, case: Case, found: tuple[Reason, ...]) -> None:
        self._case, self._found = case, found
        self._written: tuple[Trace, ...] | None = None

    @property
    def _traces(self) -> tuple[Trace, ...]:
        if self._written is None:
            self._written = tuple(map(self._of, RULES))
        return self._written

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What the rules found, without what they looked at."""
        return tuple(map(self._outcome, RULES))

    def _of(self, rule: Rule) -> Trace:
        outcome = self._outcome(rule)
        return Trace(rule.name, outcome, {} if outcome == _NOT_ASKED else rule.inputs(self._case))

    def _outcome(self, rule: Rule) -> str:
        if kind_of(self._case.question) not in rule.judges:
            return _NOT_ASKED
        codes = " ".join(reason.code for reason in self._found if reason.rule == rule.name)
        return codes or "pass"

    @overload
    def __getitem__(self, at: int) -> Trace: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Trace]: ...

    def __getitem__(self, at: int | slice) -> Trace | Sequence[Trace]:
        return self._traces[at]

    def __iter__(self) -> Iterator[Trace]:
        return iter(self._traces)

    def __len__(self) -> int:
        return len(RULES)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._traces == tuple(other)

    def __repr__(self) -> str:
        return repr(self._traces)
