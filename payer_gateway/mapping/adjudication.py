"""A ClaimResponse as an Adjudication: line by line, nothing made up, nothing that crashes."""

from __future__ import annotations

from collections.abc import Mapping

from payer_gateway.domain.answer import Adjudication, Issue, LineResult
from payer_gateway.domain.claim import Use
from payer_gateway.domain.money import Money
from payer_gateway.mapping.hostile import (
    as_list,
    as_object,
    bare_codes_of,
    codes_of,
    instant_of,
    money_of,
    named,
    period_of,
    said,
)
from payer_gateway.mapping.speech import AMOUNTS, Amounts

_Object = Mapping[str, object]
MAX_LINES = 1000
MAX_REASONS = 50


class _Line:
    """One line while it is read. An amount stated twice or not readable is None, with an issue."""

    def __init__(self, number: int, path: str, issues: list[Issue]) -> None:
        self.number, self._path, self._issues = number, path, issues
        self.amounts: dict[str, Money] = {}
        self._seen: set[str] = set()
        self._spoiled: set[str] = set()
        self.reasons: list[str] = []

    def take(self, adjudication: object, amounts: Amounts) -> None:
        for each in map(as_object, as_list(adjudication)):
            self.reasons += codes_of(each.get("reason"))
            code = next((c for c in bare_codes_of(each.get("category")) if c in amounts.kinds), "")
            if not code or "amount" not in each:
                continue
            kind = amounts.kinds[code]
            try:
                amount = money_of(each["amount"])
                if code in self._seen:
                    raise ValueError("the amount is stated twice")
                before = self.amounts.get(kind)
                self.amounts[kind] = amount if before is None else before + amount
            except ValueError as error:
                self._spoil(kind, code, str(error))
            self._seen.add(code)

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
        )


def read_adjudication(
    response: _Object, amounts: Amounts, use: Use
) -> tuple[Adjudication, list[Issue]]:
    """The insurer's decision and what could not be read of it.

    Line 0 is the claim as a whole: what ``total`` (else the response's own ``adjudication``)
    states. What neither states is added up from the lines when every one of them states it and
    the insurer added no line of its own; else it stays None.
    """
    issues: list[Issue] = []
    lines = _lines(response, amounts, issues)
    whole = _Line(0, "total", issues)
    whole.take(response.get("total"), amounts)
    header = _Line(0, "adjudication", issues)
    header.take(response.get("adjudication"), amounts)
    whole.reasons += header.reasons
    added = as_list(response.get("addItem"))
    if added:
        issues.append(Issue("added-lines", "addItem", f"the insurer added {len(added)} line(s)"))
    for kind in AMOUNTS:
        if whole.states(kind):
            continue
        stated = header.amount(kind)
        if stated is None and not header.states(kind) and not added:
            stated = _sum([line.amount(kind) for line in lines], kind, issues)
        if stated is not None:
            whole.amounts[kind] = stated
    outcome = said(response.get("outcome"))
    number, more = _number(response, amounts.number)
    issues += more
    payable = whole.amount("payable")
    if use is Use.PREAUTHORIZATION:
        approved = outcome in amounts.approved and number is not None
    else:
        approved = outcome in amounts.approved and payable is not None and payable.amount > 0
    adjudication = Adjudication(
        outcome=outcome,
        disposition=said(response.get("disposition")) or None,
        approved=approved,
        authorization_number=number,
        authorization_period=period_of(response.get(amounts.period)),
        lines=(whole.result(), *(line.result() for line in lines)),
        payment=_payment(response, issues),
        said_at=instant_of(response.get("created")),
    )
    return adjudication, issues


def read_control_number(response: _Object, amounts: Amounts) -> tuple[str | None, list[Issue]]:
    """The insurer's own number of the case."""
    first = as_list(response.get(amounts.control_number))[:1]
    if not first:
        return None, []
    return _number(as_object(first[0]), "value")


def _number(holder: _Object, element: str) -> tuple[str | None, list[Issue]]:
    value = holder.get(element)
    kept = named(value)
    if value is None or kept is not None:
        return kept, []
    return None, [Issue("number", element, "this number cannot be kept as it was sent")]


def _lines(response: _Object, amounts: Amounts, issues: list[Issue]) -> list[_Line]:
    lines: dict[int, _Line] = {}
    for n, item in enumerate(map(as_object, as_list(response.get("item"))[:MAX_LINES])):
        number = item.get("itemSequence")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31:
            issues.append(Issue("line", f"item[{n}]", "the line has no number"))
        elif number in lines:
            issues.append(Issue("line", f"item[{n}]", f"line {number} is answered twice"))
        else:
            lines[number] = _Line(number, f"item[{number}]", issues)
            lines[number].take(item.get("adjudication"), amounts)
    return [lines[number] for number in sorted(lines)]


def _sum(stated: list[Money | None], kind: str, issues: list[Issue]) -> Money | None:
    total: Money | None = None
    for amount in stated:
        if amount is None:
            return None
        try:
            total = amount if total is None else total + amount
        except ValueError:
            issues.append(Issue("amount", kind, "the lines are in several currencies"))
            return None
    return total


def _payment(response: _Object, issues: list[Issue]) -> Money | None:
    payment = as_object(response.get("payment"))
    if "amount" not in payment:
        return None
    try:
        return money_of(payment["amount"])
    except ValueError as error:
        issues.append(Issue("amount", "payment", str(error)))
        return None
