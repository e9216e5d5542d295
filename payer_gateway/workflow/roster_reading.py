"""A roster file made ready to be kept: its lines read and checked, their people turned into keys.

A long file is read by a process of its own, so that reading and writing have a core each. It gets
no database: what it knows is the file, the mapping files and the tenant's key.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from payer_gateway.domain.errors import Fault, GatewayError, MappingError
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.mapping.roster_file import unfit_amounts
from payer_gateway.mapping.roster_stream import Read, read_roster
from payer_gateway.storage.blind_keys import BlindKeys
from payer_gateway.storage.roster import Kept
from payer_gateway.storage.seen_keys import SeenKeys

T = TypeVar("T")
MOST_NAMES = 10_000  # a file of nothing but unknown names must not fill the memory with them
LONG = 8 << 20  # bytes; less is read before another process has begun


class Part(NamedTuple):
    """What so many lines say; the last part has none."""

    good: list[Kept]
    bad: list[tuple[int, tuple[Fault, ...]]]  # the line's number and its faults, by column
    lines: int
    read_bytes: int  # of the file so far
    sha256: str  # of these; with the last part that of the file


@dataclass(frozen=True, slots=True)
class Reading:
    """A file, and what its lines are held against."""

    file: Path
    shelf: Shelf
    plans: PlanShelf
    keys: BlindKeys
    chunk: int  # lines of a part

    def parts(self) -> Generator[Part]:
        with self.file.open("rb", buffering=0) as raw, SeenKeys() as seen:
            watched = _Watched(raw)
            reads = read_roster(io.BufferedReader(watched, 1 << 20))
            keeping = _Keeping(self, seen)
            while True:
                chunk = list(islice(reads, self.chunk))
                good, bad = keeping.sorted_out(chunk)
                digest = watched.digest.hexdigest()
                yield Part(good, bad, len(chunk), watched.read_bytes, digest)
                if not chunk:
                    return


def check_header(file: Path) -> None:
    """Raises InvalidInput, with every fault, for a file that is no roster; OSError."""
    with file.open("rb") as stream:
        _ = read_roster(stream)  # held, so that it is this file that closes it


def parts_of(reading: Reading) -> Generator[Part]:
    """The parts of a file whose header is right. Raises OSError, and GatewayError when the process
    that reads it has ended."""
    return _apart(reading) if reading.file.stat().st_size >= LONG else reading.parts()


def _apart(reading: Reading) -> Generator[Part]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # What was read of mapping files does not travel; they are read again there.
    shelves = Shelf(reading.shelf.mappings), PlanShelf(reading.plans.mappings)
    sent = replace(reading, shelf=shelves[0], plans=shelves[1])
    reader = context.Process(target=_send, args=(theirs, sent), daemon=True)
    reader.start()
    theirs.close()
    try:
        while True:
            try:
                part = ours.recv()
            except (EOFError, OSError):
                cure = "what is kept so far stays; import the file again"
                raise GatewayError(
                    f"the process that reads {reading.file} has ended; {cure}"
                ) from None
            if isinstance(part, OSError):
                raise part
            yield part
            if not part.lines:
                return
    finally:
        ours.close()  # whoever still sends has nobody to send to, and ends
        reader.join()


def _send(to: Connection, reading: Reading) -> None:
    # Whoever interrupts the import interrupts the process that writes; this one ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for part in reading.parts():
            to.send(part)
    except BrokenPipeError:
        pass
    except OSError as exc:
        to.send(exc)


class _Keeping:
    """From lines to what is kept of them: whose plan it is, blind keys, and no member twice."""

    def __init__(self, reading: Reading, seen: SeenKeys) -> None:
        self._keys, self._seen = reading.keys, seen
        self._insurer = _Named("insurer", reading.shelf.find)
        self._plan = _Named("plan", reading.plans.plan)

    def sorted_out(
        self, reads: Sequence[Read]
    ) -> tuple[list[Kept], list[tuple[int, tuple[Fault, ...]]]]:
        """What can be kept, and the number and faults of each line that cannot."""
        good: list[tuple[int, Kept]] = []
        bad: list[tuple[int, tuple[Fault, ...]]] = []
        for read in reads:
            kept = read.faults or self._kept(read)
            if isinstance(kept, Kept):
                good.append((read.number, kept))
            else:
                bad.append((read.number, kept))
        repeated = self._seen.repeated([(kept.member_key, number) for number, kept in good])
        for number, first in repeated.items():
            cure = f"line {first} is of the same member of this plan; leave one of the two out"
            bad.append((number, (Fault("member_id", None, cure),)))
        bad.sort(key=lambda each: each[0])
        return [kept for number, kept in good if number not in repeated], bad

    def _kept(self, read: Read) -> Kept | tuple[Fault, ...]:
        assert read.line is not None  # noqa: S101 - it has no faults
        m, usage = read.line.membership, read.line.usage
        insurer, plan = self._insurer(m.insurer), self._plan(m.plan)
        if isinstance(insurer, Fault) or isinstance(plan, Fault):
            return tuple(each for each in (insurer, plan) if isinstance(each, Fault))
        if faults := unfit_amounts(usage, plan.currency):
            return faults
        keys, subscriber, employee = self._keys, m.subscriber_id, None
        if m.employer_id is not None and m.employee_id is not None:
            employee = keys.employee(m.employer_id, m.employee_id, m.birth_date)
        return Kept(
            member_key=keys.member(insurer, plan.name, m.member_id),
            insurer=insurer,
            plan=plan.name,
            subscriber_key=subscriber and keys.member(insurer, plan.name, subscriber),
            employee_key=employee,
            membership=read.membership,
            year=usage.year if usage else None,
            usage=read.usage if usage else None,
        )


class _Named(Generic[T]):
    """What a column's texts name, each looked for once; a fault where they name nothing."""

    def __init__(self, column: str, find: Callable[[str], T]) -> None:
        self._column, self._find = column, find
        self._known: dict[str, T | Fault] = {}

    def __call__(self, written: str) -> T | Fault:
        found = self._known.get(written)
        if found is None:
            if len(self._known) > MOST_NAMES:
                self._known.clear()
            try:
                found = self._find(written)
            except MappingError as exc:
                found = Fault(self._column, written, str(exc))
            self._known[written] = found
        return found


class _Watched(io.RawIOBase):
    """A file that counts and hashes what is read of it."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.read_bytes = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        n = self._raw.readinto(buffer)
        if n:
            self.read_bytes += n
            self.digest.update(memoryview(buffer)[:n])
        return n
