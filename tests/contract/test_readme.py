"""The README tells the truth: its commands run, its tables and its drawing are the program's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from builders import ROOT
from gateway_process import clean_environment
from readme_page import Page, as_script

from payer_gateway import __version__
from payer_gateway.cli import COMMANDS, cli
from payer_gateway.cli.states import diagram
from payer_gateway.settings import MEANINGS


@pytest.fixture(scope="module")
def page() -> Page:
    return Page.read(ROOT)


def a_copy(to: Path) -> Path:
    """The repository as a checkout has it."""
    left_out = shutil.ignore_patterns(
        ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.db*"
    )
    shutil.copytree(ROOT, to, ignore=left_out)
    return to


@pytest.mark.slow
def test_every_command_of_the_readme_runs_in_the_order_given(page: Page, tmp_path: Path) -> None:
    commands = page.commands()
    assert commands, "README.md has no console block with lines that start with '$ '"
    environ = clean_environment({})
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"

    shell = subprocess.Popen(
        ["bash", "-c", as_script(commands)],
        cwd=a_copy(tmp_path / "payer-gateway"),
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = shell.communicate(timeout=120)
    finally:
        try:
            os.killpg(shell.pid, signal.SIGTERM)  # whatever it left in the background
        except ProcessLookupError:
            pass
        shell.wait()

    assert shell.returncode == 0, told[-3000:]


def test_the_settings_table_is_the_programs_own(page: Page) -> None:
    written = {name: (default, meaning) for name, default, meaning in page.rows("PAYER_GATEWAY_")}

    assert written == MEANINGS


def test_the_states_are_drawn_as_the_program_draws_them(page: Page) -> None:
    drawings = [block for block in page.blocks("mermaid") if "stateDiagram" in block]

    assert drawings == [diagram() + "\n"]


def test_every_command_the_readme_names_is_one(page: Page) -> None:
    calls = page.calls()
    assert {"demo", "submit", "deliver", "serve"} <= {call.split()[0] for call in calls}

    for call in calls:
        command: click.Command | None = cli
        for word in call.split():
            if not isinstance(command, click.Group):
                break  # the rest are its arguments
            command = command.get_command(click.Context(command), word)
            assert command is not None, f"payer-gateway {call}: there is no {word}"


def test_every_make_target_the_readme_names_is_one(page: Page) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    said = r"`make ([a-z]+)|^(?:\$ )?make ([a-z]+)(?: [A-Z]+=\S+)?$"
    named = {a or b for a, b in re.findall(said, page.text, re.MULTILINE)}

    assert {"demo", "test"} <= named <= targets


def test_every_command_of_the_program_is_in_the_readme(page: Page) -> None:
    named = {call.split()[0] for call in page.calls()} | set(re.findall(r"`([a-z]+)", page.text))

    assert set(COMMANDS) - named == set()


def test_every_file_the_readme_links_to_is_there(page: Page) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.text)

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_decision_record_has_its_three_headings() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert records, "docs/decisions holds no record yet"
    for record in records:
        headings = re.findall(r"^## (\w+)", record.read_text("utf-8"), re.MULTILINE)
        assert headings[:3] == ["Context", "Decision", "Consequences"], record.name
        assert re.match(r"\d{3}-[a-z0-9-]+\.md", record.name)


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert re.search(rf"^## \[?{re.escape(__version__)}\b", changelog, re.MULTILINE)
