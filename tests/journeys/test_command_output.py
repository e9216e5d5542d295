"""stdout and stderr of a command: full disks, readers that have gone, streams that are closed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from payer_gateway.cli.streams import lasting

MAPPINGS = Path(__file__).parents[2] / "mappings"
HEAD = "insurer,plan,member_id,birth_date,cover_start,relationship,accumulator_year,opinions_used"
GOOD = "NORTHWIND-PPO,US-PPO-2026,W{n},1979-05-14,2026-01-01,self,,"
BAD = "NORTHWIND-PPO,NO-SUCH-PLAN,W{n},1979-05-14,2026-01-01,self,,"
CANNOT = "the output cannot be written: no space left on device; make room"


@pytest.fixture(params=["buffered", "unbuffered"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    return Shell(tmp_path, "1" if request.param == "unbuffered" else "")


class Shell:
    """A shell with the command at hand and rosters beside it: good.csv, of 5,000, and bad.csv."""

    def __init__(self, folder: Path, unbuffered: str) -> None:
        self.folder = folder
        self._env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PAYER_GATEWAY_MAPPINGS": str(MAPPINGS),
            "PYTHONUNBUFFERED": unbuffered,
        }
        for name, line, count in (("good", GOOD, 5_000), ("bad", BAD, 1)):
            lines = (line.format(n=n) for n in range(count))
            (folder / f"{name}.csv").write_text("\n".join([HEAD, *lines]) + "\n")

    def __call__(self, words: str) -> subprocess.CompletedProcess[str]:
        """``words`` after ``payer-gateway``; the exit code is that of the command itself."""
        return subprocess.run(
            ["bash", "-c", f"trap '' XFSZ; payer-gateway {words}; exit ${{PIPESTATUS[0]}}"],
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
        )


@pytest.mark.parametrize("words", ["--version", "states", "eligibility batch good.csv"])
def test_a_full_disk_behind_stdout_is_told_with_its_cure(shell: Shell, words: str) -> None:
    done = shell(f"{words} >/dev/full")

    assert done.returncode == 2
    assert CANNOT in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_a_disk_that_fills_while_it_is_written_to_is_told_and_nothing_counts_as_answered(
    shell: Shell,
) -> None:
    """The kernel takes a part of the last write, and says no to the next one only."""
    (shell.folder / "limited").write_text("ulimit -f 20\nexec payer-gateway eligibility batch $1\n")

    done = shell("--version >/dev/null; bash limited good.csv >answers.csv")

    assert done.returncode == 2
    assert "the output cannot be written: file too large; make room" in done.stderr
    assert "members answered" not in done.stderr


def test_a_full_disk_behind_both_streams_still_ends_with_its_code(shell: Shell) -> None:
    assert shell("--version >/dev/full 2>/dev/full").returncode == 2
    assert shell("no-such-command 2>/dev/full").returncode == 2


def test_a_reader_that_has_seen_enough_ends_nothing_but_the_printing(shell: Shell) -> None:
    seen = shell("eligibility batch good.csv | head -1")

    assert (seen.returncode, seen.stdout[:10]) == (0, "member_id,")
    assert "Traceback" not in seen.stderr
    assert "Error" not in seen.stderr


def test_a_command_keeps_its_exit_code_when_its_reader_has_gone(shell: Shell) -> None:
    assert shell("eligibility batch bad.csv | true").returncode == 1
    assert shell("no-such-command 2>&1 | true").returncode == 2


def test_work_comes_to_its_end_when_nobody_reads_how_it_goes(shell: Shell) -> None:
    done = shell("eligibility batch good.csv --out answers.csv 2>&1 | true")

    assert done.returncode == 0
    assert len((shell.folder / "answers.csv").read_text().splitlines()) > 5_000


@pytest.mark.parametrize("words", ["--version", "eligibility batch good.csv"])
def test_streams_that_are_closed_are_no_error(shell: Shell, words: str) -> None:
    done = shell(f"{words} >&-")

    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert shell(f"{words} >&- 2>&-").returncode == 0


def test_a_log_goes_on_when_its_disk_has_room_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stream = Path("/dev/full").open("w")
    lasts = lasting(stream, must_be_read=False)
    lasts.write("while it is full\n")
    lasts.flush()

    with log.open("w") as roomy:
        os.dup2(roomy.fileno(), stream.fileno())
    lasts.write("afterwards\n")
    lasts.flush()

    assert log.read_text() == "afterwards\n"
    stream.close()


def test_a_file_that_a_full_disk_does_not_take_is_named_and_is_not_there_by_half(
    shell: Shell,
) -> None:
    shutil.copytree(MAPPINGS, shell.folder / "mappings")
    folders = "PAYER_GATEWAY_MAPPINGS=mappings PAYER_GATEWAY_FIXTURES=fixtures"
    new = f"{folders} payer-gateway mapping new acme-health --like base-r4"

    done = shell(f"--version >/dev/null; (ulimit -f 0; {new})")

    assert done.returncode == 2, done.stderr
    assert "acme-health/v1.yaml'; make room" in done.stderr
    assert list((shell.folder / "mappings" / "insurers" / "acme-health").iterdir()) == []
    assert shell(f"--version >/dev/null; {new}").returncode == 0
