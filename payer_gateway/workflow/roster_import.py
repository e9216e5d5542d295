"""A roster comes in: read in a stream, kept in short transactions (or, strictly, in one)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from payer_gateway.domain.errors import Fault, MappingError
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.mapping.roster_file import unfit_amounts
from payer_gateway.mapping.roster_stream import Read, read_roster
from payer_gateway.storage import roster, tenants
from payer_gateway.storage.blind_keys import BlindKeys
from payer_gateway.storage.database import Work
from payer_gateway.storage.roster import Counts, Kept
from payer_gateway.storage.seen_keys import SeenKeys
from payer_gateway.workflow.services import Services

# Lines in one transaction: long enough that committing costs little, short enough that workers
# which wait for SQLite's one writer do not notice.
CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Told:
    """What an import tells on its way. ``bad``: the line's number and its faults, by column."""

    bad: Callable[[int, tuple[Fault, ...]], None]
    progress: Callable[[int, int], None]  # lines read, bytes read


def import_roster(
    s: Services, principal: Principal, file: Path, told: Told, *, strict: bool
) -> dict[str, Any]:
    """Keep what a roster file says: {import, lines, added, changed, unchanged, refused, kept}.

    A bad line is told and left out; with ``strict`` one bad line leaves all of them out. The same
    file again changes nothing. Raises InvalidInput for a file that is no roster, OSError.
    """
    principal.must_be_allowed(Act.IMPORT_ROSTER)
    with file.open("rb", buffering=0) as raw, SeenKeys() as seen:
        watched = _Watched(raw)
        reads = read_roster(io.BufferedReader(watched, 1 << 20))
        with s.database.write() as work:
            tenants.ensure(work, principal.tenant_id)
            by = principal.subject
            import_id = roster.begin_import(work, principal.tenant_id, by, is_strict=strict)
            keys = BlindKeys.of(work, principal.tenant_id)
        running = _Import(s, principal.tenant_id, import_id, told, _Keeping(s, keys, seen))
        chunks = running.chunks(reads, watched)
        kept = running.all_or_nothing(chunks) if strict else running.as_it_comes(chunks)
        counts = running.counts if kept else Counts()
        counted = {
            "lines": running.lines,
            "added": counts.added,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "refused": running.refused,
        }
        with s.database.write() as work:
            digest = watched.digest.hexdigest()
            roster.end_import(
                work, principal.tenant_id, import_id, file_sha256=digest, is_kept=kept, **counted
            )
    return {"import": import_id, **counted, "kept": kept}


class _Import:
    """One run over one file: what was read, told and kept so far."""

    def __init__(
        self, s: Services, tenant_id: str, import_id: str, told: Told, keeping: _Keeping
    ) -> None:
        self._s, self._tenant_id, self._import_id = s, tenant_id, import_id
        self._told, self._keeping = told, keeping
        self.lines = self.refused = 0
        self.counts = Counts()

    def chunks(self, reads: Iterator[Read], watched: _Watched) -> Iterator[list[Kept]]:
        """The good lines, so many at a time; bad ones are told and counted on the way."""
        while chunk := list(islice(reads, CHUNK)):
            good, bad = self._keeping.sorted_out(chunk)
            for number, faults in bad:
                self._told.bad(number, faults)
            self.lines += len(chunk)
            self.refused += len(bad)
            yield good
            self._told.progress(self.lines, watched.read_bytes)

    def as_it_comes(self, chunks: Iterator[list[Kept]]) -> bool:
        for chunk in chunks:
            with self._s.database.write() as work:
                self._keep(work, chunk)
        return True

    def all_or_nothing(self, chunks: Iterator[list[Kept]]) -> bool:
        """One transaction, given up at the first bad line; the rest is read to tell of it."""
        try:
            with self._s.database.write() as work:
                for chunk in chunks:
                    if self.refused:
                        raise _GivenUp
                    self._keep(work, chunk)
        except _GivenUp:
            for _ in chunks:
                pass
        return self.refused == 0

    def _keep(self, work: Work, chunk: Sequence[Kept]) -> None:
        if chunk:
            today = self._s.today or work.now.date()
            self.counts += roster.keep(work, self._tenant_id, self._import_id, chunk, today)


class _GivenUp(Exception):
    """A strict import met a bad line: its transaction is rolled back."""


class _Keeping:
    """From lines to what is kept of them: whose plan it is, blind keys, and no member twice."""

    def __init__(self, s: Services, keys: BlindKeys, seen: SeenKeys) -> None:
        self._s, self._keys, self._seen = s, keys, seen
        self._insurers: dict[str, str | Fault] = {}
        self._plans: dict[str, Plan | Fault] = {}

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

    def _insurer(self, written: str) -> str | Fault:
        if written not in self._insurers:
            _bound(self._insurers)
            try:
                self._insurers[written] = self._s.shelf.find(written)
            except MappingError as exc:
                self._insurers[written] = Fault("insurer", written, str(exc))
        return self._insurers[written]

    def _plan(self, written: str) -> Plan | Fault:
        if written not in self._plans:
            _bound(self._plans)
            try:
                self._plans[written] = self._s.plans.plan(written)
            except MappingError as exc:
                self._plans[written] = Fault("plan", written, str(exc))
        return self._plans[written]


def _bound(names: dict[str, Any]) -> None:
    """A file of nothing but unknown names must not fill the memory with them."""
    if len(names) > 10_000:
        names.clear()


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
