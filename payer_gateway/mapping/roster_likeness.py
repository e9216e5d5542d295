"""Which rows of a block are alike to the rules, and which need a second look: by columns.

Rows are alike when they are written alike in every column that a rule may look at, apart from days
and amounts beyond the bounds of ``domain/likeness.py``. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from payer_gateway.domain.likeness import Bounds
from payer_gateway.mapping.roster_blocks import Block
from payer_gateway.mapping.roster_file import RELATIONSHIPS, SEXES
from payer_gateway.mapping.roster_values import LONGEST
from payer_gateway.mapping.roster_words import Look, Words, numbered

# The last one apart: what only the estimate depends on.
KEYS = (
    *("insurer", "plan", "status", "order", "relationship", "disabled", "birth_date"),
    *("cover_start", "cover_end", "paid_through", "grace_ends"),
    *("subscriber_birthday", "other_payer", "other_order", "other_subscriber_birthday"),
    *("accumulator_year", "amount_used", "opinions_used", "deductible_met"),
    "deductible_part",
)
_UNREAD_TEXT = ("employer_id", "employee_id", "subscriber_id", "network")
_AMOUNTS = ("deductible_met", "out_of_pocket_met", "amount_used")
_USAGE = (*_AMOUNTS, "opinions_used")
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_INSTANT = rf"^.{{10}}T{_CLOCK}(:[0-5][0-9])?(Z|[+-]{_CLOCK})$"
_BIRTHDAY = r"^([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"
_PLACE = r"^[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?$"
# So long that an amount in ten-thousandths is a whole number of the engine.
_WHOLE = r"^[0-9]{1,14}(\.0{1,4})?$"
_IN_HUNDREDTHS = r"^[0-9]{1,14}\.[0-9]{1,2}$"
_UNPRINTABLE = r"[\p{C}\p{Zl}\p{Zp}]|[\p{Zs}&&[^ ]]"
# An instant's day in any zone lies so near to the day that is written.
_ZONES_APART = timedelta(days=2)
_FIRST_DAY = date(1, 1, 1)
_TEXT = pl.col("text")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is known of the plans that rows name, by the names as they write them. A plan that there
    is no file of has no bounds: of its rows, all is kept as it is."""

    bounds: Callable[[str], tuple[Bounds, int] | None]  # with the digits of the plan's currency
    born_from: Callable[[str, str | None, str | None], date | None]  # plan, relationship, disabled
    born_like: Callable[[str, str | None, str | None, date], date]  # the first that is judged alike
    opinions: Callable[[str], str]  # opinions used, less those of conditions not asked about


