"""Everything the gateway emits and hears on the fixture and synthetic consultations."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import INSURERS, ROOT
from conformance_report import LINES
from emitted import EVERY, Emitted

# The outsider's bench is shared with the contract tests, the web surface with its own.
sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("contract", "web")]

from gateway_process import Gateway, addresses, sandbox
from recording_line import recording

from payer_gateway.cli.session import opened
from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.settings import Settings
from payer_gateway.workflow import rendering


@pytest.fixture(scope="session")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emitted]:
    folder = tmp_path_factory.mktemp("emitted")
    with sandbox(folder) as url, recording(url) as line:
        gateway = Gateway(folder, addresses(line.url))
        taken = gateway(
            "submit", "--json", ROOT / "fixtures" / "consultations", ROOT / "fixtures" / "synthea"
        )
        assert taken.code == 0, taken.said
        delivered = gateway.deliver("--max-wait", "90")
        submissions = gateway.submissions()
        shown = {row["id"]: gateway.request_of(row["id"]) for row in submissions}
        exchanges = list(line.exchanges)
    yield Emitted(
        sent={
            f"sent-{insurer_in(each.path)}-{n}": each.request
            for n, each in enumerate(exchanges)
            if each.request
        },
        shown=shown,
        rendered=_rendered(gateway),
        replies={
            f"reply-{insurer_in(each.path)}-{n}-{each.status}": each.reply
            for n, each in enumerate(exchanges)
            if each.reply.startswith(b"{")
        },
        delivered=delivered.code,
        submissions=submissions,
    )


def insurer_in(path: str) -> str:
    """Each insurer's base in the sandbox is its name."""
    return path.split("/")[1]


def _rendered(gateway: Gateway) -> dict[str, bytes]:
    """As the command renders them, without starting it four hundred times; a service an insurer
    has no code for is left out (``mapping render`` names it and exits 1)."""
    found = {}
    with opened(Settings.from_env(gateway.environment()), store=False) as services:
        for path in EVERY:
            for insurer in INSURERS:
                for use in Use:
                    try:
                        lines = rendering.render(services, insurer, path.read_bytes(), (use,))
                    except MappingError as missing:
                        assert "takes no" in str(missing)
                        continue
                    for n, line in enumerate(lines):
                        found[f"rendered-{path.stem}-{insurer}-{use}-{n}"] = line
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LINES:
        terminalreporter.section("HL7's validator")
        for line in LINES:
            terminalreporter.write_line(line)
