"""The columns of a roster as numbered words: what a text means is found out once, however many rows
say it. Numbers hold for all blocks of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

# From new texts, a column ``text``, to what is known of each.
Look = Callable[[pl.DataFrame], pl.DataFrame]


class Words:
    """The texts of one column so far, in the order of their numbers, and what is known of each."""

    def __init__(self, look: Look) -> None:
        self.facts = pl.DataFrame({"text": pl.Series([], dtype=pl.String)})
        self._look = look
        self._held: pl.Series | None = None

    def add(self, column: pl.Series, highest: int | None) -> None:
        """Look at what a block says for the first time. ``column``: of a kind of its own, the same
        one in every block of a run; ``highest``: of its numbers."""
        known = self.facts.height
        if highest is None or highest < known:
            return
        # The engine numbers words as they come, without gaps, while a column of them is held; for
        # a number that is none it raises.
        numbers = pl.int_range(known, highest + 1, dtype=pl.UInt32, eager=True)
        new = numbers.cat.to(column.dtype)
        self._held = new
        found = self._look(pl.DataFrame([new.cast(pl.String).alias("text")]))
        self.facts = pl.concat([self.facts, found]) if known else found

    def of(self, name: str, fact: str) -> pl.Expr:
        """That fact of every row, where ``name`` is a column of numbers; null where it is null."""
        if fact not in self.facts.columns:
            return pl.lit(None)
        return pl.lit(self.facts[fact]).gather(pl.col(name))


def numbered(frame: pl.DataFrame, words: Mapping[str, Words]) -> pl.DataFrame:
    """The frame with the numbers of those columns' texts, and every word looked at."""
    numbers = frame.with_columns(pl.col(*words).to_physical())
    for name, highest in numbers.select(pl.col(*words).max()).row(0, named=True).items():
        words[name].add(frame[name], highest)
    return numbers


def one_number(columns: pl.DataFrame) -> pl.Series:
    """A whole number for each row, equal for two rows where all columns are."""
    number, size = pl.lit(0, pl.Int64), 1
    for column in columns:
        low, high = column.min(), column.max()
        if not isinstance(low, int) or not isinstance(high, int):
            continue  # nobody says anything
        if low == high and not column.null_count():
            continue  # everybody says the same
        if size * (high - low + 2) >= 1 << 63:
            dense = columns.with_columns(number.alias("number"))["number"].rank("dense")
            number, size = pl.lit(dense.cast(pl.Int64) - 1), dense.n_unique()
        size *= high - low + 2
        digit = pl.col(column.name).cast(pl.Int64) - (low - 1)
        number = number * (high - low + 2) + digit.fill_null(0)
    return columns.with_columns(number.alias("number"))["number"]
