"""The README as a test reads it: commands to run, tables, the drawing."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Page:
    text: str

    @classmethod
    def read(cls, root: Path) -> Page:
        return cls((root / "README.md").read_text("utf-8"))

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)

    def commands(self) -> list[str]:
        """Lines after ``$ `` of the console blocks, in order; those marked ``# not run: why`` are
        not among them, nor is the test suite itself."""
        lines = [line for block in self.blocks("console") for line in block.splitlines()]
        commands = [line.removeprefix("$ ").strip() for line in lines if line.startswith("$ ")]
        return [
            each
            for each in commands
            if not re.search(r"# not run: \S", each) and not re.match(r"make test\b", each)
        ]

    def rows(self, first_cell: str) -> list[list[str]]:
        """Table rows whose first cell is code that begins so; cells without their backticks."""
        found = []
        for line in self.text.splitlines():
            if line.startswith(f"| `{first_cell}"):
                cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
                found.append([cell.strip().replace("`", "") for cell in cells])
        return found

    def calls(self) -> list[str]:
        """Everything said after ``payer-gateway`` in code, up to the first word that is no
        command's."""
        code = [*re.findall(r"`([^`\n]+)`", self.text), *self.blocks("console")]
        code += self.blocks("sh")
        return [
            words.strip()
            for each in code
            for words in re.findall(r"(?:^|[ /])payer-gateway((?: [a-z][a-z-]*)+)", each, re.M)
        ]


def as_script(commands: list[str]) -> str:
    """One shell that runs them in order, stops at the first that fails, and says which it was.

    A command in the background is waited for until its port answers. Ports that commands are told
    to take become free ones, throughout.
    """
    ports = {p: _free_port() for each in commands for p in re.findall(r"--port[ =](\d+)", each)}
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for each in commands:
        # The environment is there already; a `make demo` would build it anew.
        command = re.sub(r"^make demo\b", "payer-gateway demo", each).replace("CONSULTATIONS=", "")
        for written, free in ports.items():
            command = re.sub(rf"\b{written}\b", free, command)
        lines.append(f"printf '%s\\n' {_quoted('+ ' + command)} >&2")
        lines.append(command)
        if port := re.search(r"--port[ =](\d+) .*&$", command):
            lines.append(_listens(port[1]))
    return "\n".join(lines) + "\n"


def _listens(port: str) -> str:
    return (
        f"for i in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && break;"
        " kill -0 $!; sleep 0.1; done; kill -0 $!"
    )


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
