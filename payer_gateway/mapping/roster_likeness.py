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
_WHOLE = r"^[0-9]{1,15}(\.0{1,4})?$"
_IN_HUNDREDTHS = r"^[0-9]{1,15}\.[0-9]{1,2}$"
_UNPRINTABLE = r"[\p{C}\p{Zl}\p{Zp}]|[\p{Zs}&&[^ ]]"
# An instant's day in any zone lies so near to the day that is written.
_ZONES_APART = timedelta(days=2)
_FIRST_DAY = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is known of the plans that rows name, by the names as they write them. A plan that there
    is no file of has no bounds: of its rows, all is kept as it is."""

    bounds: Callable[[str], tuple[Bounds, int] | None]  # with the digits of the plan's currency
    born_from: Callable[[str, str | None, str | None], date | None]  # plan, relationship, disabled
    born_like: Callable[[str, str | None, str | None, date], date]  # the first that is judged alike
    opinions: Callable[[str], str]  # opinions used, less those of conditions not asked about


def sorted_out(block: Block, terms: Terms) -> tuple[pl.DataFrame, pl.Series]:
    """``KEYS`` of every row, alike where rows are, and whether each row may be wrong."""
    frame = block.frame
    frame = frame.with_columns(
        *_bounds(frame.select("plan"), terms),
        _births(frame.select("plan", "relationship", "disabled"), terms),
    )
    frame = frame.with_columns(*_days(frame), _opinions(frame["opinions_used"], terms))
    frame = frame.with_columns(_ages(frame, terms))
    keys = frame.select(*_keys())
    is_plain = pl.all_horizontal(_is_plain(block.has_odd_text)).fill_null(False)
    return keys, frame.select(may_be_wrong=~is_plain)["may_be_wrong"]


def _bounds(plan: pl.DataFrame, terms: Terms) -> list[pl.Series]:
    """Of every row those of its plan."""
    names = plan["plan"].unique()
    found = [None if name is None else terms.bounds(name) for name in names]
    known = [(None, None) if each is None else each for each in found]

    def column(name: str, kind: pl.DataType | type[pl.DataType]) -> pl.Series:
        values = [None if bounds is None else getattr(bounds, name) for bounds, _ in known]
        return pl.Series(name, values, dtype=kind)

    table = pl.DataFrame(
        [
            names,
            *(column(name, pl.Date) for name in ("starts_by", "ends_from", "ended_by")),
            column("paid_from", pl.Date),
            *(column(name, pl.Decimal(38, 4)) for name in ("met_none", "met_full")),
            column("reads_amount_used", pl.Boolean),
            pl.Series("digits", [digits for _, digits in known], dtype=pl.Int8),
        ]
    )
    return _beside(plan, table).get_columns()[1:]


def _births(people: pl.DataFrame, terms: Terms) -> pl.Series:
    kinds = people.unique()
    found = [None if p is None else terms.born_from(p, r, d) for p, r, d in kinds.rows()]
    table = kinds.with_columns(pl.Series("born_from", found, dtype=pl.Date))
    return _beside(people, table)["born_from"]


def _ages(frame: pl.DataFrame, terms: Terms) -> pl.Series:
    """Of every row: null where no age matters, else the first birthday that is judged alike; what
    is no day, as it is written."""
    by = ["plan", "relationship", "disabled", "birth_date_day"]
    is_young = (pl.col("birth_date_day") >= pl.col("born_from")).fill_null(False)
    is_judged = pl.col("born_from").is_not_null() & pl.col("birth_date_day").is_not_null()
    judged = frame.select(is_judged & ~is_young).to_series()
    text = frame.select(pl.when(~is_young).then("birth_date").alias("age")).to_series()
    if not judged.any():
        return text
    kinds = frame.filter(judged).select(by).unique()
    first = [str(terms.born_like(*each)) for each in kinds.rows()]
    table = kinds.with_columns(pl.Series("like", first, dtype=pl.String))
    return _beside(frame.select(by), table).select(
        pl.when(judged).then("like").otherwise(text).alias("age")
    )["age"]


def _beside(rows: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    return rows.join(table, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")


def _opinions(used: pl.Series, terms: Terms) -> pl.Expr:
    if used.null_count() == used.len():
        return pl.lit(None, pl.String).alias("opinions_read")
    texts = used.drop_nulls().unique()
    read = [terms.opinions(text) for text in texts]
    return (
        pl.col("opinions_used")
        .replace_strict(texts, read, return_dtype=pl.String)
        .alias("opinions_read")
    )


def _days(frame: pl.DataFrame) -> list[pl.Expr]:
    """Days as days; null where a cell is empty, or not written as a day. Of an instant the day that
    is written, and with it how far the plan's may lie apart."""

    def day(text: pl.Expr) -> pl.Expr:
        parsed = text.str.to_date("%Y-%m-%d", strict=False)
        return pl.when(text.str.contains(_DAY) & (parsed >= _FIRST_DAY)).then(parsed)

    plain = ("birth_date", "paid_through", "grace_ends", "change_recorded")
    found = [day(pl.col(name)).alias(f"{name}_day") for name in plain]
    for name in ("cover_start", "cover_end"):
        text = pl.col(name)
        longest = frame[name].str.len_bytes().max()
        if isinstance(longest, int) and longest > 10:
            is_instant = text.str.contains(_INSTANT)
            written = pl.when(is_instant).then(text.str.slice(0, 10)).otherwise(text)
            apart = pl.when(is_instant).then(_ZONES_APART).otherwise(timedelta(0))
        else:
            written, apart = text, pl.lit(timedelta(0))
        found += [day(written).alias(f"{name}_day"), apart.alias(f"{name}_apart")]
    return found


