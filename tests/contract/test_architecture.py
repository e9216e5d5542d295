"""What holds of the code as a whole: rooms, names, imports, sizes, and what stands in no file."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from builders import MAPPINGS, ROOT
from gateway_process import clean_environment

PACKAGE = ROOT / "payer_gateway"
SOURCES = sorted(PACKAGE.rglob("*.py"))


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120
    )


def copied(to: Path) -> Path:
    """The package and its contracts alone, in a folder of their own."""
    shutil.copytree(PACKAGE, to / "payer_gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", to)
    return to / "payer_gateway"


def test_the_import_contracts_hold() -> None:
    ran = lint_imports(ROOT)

    assert ran.returncode == 0, ran.stdout
    assert " 0 broken" in ran.stdout


def test_a_module_put_in_no_room_breaks_a_contract(tmp_path: Path) -> None:
    (copied(tmp_path) / "utils.py").write_text('"""In no room."""\n')

    ran = lint_imports(tmp_path)

    assert ran.returncode == 1
    assert "payer_gateway.utils" in ran.stdout


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("domain/money.py", "import sqlalchemy"),
        ("sandbox/moods.py", "from payer_gateway.domain import money"),
        ("storage/ids.py", "import requests"),
        ("mapping/kinds.py", "from payer_gateway.workflow import intake"),
    ],
)
def test_an_import_that_points_up_or_outside_breaks_a_contract(
    tmp_path: Path, room: str, line: str
) -> None:
    file = copied(tmp_path) / room
    file.write_text(f"{file.read_text('utf-8')}\n{line}\n", encoding="utf-8")

    ran = lint_imports(tmp_path)

    assert ran.returncode == 1
    assert "BROKEN" in ran.stdout


def names_of_insurers() -> Iterator[str]:
    for path in MAPPINGS.glob("insurers/*/v*.yaml"):
        file = yaml.safe_load(path.read_text("utf-8"))
        yield from (file["profile"], *file["aliases"], file["payer"]["name"])


def test_no_insurers_name_stands_in_python() -> None:
    names = {name for full in names_of_insurers() for name in (full, full.replace("-", "_"))}
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.I)

    assert len(names) >= 8
    assert [(p.name, named.findall(p.read_text("utf-8"))) for p in SOURCES] == [
        (p.name, []) for p in SOURCES
    ]


def test_only_the_command_line_prints() -> None:
    printing = [
        str(path.relative_to(PACKAGE))
        for path in SOURCES
        if path.parent.name != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "print"
    ]

    assert printing == []


IMPORT_EVERYTHING = """
import os, pkgutil, sys

def watch(event, args):
    if event.startswith(("socket.connect", "socket.bind", "subprocess.", "os.fork")):
        raise RuntimeError(f"{event} at import: {args}")
    if event == "open" and isinstance(args[2], int):
        if args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and args[0] != os.devnull:
            raise RuntimeError(f"writes at import: {args}")
    if event in ("os.mkdir", "os.rename", "os.remove", "shutil.rmtree"):
        raise RuntimeError(f"{event} at import: {args}")

sys.addaudithook(watch)
import payer_gateway
for module in pkgutil.walk_packages(payer_gateway.__path__, "payer_gateway."):
    if ".migrations" not in module.name:  # run by alembic, not imported
        __import__(module.name)
print(sum(name.startswith("payer_gateway") for name in sys.modules))
"""


def test_importing_every_module_writes_nothing_and_opens_no_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_EVERYTHING],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 80
    assert list(tmp_path.iterdir()) == []


def tracked() -> list[Path]:
    """Files that are in the repository or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("no git repository here, so nothing says which files belong to it")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_every_python_file_is_short_enough_to_be_read_at_one_go() -> None:
    # A migration is written once, in one piece, and never edited.
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py" and "versions" not in path.parts
        if (lines := path.read_text("utf-8").count("\n")) >= 400
    }

    assert long == {}


# Put together here, so that this file does not hold what it looks for.
NOWHERE_WRITTEN = {
    "work left to do": rf"\b{'TO'}DO\b|\b{'FIX'}ME\b",
    "a package registry": rf"{'py'}pi\.org|{'python'}hosted\.org|{'registry'}\.npmjs",
    "a path of one machine": rf"(?<![\w.:/$}}])/(?:{'wo'}rk|{'ro'}ot|{'ho'}me)/",
}


@pytest.mark.parametrize("what", NOWHERE_WRITTEN)
def test_no_file_of_the_repository_holds(what: str) -> None:
    pattern = re.compile(NOWHERE_WRITTEN[what])

    found = {
        str(path.relative_to(ROOT)): hits
        for path in tracked()
        if (hits := pattern.findall(path.read_bytes().decode("utf-8", "replace")))
    }

    assert found == {}


def test_the_map_of_the_house_names_every_module() -> None:
    told = (ROOT / "docs" / "architecture.md").read_text("utf-8")

    missing = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.stem not in ("__init__", "env") and "versions" not in path.parts
        if not re.search(rf"`(?:[a-z_]+/)?{re.escape(path.stem)}(?:\.py)?`", told)
    ]

    assert missing == []


def test_decision_records_are_numbered_once_each_and_say_their_number() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    numbers = [record.name[:3] for record in records]

    assert numbers == [f"{n:03}" for n in range(1, len(records) + 1)]
    for record in records:
        assert record.read_text("utf-8").startswith(f"# {record.name[:3]}. "), record.name
