"""A long roster is read by a process of its own, and nobody can tell by what is kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from builders import OPS
from roster_files import Imported, a_roster
from sqlalchemy import func, select

from payer_gateway.domain.errors import GatewayError
from payer_gateway.storage import tables
from payer_gateway.workflow import roster_import, roster_reading
from payer_gateway.workflow.roster_import import Told
from payer_gateway.workflow.services import Services


@pytest.fixture
def house(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Every file is a long one here, and comes in many parts."""
    monkeypatch.setattr(roster_reading, "LONG", 0)
    monkeypatch.setattr(roster_import, "CHUNK", 100)
    return services


def kept(house: Services) -> int:
    with house.database.read() as work:
        return work.conn.execute(
            select(func.count()).select_from(tables.roster_member)
        ).scalar_one()


@pytest.mark.parametrize("strict", [False, True])
def test_bad_lines_and_members_named_twice_are_told_as_ever(
    house: Services, tmp_path: Path, strict: bool
) -> None:
    good = [{"member_id": f"W{n}"} for n in range(250)]
    file = a_roster(tmp_path, *good, {"sex": "f"}, {"plan": "NO-SUCH"}, {"member_id": "w-7"})

    imported = Imported(house, file, strict=strict)

    assert imported.bad == [(252, "sex"), (253, "plan"), (254, "member_id")]
    assert imported.faults[2].cure.startswith("line 9 ")
    assert imported.counts == ((0 if strict else 250), 0, 0, 3)
    assert kept(house) == (0 if strict else 250)


def test_the_same_file_again_changes_nothing_whoever_reads_it(
    house: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_roster(
        tmp_path,
        *(
            {"member_id": f"W{n}", "amount_used": "1", "accumulator_year": "2026"}
            for n in range(250)
        ),
    )
    apart = Imported(house, file)
    monkeypatch.setattr(roster_reading, "LONG", 1 << 40)

    here = Imported(house, file)

    assert (apart.counts, here.counts) == ((250, 0, 0, 0), (0, 0, 250, 0))
    with house.database.read() as work:
        digests = work.conn.execute(select(tables.roster_import.c.file_sha256)).scalars().all()
    assert len(digests) == 2 and len(set(digests)) == 1
    assert multiprocessing.active_children() == []


def test_when_the_process_that_reads_is_killed_the_import_says_so_and_keeps_whole_parts(
    house: Services, tmp_path: Path
) -> None:
    file = a_roster(tmp_path, *({"member_id": f"W{n}"} for n in range(5000)))

    def kill(lines: int, size: int) -> None:
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(GatewayError, match="import the file again"):
        roster_import.import_roster(house, OPS, file, Told(lambda n, f: None, kill), strict=False)

    assert 0 < kept(house) < 5000
    assert kept(house) % 100 == 0


def test_when_the_import_is_stopped_the_process_that_reads_ends(
    house: Services, tmp_path: Path
) -> None:
    file = a_roster(tmp_path, *({"member_id": f"W{n}"} for n in range(5000)))

    def stop(lines: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roster_import.import_roster(house, OPS, file, Told(lambda n, f: None, stop), strict=False)

    assert multiprocessing.active_children() == []
