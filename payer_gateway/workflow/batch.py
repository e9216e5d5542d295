"""A night's run: every member of a roster file, every benefit of the plan, one answer each.

Members that are alike to the rules are decided once, by ``decide``, on the row of one of them; the
others get the same answer. Rows in = members answered + rows with faults; nothing is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial

import polars as pl

from payer_gateway.codes import ICD_10_CM, ICD_10_PCS
from payer_gateway.domain.consultation import Coding
from payer_gateway.domain.eligibility import CodeSets
from payer_gateway.domain.eligibility_case import Case, case_of
from payer_gateway.domain.eligibility_cost import costing_of
from payer_gateway.domain.eligibility_question import Snapshot
from payer_gateway.domain.errors import Fault, MappingError
from payer_gateway.domain.likeness import Asked, Bounds, born_from, born_like, bounds_of
from payer_gateway.domain.money import MINOR_DIGITS, Money
from payer_gateway.domain.plan import Plan
from payer_gateway.domain.principal import Act, Principal, Role
from payer_gateway.domain.roster import Line
from payer_gateway.domain.standard_question import Ask, Example, known_from, question_for, scopes_of
from payer_gateway.mapping import roster_values
from payer_gateway.mapping.batch_answers import Cell, cells_of, with_cost
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.mapping.roster_blocks import Block, LineFault
from payer_gateway.mapping.roster_file import COLUMNS, line_of, unfit_amounts
from payer_gateway.mapping.roster_likeness import KEYS, Sorter, Terms
from payer_gateway.mapping.roster_words import one_number

# What stands for a category where nobody names a condition: a breast cancer; a coronary bypass.
EXAMPLES = {
    "oncology": Example(Coding(ICD_10_CM, "C50.911")),
    "complex_surgery": Example(Coding(ICD_10_CM, "I25.10"), Coding(ICD_10_PCS, "021109W")),
}
_PART = KEYS.index("deductible_part")
_MET = [column.name for column in COLUMNS].index("deductible_met")
_MEMBERS = {"member_id": pl.String, "first": pl.UInt32, "count": pl.UInt32}
_Key = tuple[int | None, ...]  # of ``KEYS``
Progress = Callable[[int, int], None]  # of the file read so far (bytes; of Parquet rows), rows
# Told of members as soon as they are answered, with all answers so far: what ``Run`` holds, apart
# from members that a file names twice.
Answered = Callable[[pl.DataFrame, Sequence[tuple[Cell, ...]]], None]


@dataclass(frozen=True, slots=True)
class Shelves:
    """What a run looks up, beside its file."""

    insurers: Shelf
    plans: PlanShelf
    codes: CodeSets


@dataclass(slots=True)
class Run:
    """``members``: member_id, and the first and count of the member's rows in ``answers``."""

    rows: int = 0
    members: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_MEMBERS))
    answers: list[tuple[Cell, ...]] = field(default_factory=list)
    decided: int = 0  # how often ``decide`` was asked for a group of members
    faults: list[LineFault] = field(default_factory=list)
    decisions: dict[str, dict[str, int]] = field(default_factory=dict)  # benefit → verdict → n


@dataclass(frozen=True, slots=True)
class _Group:
    line: Line
    asked: Asked
    known: Snapshot
    answers: tuple[tuple[Cell, ...], ...]  # one per benefit
    priced: dict[int, Case]  # of the answers that have an estimate, by their place


def _no_one(_members: pl.DataFrame, _answers: Sequence[tuple[Cell, ...]]) -> None:
    """Nobody waits for answers before all are there."""