class Sorter:
    """Sorts the blocks of one run. What a text means is found out once for all of them."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._readings: dict[str, int] = {}
        day, instant = _seen(day=_day(_TEXT)), _seen(day=_day_written(), apart=_apart())
        plain = _seen()
        looks: dict[str, Look] = {
            **dict.fromkeys(("insurer", "status", "order", "other_payer", "other_order"), plain),
            **dict.fromkeys(("other_subscriber_birthday", "accumulator_year"), plain),
            **dict.fromkeys(("birth_date", "paid_through", "grace_ends", "change_recorded"), day),
            **dict.fromkeys(("cover_start", "cover_end"), instant),
            **dict.fromkeys(_AMOUNTS, _seen(**_amount())),
            "relationship": _seen(is_right=_TEXT.is_in(RELATIONSHIPS)),
            "sex": _seen(is_right=_TEXT.is_in(SEXES)),
            "disabled": _seen(is_right=_TEXT.is_in(["true", "false"])),
            "residence": _seen(is_right=_TEXT.str.contains(_PLACE)),
            "subscriber_birthday": _seen(is_right=_TEXT.str.contains(_BIRTHDAY)),
            "plan": self._bounds,
            "opinions_used": self._opinions,
        }
        self._by_name = {name: Words(look) for name, look in looks.items()}

    def sorted_out(self, block: Block) -> tuple[pl.DataFrame, pl.Series]:
        """``KEYS`` of every row as whole numbers, alike where rows are, and whether each row may be
        wrong."""
        rows = numbered(block.frame, self._by_name)
        rows = rows.with_columns(*self._days())
        rows = self._with_ages(rows)
        may_be_wrong = ~pl.all_horizontal(self._is_plain(block.has_odd_text)).fill_null(False)
        found = rows.select(*self._keys(), may_be_wrong.alias("may_be_wrong"))
        return found.select(KEYS), found["may_be_wrong"]

    # -- once for each text ------------------------------------------------------------------------

    def _bounds(self, texts: pl.DataFrame) -> pl.DataFrame:
        found = [self._terms.bounds(name) for name in texts["text"]]
        known = [(None, None) if each is None else each for each in found]

        def column(name: str, kind: pl.DataType | type[pl.DataType]) -> pl.Series:
            values = [None if bounds is None else getattr(bounds, name) for bounds, _ in known]
            return pl.Series(name, values, dtype=kind)

        def in_ten_thousandths(name: str) -> pl.Series:
            return (column(name, pl.Decimal(38, 4)) * 10_000).cast(pl.Int64)

        return texts.with_columns(
            *(column(name, pl.Date) for name in ("starts_by", "ends_from", "ended_by")),
            column("paid_from", pl.Date),
            *(in_ten_thousandths(name) for name in ("met_none", "met_full")),
            column("reads_amount_used", pl.Boolean),
            pl.Series("digits", [digits for _, digits in known], dtype=pl.Int8),
        )

    def _opinions(self, texts: pl.DataFrame) -> pl.DataFrame:
        known = self._readings
        read = [known.setdefault(self._terms.opinions(t), len(known)) for t in texts["text"]]
        return texts.with_columns(pl.Series("reading", read, dtype=pl.UInt32))

    # -- of every row ------------------------------------------------------------------------------

    def _of(self, name: str, fact: str) -> pl.Expr:
        return self._by_name[name].of(name, fact)

    def _days(self) -> list[pl.Expr]:
        names = ("birth_date", "paid_through", "grace_ends", "cover_start", "cover_end")
        return [
            *(self._of(name, "day").cast(pl.Date).alias(f"{name}_day") for name in names),
            *(
                self._of(name, "apart").cast(pl.Duration).alias(f"{name}_apart")
                for name in ("cover_start", "cover_end")
            ),
        ]

    def _with_ages(self, rows: pl.DataFrame) -> pl.DataFrame:
        """With ``age``: null where no age matters, else the number of the first birthday that is
        judged alike (even) or of the text, where that is no day or of no known plan (odd)."""
        said = ("plan", "relationship", "disabled")
        # Digits of one number, so that few of them are told apart by a look-up.
        by_r, by_d = (pl.col(name).fill_null(pl.lit(-1)) + 1 for name in said[1:])
        sizes = [self._by_name[name].facts.height + 1 for name in said[1:]]
        who = (pl.col("plan").cast(pl.Int64) * sizes[0] + by_r) * sizes[1] + by_d
        people = rows.select(who.alias("who"), *said, "birth_date", "birth_date_day")
        kinds = people.select("who", *said).unique("who").filter(pl.col("plan").is_not_null())
        names = [self._texts(p, r, d) for p, r, d in kinds.select(said).rows()]
        born = pl.Series([self._terms.born_from(p, r, d) for p, r, d in names], dtype=pl.Date)
        people = people.with_columns(_looked_up("who", kinds["who"], born).alias("born_from"))
        day, since = pl.col("birth_date_day"), pl.col("born_from")
        is_young = (day >= since).fill_null(False)
        is_judged = ~is_young & since.is_not_null() & day.is_not_null()
        judged = people.filter(is_judged).select("who", "birth_date_day").unique()
        named = dict(zip(kinds["who"], names, strict=True))
        like = [
            self._terms.born_like(plan, relationship, disabled, on)
            for by, on in judged.rows()
            for plan, relationship, disabled in [named[by]]
        ]
        table = judged.with_columns(pl.Series("like", like, dtype=pl.Date))
        people = people.join(table, ["who", "birth_date_day"], "left", maintain_order="left")
        age = (
            pl.when(is_young)
            .then(None)
            .when(is_judged)
            .then((pl.col("like").to_physical().cast(pl.Int64)) * 2)
            .otherwise(pl.col("birth_date").cast(pl.Int64) * 2 + 1)
        )
        return rows.with_columns(people.select(age.alias("age"))["age"])

    def _texts(
        self, plan: int, relationship: int | None, disabled: int | None
    ) -> tuple[str, str | None, str | None]:
        def text(name: str, number: int | None) -> str | None:
            return None if number is None else self._by_name[name].facts["text"][number]

        return (
            self._by_name["plan"].facts["text"][plan],
            text("relationship", relationship),
            text("disabled", disabled),
        )

    def _keys(self) -> list[pl.Expr]:
        def unless(settled: pl.Expr, name: str) -> pl.Expr:
            # Of a file that names no plan there is not even a type.
            is_settled = settled.cast(pl.Boolean).fill_null(False)
            return pl.when(~is_settled).then(name).alias(name)

        start, end, ago = pl.col("cover_start_day"), pl.col("cover_end_day"), "cover_end_apart"
        is_paid = pl.col("paid_through_day") >= self._of("plan", "paid_from")
        is_young = pl.col("age").is_null()
        others = ("other_payer", "other_order", "other_subscriber_birthday")
        has_no_other = pl.all_horizontal(pl.col(name).is_null() for name in others)
        met, amount = pl.col("deductible_met"), self._of("deductible_met", "amount")
        none, full = self._of("plan", "met_none"), self._of("plan", "met_full")
        reads_amount_used = self._of("plan", "reads_amount_used").cast(pl.Boolean)
        # 0 none of the deductible, 1 all of it, 2 some; else the number of the text, and 3.
        met_class = (
            pl.when(met.is_null() | reads_amount_used | amount.is_null())
            .then(met + 3)
            .when(amount <= none)
            .then(0)
            .when(amount >= full)
            .then(1)
            .when(none.is_not_null() & full.is_not_null())
            .then(2)
            .otherwise(met + 3)
        )
        goes_on = (end - pl.col(ago) >= self._of("plan", "ends_from")).fill_null(False)
        over = (end + pl.col(ago) <= self._of("plan", "ended_by")).fill_null(False)
        return [
            *(pl.col(name) for name in ("insurer", "plan", "status", "order")),
            unless(is_young & has_no_other, "relationship"),
            unless(is_young & has_no_other, "disabled"),
            pl.col("age").alias("birth_date"),
            unless(
                start + pl.col("cover_start_apart") <= self._of("plan", "starts_by"), "cover_start"
            ),
            # 0 it is over; else the number of the text, and 1.
            pl.when(goes_on)
            .then(None)
            .when(over)
            .then(0)
            .otherwise(pl.col("cover_end") + 1)
            .alias("cover_end"),
            unless(is_paid, "paid_through"),
            unless(is_paid, "grace_ends"),
            unless(has_no_other, "subscriber_birthday"),
            *(pl.col(name) for name in others),
            pl.col("accumulator_year"),
            unless(~reads_amount_used, "amount_used"),
            self._of("opinions_used", "reading").cast(pl.UInt32).alias("opinions_used"),
            met_class.alias("deductible_met"),
            pl.when(met_class == 2).then(met).alias("deductible_part"),
        ]

    def _is_plain(self, has_odd_text: bool) -> list[pl.Expr]:
        """Each true where that much of a row is certainly right; what is not is looked at by
        ``roster_file``, which may well find nothing wrong."""

        def empty_or(name: str, right: pl.Expr) -> pl.Expr:
            return pl.col(name).is_null() | right

        def text(name: str) -> pl.Expr:
            is_short = pl.col(name).str.len_bytes() <= LONGEST
            if not has_odd_text:
                return is_short
            return is_short & ~pl.col(name).str.contains(_UNPRINTABLE)

        def amount(name: str) -> pl.Expr:
            in_hundredths = self._of(name, "is_in_hundredths") & (self._of("plan", "digits") >= 2)
            return in_hundredths | self._of(name, "is_whole")

        col = pl.col
        start, end = col("cover_start_day"), col("cover_end_day")
        is_self = col("relationship").is_null() | (self._of("relationship", "text") == "self")
        no_usage = pl.all_horizontal(col(name).is_null() for name in _USAGE)
        told = ("relationship", "sex", "disabled", "residence", "subscriber_birthday")
        return [
            text("member_id"),
            *(empty_or(name, text(name)) for name in _UNREAD_TEXT),
            *(empty_or(name, self._of(name, "is_right").cast(pl.Boolean)) for name in told),
            *(empty_or(name, amount(name).cast(pl.Boolean)) for name in _AMOUNTS),
            col("birth_date_day").is_not_null(),
            start.is_not_null(),
            empty_or("cover_end", (end >= start) & (end >= col("birth_date_day"))),
            empty_or("paid_through", col("paid_through_day").is_not_null()),
            empty_or("grace_ends", col("grace_ends_day") >= col("paid_through_day")),
            empty_or("change_recorded", self._of("change_recorded", "day").is_not_null()),
            col("employer_id").is_null() == col("employee_id").is_null(),
            ~is_self | empty_or("subscriber_id", col("subscriber_id") == col("member_id")),
            no_usage | col("accumulator_year").is_not_null(),
        ]


def _looked_up(name: str, numbers: pl.Series, values: pl.Series) -> pl.Expr:
    if numbers.is_empty():
        return pl.lit(None, dtype=values.dtype)
    return pl.col(name).replace_strict(numbers, values, default=None, return_dtype=values.dtype)


# -- what a text means ---------------------------------------------------------------------------


def _seen(**facts: pl.Expr) -> Look:
    def look(texts: pl.DataFrame) -> pl.DataFrame:
        return texts.with_columns(**facts)

    return look


def _day(text: pl.Expr) -> pl.Expr:
    """The day; null where it is not written as one."""
    parsed = text.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(text.str.contains(_DAY) & (parsed >= _FIRST_DAY)).then(parsed)


def _day_written() -> pl.Expr:
    """Of an instant the day that is written; how far the plan's may lie apart: ``_apart``."""
    is_instant = _TEXT.str.contains(_INSTANT)
    return _day(pl.when(is_instant).then(_TEXT.str.slice(0, 10)).otherwise(_TEXT))


def _apart() -> pl.Expr:
    is_instant = _TEXT.str.contains(_INSTANT)
    return pl.when(is_instant).then(_ZONES_APART).otherwise(timedelta(0))


def _amount() -> dict[str, pl.Expr]:
    """``amount``: in ten-thousandths."""
    is_whole, in_hundredths = _TEXT.str.contains(_WHOLE), _TEXT.str.contains(_IN_HUNDREDTHS)
    amount = (_TEXT.cast(pl.Decimal(38, 4), strict=False) * 10_000).cast(pl.Int64, strict=False)
    return {
        "is_whole": is_whole,
        "is_in_hundredths": in_hundredths,
        "amount": pl.when(is_whole | in_hundredths).then(amount),
    }
