"""A ClaimResponse as an Adjudication: line by line, nothing made up, nothing that crashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from payer_gateway.domain.answer import Adjudication, Issue, Review
from payer_gateway.domain.claim import Use
from payer_gateway.domain.consultation import Period
from payer_gateway.domain.money import Money
from payer_gateway.mapping.adjudication_line import MAX_REASONS, Line
from payer_gateway.mapping.answer_shape import shape_issues
from payer_gateway.mapping.hostile import (
    as_list,
    as_object,
    codes_of,
    identifier_of,
    instant_of,
    money_of,
    named,
    period_of,
    said,
)
from payer_gateway.mapping.review import (
    ReviewWords,
    actions_of,
    echo_issues,
    item_actions,
    line_review,
    overall,
)
from payer_gateway.mapping.speech import AMOUNTS, Amounts

_Object = Mapping[str, object]
MAX_LINES = 1000


def read_adjudication(
    response: _Object, amounts: Amounts, use: Use, sent: Mapping[int, bool] | None = None
) -> tuple[Adjudication, list[Issue]]:
    """The insurer's decision and what could not be read of it.

    Line 0 is the claim as a whole: what ``total`` (else the response's own ``adjudication``)
    states. What neither states is added up from the lines when every one of them states it and
    all of them, and no others, are lines that were sent; else it stays None. ``sent``: the numbers
    of the lines that were sent and whether each still asks for something, where that is known.
    """
    issues = shape_issues(response)
    lines = _lines(response, amounts, issues)
    whole = Line(0, "total", issues)
    whole.take(response.get("total"), amounts)
    header = Line(0, "adjudication", issues)
    header.take(response.get("adjudication"), amounts)
    whole.reasons += header.reasons
    whole.notes = _notes_of_no_line(response)
    added = list(map(as_object, as_list(response.get("addItem"))))
    issues += _added(added)
    echoed: list[Issue] = []
    if lines or use is not Use.CLAIM:  # a claim may be answered as a whole
        echoed += echo_issues([line.number for line in lines], sent)
    issues += echoed
    for kind in AMOUNTS:
        if whole.states(kind):
            if not added and not echoed:
                issues += _unlike_its_lines(whole.amount(kind), lines, kind)
            continue
        stated = header.amount(kind)
        if stated is None and not header.states(kind) and not added and not echoed:
            stated = _sum([line.amount(kind) for line in lines], kind, issues)
        if stated is not None:
            whole.amounts[kind] = stated
    issues += _unread([whole, header, *lines])
    outcome = said(response.get("outcome"))
    number, more = _number(response, amounts.number)
    issues += more
    review = None
    if amounts.review is not None and use is Use.PREAUTHORIZATION:
        whole.actions = actions_of(response.get("adjudication"), amounts.review)
        review = _reviewed(lines, whole, response, amounts.review, sent, issues)
        if echoed and review is not Review.PENDED:
            # What was asked and is not answered is not granted.
            review = Review.UNCLEAR
        number = number or _one_number([*lines, whole], issues)
    is_in_force = _is_in_force(response, issues) and outcome in amounts.approved
    if review in (Review.APPROVED, Review.MODIFIED) and not is_in_force:
        # Lines that grant, in an answer that takes itself back or calls itself an error.
        review = Review.UNCLEAR
    approved = is_in_force and _is_approved(use, review, number, whole)
    adjudication = Adjudication(
        outcome=outcome,
        disposition=said(response.get("disposition")) or None,
        approved=approved,
        authorization_number=number,
        authorization_period=period_of(response.get(amounts.period)) or _one_period(lines),
        lines=(whole.result(), *(line.result() for line in lines[:MAX_LINES])),
        payment=_payment(response, issues),
        said_at=instant_of(response.get("created")),
        review=review,
    )
    return adjudication, issues


def _unread(lines: list[Line]) -> list[Issue]:
    """An answer of which no amount at all was read, although it states some."""
    unknown = [*dict.fromkeys(code for line in lines for code in line.unknown if code)]
    if not unknown or any(line.states(kind) for line in lines for kind in AMOUNTS):
        return []
    called = f"the insurer's file has none of their names: {', '.join(unknown[:20])}"
    return [Issue("amounts-unread", "adjudication", called)]


def read_so_far(
    response: _Object, amounts: Amounts, use: Use
) -> tuple[Adjudication | None, list[Issue]]:
    """What an undecided answer says already, where the dialect reviews lines."""
    return (None, []) if amounts.review is None else read_adjudication(response, amounts, use)


def _is_in_force(response: _Object, issues: list[Issue]) -> bool:
    status = said(response.get("status"))
    if status in ("active", ""):
        return True
    issues.append(Issue("not-active", "ClaimResponse.status", f"the answer's status is {status}"))
    return False


def _is_approved(use: Use, review: Review | None, number: str | None, whole: Line) -> bool:
    payable = whole.amount("payable")
    if use is Use.CLAIM:
        return payable is not None and payable.amount > 0
    if review is not None:
        return review in (Review.APPROVED, Review.MODIFIED)
    # Some number their refusals, too: nothing of it is to be paid.
    return number is not None and (payable is None or payable.amount > 0)


def _reviewed(
    lines: list[Line],
    whole: Line,
    response: _Object,
    words: ReviewWords,
    sent: Mapping[int, bool] | None,
    issues: list[Issue],
) -> Review:
    """The whole request's review. All that the answer says counts: of its lines, of lines without a
    number that we know, of lines added and of the whole."""
    # What is said of cancelled lines decides nothing, unless everything is cancelled.
    asking = [line for line in lines if sent is None or sent.get(line.number, True)] or lines
    reviews = [line_review(line.actions) for line in asking if line.actions]
    for line in lines:
        if len({action.review for action in line.actions}) > 1:
            listed = ", ".join(code for action in line.actions[:20] for code in action.codes)
            told = f"these contradict each other: {listed}"
            issues.append(Issue("review-differs", f"item[{line.number}]", told))
    if decided := [action for action in whole.actions if action.codes]:
        reviews.append(line_review(decided))
    items = map(as_object, as_list(response.get("item")))
    beside = [item for item in items if _number_of(item) is None]
    beside += map(as_object, as_list(response.get("addItem")))
    reviews += [line_review(found) for item in beside if (found := item_actions(item, words))]
    if reviews and not decided and any(not line.actions for line in asking):
        reviews.append(Review.UNCLEAR)
    review = overall(reviews)
    if review is None:
        issues.append(Issue("no-review", "item", "the answer says nothing of leave given or not"))
        return Review.UNCLEAR
    return review


def _one_number(lines: list[Line], issues: list[Issue]) -> str | None:
    """The number that the lines agree on, else the first."""
    given = list(
        dict.fromkeys(each.number_given for each in lines if each.number_given is not None)
    )
    if len(given) > 1:
        listed = ", ".join(given[:20])
        issues.append(Issue("several-numbers", "item", f"lines have numbers {listed}"))
    return given[0] if given else None


def _added(added: list[_Object]) -> list[Issue]:
    """Lines that the insurer wrote itself: what it decided on instead of ours, or beside them."""
    if not added:
        return []
    told = [Issue("added-lines", "addItem", f"the insurer added {len(added)} line(s)")]
    for n, item in enumerate(added[:MAX_LINES]):
        numbers = as_list(item.get("itemSequence"))
        code = next(iter(codes_of(item.get("productOrService"))), "another service")
        if numbers and all(isinstance(each, int) for each in numbers):
            instead = ", ".join(map(str, numbers[:20]))
            told.append(Issue("line-changed", f"addItem[{n}]", f"for line {instead}: {code}"))
    return told


def _one_period(lines: list[Line]) -> Period | None:
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


def _lines(response: _Object, amounts: Amounts, issues: list[Issue]) -> list[Line]:
    lines: dict[int, Line] = {}
    notes = _notes(response)
    for n, item in enumerate(map(as_object, as_list(response.get("item")))):
        number = _number_of(item)
        if number is None:
            issues.append(Issue("line", f"item[{n}]", "the line has no number"))
            continue
        if number in lines:
            # Both are read: amounts stated twice are no amounts, reviews have to agree.
            issues.append(Issue("line", f"item[{n}]", f"line {number} is answered twice"))
        line = lines.setdefault(number, Line(number, f"item[{number}]", issues))
        line.take(item.get("adjudication"), amounts)
        line.take_details(item)
        if amounts.review is not None:
            line.review(item, amounts.review)
        if notes:
            told = as_list(item.get("noteNumber"))[:20]
            line.notes += tuple(
                notes[each] for each in told if isinstance(each, int) and each in notes
            )
    if len(lines) > MAX_LINES:
        issues.append(Issue("lines", "item", f"{len(lines)} lines; {MAX_LINES} of them are kept"))
    return [lines[number] for number in sorted(lines)]


def _number_of(item: _Object) -> int | None:
    number = item.get("itemSequence")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31:
        return None
    return number


def _notes(response: _Object) -> dict[int, str]:
    """The insurer's words by their number."""
    return {
        number: text
        for note in map(as_object, as_list(response.get("processNote"))[:MAX_REASONS])
        if isinstance(number := note.get("number"), int) and (text := said(note.get("text")))
    }


def _notes_of_no_line(response: _Object) -> tuple[str, ...]:
    """What the insurer says of the claim as a whole."""
    if "processNote" not in response:
        return ()
    of_lines = {
        number
        for item in map(as_object, as_list(response.get("item")))
        for number in as_list(item.get("noteNumber"))
        if isinstance(number, int)
    }
    return tuple(
        text
        for note in map(as_object, as_list(response.get("processNote"))[:MAX_REASONS])
        if not (isinstance(number := note.get("number"), int) and number in of_lines)
        and (text := said(note.get("text")))
    )


def _sum(stated: Sequence[Money | None], kind: str, issues: list[Issue]) -> Money | None:
    currency, total = None, Decimal(0)
    for amount in stated:
        if amount is None:
            return None
        if currency not in (None, amount.currency):
            issues.append(Issue("amount", kind, "the lines are in several currencies"))
            return None
        currency, total = amount.currency, total + amount.amount
    return None if currency is None else Money(total, currency)


def _unlike_its_lines(stated: Money | None, lines: list[Line], kind: str) -> Iterator[Issue]:
    """A total that its lines do not come to: it is kept as stated, and somebody should know."""
    amounts = [amount for line in lines if (amount := line.amount(kind)) is not None]
    if stated is None or len(amounts) < len(lines):
        return
    found: list[Issue] = []
    total = _sum(amounts, kind, found)
    yield from found
    if total is not None and total != stated:
        yield Issue("total", f"total.{kind}", f"it is {stated}, and the lines come to {total}")


def _payment(response: _Object, issues: list[Issue]) -> Money | None:
    payment = as_object(response.get("payment"))
    if "amount" not in payment:
        return None
    try:
        return money_of(payment["amount"])
    except ValueError as error:
        issues.append(Issue("amount", "payment", str(error)))
        return None
