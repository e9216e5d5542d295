"""A ClaimResponse as an Adjudication: line by line, nothing made up, nothing that crashes."""

from __future__ import annotations

from collections.abc import Mapping

from payer_gateway.domain.answer import Adjudication, Issue, LineResult, Review
from payer_gateway.domain.claim import Use
from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money
from payer_gateway.mapping.hostile import (
    as_list,
    as_object,
    bare_codes_of,
    codes_of,
    identifier_of,
    instant_of,
    money_of,
    named,
    period_of,
    said,
)
from payer_gateway.mapping.review import (
    Action,
    ReviewWords,
    actions_of,
    echo_issues,
    line_review,
    overall,
    period_in,
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
        self.notes: tuple[str, ...] = ()
        self.actions: list[Action] = []
        self.period: Period | None = None

    def review(self, item: _Object, words: ReviewWords) -> None:
        self.actions = actions_of(item.get("adjudication"), words)
        self.period = period_in(item, words)
        for action in self.actions:
            self.reasons += action.reasons
            if action.review is Review.UNCLEAR:
                said = ", ".join(action.codes) or "no code"
                self._issues.append(
                    Issue("review-code", self._path, f"{said}: nobody has told us what this means")
                )

    @property
    def number_given(self) -> str | None:
        return next((a.number for a in self.actions if a.number is not None), None)

    @property
    def second_opinion(self) -> bool | None:
        flags = [a.second_opinion for a in self.actions if a.second_opinion is not None]
        return any(flags) if flags else None

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
            review=line_review(self.actions) if self.actions else None,
            authorization_number=self.number_given,
            second_opinion=self.second_opinion,
            notes=self.notes,
        )


def read_adjudication(
    response: _Object, amounts: Amounts, use: Use, sent: Mapping[int, bool] | None = None
) -> tuple[Adjudication, list[Issue]]:
    """The insurer's decision and what could not be read of it.

    Line 0 is the claim as a whole: what ``total`` (else the response's own ``adjudication``)
    states. What neither states is added up from the lines when every one of them states it and
    the insurer added no line of its own; else it stays None. ``sent``: the numbers of the lines
    that were sent and whether each still asks for something, where that is known.
    """
    issues: list[Issue] = []
    lines = _lines(response, amounts, issues)
    whole = _Line(0, "total", issues)
    whole.take(response.get("total"), amounts)
    header = _Line(0, "adjudication", issues)
    header.take(response.get("adjudication"), amounts)
    whole.reasons += header.reasons
    added = list(map(as_object, as_list(response.get("addItem"))[:MAX_LINES]))
    issues += _added(added)
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
    review = None
    if amounts.review is not None and use is Use.PREAUTHORIZATION:
        whole.actions = actions_of(response.get("adjudication"), amounts.review)
        # What is said of cancelled lines decides nothing, unless everything is cancelled.
        asking = [line for line in lines if sent is None or sent.get(line.number, True)]
        review, number = _reviewed(asking or lines, whole, added, amounts.review, number, issues)
        told = None if sent is None else frozenset(sent)
        echoed = list(echo_issues([line.number for line in lines], told))
        if echoed and review is not None:
            # What was asked and is not answered is not granted.
            review = review if review is Review.PENDED else Review.UNCLEAR
        issues += echoed
    approved = outcome in amounts.approved and _is_approved(use, review, number, whole)
    adjudication = Adjudication(
        outcome=outcome,
        disposition=said(response.get("disposition")) or None,
        approved=approved,
        authorization_number=number,
        authorization_period=period_of(response.get(amounts.period)) or _one_period(lines),
        lines=(whole.result(), *(line.result() for line in lines)),
        payment=_payment(response, issues),
        said_at=instant_of(response.get("created")),
        review=review,
    )
    return adjudication, issues


def _is_approved(use: Use, review: Review | None, number: str | None, whole: _Line) -> bool:
    if use is Use.CLAIM:
        payable = whole.amount("payable")
        return payable is not None and payable.amount > 0
    if review is not None:
        return review in (Review.APPROVED, Review.MODIFIED)
    return number is not None


