"""Exit codes, clients, and a ``--help`` that answers at once."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from builders import REJECTED, another
from gateway_process import Gateway, at_once, clean_environment
from walked import Walk

from payer_gateway import __version__
from payer_gateway.cli import COMMANDS

UNKNOWN = "01a206c4-0000-7000-8000-000000000000"
MISUSE = [
    ["frobnicate"],
    ["submit"],
    ["submissions", "--state", "frobnicated"],
    ["replay", "one", UNKNOWN],
    ["mapping", "render", "medicare-b"],
    ["client", "add", "x", "--role", "worker"],
    ["insurer", "test", "medicare-b"],  # has no address here
]
# A thing that is not there is a finding about the data, not a misuse of the command.
NOT_THERE = [
    ["submission", "show", UNKNOWN],
    ["explain", UNKNOWN],
    ["replay", "one", UNKNOWN, "--reason", "x"],
    ["consultation", "decide", UNKNOWN, "--eligible", "--reason", "x"],
    ["mapping", "render", "medicare-b", "no-such-file.json"],
]


def test_misuse_is_exit_2_and_says_what_to_write(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    assert gateway.submissions() == []

    runs = at_once(*(partial(gateway, *arguments) for arguments in MISUSE))

    for arguments, ran in zip(MISUSE, runs, strict=True):
        assert (ran.code, ran.stdout) == (2, b""), arguments
        assert ran.said and "Traceback" not in ran.said


def test_what_is_not_there_is_exit_1_and_named(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    assert gateway.submissions() == []

    runs = at_once(*(partial(gateway, *arguments) for arguments in NOT_THERE))

    for arguments, ran in zip(NOT_THERE, runs, strict=True):
        assert (ran.code, ran.stdout) == (1, b""), arguments
        assert ran.said.startswith("payer-gateway: no ") and ran.said.count("\n") == 1


def test_what_its_state_does_not_allow_is_exit_1(walk: Walk) -> None:
    (accepted,) = walk.rows_of("approved")

    ran = walk.gateway("submission", "cancel", accepted["id"], "--reason", "too late")

    assert ran.code == 1
    assert "accepted" in ran.said


def test_a_rejected_claim_is_understood_and_replayed(gateway: Gateway) -> None:
    gateway.holds(another(REJECTED))
    gateway.deliver()
    (rejected,) = gateway.submissions()

    story = gateway("explain", rejected["id"])
    replayed = gateway("replay", "one", rejected["id"], "--reason", "they mended the member")
    later = gateway("explain", rejected["id"])

    assert story.code == replayed.code == later.code == 0
    assert "business-rule" in story.text
    assert "they mended the member" in later.text
    assert [row["state"] for row in gateway.submissions()] == ["ready"]


def test_a_clients_key_is_shown_once_and_kept_only_as_a_hash(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)

    added = gateway(
        "client", "add", "clinic", "--tenant", "acme-so", "--role", "provider", "--json"
    )

    (client,) = added.rows
    assert added.code == 0
    assert list(client) == ["client", "tenant", "role", "key"]
    assert (client["client"], client["tenant"], client["role"]) == ("clinic", "acme-so", "provider")
    assert len(client["key"]) >= 40
    for file in tmp_path.iterdir():
        assert client["key"].encode() not in file.read_bytes()


def test_help_and_version_answer(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)

    shown = gateway("--help")

    assert gateway("--version").text == f"payer-gateway, version {__version__}\n"
    assert shown.code == 0
    assert all(f"\n  {name} " in shown.text for name in COMMANDS)
    assert list(tmp_path.iterdir()) == []


HELP_AND_WHAT_IT_IMPORTED = """
import json, sys
from payer_gateway.cli import main
sys.argv = ["payer-gateway", "--help"]
try:
    main()
except SystemExit:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_help_imports_nothing_heavy_so_that_it_answers_at_once(tmp_path: Path) -> None:
    heavy = {"alembic", "fhir", "flask", "marshmallow", "pydantic", "requests", "sqlalchemy"}

    done = subprocess.run(
        [sys.executable, "-c", HELP_AND_WHAT_IT_IMPORTED],
        env=clean_environment({}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert "click" in imported
    assert imported & heavy == set()


ENTRY = "from payer_gateway.cli import main; main()"


def test_the_reader_of_a_listing_may_go_away(walk: Walk) -> None:
    piped = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{sys.executable}' -c '{ENTRY}' submissions --json | :"],
        cwd=walk.gateway.folder,
        env=walk.gateway.environment(),
        capture_output=True,
        text=True,
    )

    assert (piped.returncode, piped.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("submission", "resolve", "x", "--booked", "--not-booked", "--evidence", "seen"),
        ("submission", "resolve", "x", "--evidence", "seen"),
        ("consultation", "decide", "x", "--eligible", "--refuse", "--reason", "so"),
        ("consultation", "decide", "x", "--reason", "so"),
    ],
)
def test_a_person_says_one_thing_and_not_its_contrary_too(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = Gateway(tmp_path)(*arguments)

    assert ended.code == 2
    assert "say either" in ended.said