def decide_roster(
    shelves: Shelves,
    principal: Principal,
    blocks: Iterable[Block],
    ask: Ask,
    progress: Progress,
    answered: Answered = _no_one,
) -> Run:
    """Of all blocks of a file. Raises NotAllowed, and what reading them raises."""
    principal.must_be_allowed(Act.DECIDE_ROSTER)
    own = (principal.insurer or "") if principal.role is Role.INSURER else None
    run, judge = Run(), _Judge(shelves, ask, own)
    parts: list[pl.DataFrame] = []
    for block in blocks:
        parts.append(_answered(run, judge, block))
        answered(parts[-1].select(*_MEMBERS), judge.answers)
        progress(block.read, run.rows)
    run.answers, run.decided = judge.answers, judge.decided
    if parts:
        _put_together(run, pl.concat(parts), judge)
    run.faults.sort(key=lambda fault: fault.line)
    return run


def _answered(run: Run, judge: _Judge, block: Block) -> pl.DataFrame:
    """Of every good row of a block: line, member_id, the first and count of its answers, its group,
    and a hash of whom it names."""
    run.rows += block.frame.height + len(block.faults)
    run.faults += block.faults
    keys, may_be_wrong = judge.sorter.sorted_out(block)
    rows = block.frame.with_columns(block.lines.alias("line"))
    if may_be_wrong.any():
        is_good = _looked_at(run, judge, rows, may_be_wrong)
        keys, rows = keys.filter(is_good), rows.filter(is_good)
    rows = rows.with_columns(_groups(judge, keys, rows).alias("group"))
    if rows["group"].null_count():
        for row in rows.filter(pl.col("group").is_null()).iter_rows():
            run.faults += judge.faults_of(row, row[-2])
        rows = rows.filter(pl.col("group").is_not_null())
    # Numbers as they are compared; most need no change.
    who = pl.col("member_id") if _are_bare(rows["member_id"]) else _bare()
    first, count = pl.Series(judge.first, dtype=pl.UInt32), pl.Series(judge.count, dtype=pl.UInt32)
    return rows.select(
        "line",
        "member_id",
        pl.lit(first).gather(pl.col("group")).alias("first"),
        pl.lit(count).gather(pl.col("group")).alias("count"),
        "group",
        who.hash().alias("who"),
    )


def _bare() -> pl.Expr:
    """A member's number as numbers are compared: case, spaces and hyphens apart."""
    return pl.col("member_id").str.to_uppercase().str.replace_all("[ -]", "").alias("bare")


def _are_bare(names: pl.Series) -> bool:
    """Whether they are written as they are compared. One look at all of them together, for one at
    each takes longer."""
    text = "".join(names.str.join("\n"))
    return text.isascii() and " " not in text and "-" not in text and text == text.upper()


def _looked_at(run: Run, judge: _Judge, rows: pl.DataFrame, may_be_wrong: pl.Series) -> pl.Series:
    """Which rows are good, after each that may be wrong was read by itself."""
    bad: list[int] = []
    for at, *row in rows.with_row_index("at").filter(may_be_wrong).iter_rows():
        if faults := judge.faults_of(row, row[-1]):
            run.faults += faults
            bad.append(at)
    return ~pl.int_range(rows.height, eager=True).is_in(bad)


