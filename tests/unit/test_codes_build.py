"""The program that writes the table of codes."""

import runpy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "build_code_tables.py"))


# The package reads its own files in a way that Python gave up.
@pytest.mark.filterwarnings("ignore:.* is deprecated. Use files:DeprecationWarning")
def test_the_program_writes_the_table_that_is_shipped() -> None:
    for name, wanted in SCRIPT["SOURCES"].items():
        try:
            found = version(name)
        except PackageNotFoundError:
            pytest.skip(f"{name} {wanted} is not installed; scripts/build_code_tables.py says how")
        if found != wanted:
            pytest.skip(f"{name} {found} is installed, the table is made from {wanted}")

    assert SCRIPT["build"]() == SCRIPT["TABLE"].read_bytes() == SCRIPT["build"]()


def test_codes_that_share_stem_and_period_share_a_line_whatever_their_order() -> None:
    earlier, later = {"G35", "C50.412", "C50.411"}, {"C50.411", "C50.412", "C50.419", "G35.A"}

    written = list(SCRIPT["lines"](SCRIPT["periods"](earlier, later)))

    assert written == [
        "C50.41 12\n",
        "C50.41 9 2025-10-01/\n",
        "G3 5 /2025-09-30\n",
        "G35. A 2025-10-01/\n",
    ]


@pytest.mark.parametrize("codes", [{"C61"}, {"C61", "C00-C96"}])
def test_a_release_with_other_codes_than_expected_is_refused(codes: set[str]) -> None:
    with pytest.raises(SystemExit, match="2 codes expected"):
        SCRIPT["expected"](codes, 2)
