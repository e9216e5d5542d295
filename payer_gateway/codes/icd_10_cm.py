"""ICD-10-CM, release by release: which codes are billable on a day, and which are mere headers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Icd10Cm:
    """All codes of all releases we have, in their standard spelling (upper case, with the dot).

    A code without a day in ``valid_from`` or ``valid_to`` is open at that end, as far as our
    releases tell. A header (C50) is the beginning of codes, and exists while one of them is valid.
    """

    codes: tuple[str, ...]  # sorted
    valid_from: Mapping[str, date]
    valid_to: Mapping[str, date]  # the last day

    def lists(self, code: str) -> bool:
        """Whether any release has it as a billable code."""
        n = bisect_left(self.codes, code)
        return n < len(self.codes) and self.codes[n] == code

    def is_valid(self, code: str, on: date) -> bool:
        return self.lists(code) and self._covers(code, on)

    def below(self, header: str) -> Iterator[str]:
        """The codes of any release that begin with the header and are longer than it."""
        for n in range(bisect_left(self.codes, header), len(self.codes)):
            if not self.codes[n].startswith(header):
                return
            if self.codes[n] != header:
                yield self.codes[n]

    def is_header(self, code: str, on: date) -> bool:
        return any(self._covers(each, on) for each in self.below(code))

    def valid_codes(self, on: date) -> Iterator[str]:
        return (code for code in self.codes if self._covers(code, on))

    def _covers(self, code: str, on: date) -> bool:
        return self.valid_from.get(code, date.min) <= on <= self.valid_to.get(code, date.max)


@cache
def icd_10_cm() -> Icd10Cm:
    """The table, read when first asked for and then kept: some 8 MB and 30 ms."""
    data = files("payer_gateway.codes") / "data" / "icd_10_cm.txt"
    return _read(data.read_text(encoding="ascii"))


def _read(text: str) -> Icd10Cm:
    codes: list[str] = []
    valid_from: dict[str, date] = {}
    valid_to: dict[str, date] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        # "C50.A 012 2025-10-01/": the codes C50.A0, C50.A1 and C50.A2, from that day on.
        stem, ends, *period = line.split()
        found = [stem + end for end in ends]
        codes += found
        if period:
            first, _, last = period[0].partition("/")
            if first:
                valid_from |= dict.fromkeys(found, date.fromisoformat(first))
            if last:
                valid_to |= dict.fromkeys(found, date.fromisoformat(last))
    return Icd10Cm(tuple(sorted(codes)), valid_from, valid_to)
