"""What this insurer says when it does not take something: always with the cure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """``code`` is an R4 IssueType, ``text`` says what to change, ``where`` is a FHIRPath."""

    code: str
    text: str
    where: str | None = None


class Refusal(Exception):
    """A request that is answered with an OperationOutcome; nothing was booked."""

    def __init__(self, status: int, *issues: Issue, headers: dict[str, str] | None = None) -> None:
        super().__init__("; ".join(issue.text for issue in issues))
        self.status = status
        self.issues = issues
        self.headers = headers or {}
