"""docs/conformance.md and the list of PAS statements: complete, and every test named exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from payer_gateway.mapping.yamlfile import load_yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
LIST = ROOT / "tests" / "conformance" / "pas_statements.yaml"
KNOWN = ROOT / "tests" / "conformance" / "known.yaml"
# How many statements each part of the guide has.
COUNTS = {
    "ainfo": 7,
    "conf": 16,
    "metric": 2,
    "priv": 3,
    "prof": 10,
    "spec": 73,
    "use": 6,
}
WITH_NAMES = ("prof-ben-1", "prof-sub-1")


def statements() -> list[tuple[str, str, str]]:
    """Key, our words, what holds it."""
    rows = [tuple(row.split(" | ")) for row in load_yaml(LIST)["statements"]]
    return [(key, words, held) for key, words, held in rows]


@cache
def defined_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def test_each_of_the_119_statements_stands_in_the_list_once() -> None:
    every = [f"{part}-{n}" for part, count in COUNTS.items() for n in range(1, count + 1)]

    keys = [key for key, _, _ in statements()]

    assert len(keys) == 119
    assert sorted(keys) == sorted([*every, *WITH_NAMES])


def test_each_statement_has_tests_that_exist_or_a_reason() -> None:
    for key, words, held in statements():
        assert words
        if held.startswith("- "):
            assert len(held) > len("- "), key
            continue
        for test in held.split(", "):
            file, _, name = test.partition("::")
            assert name.startswith("test_"), (key, test)
            assert name in defined_in(file), (key, test)


def table() -> str:
    """The statements as the page shows them: the file's name is that of the test's alone."""
    lines = ["| statement | in our words | held by, or why not |", "|---|---|---|"]
    for key, words, held in statements():
        shown = held.removeprefix("- ")
        if shown is held:
            shown = "<br>".join(f"`{test}`" for test in held.split(", "))
        lines.append(f"| {key} | {words} | {shown} |")
    return "\n".join(lines)


def test_the_page_shows_the_list() -> None:
    """To make the page's table anew: ``python tests/contract/test_conformance_page.py``."""
    assert table() in PAGE.read_text("utf-8")


def test_the_page_names_every_kind_of_warning_and_every_known_limit() -> None:
    page = PAGE.read_text("utf-8")
    known = load_yaml(KNOWN)

    for limit in known["limits"]:
        assert limit["id"] in page
    for kinds in known["warnings"].values():
        for kind in kinds:
            assert kind in page


def rewrite() -> None:
    text = PAGE.read_text("utf-8")
    text = re.sub(r"\| statement \|.*(?=\n\n|\n\Z)", lambda _: table(), text, flags=re.S)
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    rewrite()
