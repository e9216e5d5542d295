"""One line of an insurer's answer while it is read: its amounts, its reasons, its reviews."""

from __future__ import annotations

from collections.abc import Mapping

from payer_gateway.domain.answer import Issue, LineResult, Review
from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money
from payer_gateway.mapping.hostile import as_list, as_object, bare_codes_of, codes_of, money_of
from payer_gateway.mapping.review import (
    Action,
    ReviewWords,
    item_actions,
    line_review,
    number_in,
    period_in,
)
from payer_gateway.mapping.speech import Amounts

_Object = Mapping[str, object]
MAX_REASONS = 50


class Line:
    """One line, or the whole (number 0). An amount stated twice or not readable is None, with an
    issue."""

    def __init__(self, number: int, path: str, issues: list[Issue]) -> None:
        self.number, self._path, self._issues = number, path, issues
        self.amounts: dict[str, Money] = {}
        self._seen: set[str] = set()
        self._spoiled: set[str] = set()
        self.unknown: list[str] = []  # what amounts are called that nobody has told us of
        self.reasons: list[str] = []
        self.notes: tuple[str, ...] = ()
        self.actions: list[Action] = []
        self._number: str | None = None
        self.period: Period | None = None

    def review(self, item: _Object, words: ReviewWords) -> None:
        found = item_actions(item, words)
        self.actions += found
        self.period = period_in(item, words)
        self._number = number_in(item, words)
        for action in found:
            self.reasons += action.reasons
            if action.review is Review.UNCLEAR:
                said = ", ".join(action.codes) or "no code"
                self._issues.append(
                    Issue("review-code", self._path, f"{said}: nobody has told us what this means")
                )

    @property
    def number_given(self) -> str | None:
        given = [action.number for action in self.actions if action.number is not None]
        return given[0] if given else self._number

    @property
    def second_opinion(self) -> bool | None:
        flags = [a.second_opinion for a in self.actions if a.second_opinion is not None]
        return any(flags) if flags else None

    def take(self, adjudication: object, amounts: Amounts) -> None:
        kinds = amounts.kinds
        for each in map(as_object, as_list(adjudication)):
            if "reason" in each:
                self.reasons += codes_of(each["reason"])
            if "amount" not in each:
                continue
            called = bare_codes_of(each.get("category"))
            code = next(filter(kinds.__contains__, called), None)
            if code is None:
                self.unknown += called
                continue
            kind = kinds[code]
            try:
                amount = money_of(each["amount"])
                if code in self._seen:
                    raise ValueError("the amount is stated twice")
                before = self.amounts.get(kind)
                self.amounts[kind] = amount if before is None else before + amount
            except ValueError as error:
                self._spoil(kind, code, str(error))
            self._seen.add(code)

    def take_details(self, item: _Object) -> None:
        """Why its parts were decided as they were; their amounts stand in the line's own."""
        for part in ("detail", "subDetail"):
            for inner in map(as_object, as_list(item.get(part))):
                for each in map(as_object, as_list(inner.get("adjudication"))):
                    self.reasons += codes_of(each.get("reason"))
                self.take_details(inner)

    def _spoil(self, kind: str, code: str, why: str) -> None:
        self._spoiled.add(kind)
        self._issues.append(Issue("amount", f"{self._path}.{code}", why))

    def states(self, kind: str) -> bool:
        return kind in self.amounts or kind in self._spoiled

    def amount(self, kind: str) -> Money | None:
        return None if kind in self._spoiled else self.amounts.get(kind)

    def result(self) -> LineResult:
        return LineResult(
            line=self.number,
            billed=self.amount("billed"),
            allowed=self.amount("allowed"),
            payable=self.amount("payable"),
            patient=self.amount("patient"),
            reasons=tuple(dict.fromkeys(self.reasons))[:MAX_REASONS],
            review=line_review(self.actions) if self.actions else None,
            authorization_number=self.number_given,
            second_opinion=self.second_opinion,
            notes=self.notes,
        )
