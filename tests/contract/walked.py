"""The walk that most contract tests look at, and the shapes the contract fixes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway_process import Gateway, Ran, Row
from recording_line import RecordingLine

MOODS = ("DENY", "AUTH", "REJECT", "BUSY", "DROP", "LATE", "GARBAGE", "DEDUPE")

# A line of `submit --json` for a file that was taken, and for one that was not.
TAKEN = (
    "file",
    "consultation",
    "source_id",
    "revision",
    "decision",
    "reasons",
    "decisions",
    "submissions",
    "planned",
)
REFUSED = ("file", "consultation", "decision", "errors")
# A line of `submissions --json`.
SUBMISSION = (
    "id",
    "consultation",
    "insurer",
    "claim_identifier",
    "use",
    "state",
    "attempts",
    "amount",
    "currency",
    "last_class",
    "cause",
)


@dataclass(frozen=True)
class Walk:
    """What came of the fixture consultations and one of each mood, taken in and delivered once."""

    gateway: Gateway
    line: RecordingLine
    taken: Ran  # submit --json
    waiting: Row  # a submission before any attempt, as it was listed then,
    would_go: bytes  # and what would have gone
    delivered: Ran  # the first deliver --until-idle
    listed: Ran  # submissions --json after it
    ledger: dict[str, Row]

    def of(self, file: str) -> Row:
        """The line of the file whose name begins so."""
        (found,) = (row for row in self.taken.rows if Path(row["file"]).name.startswith(file))
        return found

    def rows_of(self, file: str) -> list[Row]:
        """The submissions that followed from that file."""
        consultation = self.of(file)["consultation"]
        return [row for row in self.listed.rows if row["consultation"] == consultation]
