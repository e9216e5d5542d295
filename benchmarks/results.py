"""``docs/benchmarks.md``: a section for each benchmark, each written anew by its own program."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def put_section(name: str, text: str) -> None:
    """Put ``text`` where the section of that name is, or at the end."""
    begins, ends = f"<!-- {name} -->", f"<!-- end of {name} -->"
    page = FILE.read_text(encoding="utf-8")
    section = f"{begins}\n{text.strip()}\n{ends}"
    before, found, rest = page.partition(begins)
    if found:
        page = before + section + rest.partition(ends)[2]
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    FILE.write_text(page, encoding="utf-8")
