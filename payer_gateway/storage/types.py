"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

_SQLITE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: timestamptz on PostgreSQL; on SQLite text of one fixed width, so
    that it sorts and compares as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return as_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return from_text(value) if dialect.name == "sqlite" else in_utc(value)


@lru_cache(maxsize=64)
def as_text(value: datetime) -> str:
    """An instant on SQLite. A batch writes its one instant into many rows."""
    return value.astimezone(UTC).strftime(_SQLITE_FORMAT)


def from_text(text: str | None) -> datetime | None:
    """An instant as SQLite holds it."""
    return None if text is None else datetime.fromisoformat(text)


def in_utc(value: datetime | None) -> datetime | None:
    """An instant as PostgreSQL's driver gives it: in the session's zone."""
    return None if value is None else value.astimezone(UTC)


Id = Uuid(as_uuid=False)
Sequence = BigInteger().with_variant(Integer(), "sqlite")
Name = Text()
