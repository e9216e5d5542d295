"""A roster comes in: read in a stream, kept in short transactions (or, strictly, in one)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from payer_gateway.domain.errors import Fault
from payer_gateway.domain.principal import Act, Principal
from payer_gateway.storage import roster, tenants
from payer_gateway.storage.blind_keys import BlindKeys
from payer_gateway.storage.database import Work
from payer_gateway.storage.roster import Counts, Kept
from payer_gateway.workflow.roster_reading import Part, Reading, check_header, parts_of
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
    check_header(file)
    with s.database.write() as work:
        tenants.ensure(work, principal.tenant_id)
        by = principal.subject
        import_id = roster.begin_import(work, principal.tenant_id, by, is_strict=strict)
        keys = BlindKeys.of(work, principal.tenant_id)
    with closing(parts_of(Reading(file, s.shelf, s.plans, keys, CHUNK))) as parts:
        running = _Import(s, principal.tenant_id, import_id, told, parts)
        kept = running.all_or_nothing() if strict else running.as_it_comes()
    counts = running.counts if kept else Counts()
    counted = {
        "lines": running.lines,
        "added": counts.added,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "refused": running.refused,
    }
    with s.database.write() as work:
        of = {"file_sha256": running.file_sha256, "is_kept": kept}
        roster.end_import(work, principal.tenant_id, import_id, **of, **counted)
    return {"import": import_id, **counted, "kept": kept}


class _Import:
    """One run over one file: what was read, told and kept so far."""

    def __init__(
        self, s: Services, tenant_id: str, import_id: str, told: Told, parts: Iterator[Part]
    ) -> None:
        self._s, self._tenant_id, self._import_id = s, tenant_id, import_id
        self._told, self._parts = told, parts
        self.lines = self.refused = 0
        self.file_sha256 = ""
        self.counts = Counts()

    def _chunks(self) -> Iterator[list[Kept]]:
        """The good lines, so many at a time; bad ones are told and counted on the way."""
        for part in self._parts:
            for number, faults in part.bad:
                self._told.bad(number, faults)
            self.lines += part.lines
            self.refused += len(part.bad)
            self.file_sha256 = part.sha256
            yield part.good
            if part.lines:
                self._told.progress(self.lines, part.read_bytes)

    def as_it_comes(self) -> bool:
        for chunk in self._chunks():
            with self._s.database.write() as work:
                self._keep(work, chunk)
        return True

    def all_or_nothing(self) -> bool:
        """One transaction, given up at the first bad line; the rest is read to tell of it."""
        chunks = self._chunks()
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