def _keys() -> list[pl.Expr]:
    def unless(settled: pl.Expr, name: str) -> pl.Expr:
        return pl.when(settled.fill_null(False)).then(None).otherwise(pl.col(name)).alias(name)

    start, end, ago = pl.col("cover_start_day"), pl.col("cover_end_day"), pl.col("cover_end_apart")
    is_paid = pl.col("paid_through_day") >= pl.col("paid_from")
    is_young = pl.col("age").is_null()
    others = ("other_payer", "other_order", "other_subscriber_birthday")
    has_no_other = pl.all_horizontal(pl.col(name).is_null() for name in others)
    met = pl.col("deductible_met")
    amount = pl.when(met.str.contains(_WHOLE) | met.str.contains(_IN_HUNDREDTHS)).then(
        met.cast(pl.Decimal(38, 4), strict=False)
    )
    met_class = (
        pl.when(met.is_null() | pl.col("reads_amount_used") | amount.is_null())
        .then(met)
        .when(amount <= pl.col("met_none"))
        .then(pl.lit("none"))
        .when(amount >= pl.col("met_full"))
        .then(pl.lit("all"))
        .when(pl.col("met_none").is_not_null() & pl.col("met_full").is_not_null())
        .then(pl.lit("part"))
        .otherwise(met)
    )
    over = end + ago <= pl.col("ended_by")
    return [
        *(pl.col(name) for name in ("insurer", "plan", "status", "order")),
        unless(is_young & has_no_other, "relationship"),
        unless(is_young & has_no_other, "disabled"),
        pl.col("age").alias("birth_date"),
        unless(start + pl.col("cover_start_apart") <= pl.col("starts_by"), "cover_start"),
        pl.when((end - ago >= pl.col("ends_from")).fill_null(False))
        .then(None)
        .when(over.fill_null(False))
        .then(pl.lit("over"))
        .otherwise(pl.col("cover_end"))
        .alias("cover_end"),
        unless(is_paid, "paid_through"),
        unless(is_paid, "grace_ends"),
        unless(has_no_other, "subscriber_birthday"),
        *(pl.col(name) for name in others),
        pl.col("accumulator_year"),
        unless(~pl.col("reads_amount_used"), "amount_used"),
        pl.col("opinions_read").alias("opinions_used"),
        met_class.alias("deductible_met"),
        pl.when(met_class == "part").then(met).alias("deductible_part"),
    ]


def _is_plain(has_odd_text: bool) -> list[pl.Expr]:
    """Each true where that much of a row is certainly right; what is not is looked at by
    ``roster_file``, which may well find nothing wrong."""

    def empty_or(name: str, right: pl.Expr) -> pl.Expr:
        return pl.col(name).is_null() | right

    def text(name: str) -> pl.Expr:
        is_short = pl.col(name).str.len_bytes() <= LONGEST
        return is_short & ~pl.col(name).str.contains(_UNPRINTABLE) if has_odd_text else is_short

    def amount(name: str) -> pl.Expr:
        in_hundredths = pl.col(name).str.contains(_IN_HUNDREDTHS) & (pl.col("digits") >= 2)
        return in_hundredths | pl.col(name).str.contains(_WHOLE)

    col = pl.col
    start, end = col("cover_start_day"), col("cover_end_day")
    is_self = col("relationship").is_null() | (col("relationship") == "self")
    no_usage = pl.all_horizontal(col(name).is_null() for name in _USAGE)
    return [
        text("member_id"),
        *(empty_or(name, text(name)) for name in _UNREAD_TEXT),
        empty_or("relationship", col("relationship").is_in(RELATIONSHIPS)),
        empty_or("sex", col("sex").is_in(SEXES)),
        empty_or("disabled", col("disabled").is_in(["true", "false"])),
        empty_or("residence", col("residence").str.contains(_PLACE)),
        empty_or("subscriber_birthday", col("subscriber_birthday").str.contains(_BIRTHDAY)),
        *(empty_or(name, amount(name)) for name in _AMOUNTS),
        col("birth_date_day").is_not_null(),
        start.is_not_null(),
        empty_or("cover_end", (end >= start) & (end >= col("birth_date_day"))),
        empty_or("paid_through", col("paid_through_day").is_not_null()),
        empty_or("grace_ends", col("grace_ends_day") >= col("paid_through_day")),
        empty_or("change_recorded", col("change_recorded_day").is_not_null()),
        col("employer_id").is_null() == col("employee_id").is_null(),
        ~is_self | empty_or("subscriber_id", col("subscriber_id") == col("member_id")),
        no_usage | col("accumulator_year").is_not_null(),
    ]