def _groups(judge: _Judge, keys: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """The number of each row's group; null where the group has faults."""
    if keys.is_empty():
        return pl.Series([], dtype=pl.UInt32)
    number = one_number(keys)
    ones = pl.DataFrame([number]).with_row_index("at").unique("number", keep="first")
    found = [
        judge.group_of(key, row)
        for key, row in zip(keys[ones["at"]].rows(), rows[ones["at"]].rows(), strict=True)
    ]
    return number.replace_strict(ones["number"], pl.Series(found, dtype=pl.UInt32))


def _put_together(run: Run, rows: pl.DataFrame, judge: _Judge) -> None:
    rows = _once_each(run, rows, judge)
    run.members = rows.select(*_MEMBERS)
    sizes = Counter(dict(rows.group_by("group").len().rows()))
    told: dict[str, Counter[str]] = {}
    for group, n in sizes.items():
        for at in range(judge.first[group], judge.first[group] + judge.count[group]):
            benefit, verdict = run.answers[at][3], run.answers[at][4]
            told.setdefault(str(benefit), Counter())[str(verdict)] += n
    run.decisions = {benefit: dict(sorted(told[benefit].items())) for benefit in sorted(told)}


def _once_each(run: Run, rows: pl.DataFrame, judge: _Judge) -> pl.DataFrame:
    """The first row of each member in each plan; the later ones are faults."""
    if rows["who"].n_unique() == rows.height:
        return rows
    # Equal hashes are a suspicion; who is named in full decides.
    covers = pl.lit(pl.Series(judge.covers, dtype=pl.String))
    cover = covers.gather(pl.col("group")).alias("cover")
    twice = rows.filter(pl.col("who").is_duplicated()).with_columns(cover, _bare())
    twice = twice.with_columns(pl.col("line").min().over("cover", "bare").alias("earliest"))
    twice = twice.filter(pl.col("line") > pl.col("earliest"))
    for line, name, earliest in twice.select("line", "member_id", "earliest").iter_rows():
        cure = f"line {earliest} holds this member in this plan; leave one of the two out"
        run.faults.append(LineFault(line, "member_id", name, cure))
    return rows.filter(~pl.col("line").is_in(twice["line"].implode()))


class _Judge:
    """Decides one row of each group, and remembers."""

    def __init__(self, shelves: Shelves, ask: Ask, own: str | None) -> None:
        self.sorter = Sorter(Terms(self._bounds, self._born_from, self._born_like, self._opinions))
        self.answers: list[tuple[Cell, ...]] = []
        self.first: list[int] = []
        self.count: list[int] = []
        self.covers: list[str] = []  # insurer and plan of each group
        self.decided = 0
        self._shelves, self._ask, self._own = shelves, ask, own
        self._plans: dict[str, Asked | Fault] = {}
        self._insurers: dict[str, Fault | None] = {}
        self._known_bounds: dict[str, tuple[Bounds, int] | None] = {}
        self._births: dict[tuple[str, str | None, str | None], date | None] = {}
        self._ages = defaultdict[tuple[str, str | None, str | None], list[tuple[date, date]]](list)
        self._groups: dict[_Key, _Group | None] = {}
        self._numbers: dict[_Key, int | None] = {}
        self._conditions = {"*"} | {
            _category(shelves.codes, example.diagnosis, ask.on) for example in ask.examples.values()
        }

    def group_of(self, key: _Key, cells: Sequence[str | None]) -> int | None:
        """The number of a group; ``cells``: the row of one of its members."""
        if key not in self._numbers:
            self._numbers[key] = self._add(key, cells)
        return self._numbers[key]

    def _add(self, key: _Key, cells: Sequence[str | None]) -> int | None:
        apart_from_estimate = key[:_PART]
        if apart_from_estimate not in self._groups:
            self._groups[apart_from_estimate] = self._decide(cells)
        group = self._groups[apart_from_estimate]
        if group is None:
            return None
        answers = group.answers
        if key[_PART] is not None:
            answers = self._repriced(group, roster_values.amount(cells[_MET] or ""))
        self.first.append(len(self.answers))
        self.count.append(len(answers))
        self.covers.append(f"{group.line.membership.insurer.upper()}\0{group.asked.plan.name}")
        self.answers += answers
        return len(self.first) - 1

    def _decide(self, cells: Sequence[str | None]) -> _Group | None:
        line, asked, faults = self._read(cells)
        if line is None or asked is None or faults:
            return None
        self.decided += 1
        plan, member = asked.plan, line.membership
        decisions = asked.decide(member, line.usage)
        benefits = self._ask.benefits_of(plan)
        known = known_from(self._ask, plan, line.usage)
        return _Group(
            line,
            asked,
            known,
            tuple(map(partial(cells_of, member, plan), benefits, decisions)),
            {
                at: case_of(
                    question_for(self._ask, benefits[at], plan, member), plan, known, asked.codes
                )
                for at, decision in enumerate(decisions)
                if decision.cost is not None
            },
        )

    def _repriced(self, group: _Group, met: Decimal) -> tuple[tuple[Cell, ...], ...]:
        """The same answers at another amount of the deductible met, which only the estimate
        depends on."""
        told = Money(met, group.asked.plan.currency)
        known = replace(group.known, deductible_met=told)
        found = list(group.answers)
        for at, case in group.priced.items():
            cost = costing_of(replace(case, known=known)).cost
            if cost is not None:
                found[at] = with_cost(found[at], cost)
        return tuple(found)

    def faults_of(self, row: Sequence[str | None], number: int) -> list[LineFault]:
        """Everything that is wrong with the row on that line."""
        return [
            LineFault(number, fault.path, str(fault.value or ""), fault.cure)
            for fault in self._read(row)[2]
        ]

    def _read(self, row: Sequence[str | None]) -> tuple[Line | None, Asked | None, list[Fault]]:
        cells = [cell or "" for cell in row[: len(COLUMNS)]]
        line, found = line_of(COLUMNS, cells)
        faults = list(found)
        insurer, plan = cells[0], cells[1]
        if insurer and (unknown := self._insurer(insurer)) is not None:
            faults.append(unknown)
        asked = self._asked(plan) if plan else None
        if isinstance(asked, Fault):
            return line, None, [*faults, asked]
        if asked is not None and line is not None:
            faults += unfit_amounts(line.usage, asked.plan.currency)
        return line, asked, faults

    def _insurer(self, name: str) -> Fault | None:
        if name not in self._insurers:
            try:
                found = self._shelves.insurers.find(name)
                self._insurers[name] = None
                if self._own is not None and found != self._own:
                    cure = f"{self._own} may ask about its own members only; take the row out"
                    self._insurers[name] = Fault("insurer", name, cure)
            except MappingError as exc:
                self._insurers[name] = Fault("insurer", name, str(exc))
        return self._insurers[name]

    def _asked(self, name: str) -> Asked | Fault:
        if name not in self._plans:
            try:
                plan: Plan = self._shelves.plans.plan(name)
                self._plans[name] = Asked(self._ask, plan, self._shelves.codes)
            except MappingError as exc:
                self._plans[name] = Fault("plan", name, str(exc))
        return self._plans[name]

    # -- terms of the plans, for the columns -------------------------------------------------------

    def _bounds(self, name: str) -> tuple[Bounds, int] | None:
        asked = self._asked(name)
        if name not in self._known_bounds:
            self._known_bounds[name] = (
                (bounds_of(asked), MINOR_DIGITS[asked.plan.currency])
                if isinstance(asked, Asked)
                else None
            )
        return self._known_bounds[name]

    def _born_from(self, plan: str, relationship: str | None, disabled: str | None) -> date | None:
        asked, key = self._asked(plan), (plan, relationship, disabled)
        if key not in self._births:
            self._births[key] = (
                born_from(asked, *_person(relationship, disabled))
                if isinstance(asked, Asked)
                else None
            )
        return self._births[key]

    def _born_like(
        self, plan: str, relationship: str | None, disabled: str | None, born: date
    ) -> date:
        asked, known = self._asked(plan), self._ages[plan, relationship, disabled]
        if isinstance(asked, Fault):
            return born
        for first, last in known:
            if first <= born <= last:
                return first
        known.append(born_like(asked, *_person(relationship, disabled), born))
        return known[-1][0]

    def _opinions(self, text: str) -> str:
        try:
            used = roster_values.opinions(text)
        except ValueError:
            return text
        plan_free = [
            (scope, each.second, each.third)
            for each in used
            for scope in sorted(scopes_of(each.condition) & self._conditions)
        ]
        return f"\0{plan_free}"


def _category(codes: CodeSets, diagnosis: Coding, on: date) -> str:
    return (codes.diagnosis(diagnosis, on).code or diagnosis.code.strip().upper())[:3]


def _person(relationship: str | None, disabled: str | None) -> tuple[str, bool]:
    return (relationship or "self").lower(), (disabled or "").lower() == "true"