def _reviewed(
    lines: list[_Line],
    whole: _Line,
    added: list[_Object],
    words: ReviewWords,
    number: str | None,
    issues: list[Issue],
) -> tuple[Review | None, str | None]:
    """The whole request's review, and the number it goes by: the answer's own one, else the one
    that its lines agree on."""
    reviews = [line_review(line.actions) for line in lines if line.actions]
    reviews += [
        line_review(actions)
        for item in added
        if (actions := actions_of(item.get("adjudication"), words))
    ]
    if lines and any(not line.actions for line in lines) and reviews:
        reviews.append(Review.UNCLEAR)
    review = overall(reviews)
    given = list(
        dict.fromkeys(
            each.number_given for each in (*lines, whole) if each.number_given is not None
        )
    )
    if number is None and given:
        number = given[0]
        if len(given) > 1:
            listed = ", ".join(given)
            issues.append(Issue("several-numbers", "item", f"lines have numbers {listed}"))
    if review is None and number is None:
        review = Review.UNCLEAR
        issues.append(Issue("no-review", "item", "the answer says nothing of leave given or not"))
    return review, number


def _added(added: list[_Object]) -> list[Issue]:
    """Lines that the insurer wrote itself: what it decided on instead of ours, or beside them."""
    if not added:
        return []
    told = [Issue("added-lines", "addItem", f"the insurer added {len(added)} line(s)")]
    for n, item in enumerate(added):
        numbers = as_list(item.get("itemSequence"))
        code = next(iter(codes_of(item.get("productOrService"))), "another service")
        if numbers and all(isinstance(each, int) for each in numbers):
            instead = ", ".join(map(str, numbers[:20]))
            told.append(Issue("line-changed", f"addItem[{n}]", f"for line {instead}: {code}"))
    return told


def _one_period(lines: list[_Line]) -> Period | None:
    """The period that every line with one has; None when they differ."""
    periods = {line.period for line in lines if line.period is not None}
    return periods.pop() if len(periods) == 1 else None


def read_control_number(
    response: _Object, amounts: Amounts, ours: str | None = None
) -> tuple[str | None, list[Issue]]:
    """The insurer's own number of the case. Some insurers send our own number back in its place:
    that is none of theirs."""
    every = as_list(response.get(amounts.control_number))[:20]
    theirs = [each for each in every if ours is None or identifier_of(each) != ours]
    return _number(as_object(theirs[0]), "value") if theirs else (None, [])


def _number(holder: _Object, element: str) -> tuple[str | None, list[Issue]]:
    value = holder.get(element)
    kept = named(value)
    if value is None or kept is not None:
        return kept, []
    return None, [Issue("number", element, "this number cannot be kept as it was sent")]


def _lines(response: _Object, amounts: Amounts, issues: list[Issue]) -> list[_Line]:
    lines: dict[int, _Line] = {}
    notes = _notes(response)
    for n, item in enumerate(map(as_object, as_list(response.get("item"))[:MAX_LINES])):
        number = item.get("itemSequence")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31:
            issues.append(Issue("line", f"item[{n}]", "the line has no number"))
        elif number in lines:
            issues.append(Issue("line", f"item[{n}]", f"line {number} is answered twice"))
        else:
            lines[number] = _Line(number, f"item[{number}]", issues)
            lines[number].take(item.get("adjudication"), amounts)
            if amounts.review is not None:
                lines[number].review(item, amounts.review)
            told = as_list(item.get("noteNumber"))[:20]
            lines[number].notes = tuple(
                notes[each] for each in told if isinstance(each, int) and each in notes
            )
    return [lines[number] for number in sorted(lines)]


def _notes(response: _Object) -> dict[int, str]:
    """The insurer's words by their number."""
    return {
        number: text
        for note in map(as_object, as_list(response.get("processNote"))[:MAX_REASONS])
        if isinstance(number := note.get("number"), int) and (text := said(note.get("text")))
    }


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
